"""Bags with messages of packages that are not installed here: their definitions lie in the bag alone."""

from pathlib import Path

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

ACKERMANN, ACKERMANN_STAMPED = 'ackermann_msgs/msg/AckermannDrive', 'ackermann_msgs/msg/AckermannDriveStamped'


def foreign_types(definitions):
    """A store of message types with others than ROS 2's own: definitions by type, as their .msg files have them."""
    store = get_typestore(Stores.ROS2_KILTED)
    for name, text in definitions.items():
        store.register(get_types_from_msg(text, name))
    return store


def ackermann_types():
    """A store with the two types of ackermann_msgs."""
    numbers = ('steering_angle', 'steering_angle_velocity', 'speed', 'acceleration', 'jerk')
    return foreign_types(
        {
            ACKERMANN: ''.join(f'float32 {name}\n' for name in numbers),
            ACKERMANN_STAMPED: 'std_msgs/Header header\nackermann_msgs/AckermannDrive drive\n',
        }
    )


def write_foreign(path, store, rows):
    """A bag of messages of a store, (topic, stamp, message), as their robot's recorder writes it."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        connections = {}
        for topic, stamp, message in rows:
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, message.__msgtype__, typestore=store)
            bag.write(connections[topic], stamp, store.serialize_cdr(message, message.__msgtype__))
    return Path(path)
