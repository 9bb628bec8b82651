"""The obstacle guard's sensor fails, or shows a wall that nobody looks at any more."""

import math

import pytest
from geometry_msgs.msg import TwistStamped
from rclpy.qos import qos_profile_sensor_data
from rig import moves
from sensor_msgs.msg import LaserScan

from lnn_controller.nodes.common.messages import stamp

SCAN_S, RAYS = 0.3, 61  # the default time-out; one ray each three degrees, ahead in the middle
STEP_RAD = math.pi / (RAYS - 1)


class Scanner:
    """A laser scanner at 30 Hz that shows what the test wants."""

    def __init__(self, rig):
        self.rig, self.ranges, self.good, self.shows = rig, [math.inf] * RAYS, True, None
        self.out = rig.probe.node.create_publisher(LaserScan, 'scan', qos_profile_sensor_data)
        rig.probe.node.create_timer(1 / 30, self.send)

    def send(self):
        if self.ranges is None:
            return
        now_ns = self.rig.now_ns()
        message = LaserScan(
            angle_min=-math.pi / 2, angle_increment=math.pi / (RAYS - 1), range_min=0.05, range_max=10.0
        )
        message.header.stamp, message.ranges = stamp(now_ns), self.shows() if self.shows else self.ranges
        if self.good:
            self.rig.good_ns['scan'] = now_ns
        self.out.publish(message)


@pytest.fixture
def guarded(make_rig):
    rig = make_rig(**{'guard.source': 'scan', 'linear.x.max_deceleration': 0.5})
    rig.scanner = Scanner(rig)
    rig.start()
    return rig


@pytest.mark.parametrize(
    ('ranges', 'said'),
    [
        pytest.param(None, None, marks=pytest.mark.fault('scan silent'), id='silent'),
        pytest.param(
            [math.nan] * RAYS, r'Got 0 of 61', marks=pytest.mark.fault('scan sees nothing'), id='sees nothing'
        ),
    ],
)
def test_a_scanner_that_sees_nothing_stops_the_robot(guarded, outcome, ranges, said):
    guarded.scanner.ranges, guarded.scanner.good = ranges, False
    guarded.stops(outcome, reason='scan_stale', since_ns=guarded.good_ns['scan'], timeout_s=SCAN_S, said=said)
    guarded.scanner.ranges, guarded.scanner.good = [math.inf] * RAYS, True
    guarded.recovers(outcome)


@pytest.mark.fault('scan: front blind')
def test_a_scanner_that_sees_all_but_the_way_stops_the_robot(guarded, outcome):
    guarded.scanner.ranges = [math.nan if 15 <= ray <= 45 else math.inf for ray in range(RAYS)]
    guarded.stops(outcome, reason='way_unseen', since_ns=guarded.now_ns(), timeout_s=0)
    guarded.scanner.ranges = [math.inf] * RAYS
    guarded.recovers(outcome)
    outcome.limit_s = SCAN_S


@pytest.mark.fault('scan: wall that flickers')
def test_a_wall_that_comes_and_goes_does_not_make_the_robot_stop_and_go(guarded, outcome):
    wall, sent = [-math.inf if 20 <= ray <= 40 else math.inf for ray in range(RAYS)], []
    guarded.scanner.shows = lambda: sent.append(0) or (wall if len(sent) % 3 == 0 else [math.inf] * RAYS)
    guarded.stops(outcome, reason='obstacle', since_ns=guarded.now_ns(), timeout_s=0)
    count = len(guarded.commands)
    guarded.probe.until(lambda: len(guarded.commands) >= count + 60, 'it goes on commanding')
    assert not any(moves(each) for each in guarded.commands[count:])
    guarded.scanner.shows = None
    guarded.recovers(outcome)
    outcome.limit_s = SCAN_S


@pytest.mark.fault('scan: too close to measure')
def test_what_is_too_close_to_be_measured_stops_the_robot(guarded, outcome):
    guarded.scanner.ranges = [-math.inf if 20 <= ray <= 40 else math.inf for ray in range(RAYS)]
    guarded.stops(outcome, reason='obstacle', since_ns=guarded.now_ns(), timeout_s=0)
    guarded.scanner.ranges = [math.inf] * RAYS
    guarded.recovers(outcome)
    outcome.limit_s = SCAN_S


@pytest.mark.fault('wall, and the operator lets go')
def test_a_ramp_does_not_drive_on_into_a_wall(guarded, outcome):
    """Zeros past every ramp while somebody wants to go on, and still when nobody does."""
    probe, driving = guarded.probe, [1.9]
    operator = probe.node.create_publisher(TwistStamped, 'cmd_vel_override', 1)

    def operate():
        if driving:
            command = TwistStamped()
            command.twist.linear.x = driving[0]
            operator.publish(command)

    probe.node.create_timer(1 / 20, operate)
    fast = lambda: guarded.commands[-1].values[0] > 1.85  # noqa: E731
    probe.until(fast, 'the operator drives fast')
    driving[0] = 0.0  # lets go: the ramp still drives ahead
    wall = [(0.3 + 0.1) / max(math.cos(-math.pi / 2 + ray * STEP_RAD), 0.1) for ray in range(RAYS)]
    guarded.scanner.ranges = wall
    seen_ns = guarded.now_ns()
    stopped = probe.until(
        lambda: next((each for each in guarded.commands if each.stamp_ns > seen_ns and each.values[0] == 0.0), None),
        'it stops before the wall',
    )
    outcome.stopped_s, outcome.limit_s = (stopped.received_ns - seen_ns) / 1e9, SCAN_S
    outcome.said = guarded.says(r'robot stopped \(obstacle\)')
    count = len(guarded.commands)
    probe.until(lambda: len(guarded.commands) >= count + 10, 'it goes on commanding')
    assert not any(moves(each) for each in guarded.commands[count:]), 'nothing leads into the wall'
    # The ramp alone, from 1.9 m/s at 0.5 m/s², is 3.6 m long; until the scan is heard it may run.
    driven = [each for each in guarded.commands if seen_ns < each.stamp_ns < stopped.stamp_ns]
    assert sum(each.values[0] for each in driven) / 50 < 1.0
