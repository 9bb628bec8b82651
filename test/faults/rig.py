"""A controller in a process of its own, fed, damaged and watched from here."""

import re
from collections import namedtuple
from functools import partial

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from ros_probe import status, values
from rosgraph_msgs.msg import Clock

from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.nodes.common.messages import stamp

CONTROLLER = 'lnn_controller.nodes.controller_node'
RATE_HZ = 50.0
PERIOD_S = 1 / RATE_HZ
ROUND_TRIP = 50  # ticks that show that it drives on
CLOCK_PERIOD_NS = 5_000_000

Command = namedtuple('Command', 'received_ns stamp_ns values')


class Rig:
    """
    The graph of a robot with one real node: camera and IMU are ours, and so may be broken.

    :param graph: starts the controller
    :param probe: feeds it and hears its commands
    :param folder: where the graph's logs are
    :param policy: folder of the bundle
    :param simulated: whether time is ours too (``use_sim_time``)
    :param parameters: of the controller
    """

    def __init__(self, graph, probe, folder, policy, *, simulated=False, **parameters):
        self.graph, self.probe, self.folder = graph, probe, folder
        self.parameters = {
            'policy': str(policy),
            'autostart': True,
            'control_rate_hz': RATE_HZ,
            'use_sim_time': simulated,
        } | parameters
        self.starts = 0
        self.camera, self.imu = self.picture, self.sample
        self.good_ns = {}
        self.commands = []
        self.clock_ns = 1_000_000_000
        self.clock_runs = True
        self._simulated = simulated
        node = probe.node
        self._images, self._samples = probe.camera_out(), probe.imu_out()
        node.create_subscription(TwistStamped, 'cmd_vel', self._on_command, 1000)
        if simulated:
            self.clock_out = node.create_publisher(Clock, '/clock', 10)
            node.create_timer(CLOCK_PERIOD_NS / 1e9, self._move_clock)
        self._camera_timer = node.create_timer(1 / 30, self._send_images)
        node.create_timer(1 / 100, partial(self._send, self._samples, 'imu'))

    def start(self, **parameters):
        """Start the controller (again) and wait until it drives."""
        self.starts += 1
        before = len(self.commands)
        name = f'controller_{self.starts}'
        self.process = self.graph.start(name, CONTROLLER, parameters=self.parameters | parameters)
        self.log = self.folder / f'{name}.log'
        self.probe.until(lambda: sum(moves(each) for each in self.commands[before:]) >= 10, 'it drives')

    def now_ns(self):
        """The robot's time."""
        return self.clock_ns if self._simulated else self.probe.node.get_clock().now().nanoseconds

    def picture(self, now_ns):
        """A good image."""
        self.good_ns['camera'] = now_ns
        return self.probe.picture(now_ns)

    def sample(self, now_ns):
        """A good IMU sample."""
        self.good_ns['imu'] = now_ns
        return self.probe.sample(now_ns)

    def camera_rate(self, rate_hz):
        """Another rate of the camera."""
        self.probe.node.destroy_timer(self._camera_timer)
        self._camera_timer = self.probe.node.create_timer(1 / rate_hz, self._send_images)

    def stops(self, outcome, *, reason, since_ns, timeout_s, said=None):
        """
        Wait for the stop, and check that no command to move came after the time was up.

        :param outcome: takes the figures
        :param reason: of the stop, as the log names it
        :param since_ns: the last good input, or the event: by the commands' clock
        :param timeout_s: within which it must stop, and one period
        :param said: what the log must say of it; default: the stop
        """
        first = self.probe.until(
            lambda: next((each for each in self.commands if each.stamp_ns >= since_ns and not moves(each)), None),
            f'it stops: {reason}',
        )
        outcome.said = self.says(said or rf'robot stopped \({reason}\)')
        self.says(rf'robot stopped \({reason}\)')
        if timeout_s:  # an event takes its time to arrive: there is none that one could insist on
            late = [each for each in self.commands if moves(each) and each.stamp_ns > since_ns + timeout_s * 1e9]
            assert not late, 'no command to move after the time was up'
        outcome.stopped_s = (first.received_ns - since_ns) / 1e9
        outcome.limit_s = timeout_s + PERIOD_S
        count = len(self.commands)
        self.probe.until(lambda: len(self.commands) >= count + 5, 'it goes on commanding')
        assert not any(moves(each) for each in self.commands[count:]), 'it stands as long as the fault lasts'

    def says(self, pattern):
        """Wait for a line of the log, and give it from there on."""
        found = self.probe.until(lambda: re.search(rf'{pattern}.*', self.log.read_text()), f'the log says {pattern!r}')
        return found.group(0)

    def recovers(self, outcome):
        """Wait until it drives again, from now on."""
        since_ns, count = self.now_ns(), len(self.commands)
        first = self.probe.until(
            lambda: next((each for each in self.commands[count:] if moves(each)), None), 'it drives again'
        )
        outcome.recovered_s = (first.received_ns - since_ns) / 1e9
        assert self.process.poll() is None, 'the controller is the same process'

    def drives_on(self, ticks=ROUND_TRIP):
        """Wait for so many commands to move in a row; this process is the camera, and may be late once."""
        count = len(self.commands)

        def goes_on():
            newest = self.commands[count:][-ticks:]
            return len(newest) == ticks and all(moves(each) for each in newest)

        self.probe.until(goes_on, 'it drives on')
        assert self.process.poll() is None

    def statuses(self):
        """A list of what comes on /diagnostics."""
        return self.probe.collect(DiagnosticArray, '/diagnostics')

    def diagnostics(self, messages, key):
        """Wait for the next status and give one of its figures."""
        count = len(messages)
        newest = lambda: status(messages[count:], 'controller: control').get(key)  # noqa: E731
        return self.probe.until(newest, f'the diagnostics have {key}')

    def warned(self, text):
        """Wait for a status on /diagnostics that warns of something, and word where it stood."""
        told = self.statuses()
        found = lambda: any(  # noqa: E731
            text in each.message and each.level == DiagnosticStatus.WARN for array in told for each in array.status
        )
        self.probe.until(found, f'the diagnostics warn: {text}')
        return f'a warning on `/diagnostics`, "{text}"'

    def _on_command(self, message):
        self.commands.append(Command(self.now_ns(), stamp_ns_of(message), values(message)))

    def _move_clock(self):
        if self.clock_runs:
            self.clock_ns += CLOCK_PERIOD_NS
            self.clock_out.publish(Clock(clock=stamp(self.clock_ns)))

    def _send_images(self):
        self._send(self._images, 'camera')

    def _send(self, publisher, sensor):
        messages = getattr(self, sensor)(self.now_ns())
        for message in messages if isinstance(messages, list) else [messages]:
            if message is not None:
                publisher.publish(message)


def moves(command):
    """Whether a command is to move."""
    return any(command.values)


def nothing(*_):
    """A sensor that is silent."""


def garbage(*_):
    """Bytes that are no message."""
    return np.random.default_rng(0).bytes(700)
