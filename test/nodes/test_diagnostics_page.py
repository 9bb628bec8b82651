"""The page on diagnostics names what the real node says, all of it and nothing else."""

import math
import re
from pathlib import Path

import pytest
from bundles import make_tiny_bundle
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import serialize_message
from ros_probe import stands, status
from sensor_msgs.msg import LaserScan

from lnn_controller.nodes.common.messages import stamp
from lnn_controller.nodes.controller.event_log import REASONS
from lnn_controller.nodes.controller.parameters import PARAMETERS
from lnn_controller.nodes.controller.status import ERROR, OK, WARN, judge

CONTROLLER = 'lnn_controller.nodes.controller_node'
PAGE = Path(__file__).parents[2] / 'docs' / 'diagnostics.md'
LIMIT = r'(linear_[xyz]|angular_z)_(maximum|minimum|acceleration|deceleration)|obstacle_(slow|stop)|floor|ceiling'
LEARNT = [f'imitate_{name}' for name in ('error_frozen', 'error_adapted', 'norm')]
LEARNT += [f'respond_{name}' for name in ('error_frozen', 'error_adapted', 'gain', 'trim')]
FAMILIES = {'stop_<reason>': f'stop_({"|".join(REASONS)})', 'limit_<which>': f'limit_({LIMIT})'}
FAMILIES |= {f'adaptation.<channel>.{name}': rf'adaptation\.(linear_x|angular_z)\.{name}' for name in LEARNT}
THRESHOLD = re.compile(r'\| `(diagnostics\.\w+)` \| ([\d.]+) \|')


def rows(heading):
    """The first cells of the rows of the tables below such a heading row."""
    found, within = [], False
    for line in PAGE.read_text(encoding='utf-8').splitlines():
        within = line.startswith(heading) or (within and line.startswith('|'))
        if within and line.startswith('| `'):
            found.append(line)
    return found


@pytest.fixture(scope='module')
def documented():
    """Every key of the page's tables of values."""
    keys = [key for row in rows('| key |') for key in re.findall(r'`([^`]+)`', row.split('|')[1])]
    assert len(set(keys)) == len(keys), 'no key stands there twice'
    return set(keys)


@pytest.mark.parametrize('reason', REASONS)
def test_a_stop_that_nobody_wants_is_an_error(reason):
    """Those of a start and an end, the emergency stop and an obstacle are wanted; a way that was not seen is not."""
    wanted = {'no_image', 'no_imu', 'no_scan', 'no_height', 'inactive', 'shutdown', 'emergency_stop', 'obstacle'}
    level, message = judge('stop', reason, {}, {'control_rate_hz': 50.0}, ())
    assert (level, message) == (WARN if reason in wanted else ERROR, f'stopped: {REASONS[reason]}')


def scan(now_ns):
    message = LaserScan(angle_min=0.0, angle_increment=0.1, range_min=0.1, range_max=10.0, ranges=[5.0] * 3)
    message.header.stamp = stamp(now_ns)
    return message


def odometry(stamp_ns, speed_m_s, frame_id='odom'):
    message = Odometry()
    message.header.frame_id = frame_id
    message.header.stamp, message.twist.twist.linear.x = stamp(stamp_ns), speed_m_s
    return message


def test_every_value_of_the_active_controller_is_on_the_page_and_no_other(graph, probe, documented, tmp_path):
    errors = {name: {'mae': 0.3, 'constant_mae': 0.3} for name in ('linear_x', 'angular_z')}
    policy = make_tiny_bundle(tmp_path / 'learnt_nothing', provenance={'metrics': {'validation': errors}})
    limits = {'linear.x.max_velocity': 0.01, 'angular.z.max_velocity': 0.01, 'angular.z.min_velocity': -0.01}
    parameters = {
        'policy': str(policy),
        'autostart': True,
        'guard.source': 'scan',
        'adaptation.mode': 'shadow',
        'adaptation.odometry': True,
        **limits,
    }
    graph.start('controller', CONTROLLER, parameters=parameters)
    told = probe.collect(DiagnosticArray, '/diagnostics')
    commands = probe.commands()
    camera, imu = probe.camera(), probe.imu_out()
    scanner = probe.node.create_publisher(LaserScan, 'scan', qos_profile_sensor_data)
    probe.feed('scan', scanner, 20.0, scan)
    probe.feed('imu', imu, 100.0, probe.sample)
    probe.until(lambda: commands and not stands(commands[-1]), 'it drives')
    picture = probe.picture(probe.node.get_clock().now().nanoseconds)
    picture.encoding = 'unheard_of'
    half = probe.sample(0)
    half.linear_acceleration_covariance[0] = -1.0

    missing = set()
    odom, sent = probe.node.create_publisher(Odometry, 'odom', qos_profile_sensor_data), []
    faults = [lambda now_ns, away_s=away_s: (now_ns + away_s * 10**9, 1.0) for away_s in (10, -10)]
    faults += [lambda now_ns: (now_ns, math.nan), lambda now_ns: (now_ns - 10**8, 1.0)]
    faults += [lambda now_ns: (now_ns, 1.0, 'odom_ned')]

    def whole():
        # Best effort may lose one: again until each was counted.
        camera.publish(picture)
        imu.publish(serialize_message(probe.sample(0))[:40])
        imu.publish(half)
        scanner.publish(LaserScan(angle_increment=float('nan')))
        now_ns = probe.node.get_clock().now().nanoseconds
        measured = odometry(*((now_ns, 1.0) if len(sent) % 2 else faults[len(sent) // 2 % len(faults)](now_ns)))
        odom.publish(measured)
        sent.append(measured)
        values = status(told, 'controller: control')
        missing.clear()
        missing.update(documented - FAMILIES.keys() - values.keys())
        missing.update(name for name, form in FAMILIES.items() if not any(re.fullmatch(form, key) for key in values))
        return None if missing else values

    values = probe.until(whole, lambda: f'that of the page {sorted(missing)} was said')
    assert values['beats_constant'] == 'nowhere'
    log = (tmp_path / 'logs' / 'controller.log').read_text()
    assert log.count('(validation) the policy is no better than a constant command') == 1
    said = values.keys()
    families = {name: {key for key in said if re.fullmatch(form, key)} for name, form in FAMILIES.items()}
    of_families = {key for key in said if re.match(r'stop_|limit_|adaptation\.\w+\.', key)}
    assert of_families == set.union(*families.values())
    assert said - of_families == documented - FAMILIES.keys(), 'and nothing else'


def test_in_a_namespace_the_status_has_the_full_name_and_only_what_is_used_has_a_rate(
    graph, probe, tiny_bundle_without_imu
):
    parameters = {'policy': str(tiny_bundle_without_imu), 'autostart': True}
    graph.start('controller', CONTROLLER, parameters=parameters, arguments=('-r', '__ns:=/robot1'))
    told = probe.collect(DiagnosticArray, '/diagnostics')
    commands = probe.collect(TwistStamped, '/robot1/cmd_vel')
    probe.until(lambda: 'image_rate_hz' in status(told, 'robot1/controller: control'), 'it tells')
    assert commands
    rates = {key for key in status(told, 'robot1/controller: control') if key.endswith('_rate_hz')}
    assert rates == {'control_rate_hz', 'image_rate_hz'}
    assert {each.name for message in told for each in message.status} == {'robot1/controller: control'}


def test_the_thresholds_and_their_defaults_are_on_the_page():
    said = {match.group(1): float(match.group(2)) for row in rows('| parameter |') if (match := THRESHOLD.match(row))}
    assert said == {each.name: each.default for each in PARAMETERS if each.name.startswith('diagnostics.')}


THRESHOLDS = {each.name: each.default for each in PARAMETERS if each.name.startswith('diagnostics.')}


@pytest.mark.parametrize(
    ('figures', 'level', 'message'),
    [
        ({'control_rate_hz': 49.9, 'tick_lateness_p99_us': 5e3, 'tick_work_p99_us': 1e4}, OK, 'driving'),
        ({'control_rate_hz': 47.0}, WARN, 'control rate is 0.94 of what is wanted'),
        ({'control_rate_hz': 39.0, 'tick_work_p99_us': 11e3}, ERROR, 'control rate is 0.78 of what is wanted'),
        ({'tick_lateness_p99_us': 5.1e3}, WARN, 'ticks are up to 5.1 ms late'),
        (
            {'tick_work_p99_us': 19e3, 'tick_lateness_p99_us': 25e3},
            ERROR,
            'ticks are up to 25.0 ms late; a tick takes 0.95 of its period',
        ),
        (
            {'image_repeated_s': 1.04},
            WARN,
            'for 1.0 s the camera has shown nothing but pictures that it had shown before',
        ),
    ],
)
def test_thresholds_are_compared_with_the_numbers(figures, level, message):
    assert judge('policy', '', figures, {'control_rate_hz': 50.0, **THRESHOLDS}, ()) == (level, message)
