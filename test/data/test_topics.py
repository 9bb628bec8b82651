"""Which topic of a bag has the camera, the IMU, the commands."""

import pytest
from recordings import MS, picture
from rosbags.rosbag2 import StoragePlugin, Writer

from lnn_controller.data import Bag, Topics
from lnn_controller.data.bags.topics import Topic, choose_topic
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError

IMAGE, COMPRESSED, IMU = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/Imu'
FFMPEG = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
TWIST, STAMPED, ODOMETRY = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped', 'nav_msgs/msg/Odometry'


def topics_of(*rows):
    return [Topic(name, msgtype, count) for name, msgtype, count in rows]


def test_topics_by_name(drive):
    with Bag(drive) as bag:
        assert bag.choose('image', 'image_raw').name == '/image_raw'
        assert bag.choose('imu').name == '/imu/data'
        with pytest.raises(
            InputError, match=r'no topic /camera.* Topics there: for --image-topic there are /image_raw'
        ):
            bag.choose('image', '/camera')
        reason = r'no topic imu_data: did you mean /imu/data\? Topics there: for --imu-topic there are /imu/data'
        with pytest.raises(InputError, match=reason):
            bag.choose('imu', 'imu_data')
        with pytest.raises(InputError, match=r'no topic /image_rw: did you mean /image_raw\? Topics there: .*/cmd_vel'):
            list(bag.messages(['/image_rw']))
        with pytest.raises(InputError, match=r'topic /imu/data: images are read from .* Got sensor_msgs/msg/Imu'):
            bag.choose('image', '/imu/data')
        with pytest.raises(InputError, match='has no topic /nothing'):
            list(bag.messages(['/nothing']))


@pytest.mark.parametrize(
    ('kind', 'rows', 'expected'),
    [
        ('image', [('/a', IMAGE, 3), ('/b', COMPRESSED, 0)], '/a'),
        ('image', [('/a/compressed', COMPRESSED, 3), ('/cmd_vel', TWIST, 1)], '/a/compressed'),
        ('image', [('/a/compressed', COMPRESSED, 3), ('/a', IMAGE, 3), ('/a/compressedDepth', COMPRESSED, 3)], '/a'),
        ('image', [('/a/ffmpeg', FFMPEG, 3), ('/a/compressed', COMPRESSED, 3), ('/a', IMAGE, 3)], '/a'),
        ('image', [('/a/ffmpeg', FFMPEG, 3), ('/a/compressed', COMPRESSED, 3)], '/a/compressed'),
        ('image', [('/a/ffmpeg', FFMPEG, 3)], '/a/ffmpeg'),
        # Somebody looked at the raw topic for a moment.
        ('image', [('/a/ffmpeg', FFMPEG, 300), ('/a/compressed', COMPRESSED, 290), ('/a', IMAGE, 3)], '/a/compressed'),
        ('image', [('/cmd_vel', TWIST, 3)], None),
        ('imu', [('/imu', IMU, 0)], None),
        ('command', [('/t', TWIST, 3)], '/t'),
        ('command', [('/odom', ODOMETRY, 3)], '/odom'),
        ('command', [('/odom', ODOMETRY, 3), ('/t', STAMPED, 1)], '/t'),
        ('command', [('/odom', ODOMETRY, 3), ('/t', STAMPED, 0)], '/odom'),
        ('command', [('/cmd_vel_nav', TWIST, 3), ('/robot/cmd_vel', STAMPED, 1)], '/robot/cmd_vel'),
    ],
)
def test_topics_by_type(kind, rows, expected):
    chosen = choose_topic(kind, None, topics_of(*rows), bag='b')
    assert (chosen and chosen.name) == expected


@pytest.mark.parametrize(
    ('kind', 'rows'),
    [
        ('image', [('/left/image_raw', IMAGE, 3), ('/right/image_raw', IMAGE, 3)]),
        ('image', [('/left/compressed', COMPRESSED, 3), ('/right', IMAGE, 3)]),
        ('image', [('/left/ffmpeg', FFMPEG, 3), ('/right/ffmpeg', FFMPEG, 3)]),
        ('image', [('/rig/left', COMPRESSED, 3), ('/rig/right', COMPRESSED, 3)]),
        ('imu', [('/imu/data', IMU, 3), ('/imu/data_raw', IMU, 3)]),
        ('command', [('/a', TWIST, 3), ('/b', STAMPED, 3)]),
        ('command', [('/a/cmd_vel', TWIST, 3), ('/b/cmd_vel', TWIST, 3), ('/c', TWIST, 9)]),
        ('command', [('/odom', ODOMETRY, 3), ('/odometry/filtered', ODOMETRY, 3)]),
    ],
)
def test_several_topics_are_listed_with_the_flag_to_use(kind, rows):
    first, second = rows[0][0], rows[1][0]
    with pytest.raises(InputError, match=rf'bag b has several {kind} topics: {first} .*{second}.* with --{kind}-topic'):
        choose_topic(kind, None, topics_of(*rows), bag='b')
    named = topics_of(*rows)[1]
    assert choose_topic(kind, named, topics_of(*rows), bag='b') == named


def test_a_named_topic_without_messages():
    with pytest.raises(InputError, match=r'bag b, topic /a: no message was recorded. Choose another with --imu-topic'):
        choose_topic('imu', Topic('/a', IMU, 0), [], bag='b')


def test_a_topic_recorded_with_two_types(tmp_path):
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for msgtype, message in ((TWIST, m.twist_message()), (STAMPED, m.twist_stamped_message(5))):
            connection = writer.add_connection('/cmd_vel', msgtype, typestore=m.typestore())
            writer.write(connection, MS, bytes(m.serialize(message)))
        image = writer.add_connection('/image_raw', IMAGE, typestore=m.typestore())
        writer.write(image, MS, bytes(m.serialize(m.image_message(MS, picture(0)))))
    with Bag(tmp_path / 'bag') as bag:
        assert bag.choose('command') is None
        assert '/cmd_vel (several types, 2)' in bag.describe_topics()


def test_topics_default_to_none():
    assert Topics() == Topics(image=None, imu=None, command=None)
