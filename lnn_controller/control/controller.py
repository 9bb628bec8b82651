"""The controller: stamped events in, one decision per tick out. It knows no ROS, no clock of its own and no log."""

from lnn_controller.control.adaptation.adaptation import Adaptation
from lnn_controller.control.decide import decide
from lnn_controller.control.decision import Decision, DriveState, TickInputs
from lnn_controller.control.inputs import Inputs
from lnn_controller.control.safety.chain import SafetyChain
from lnn_controller.control.settings.control import ControlSettings
from lnn_controller.policy import Policy

__all__ = ['Controller']


class Controller:
    """
    Drive by a policy: the encoder per frame, the liquid core per tick with the real Δt, then the safety chain.

    What arrives goes into ``inputs`` (:meth:`~.inputs.Inputs.on_image` and its like, which the controller has too);
    each tick folds :func:`~.decide.decide` over them, from one ``state`` to the next. The same stamped events give the
    same decisions, bit for bit, on a robot, from a bag or in a simulation; only ``encode_us`` and ``step_us`` are
    measured. All stamps are of one clock, the caller's. Call it from one thread at a time; beside everything else only
    :meth:`encode` may run, and of ``inputs`` ``takes_image`` and ``heading_frame``.

    ``counters`` holds how often things happened: ticks of each kind, frames, IMU samples, scans and overrides taken
    and refused by cause, ``limit_<which>`` ticks, ``dt_outside_training`` (the network was given the nearest Δt it
    knows), and ``stop_<reason>``: once for each stretch of ticks that were stopped for that reason.

    ``adaptation`` is what it learns while it drives; it outlives stops and resets.

    :param policy: the policy
    :param settings: how to drive; default: :class:`ControlSettings`'s defaults
    """

    def __init__(self, policy: Policy, settings: ControlSettings | None = None) -> None:
        settings = settings or ControlSettings()
        self.policy = policy
        self.adaptation = Adaptation(policy.spec, settings.adaptation)
        self.inputs = inputs = Inputs(policy, settings)
        self._chain = SafetyChain(policy.spec, settings)
        zeros = (0.0,) * len(policy.spec.outputs)
        self.state = DriveState(policy.initial_state(), zeros, zeros)
        self.counters = inputs.counters
        self.on_image, self.on_frame = inputs.on_image, inputs.on_frame
        self.encode, self.on_encoded = inputs.encode, inputs.on_encoded
        self.on_imu, self.on_odometry, self.on_obstacles = inputs.on_imu, inputs.on_odometry, inputs.on_obstacles
        self.on_override, self.release_override = inputs.on_override, inputs.release_override
        self.set_emergency_stop = inputs.set_emergency_stop

    @property
    def settings(self) -> ControlSettings:
        """How it drives; may be replaced between two ticks and holds from the next one on."""
        return self._chain.settings

    @settings.setter
    def settings(self, settings: ControlSettings) -> None:
        # The last tick was of the old period, which may be longer than what the new one takes for a jump of the clock.
        gap_s = max(self._chain.step_gap_s, settings.step_gap_s)
        self._chain = SafetyChain(self.policy.spec, settings, gap_s)
        self.inputs.settings = settings
        self.adaptation.settings = settings.adaptation

    def step(self, now_ns: int) -> Decision:
        """
        Decide by what has arrived.

        :param now_ns: now, by the clock of the stamps, ns
        :returns: the decision
        """
        if not self.state.moving:
            self.inputs.on_standing()
        return self.decide(self.inputs.snapshot(now_ns))

    def stop(self, now_ns: int, reason: str) -> Decision:
        """
        Stop for a reason of the caller's: zeros at once, hidden state reset. The next :meth:`step` may drive again.

        :param now_ns: now, ns
        :param reason: one word, such as 'shutdown'
        :returns: the decision
        :raises ValueError: if the reason is empty
        """
        if not reason:
            raise ValueError('a stop needs a reason. Got an empty one')
        return self.decide(self.inputs.snapshot(now_ns, stop=reason))

    def decide(self, inputs: TickInputs) -> Decision:
        """
        Decide by given inputs, such as those of a recorded tick, and go on from there.

        :param inputs: of the tick
        :returns: the decision (:func:`~.decide.decide`)
        """
        decision, self.state = decide(self.policy, self._chain, self.adaptation, inputs, self.state)
        self._chain.step_gap_s = self.settings.step_gap_s
        if decision.mode == 'stop':
            self.adaptation.on_stop()
        self._count(decision)
        return decision

    def reset(self) -> None:
        """
        Begin a new drive: hidden state and last command zero, no previous step.

        What the sensors sent last stays, and is judged by its age. The emergency stop stays. Counters go on.
        """
        self.state = self.state.begin()._replace(resets=self.state.resets + 1)
        self.adaptation.on_stop()

    def _count(self, decision: Decision) -> None:
        counters = self.counters
        counters['ticks'] += 1
        counters['dt_outside_training'] += decision.dt_outside_training
        counters['stopped_ticks'] += decision.mode == 'stop'
        counters['override_ticks'] += decision.mode == 'override'
        counters['limited_ticks'] += bool(decision.limited)
        for which in decision.limited:
            counters[f'limit_{which}'] += 1
        if decision.reason and decision.reason != decision.state.stopped_for:
            counters[f'stop_{decision.reason}'] += 1
