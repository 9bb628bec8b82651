"""What a running controller did, recorded from the graph, comes back to the bit: all replaying rests on it."""

import array
import signal

import numpy as np
import pytest
from bundles import make_tiny_bundle
from compiled import needs_compiler
from geometry_msgs.msg import TwistStamped
from ros_probe import ACTIVATE, CONFIGURE, to_ros, values
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from lnn_controller.data import Bag
from lnn_controller.data.messages.build import image_message, imu_message
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.export.native import compile_policy
from lnn_controller.policy import ImageSpec, Policy
from lnn_controller.replay.bag import replay_bag
from lnn_controller.replay.result import summarise_replay

CONTROLLER, RECORD = 'lnn_controller.nodes.controller_node', 'lnn_controller.nodes.record_node'
STRETCH = 30  # ticks


class World:
    """
    A camera that drops frames, an IMU that swings and an operator who comes and goes, all by one seed; the camera of an
    odd one sends grey of ten bits.
    """

    def __init__(self, probe, seed):
        self.probe, self.rng = probe, np.random.default_rng(seed)
        self.camera, self.imu = probe.camera_out(), probe.imu_out()
        self.operator = probe.node.create_publisher(TwistStamped, 'cmd_vel_override', 1)
        self.dark = self.driving = 0
        self.grey = bool(seed % 2)
        probe.node.create_timer(1 / 30, self.show)
        probe.node.create_timer(1 / 150, self.swing)
        probe.node.create_timer(1 / 20, self.operate)

    def now_ns(self):
        return self.probe.node.get_clock().now().nanoseconds

    def show(self):
        self.dark = self.dark - 1 if self.dark else int(self.rng.random() < 0.05) * int(self.rng.integers(2, 15))
        if not self.dark:
            picture = self.rng.integers(0, 256, (24, 32, 3), np.uint8)
            message = to_ros(image_message(self.now_ns(), picture))
            if self.grey:
                message.encoding, message.step = 'mono16', 2 * 32
                message.data = array.array('B', self.rng.integers(0, 1024, (24, 32), np.uint16).tobytes())
            self.camera.publish(message)

    def swing(self):
        gyro, accel = self.rng.normal(0.0, 1.0, 3), self.rng.normal(0.0, 3.0, 3)
        self.imu.publish(to_ros(imu_message(self.now_ns(), gyro, accel)))

    def operate(self):
        self.driving = self.driving - 1 if self.driving else int(self.rng.random() < 0.1) * 12
        if self.driving:
            command = TwistStamped()
            command.twist.linear.x, command.twist.angular.z = self.rng.uniform(-0.5, 1.0), self.rng.normal(0.0, 0.5)
            self.operator.publish(command)


def drive(graph, probe, bundle, bag, seed):
    """Let a controller drive through such a world while a recorder listens; what it sent, and its own ticks."""
    graph.start('record', RECORD, parameters={'bag': str(bag)})
    world = World(probe, seed)
    commands, ticks = probe.commands(), probe.collect(JointState, '/controller/ticks')
    stop = probe.node.create_publisher(Bool, 'emergency_stop', 1)
    inputs = (world.camera, world.imu)
    probe.until(lambda: all(each.get_subscription_count() for each in inputs), 'the recorder listens')
    parameters = {
        'policy': str(bundle),
        'control_rate_hz': float(world.rng.choice([50.0, 77.0, 100.0])),
        'linear.x.max_acceleration': float(world.rng.choice([0.0, 0.7])),
        'angular.z.deadband': float(world.rng.choice([0.0, 0.05])),
        'override_timeout_s': 0.2,
        'adaptation.mode': 'live' if seed % 2 else 'frozen',
    }
    graph.start('controller', CONTROLLER, parameters=parameters)
    assert probe.change(CONFIGURE)
    # Discovery takes what it takes on a busy machine; it drives when the recorder hears it, so that the bag has all.
    listeners = {'/cmd_vel': 2, '/controller/ticks': 2, '/controller/configuration': 1}
    found = lambda: {topic: probe.node.count_subscribers(topic) for topic in listeners} == listeners  # noqa: E731
    probe.until(found, 'the recorder hears the controller')
    assert probe.change(ACTIVATE)

    def more(count, what):
        wanted = len(commands) + count
        probe.until(lambda: len(commands) >= wanted, what)

    more(2 * STRETCH, 'it drives')
    by_hand = lambda tick: bool(tick.position[tick.name.index('override')])  # noqa: E731
    driven = lambda: {by_hand(each) for each in ticks if not each.header.frame_id} == {True, False}  # noqa: E731
    probe.until(driven, 'the policy and the operator both drive')
    live = {'speed_scale': 0.6, 'adaptation.rate': 0.3}
    assert all(each.successful for each in probe.set_parameters(live))
    more(STRETCH, 'it drives by other parameters')
    for service in ('reset', 'adaptation/reset'):
        assert probe.call(Trigger, f'/controller/{service}', Trigger.Request()).success
        more(STRETCH, 'it drives on')
    for engaged in (True, False):
        stop.publish(Bool(data=engaged))
        more(STRETCH, 'the emergency stop is seen')
    graph.processes['controller'].send_signal(signal.SIGINT)
    probe.until(lambda: graph.processes['controller'].poll() is not None, 'it ends')
    probe.until(lambda: commands[-1].header.stamp == ticks[-1].header.stamp, 'all has arrived')
    graph.stop()
    return commands, ticks


# Two in every run, one of them with adaptation; all ten in `make soak`.
@pytest.mark.parametrize('seed', [0, 1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 10))])
def test_every_tick_comes_back_to_the_bit(graph, probe, tiny_bundle, tmp_path, seed):
    bag = tmp_path / 'bag'
    if seed % 2:  # its camera sends grey of ten bits, which node and reader must make alike of
        tiny_bundle = make_tiny_bundle(tmp_path / 'ten_bits', image=ImageSpec(12, 16, bits=10))
    commands, _ = drive(graph, probe, tiny_bundle, bag, seed)
    policy = Policy.load(tiny_bundle)
    result = replay_bag(bag, policy)
    exact = result.exact
    assert exact.same_policy
    # Cameras publish best effort: a frame that reached the controller may not have reached the recorder.
    assert exact.frames_missing <= 0.1 * exact.ticks
    # By what the recorder heard on cmd_vel, not by what the controller says of itself.
    sent = {stamp_ns_of(each): values(each) for each in commands}
    with Bag(bag) as recorded:
        heard = [recorded.deserialize(message) for message in recorded.messages(['/cmd_vel'])]
        first = recorded.deserialize(next(recorded.messages(['/controller/ticks'])))
    # What came before the recorder's first tick, or after a frame that it lost, cannot be told until the next reset.
    whole = first.position[first.name.index('tick')] == 0.0 and not exact.frames_missing
    heard = {stamp_ns_of(each): [each.twist.linear.x, each.twist.angular.z] for each in heard}
    heard = {at: command for at, command in heard.items() if at >= result.decisions[0].stamp_ns}
    assert len(heard) >= 7 * STRETCH
    compared = 0
    for decision in result.decisions:
        if decision.stamp_ns in heard:
            compared += 1
            if whole:
                assert np.abs(decision.command - heard[decision.stamp_ns]).max() <= 1e-6
            if decision.stamp_ns in sent:
                assert [sent[decision.stamp_ns][0], sent[decision.stamp_ns][5]] == heard[decision.stamp_ns]
    assert compared >= 0.9 * len(heard)
    assert exact.max_abs_difference <= 1e-6
    assert exact.compared == exact.ticks or not whole
    modes = {each.mode for each in result.decisions}
    assert modes == {'policy', 'override', 'stop'}
    greys = result.episode.images
    assert greys.max() > 200 and (seed % 2 == 0 or np.ptp(greys, axis=3).max() == 0)
    assert {'emergency_stop', 'shutdown'} <= {each.reason for each in result.decisions}


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """A policy compiled into a cache of its own; before the graph, which takes its environment from here."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return compile_policy('real_car')


@needs_compiler
def test_a_compiled_policy_comes_back_to_the_bit(compiled, graph, probe, tmp_path):
    drive(graph, probe, 'real_car', tmp_path / 'bag', 0)
    exact = replay_bag(tmp_path / 'bag', Policy.load('real_car')).exact
    assert (exact.recorded_runtime, exact.runtime, exact.same_policy) == ('native', 'native', True)
    assert exact.compared > STRETCH
    assert exact.max_abs_difference == 0.0


def test_another_policy_is_told_so_and_compared(graph, probe, tiny_bundle, tiny_bundle_without_imu, tmp_path):
    bag = tmp_path / 'bag'
    drive(graph, probe, tiny_bundle, bag, 0)
    result = replay_bag(bag, Policy.load(tiny_bundle_without_imu))
    summary = summarise_replay(result)
    assert summary.exact.same_policy is False
    assert summary.max_abs_difference is None
    assert summary.channels['angular_z'].mae > 0.0
    assert summary.ticks == len(result.decisions)
