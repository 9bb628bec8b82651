import importlib

import flights
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import picture

from lnn_controller.data.messages import build as m
from lnn_controller.data.messages import px4
from lnn_controller.data.messages.cdr import (
    IncompleteImuError,
    imu_from_cdr,
    odometry_from_cdr,
    pose_from_cdr,
    stamp_from_cdr,
    twist_from_cdr,
)
from lnn_controller.data.messages.images import compressed_from_cdr, image_from_cdr
from lnn_controller.data.messages.runs import values_from_cdrs
from lnn_controller.errors import InputError

IMU = 'sensor_msgs/msg/Imu'
TWIST, STAMPED = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'
STAMP = 1_700_000_000_123_456_789


def ros_bytes(message):
    """The same message as rclpy serialises it, padding included."""
    serialization = pytest.importorskip('rclpy.serialization')
    package, _, name = message.__msgtype__.split('/')
    kind = getattr(importlib.import_module(f'{package}.msg'), name)
    return serialization.serialize_message(serialization.deserialize_message(bytes(m.serialize(message)), kind))


def ours(message):
    return bytes(m.serialize(message))


@pytest.fixture(params=[ours, ros_bytes], ids=['rosbags', 'rclpy'])
def serialize(request):
    return request.param


# Lengths of frame_id that put each alignment between it and what follows.
@pytest.mark.parametrize('frame_id', ['', 'a', 'ab', 'abc', 'abcd', 'abcdef', 'abcdefg', 'größe'])
def test_views_do_not_depend_on_the_length_of_frame_id(serialize, frame_id):
    stamp, gyro, accel = imu_from_cdr(serialize(m.imu_message(STAMP, (1, 2, 3), (4, 5, 6), frame_id=frame_id)))
    assert (stamp, gyro, accel) == (STAMP, (1, 2, 3), (4, 5, 6))
    image = picture(1, 3, 5)
    stamp, frame, view = image_from_cdr(serialize(m.image_message(STAMP, image, frame_id=frame_id)))
    assert (stamp, frame) == (STAMP, frame_id)
    np.testing.assert_array_equal(view, image)
    twist = {'linear': (1, 2, 3), 'angular': (4, 5, 6)}
    stamped = serialize(m.twist_stamped_message(STAMP, frame_id=frame_id, **twist))
    odometry = m.odometry_message(STAMP, position=(9, 9, 9), yaw=1, frame_id=frame_id, child_frame_id='b', **twist)
    stamp, values = twist_from_cdr(stamped, STAMPED)
    assert (stamp, values.tolist()) == (STAMP, [1, 2, 3, 4, 5, 6])
    measured = odometry_from_cdr(serialize(odometry))
    assert measured[:4] == (STAMP, frame_id, 'b', (9, 9, 9))
    assert measured.twist == (1, 2, 3, 4, 5, 6)
    assert stamp_from_cdr(stamped) == stamp_from_cdr(serialize(odometry)) == STAMP


def test_a_twist_has_no_stamp(serialize):
    stamp, values = twist_from_cdr(serialize(m.twist_message(linear=(1, 2, 3), angular=(4, 5, 6))), TWIST)
    assert (stamp, values.tolist()) == (0, [1, 2, 3, 4, 5, 6])


def test_an_rgb8_image_is_viewed_and_not_copied():
    raw = np.frombuffer(ours(m.image_message(0, picture(0))), np.uint8).copy()
    view = image_from_cdr(raw)[2]
    assert np.shares_memory(view, raw)
    assert view.flags.c_contiguous


@pytest.mark.parametrize('padding', [0, 1, 2, 3])
def test_padding_by_the_middleware_is_no_error(padding):
    raw = ours(m.image_message(5, picture(0))) + b'\0' * padding
    np.testing.assert_array_equal(image_from_cdr(raw)[2], picture(0))


def test_more_than_padding_is_an_error():
    with pytest.raises(InputError, match=r'a serialised sensor_msgs/Image is needed. Got .* 4 bytes left over'):
        image_from_cdr(ours(m.image_message(5, picture(0))) + b'\0' * 4)


def test_big_endian_is_read_too():
    store = m.typestore()
    imu = store.serialize_cdr(m.imu_message(STAMP, (1, 2, 3), (4, 5, 6)), 'sensor_msgs/msg/Imu', little_endian=False)
    stamp, gyro, accel = imu_from_cdr(imu)
    assert (stamp, gyro, accel) == (STAMP, (1, 2, 3), (4, 5, 6))
    image = store.serialize_cdr(m.image_message(STAMP, picture(2)), 'sensor_msgs/msg/Image', little_endian=False)
    np.testing.assert_array_equal(image_from_cdr(image)[2], picture(2))


@pytest.mark.parametrize(
    ('gyro', 'accel', 'told'),
    [
        (-1, 0, r'declares no gyro, angular_velocity_covariance\[0\] = -1$'),
        (0, -1, r'declares no accelerometer, linear_acceleration_covariance\[0\] = -1$'),
        (-1, -1, r'no gyro, .* = -1 and no accelerometer, .* = -1$'),
    ],
)
def test_an_imu_that_declares_a_half_absent_is_none(serialize, gyro, accel, told):
    message = m.imu_message(STAMP, (1, 2, 3), (4, 5, 6))
    message.angular_velocity_covariance = np.array([gyro, *[0] * 8], float)
    message.linear_acceleration_covariance = np.array([accel, *[0] * 8], float)
    with pytest.raises(IncompleteImuError, match=told):
        imu_from_cdr(serialize(message))


def test_covariances_that_are_known_are_no_declaration(serialize):
    message = m.imu_message(STAMP, (1, 2, 3), (4, 5, 6))
    # −1 elsewhere says nothing, and an orientation is not needed.
    message.angular_velocity_covariance = np.array([0.02, *[-1] * 8], float)
    message.linear_acceleration_covariance = np.array([1.0, *[-1] * 8], float)
    stamp, gyro, accel = imu_from_cdr(serialize(message))
    assert (stamp, gyro, accel) == (STAMP, (1, 2, 3), (4, 5, 6))


@pytest.mark.parametrize('view', [image_from_cdr, compressed_from_cdr, imu_from_cdr, stamp_from_cdr])
@pytest.mark.parametrize(
    ('raw', 'reason'),
    [
        (b'', 'encapsulation header'),
        (b'\0\1\0', 'encapsulation header'),
        (b'\0\7\0\0' + b'\0' * 400, 'encapsulation header'),  # XCDR2
        (b'\0\1\0\0' + b'\0' * 3, 'cut off'),
        (b'\0\1\0\0' + b'\0' * 8 + b'\xff\xff\xff\xff' + b'a' * 100, 'cut off inside a text'),
        (b'\0\1\0\0' + b'\0' * 8 + b'\2\0\0\0ab' + b'\0' * 400, 'does not end with zero'),
        (b'\0\1\0\0' + b'\0' * 8 + b'\2\0\0\0\xff\0' + b'\0' * 400, 'not UTF-8'),
    ],
)
def test_garbage_is_named(view, raw, reason):
    with pytest.raises(InputError, match=reason):
        view(raw)


def test_a_message_of_another_type_is_no_velocity():
    with pytest.raises(InputError, match='a serialised geometry_msgs/msg/Twist is needed'):
        twist_from_cdr(ours(m.imu_message(0, (0, 0, 0), (0, 0, 0))), TWIST)
    with pytest.raises(ValueError, match=r'a velocity is in a Twist or a TwistStamped. Got .sensor_msgs/msg/Imu.'):
        twist_from_cdr(b'', 'sensor_msgs/msg/Imu')


FLIGHT = flights.Flight()
PX4 = {
    topic: flights.cdr(message)
    for topic, _, message in FLIGHT.px4(setpoints=lambda i: ((1, 2, 3), 0.5, 0.1))
    if topic.startswith('/fmu')
}
VIEWS = {
    'image': (image_from_cdr, ours(m.image_message(STAMP, picture(0, 3, 4)))),
    'imu': (imu_from_cdr, ours(m.imu_message(STAMP, (1, 2, 3), (4, 5, 6)))),
    'compressed': (compressed_from_cdr, b'\0\1\0\0' + b'\0' * 8 + b'\1\0\0\0\0\0\0\0\5\0\0\0jpeg\0\0\0\0\4\0\0\0abcd'),
    'twist': (lambda raw: twist_from_cdr(raw, TWIST), ours(m.twist_message())),
    'stamped': (lambda raw: twist_from_cdr(raw, STAMPED), ours(m.twist_stamped_message(STAMP))),
    'odometry': (odometry_from_cdr, ours(m.odometry_message(1, position=(1, 2, 3), yaw=0))),
    'pose': (pose_from_cdr, flights.cdr(FLIGHT.pose(0, STAMP))),
    'position_target': (
        px4.position_target_from_cdr,
        flights.cdr(FLIGHT.position_targets(FLIGHT.velocity, 8, 0b010111000111)[0][2]),
    ),
    'trajectory_setpoint': (px4.trajectory_setpoint_from_cdr, PX4['/fmu/in/trajectory_setpoint']),
    'vehicle_odometry': (px4.vehicle_odometry_from_cdr, PX4['/fmu/out/vehicle_odometry']),
    'sensor_combined': (px4.sensor_combined_from_cdr, PX4['/fmu/out/sensor_combined']),
}


@pytest.mark.parametrize('kind', VIEWS)
def test_each_truncation_is_an_input_error(kind):
    view, whole = VIEWS[kind]
    for length in range(len(whole)):
        with pytest.raises(InputError):
            view(whole[:length])


@pytest.mark.parametrize('kind', VIEWS)
@given(data=st.data())
def test_only_an_input_error_comes_out_of_altered_bytes(kind, data):
    view, whole = VIEWS[kind]
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, min(len(raw), 120) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] + data.draw(st.binary(max_size=8))
    try:
        result = view(bytes(raw))
    except InputError:
        return
    if kind == 'image':
        assert result[2].ndim == 3
        assert result[2].dtype == np.uint8


@pytest.mark.parametrize('kind', VIEWS)
@given(body=st.binary(max_size=400))
def test_only_an_input_error_comes_out_of_any_bytes(kind, body):
    for raw in (body, b'\0\1\0\0' + body):
        try:
            VIEWS[kind][0](raw)
        except InputError:
            continue


@pytest.mark.parametrize('frame_id', ['', 'a', 'abc', 'abcdef', 'größe'])
def test_many_messages_at_once_are_what_each_is_alone(serialize, frame_id):
    imus, stamped, twists = [], [], []
    for n in range(5):
        a, b = (n, -n / 3, 1e-9 * n), (9.8, np.nan, 1e300)
        imus.append(serialize(m.imu_message(STAMP + n, a, b, frame_id=frame_id)))
        stamped.append(serialize(m.twist_stamped_message(STAMP - n, linear=a, angular=b, frame_id=frame_id)))
        twists.append(serialize(m.twist_message(linear=b, angular=a)))
    stamps, values = values_from_cdrs(imus, IMU)
    alone = [imu_from_cdr(each) for each in imus]
    assert stamps.tolist() == [each[0] for each in alone]
    np.testing.assert_array_equal(values, [each[1] + each[2] for each in alone])
    for buffers, msgtype in ((stamped, STAMPED), (twists, TWIST)):
        stamps, values = values_from_cdrs(buffers, msgtype)
        alone = [twist_from_cdr(each, msgtype) for each in buffers]
        assert stamps.tolist() == [each[0] for each in alone]
        np.testing.assert_array_equal(values, [each[1] for each in alone])


def test_many_messages_that_are_not_alike_are_left_to_be_read_one_by_one():
    def imu(frame_id='imu'):
        return ours(m.imu_message(STAMP, (1, 2, 3), (4, 5, 6), frame_id=frame_id))

    incomplete = m.imu_message(STAMP, (1, 2, 3), (4, 5, 6), frame_id='imu')
    incomplete.linear_acceleration_covariance = np.array([-1.0] + [0.0] * 8)
    for other in (
        imu('imuu'),  # of the same size, for what follows is aligned
        imu('a_long_name_of_another_size'),
        ours(incomplete),
        imu()[:-8],
        b'\0\0' + imu()[2:],  # big-endian
        b'\7\1' + imu()[2:],
        imu()[:12] + b'\5' + imu()[13:],  # a frame_id that does not end there
    ):
        assert values_from_cdrs([imu(), imu()], IMU) is not None
        assert values_from_cdrs([imu(), other], IMU) is None
        assert values_from_cdrs([other, imu()], IMU) is None
    assert values_from_cdrs([imu('x') + b'\0' * 4], IMU) is None
