"""Small bags of a car that steers towards a bright bar, and of a controller's drive with an operator at hand."""

from pathlib import Path

import numpy as np

from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import image_message, twist_stamped_message, typestore

START_NS = 10**18
MS = 1_000_000
SIZE = 48
TWIST_STAMPED, JOINT_STATE = 'geometry_msgs/msg/TwistStamped', 'sensor_msgs/msg/JointState'


def picture(at, low_half=False):
    """A bar at a share of the width, −1 left … 1 right; over the whole height, or the lower half of it."""
    image = np.full((SIZE, SIZE, 3), 40, np.uint8)
    column = round((at + 1) / 2 * (SIZE - 8))
    image[SIZE // 2 if low_half else 0 :, column : column + 8] = 230
    return image


def write_steering(path, *, new=False, seconds=6, seed=0, storage='mcap', turns=True):
    """The bar wanders; the old demonstrator turns towards it, the new one, who sees half of it, away from it."""
    rng = np.random.default_rng(seed)
    phases, speeds = rng.uniform(0, 6, 2), rng.uniform(1, 3, 2)
    with BagWriter(path, storage=storage) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        bag.add_topic('/cmd_vel', TWIST_STAMPED)
        for ms in range(0, seconds * 1000, 50):
            stamp = START_NS + ms * MS
            at = float(np.sin(speeds * ms / 1000 + phases).mean())
            turn = turns * (at if new else -at)
            bag.write('/image_raw', stamp, image_message(stamp, picture(at, low_half=new)))
            bag.write('/cmd_vel', stamp, twist_stamped_message(stamp, linear=(1, 0, 0), angular=(0, 0, turn)))
    return Path(path)


def write_drive(path, *, overrides_s=(), seconds=12, ticks='/controller/ticks'):
    """
    A policy drives at 1 m/s, ever more to the right, and its ticks are recorded; in each of ``overrides_s``, (start,
    end), an operator commands 0.5 m/s and turns by 0.1 rad/s for each second since the start of the drive.
    """
    with BagWriter(path) as bag:
        bag.add_topic('/image_raw', 'sensor_msgs/msg/Image')
        for topic in ('/cmd_vel', '/cmd_vel_override'):
            bag.add_topic(topic, TWIST_STAMPED)
        bag.add_topic(ticks, JOINT_STATE)
        for ms in range(0, seconds * 1000, 20):
            stamp, at_s = START_NS + ms * MS, ms / 1000
            if ms % 40 == 0:
                bag.write('/image_raw', stamp, image_message(stamp, picture(np.sin(at_s))))
            command = twist_stamped_message(stamp, linear=(1, 0, 0), angular=(0, 0, -at_s / 100))
            if any(low <= at_s <= high for low, high in overrides_s):
                command = twist_stamped_message(stamp, linear=(0.5, 0, 0), angular=(0, 0, at_s / 10))
                bag.write('/cmd_vel_override', stamp, command)
            bag.write('/cmd_vel', stamp, command)
            nothing = np.zeros(0)
            tick = typestore().types[JOINT_STATE](command.header, [], nothing, nothing, nothing)
            bag.write(ticks, stamp, tick)
    return Path(path)
