"""Small bags for tests, and what they hold."""

from pathlib import Path

import numpy as np
from mcap.writer import IndexType
from mcap.writer import Writer as McapWriter

from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import image_message, imu_message, twist_stamped_message, typestore

MS = 1_000_000
HEIGHT, WIDTH = 12, 16
# Options of an MCAP writer that leaves no index.
UNINDEXED = {
    'index_types': IndexType.NONE,
    'use_statistics': False,
    'use_summary_offsets': False,
    'repeat_channels': False,
    'repeat_schemas': False,
}


def picture(number, height=HEIGHT, width=WIDTH):
    """A frame that differs for each number and in each pixel."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_drive(path, *, storage='mcap', seconds=2, start_ns=10**18, imu=True):
    """A small whole demonstration: frames at 20 Hz, IMU at 100 Hz, commands at 50 Hz."""
    with BagWriter(path, storage=storage) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        if imu:
            bag.add_topic('/imu/data', 'sensor_msgs/msg/Imu')
        for ms in range(0, seconds * 1000, 10):
            stamp = start_ns + ms * MS
            if ms % 50 == 0:
                bag.write('/image_raw', stamp + 3 * MS, image_message(stamp, picture(ms // 50)))
            if imu:
                bag.write('/imu/data', stamp + 3 * MS, imu_message(stamp, (0, 0, ms / 100), (0, ms / 100, 9.81)))
            if ms % 20 == 0:
                command = twist_stamped_message(stamp, linear=(ms / 100, 0, 0), angular=(0, 0, -ms / 100))
                bag.write('/cmd_vel', stamp + 3 * MS, command)
    return Path(path)


def write_mcap(path, messages, *, profile='ros2', beside=(), **options):
    """Write messages as other writers of MCAP do, with a channel of each (schema, encoding) beside them."""
    with path.open('wb') as stream:
        writer = McapWriter(stream, **options)
        writer.start(profile=profile, library='other')
        channels = {}
        for message in messages:
            if message.topic not in channels:
                text, _ = typestore().generate_msgdef(message.msgtype, ros_version=2)
                schema = writer.register_schema(name=message.msgtype, encoding='ros2msg', data=text.encode())
                channels[message.topic] = writer.register_channel(message.topic, 'cdr', schema)
            writer.add_message(channels[message.topic], message.stamp_ns, message.data, message.stamp_ns)
        for number, (schema, encoding) in enumerate(beside):
            known = writer.register_schema(name='other.Log', encoding=schema, data=b'{}') if schema else 0
            channel = writer.register_channel(f'/beside_{number}', encoding, known)
            writer.add_message(channel, messages[-1].stamp_ns, b'{"a": 1}', messages[-1].stamp_ns)
        writer.finish()


def everything_in(path):
    """Every message of a bag."""
    with Bag(path) as bag:
        return list(bag.messages())
