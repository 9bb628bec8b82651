"""A drone's sensors fail in flight, its controller dies, the wind blows: it hovers, for that is what zeros mean."""

import math

import numpy as np
import pytest
from bundles import DRONE, make_tiny_bundle, tiny_core, tiny_spec
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from rig import PERIOD_S, moves, nothing
from ros_probe import DEACTIVATE
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Bool

from lnn_controller.nodes.common.messages import stamp

IMAGE_S, IMU_S, HEIGHT_S, SCAN_S = 0.2, 0.2, 0.3, 0.3
FLOOR_M, CEILING_M = 1.0, 3.0
KEEPALIVE_HZ = 20.0
FLOOR = {'height.source': 'odometry', 'height.floor_m': FLOOR_M, 'height.ceiling_m': CEILING_M}
SLICE = {'guard.source': 'points', 'guard.slice_m': 0.3}
SIM, CONTROLLER = 'lnn_controller.nodes.sim_node', 'lnn_controller.nodes.controller_node'
HOVERS_M_S, AT_REST = 0.1, 30


class Flight:
    """Odometry at 50 Hz and, where asked for, a cloud at 15 Hz of a drone that is where the test wants it."""

    def __init__(self, rig, *, cloud=False):
        self.rig, self.height_m, self.frame, self.runs, self.clouds_run = rig, 2.0, 'odom', True, True
        node = rig.probe.node
        self.out = node.create_publisher(Odometry, 'odom', qos_profile_sensor_data)
        node.create_timer(1 / 50, self.send)
        if cloud:
            self.cloud_out = node.create_publisher(PointCloud2, 'points', qos_profile_sensor_data)
            node.create_timer(1 / 15, self.send_cloud)

    def send(self):
        if not self.runs:
            return
        now_ns = self.rig.now_ns()
        message = Odometry()
        message.header.stamp, message.pose.pose.position.z = stamp(now_ns), self.height_m
        message.pose.pose.orientation.w = 1.0
        message.header.frame_id = self.frame
        if math.isfinite(self.height_m):
            self.rig.good_ns['odometry'] = now_ns
        self.out.publish(message)

    def send_cloud(self):
        """The ground 2 m below, and nothing else."""
        now_ns = self.rig.now_ns()
        points = np.array([(ahead, side, -2.0) for ahead in range(-3, 8) for side in range(-3, 4)], '<f4')
        fields = [PointField(name=name, offset=4 * at, datatype=7, count=1) for at, name in enumerate('xyz')]
        message = PointCloud2(height=1, width=len(points), fields=fields, point_step=12, row_step=12 * len(points))
        message.header.stamp, message.data = stamp(now_ns), points.tobytes()
        if self.runs:
            self.rig.good_ns['scan'] = now_ns
        self.cloud_out.publish(message)


@pytest.fixture
def make_flight(make_rig, tmp_path):
    """Makes a controller that flies by a tiny policy of four channels."""

    def make(*, cloud=False, **parameters):
        rig = make_rig(make_tiny_bundle(tmp_path / 'drone', outputs=DRONE), **parameters)
        rig.flight = Flight(rig, cloud=cloud)
        rig.start()
        assert any(each.values[1] for each in rig.commands), 'it flies, sideways too'
        return rig

    return make


@pytest.mark.parametrize(
    ('sensor', 'reason', 'timeout_s'),
    [
        pytest.param('camera', 'image_stale', IMAGE_S, marks=pytest.mark.fault('drone: camera silent'), id='camera'),
        pytest.param('imu', 'imu_stale', IMU_S, marks=pytest.mark.fault('drone: IMU silent'), id='IMU'),
    ],
)
def test_a_sensor_lost_in_flight_makes_it_hover(make_flight, outcome, sensor, reason, timeout_s):
    rig = make_flight()
    setattr(rig, sensor, nothing)
    rig.stops(outcome, reason=reason, since_ns=rig.good_ns[sensor], timeout_s=timeout_s)
    setattr(rig, sensor, rig.picture if sensor == 'camera' else rig.sample)
    rig.recovers(outcome)
    outcome.note = 'zeros on all four channels: it hovers'


@pytest.mark.fault('drone: odometry silent')
def test_no_height_is_no_free_way_up_or_down(make_flight, outcome):
    rig = make_flight(**FLOOR)
    rig.flight.runs = False
    rig.stops(outcome, reason='height_stale', since_ns=rig.good_ns['odometry'], timeout_s=HEIGHT_S)
    rig.flight.runs = True
    rig.recovers(outcome)
    outcome.note = 'it hovers; the operator cannot drive either'


@pytest.mark.fault('drone: odometry NaN')
def test_a_height_that_is_no_number(make_flight, outcome):
    rig = make_flight(**FLOOR)
    rig.flight.height_m = math.nan
    since_ns = rig.good_ns['odometry']
    rig.stops(outcome, reason='height_stale', since_ns=since_ns, timeout_s=HEIGHT_S, said='odometry was refused')
    rig.flight.height_m = 2.0
    rig.recovers(outcome)


def test_a_height_counted_downward_is_no_height(make_flight):
    rig = make_flight(**FLOOR)
    rig.flight.frame = 'drone_1/odom_ned'
    rig.probe.until(lambda: not any(rig.commands[-1].values), 'it hovers')
    rig.says('odometry was refused: z points down in drone_1/odom_ned')
    rig.flight.frame = 'odom'
    rig.probe.until(lambda: any(rig.commands[-1].values), 'it flies on')


@pytest.mark.fault('drone: at the floor')
def test_at_the_floor_nothing_leads_further_down(make_flight, outcome):
    rig = make_flight(**FLOOR, **{'linear.z.max_deceleration': 0.05})
    operator = rig.probe.node.create_publisher(TwistStamped, 'cmd_vel_override', 1)
    command = TwistStamped()
    command.twist.linear.x, command.twist.linear.z = 0.5, -0.8
    rig.probe.feed('operator', operator, 20.0, lambda _: command)
    down = lambda each: each.values[2] < 0.0  # noqa: E731
    rig.probe.until(lambda: rig.commands[-1].values[2] == -0.8, 'the operator descends')
    rig.flight.height_m = FLOOR_M
    reached_ns = rig.now_ns()
    first = rig.probe.until(
        lambda: next((each for each in rig.commands if each.stamp_ns > reached_ns and not down(each)), None),
        'it descends no further',
    )
    outcome.stopped_s, outcome.limit_s = (first.received_ns - reached_ns) / 1e9, 2 * PERIOD_S
    count = len(rig.commands)
    rig.probe.until(lambda: len(rig.commands) >= count + 50, 'it goes on commanding')
    assert not any(down(each) for each in rig.commands[count:])
    assert any(each.values[0] == 0.5 for each in rig.commands[count:]), 'ahead it goes on'
    outcome.said, outcome.note = rig.says('limited: .*floor'), 'past a ramp of 0.05 m/s²; only down: all else goes on'
    command.twist.linear.z = 0.8
    rig.probe.until(lambda: rig.commands[-1].values[2] == 0.8, 'up is free')


@pytest.mark.fault('drone: odometry silent, points')
def test_clouds_of_a_drone_whose_tilt_nobody_knows(make_flight, outcome):
    rig = make_flight(cloud=True, **SLICE)
    rig.says(r'the obstacle guard looks 0.3 m above and below base_link: it does not guard climbing and descending')
    rig.flight.runs = False
    since_ns = rig.good_ns['scan']
    rig.stops(outcome, reason='scan_stale', since_ns=since_ns, timeout_s=IMU_S + SCAN_S, said='scan_without_attitude')
    rig.flight.runs = True
    rig.recovers(outcome)
    outcome.note = 'the ground 2 m below was no obstacle before, and is none after'


@pytest.mark.fault('drone: network NaN')
def test_a_network_that_is_not_a_number_in_flight(make_rig, outcome, tmp_path):
    core = tiny_core(tiny_spec(outputs=DRONE), trouble='is NaN')
    rig = make_rig(make_tiny_bundle(tmp_path / 'drone', outputs=DRONE, core=core))
    rig.start()
    rig.probe.image = np.full_like(rig.probe.image, 253)
    rig.stops(outcome, reason='not_finite', since_ns=rig.now_ns(), timeout_s=0.0)
    rig.probe.image = np.full_like(rig.probe.image, 128)
    rig.recovers(outcome)
    outcome.limit_s, outcome.note = 3 * PERIOD_S, 'counted from before the picture; zeros on all four channels'


@pytest.mark.fault('drone: deactivated')
def test_zeros_go_on_when_it_is_deactivated(make_flight, outcome):
    rig = make_flight(keepalive_hz=KEEPALIVE_HZ)
    since_ns = rig.now_ns()
    assert rig.probe.change(DEACTIVATE)
    first = rig.probe.until(
        lambda: next((each for each in rig.commands if each.stamp_ns >= since_ns and not moves(each)), None), 'it stops'
    )
    count = len(rig.commands)
    rig.probe.until(lambda: len(rig.commands) >= count + 40, 'zeros go on')
    stream = rig.commands[count:]
    assert not any(moves(each) for each in stream)
    gap_s = max(np.diff([each.stamp_ns for each in stream])) / 1e9
    outcome.stopped_s, outcome.limit_s = (first.received_ns - since_ns) / 1e9, PERIOD_S
    outcome.said = rig.says(r'robot stopped \(inactive\)')
    outcome.note = f'zeros go on at {KEEPALIVE_HZ:g} Hz; the longest pause {1e3 * gap_s:.0f} ms'


class Simulated:
    """The simulated drone over DDS, and where it is."""

    def __init__(self, graph, probe, **parameters):
        self.probe = probe
        graph.start('sim', SIM, parameters={'robot': 'drone', 'use_sim_time': True, **parameters})
        self.odometry = probe.collect(Odometry, 'odom')

    def at(self, index=-1):
        position = self.odometry[index].pose.pose.position
        return np.array([position.x, position.y, position.z])

    def speeds(self, start=0):
        return [math.hypot(v.x, v.y, v.z) for v in (each.twist.twist.linear for each in self.odometry[start:])]

    def hovers(self):
        """Wait until it does; how many messages that was ago."""
        steady = lambda: (  # noqa: E731
            len(self.odometry) >= AT_REST and max(self.speeds(-AT_REST)) < HOVERS_M_S
        )
        self.probe.until(steady, 'it hovers')
        return len(self.odometry) - AT_REST

    def seconds_pass(self, seconds):
        """Wait until so much simulated time has passed; where it was then, over that time."""
        count = len(self.odometry)
        self.probe.until(lambda: len(self.odometry) >= count + round(30 * seconds), f'{seconds:g} s pass')
        return np.array([self.at(index) for index in range(count, len(self.odometry))])


@pytest.mark.fault('drone: SIGKILL')
def test_a_controller_that_is_killed_leaves_a_drone_that_hovers(graph, probe, outcome, tmp_path):
    sim = Simulated(graph, probe)
    commands = probe.commands()
    policy = make_tiny_bundle(tmp_path / 'drone', outputs=DRONE)
    parameters = {'policy': str(policy), 'autostart': True, 'use_sim_time': True}
    # The policy knows nothing; by hand it flies ahead and up.
    parameters |= {'image_timeout_s': 2.0, 'imu_timeout_s': 2.0}
    controller = graph.start('controller', CONTROLLER, parameters=parameters)
    operator, command = probe.node.create_publisher(TwistStamped, 'cmd_vel_override', 1), TwistStamped()
    command.twist.linear.x, command.twist.linear.z = 0.8, 0.3
    probe.feed('operator', operator, 20.0, lambda _: command)
    probe.until(lambda: sim.odometry and max(sim.speeds(-1)) > 0.6, 'it flies')
    controller.kill()
    controller.wait()
    last = commands[-1]
    assert last.twist.linear.x or last.twist.linear.z, 'nobody sent zeros'
    killed_m = sim.at()
    begun = sim.hovers()
    hover_m = sim.seconds_pass(3.0)
    assert sim.at()[2] > killed_m[2] - 0.2, 'it has not fallen'
    assert np.ptp(hover_m[:, 2]) < 0.2
    way_m = np.linalg.norm(sim.at(begun)[:2] - killed_m[:2])
    outcome.kept = f'the drone hovers within {way_m:.1f} m'
    outcome.note = 'its base stops it: `cmd_vel_timeout_s` 0.3, and the way to brake; it keeps its height'


@pytest.mark.fault('drone: wind')
def test_a_drone_that_is_stopped_in_the_wind(graph, probe, outcome, tmp_path):
    sim = Simulated(graph, probe, **{'wear.wind_m_s': 4.0})
    policy = make_tiny_bundle(tmp_path / 'drone', outputs=DRONE)
    graph.start('controller', CONTROLLER, parameters={'policy': str(policy), 'autostart': True, 'use_sim_time': True})
    stop = probe.node.create_publisher(Bool, 'emergency_stop', 1)
    commands = probe.commands()
    probe.until(lambda: commands and stop.get_subscription_count(), 'it is there')
    stop.publish(Bool(data=True))
    log = tmp_path / 'logs' / 'controller.log'
    probe.until(lambda: 'robot stopped (emergency_stop)' in log.read_text(), 'it stops')
    sim.hovers()
    hover_m = sim.seconds_pass(10.0)
    drift_m = np.linalg.norm(hover_m - hover_m[0], axis=1).max()
    assert drift_m < 1.0
    assert hover_m[:, 2].min() > 0.5, 'no motor was cut'
    outcome.kept = f'it hovers: {100 * drift_m:.0f} cm off at the most in 10 s'
    outcome.said = 'robot stopped (emergency_stop): the emergency stop is engaged'
