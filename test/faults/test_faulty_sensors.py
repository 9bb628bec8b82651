"""Camera and IMU fail in every way that we could think of."""

import math
from functools import partial

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from rig import garbage, moves, nothing
from ros_probe import to_ros
from sensor_msgs.msg import Image

from lnn_controller.data.messages.build import imu_message

MS = 1_000_000
IMAGE_S, FROZEN_S, IMU_S = 0.2, 0.3, 0.2


def frozen(rig, now_ns):
    rig.probe.noise -= 1  # picture() adds it again
    return rig.probe.picture(now_ns)


def same_stamp(rig, _):
    return rig.probe.picture(rig.good_ns['camera'])


def other_time(rig, now_ns):
    return [rig.probe.picture(now_ns + away_ns) for away_ns in (-1000 * MS, 1000 * MS)]


def cut_off(rig, now_ns):
    message = rig.probe.picture(now_ns)
    message.height += 8
    return message


def unknown_encoding(rig, now_ns):
    message = rig.probe.picture(now_ns)
    message.encoding = 'yuv999'
    return message


def imu_says(value, _, now_ns):
    return to_ros(imu_message(now_ns, (0.0, 0.0, value), (0.0, 0.0, 9.81)))


def without_accelerometer(rig, now_ns):
    message = rig.sample(now_ns)
    message.linear_acceleration_covariance[0] = -1.0
    return message


def fault(name, damage, reason, timeout_s, said=None):
    sensor = 'imu' if name.startswith('IMU') else 'camera'
    return pytest.param(sensor, damage, reason, timeout_s, said, marks=pytest.mark.fault(name), id=name)


@pytest.mark.parametrize(
    ('sensor', 'damage', 'reason', 'timeout_s', 'said'),
    [
        fault('camera silent', nothing, 'image_stale', IMAGE_S),
        fault('camera frozen', frozen, 'image_frozen', FROZEN_S),
        fault('camera: stamps stand still', same_stamp, 'image_stale', IMAGE_S, 'a camera image was refused'),
        fault('camera: stamps from another time', other_time, 'image_stale', IMAGE_S, 'a camera image was refused'),
        fault('camera: garbage bytes', garbage, 'image_stale', IMAGE_S, 'image_undecodable'),
        fault('camera: data cut off', cut_off, 'image_stale', IMAGE_S, 'image_undecodable'),
        fault('camera: wrong encoding', unknown_encoding, 'image_stale', IMAGE_S, 'image_undecodable'),
        fault('IMU silent', nothing, 'imu_stale', IMU_S),
        fault('IMU: NaN', partial(imu_says, math.nan), 'imu_stale', IMU_S, 'an IMU sample was refused'),
        fault('IMU: 1e9', partial(imu_says, 1e9), 'imu_stale', IMU_S, 'an IMU sample was refused'),
        fault('IMU: garbage bytes', garbage, 'imu_stale', IMU_S, 'imu_undecodable'),
        fault('IMU: no accelerometer', without_accelerometer, 'imu_stale', IMU_S, 'imu_incomplete'),
    ],
)
def test_a_broken_sensor_stops_the_robot_until_it_works_again(rig, outcome, sensor, damage, reason, timeout_s, said):
    setattr(rig, sensor, partial(damage, rig))
    rig.stops(outcome, reason=reason, since_ns=rig.good_ns[sensor], timeout_s=timeout_s, said=said)
    setattr(rig, sensor, rig.picture if sensor == 'camera' else rig.sample)
    rig.recovers(outcome)


@pytest.mark.fault('camera: stamps back and forth')
def test_every_second_image_from_before(rig, outcome):
    told = rig.statuses()
    rig.camera = lambda now_ns: [rig.picture(now_ns), rig.probe.picture(now_ns - 50 * MS)]
    rig.drives_on()
    refused = int(rig.diagnostics(told, 'image_not_newer'))
    assert refused > 0
    outcome.note = 'those from before are refused and counted (`image_not_newer`)'


@pytest.mark.fault('camera: intermittent')
def test_a_camera_with_a_loose_contact(rig, outcome):
    for _ in range(3):
        rig.camera = nothing
        rig.stops(outcome, reason='image_stale', since_ns=rig.good_ns['camera'], timeout_s=IMAGE_S)
        rig.camera = rig.picture
        rig.recovers(outcome)
        rig.drives_on(10)  # until its last zeros lie before the next last picture
    outcome.note = 'each time anew'


@pytest.mark.fault('camera: looping')
def test_a_camera_that_repeats_its_last_pictures(rig, outcome):
    rig.drives_on()  # the rig's camera does just that, all the time
    outcome.note = rig.warned('the camera has shown nothing but pictures that it had shown before')


@pytest.mark.fault('a second camera')
def test_a_second_camera_is_an_error_by_name(rig, another, outcome):
    told = rig.statuses()
    publisher = another.create_publisher(Image, 'image_raw', qos_profile_sensor_data)
    outcome.said = rig.says(r'/image_raw: 2 publishers \(/another, /probe\)')
    assert rig.diagnostics(told, 'graph_errors') == '1'
    rig.drives_on(10)
    another.destroy_publisher(publisher)
    rig.probe.until(lambda: rig.diagnostics(told, 'graph_errors') == '0', 'it is gone')
    outcome.note = 'an ERROR on `/diagnostics` as long as it is there'


@pytest.mark.fault('IMU: stuck')
def test_an_imu_that_repeats_its_last_sample(rig, outcome):
    rig.drives_on()  # the rig's IMU does just that, all the time
    outcome.note = rig.warned('the IMU has sent the very same sample')


@pytest.mark.fault('IMU: slow')
def test_an_imu_that_is_slow(rig, outcome):
    rig.imu = lambda now_ns: rig.sample(now_ns) if now_ns - rig.good_ns['imu'] > 1000 * MS else None
    rig.stops(outcome, reason='imu_stale', since_ns=rig.good_ns['imu'], timeout_s=IMU_S)
    stands_on(rig, 'imu', samples=2)
    rig.imu = rig.sample
    rig.recovers(outcome)
    outcome.note = 'a sample now and then does not start it'


@pytest.mark.fault('camera: slow')
def test_a_camera_that_is_slower_than_its_timeout(rig, outcome):
    rig.camera_rate(4)
    rig.stops(outcome, reason='image_stale', since_ns=rig.good_ns['camera'], timeout_s=IMAGE_S)
    stands_on(rig, 'camera', samples=4)
    rig.camera_rate(30)
    rig.recovers(outcome)
    outcome.note = 'a picture now and then does not start it'


def stands_on(rig, sensor, samples):
    """It stands while some more samples come, each of which is fresh for a moment."""
    count = len(rig.commands)
    for _ in range(samples):
        last_ns = rig.good_ns[sensor]
        rig.probe.until(lambda last_ns=last_ns: rig.good_ns[sensor] > last_ns, f'another sample of the {sensor}')
    assert not any(moves(each) for each in rig.commands[count:])


@pytest.mark.fault('camera: another resolution')
def test_another_resolution(rig, outcome):
    rig.probe.image = np.full((48, 64, 3), 128, np.uint8)
    rig.drives_on()
    outcome.note = "frames of any size are cropped and resized to the network's"


@pytest.mark.fault('camera at 200 Hz')
def test_a_fast_camera(rig, outcome):
    told = rig.statuses()
    rig.camera_rate(200)
    rig.drives_on()
    dropped = rig.diagnostics(told, 'image_dropped')
    outcome.note = f'frames dropped because the encoder was busy: {dropped}'


@pytest.mark.fault('IMU at 2 kHz')
def test_a_fast_imu(rig, outcome):
    told = rig.statuses()
    rig.imu = lambda now_ns: [rig.sample(now_ns - (19 - index) * MS // 2) for index in range(20)]
    rig.drives_on()
    rate_hz = float(rig.diagnostics(told, 'imu_rate_hz'))
    outcome.note = f'{rate_hz:.0f} Hz by its own count'
