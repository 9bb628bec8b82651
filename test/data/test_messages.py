import numpy as np
import pytest
from recordings import picture

from lnn_controller.data.messages import build as m

pytest.importorskip('rclpy')

from ros_probe import to_ros


@pytest.mark.parametrize('frame_id', ['', 'a', 'cam', 'camera_optical_frame'])
def test_an_image_reads_the_same_in_rclpy(frame_id):
    image = picture(0)
    ros = to_ros(m.image_message(1_700_000_000_123_456_789, image, frame_id=frame_id))
    assert (ros.header.stamp.sec, ros.header.stamp.nanosec, ros.header.frame_id) == (1_700_000_000, 123456789, frame_id)
    assert (ros.height, ros.width, ros.encoding, ros.step, ros.is_bigendian) == (12, 16, 'rgb8', 48, 0)
    np.testing.assert_array_equal(np.frombuffer(ros.data, np.uint8), image.ravel())


def test_a_view_that_is_not_contiguous_is_an_image_too():
    image = picture(0)[:, ::-1]
    np.testing.assert_array_equal(m.image_message(0, image).data.reshape(image.shape), image)


@pytest.mark.parametrize('image', [np.zeros((4, 5), np.uint8), np.zeros((4, 5, 4), np.uint8), np.zeros((4, 5, 3))])
def test_what_is_no_rgb8_image_is_refused(image):
    with pytest.raises(ValueError, match=r'an rgb8 image is \(H, W, 3\) uint8. Got'):
        m.image_message(0, image)


def test_imu_reads_the_same_in_rclpy():
    ros = to_ros(m.imu_message(7, (1, 2, 3), np.array([4, 5, 6], np.float32)))
    assert [ros.angular_velocity.x, ros.angular_velocity.y, ros.angular_velocity.z] == [1, 2, 3]
    assert [ros.linear_acceleration.x, ros.linear_acceleration.y, ros.linear_acceleration.z] == [4, 5, 6]
    assert ros.orientation_covariance[0] == -1  # no orientation


def test_commands_odometry_and_clock_read_the_same_in_rclpy():
    twist = to_ros(m.twist_message(linear=(1, 2, 3), angular=(4, 5, 6)))
    assert (twist.linear.x, twist.angular.z) == (1, 6)
    stamped = to_ros(m.twist_stamped_message(5_000_000_006, linear=(1, 2, 3), frame_id='base'))
    assert (stamped.header.stamp.sec, stamped.header.stamp.nanosec, stamped.header.frame_id) == (5, 6, 'base')
    odometry = to_ros(m.odometry_message(9, position=(1, 2, 0), yaw=np.pi / 2, linear=(3, 0, 0)))
    orientation = odometry.pose.pose.orientation
    assert (odometry.pose.pose.position.y, odometry.twist.twist.linear.x, odometry.child_frame_id) == (
        2,
        3,
        'base_link',
    )
    np.testing.assert_allclose([orientation.z, orientation.w], [np.sqrt(0.5)] * 2)
    assert to_ros(m.clock_message(3_000_000_004)).clock.nanosec == 4
