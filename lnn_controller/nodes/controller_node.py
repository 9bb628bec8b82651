"""The controller on a robot: camera and IMU in, velocity commands out, zeros when anything is wrong."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from lnn_controller.data.topic_names import CONTROLLER_NODE, DIAGNOSTICS
from lnn_controller.errors import InputError
from lnn_controller.nodes.common.diagnostics import DIAGNOSTICS_PERIOD_S, diagnostics
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.parameters import declare, on_change
from lnn_controller.nodes.common.run import NodeFailedError, run_node, spin
from lnn_controller.nodes.common.topics import CONTROLLER
from lnn_controller.nodes.controller.emergency_stop import EmergencyStop
from lnn_controller.nodes.controller.parameters import PARAMETERS, check_parameters
from lnn_controller.nodes.controller.session import Session
from lnn_controller.nodes.controller.status import control_status
from lnn_controller.policy import find_policy, read_spec
from lnn_controller.policy.verdict import judge_metrics

__all__ = ['ControllerNode', 'main']

Transition = TransitionCallbackReturn
LOOK_PERIOD_S = 0.1


class ControllerNode(LifecycleNode):
    """
    The managed node: it exists from start to end; what drives (:class:`Session`) from configure to cleanup.

    :raises InputError: if a parameter is wrong
    """

    def __init__(self) -> None:
        super().__init__(CONTROLLER_NODE)
        self._values = declare(self, PARAMETERS)
        check_parameters(self._values)
        self._session: Session | None = None
        self._emergency = EmergencyStop(self, self._halt)
        self._emergency.set_timeout(self._values['emergency_stop_timeout_s'])
        self._diagnostics_out = find(CONTROLLER, DIAGNOSTICS).advertise(self)
        find(CONTROLLER, '~/reset').serve(self, self._on_reset)
        find(CONTROLLER, '~/emergency_stop').serve(self, self._on_emergency_stop)
        for name, action in (('save', self._save), ('reset', self._forget), ('roll_back', self._roll_back)):
            find(CONTROLLER, f'~/adaptation/{name}').serve(self, partial(self._on_adaptation, action))
        on_change(self, PARAMETERS, self._values, self._check, self._apply, active=lambda: self._active)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_status, clock=steady)
        self.create_timer(LOOK_PERIOD_S, self._look_at_change, clock=steady)
        self.callback_failures: Counter[str] = Counter()
        self._failure: BaseException | None = None
        self._alarm = self.create_guard_condition(self._look_for_failure)
        self._mistake: InputError | None = None
        self._started = False

    def begin(self, stop: Future[None]) -> None:
        """
        Drive from the start on, with ``autostart``.

        :param stop: done when the node shall end: nothing is begun then
        :raises InputError: if it cannot be configured or activated
        """
        if self._values['autostart']:
            for transition in (self.trigger_configure, self.trigger_activate):
                # There is nobody who could configure it again: the process ends with the reason.
                if not stop.done() and transition() != Transition.SUCCESS and self._mistake is not None:
                    raise self._mistake
        else:
            self.get_logger().info('unconfigured: waiting for a lifecycle manager (or start with autostart:=true)')
        self._started = True

    def close(self) -> None:
        """Stop the robot: zeros are the last command."""
        try:
            self._discard('shutdown')
        finally:
            self._emergency.close()

    def destroy_node(self) -> None:
        """Give back what the node has of the middleware; rclpy leaves the state machine, which keeps all the rest."""
        super().destroy_node()
        # Without this each controller that ended would leave its segment in /dev/shm, 12 MiB, until the next boot.
        # rclpy has no public way to it, neither 7.1 (Jazzy) nor 9.1 (Kilted): LifecycleNodeMixin keeps it as this.
        self._state_machine.destroy_when_not_in_use()

    def send_zeros(self) -> None:
        """Stop the robot from any thread, whatever the others do."""
        if (session := self._session) is not None:
            session.shut()

    def on_configure(self, state: LifecycleState) -> Transition:
        """
        Load the policy and open the topics; where that fails, say why in one line and stay unconfigured.

        :param state: before
        :returns: ``SUCCESS`` or ``FAILURE``
        """
        return self._try('not configured', self._configure)

    def on_activate(self, state: LifecycleState) -> Transition:
        """
        Drive, with a fresh hidden state, by what the parameters say now.

        :param state: before
        :returns: ``SUCCESS`` or ``FAILURE``
        """
        done = self._try('not activated', self._activate)
        return super().on_activate(state) if done == Transition.SUCCESS else done

    def on_deactivate(self, state: LifecycleState) -> Transition:
        """
        Stop the robot; zeros are the last command.

        :param state: before
        :returns: ``SUCCESS``
        """
        if self._session is not None:
            self._session.deactivate('inactive')
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> Transition:
        """
        Give back policy and topics.

        :param state: before
        :returns: ``SUCCESS``
        """
        self._discard('inactive')
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> Transition:
        """
        Stop the robot for good.

        :param state: before
        :returns: ``SUCCESS``
        """
        self._discard('shutdown')
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> Transition:
        """
        Stop the robot after an error of our own; the node can be configured again.

        :param state: before
        :returns: ``SUCCESS``
        """
        self._discard('inactive')
        return Transition.SUCCESS

    @property
    def _active(self) -> bool:
        return self._session is not None and self._session.active

    def _configure(self) -> None:
        if self._session is None:
            self._session = Session(self, self._values, self._emergency, self._on_failure)
            spec = self._session.spec
            self.get_logger().info(f'policy {spec.name} at {self._values["control_rate_hz"]:g} Hz')
            verdict = judge_metrics(spec.provenance.get('metrics'))
            if verdict is not None and not verdict.better:
                self.get_logger().warning(f'policy {spec.name}: {verdict}')

    def _activate(self) -> None:
        if self._session is not None and self._session.values != self._values:
            # Something was set that is read when configuring, such as another policy.
            self._discard('inactive')
        self._configure()
        assert self._session is not None
        self._session.activate()

    def _discard(self, reason: str) -> None:
        if self._session is None:
            return
        self._session.deactivate(reason)
        self._session.close()
        self._session = None

    def _try(self, failed: str, action: Callable[[], None]) -> Transition:
        # rclpy swallows what a transition raises: the reason must be logged here.
        try:
            action()
        except InputError as error:
            self._mistake = error
            if not self._values['autostart'] or self._started:
                self.get_logger().error(f'{failed}: {" ".join(str(error).split())}')
            return Transition.FAILURE
        return Transition.SUCCESS

    def _halt(self) -> None:
        if (session := self._session) is not None:
            session.halt()

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._session is None:
            response.message = 'the node must be configured to be reset. Got it unconfigured: configure it first'
            return response
        self._session.reset()
        response.success, response.message = True, 'hidden state and command are zero'
        return response

    def _on_emergency_stop(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        holders = self._emergency.set_service(request.data)
        response.success = True
        response.message = 'engaged' if request.data else 'released'
        if not request.data and holders:
            response.message = f'released here, and still engaged by {", ".join(holders)}'
        return response

    def _on_adaptation(
        self, action: Callable[[Session], str], _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._session is None:
            response.message = 'the node must be configured to have learnt anything. Got it unconfigured'
            return response
        try:
            response.message, response.success = action(self._session), True
        except InputError as error:
            response.message = str(error)
        return response

    def _save(self, session: Session) -> str:
        return f'saved to {session.save_adaptation()}'

    def _forget(self, session: Session) -> str:
        session.reset_adaptation()
        return 'nothing is learnt: the policy drives as it was trained'

    def _roll_back(self, session: Session) -> str:
        session.roll_back_adaptation()
        return 'back at what was last saved or read; without that, at nothing learnt'

    def _check(self, values: Mapping[str, Any]) -> None:
        check_parameters(values)
        if values['policy'] != self._values['policy']:
            read_spec(find_policy(values['policy']))  # an unknown one is refused now, not when it shall drive

    def _apply(self, changed: Mapping[str, Any]) -> None:
        self._emergency.set_timeout(self._values['emergency_stop_timeout_s'])
        if self._session is not None:
            self._session.apply(changed)

    def _on_failure(self, error: BaseException) -> None:
        # Called in the thread that failed: the executor's is woken, and ends the process with the reason.
        text = ' '.join(str(error).split())
        self.get_logger().error(f'the robot stands, the node ends: {type(error).__name__}: {text}')
        self._failure = error
        self._alarm.trigger()

    def _look_for_failure(self) -> None:
        if self._failure is not None:
            raise NodeFailedError('a thread of the controller has failed: the robot stands') from self._failure

    def _look_at_change(self) -> None:
        if self._session is not None:
            self._session.look_at_change()

    def _publish_status(self) -> None:
        session = self._session
        self._emergency.look()
        if self._emergency.failure is not None:
            raise NodeFailedError('the emergency stop cannot be heard: the robot stands') from self._emergency.failure
        if session is not None:
            session.look()
        label = self._state_machine.current_state[1]  # LifecycleNode (rclpy 9.1) has no public getter of its state
        now_ns = self.get_clock().now().nanoseconds
        level, message, values = control_status(session, self._emergency.holders, label, now_ns)
        hardware = '' if session is None else session.spec.name
        values['callback_failures'] = self.callback_failures.total()
        self._diagnostics_out.publish(diagnostics(self, 'control', level, message, values, hardware=hardware))


def main(args: Sequence[str] | None = None) -> int:
    """
    Run the controller until SIGINT or SIGTERM.

    :param args: command line without the program's name; ``None``: this process's
    :returns: exit code
    """
    purpose = 'Drives a robot by a liquid network: camera and IMU in, velocity commands out.'
    return run_node(
        ControllerNode,
        args,
        executable='controller_node',
        purpose=purpose,
        table=PARAMETERS,
        begin=ControllerNode.begin,
        loop=lambda node, stop: spin(node, stop, node.callback_failures),
        last_resort=ControllerNode.send_zeros,
    )


if __name__ == '__main__':
    sys.exit(main())
