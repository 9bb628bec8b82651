"""A bag as it is learnt from: its demonstrations, and what is to be known of them; for who only looks, no PyTorch."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.camera import camera_size
from lnn_controller.data.episode import Episode
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.data.messages.types import ODOMETRIES
from lnn_controller.learning.checks import Finding, Recording
from lnn_controller.learning.command_frame import check_command_frame, check_speeds
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.demonstrations import is_override, read_demonstrations
from lnn_controller.learning.odometry import check_odometry
from lnn_controller.policy.spec import ImageSpec

__all__ = ['frame_size', 'read_recording']

# A frame for the network has at most so many pixels: more costs time on the robot and has not driven better here.
MOST_PIXELS = 20_000


def frame_size(height: int, width: int, config: TrainConfig) -> ImageSpec:
    """
    Choose the network's frame for a camera's: the config's size, or the camera's own, scaled down where it is large.

    :param height: rows of the camera's frame, pixels
    :param width: columns of the camera's frame, pixels
    :param config: size (0: automatic) and crop
    :returns: size and crop
    """
    if config.image_width:
        rows, columns = config.image_height, config.image_width
    else:
        kept = height * (1 - config.crop_top - config.crop_bottom)
        factor = min(1.0, math.sqrt(MOST_PIXELS / (kept * width)))
        rows, columns = max(48, round(kept * factor)), max(48, round(width * factor))
    return ImageSpec(height=rows, width=columns, crop_top=config.crop_top, crop_bottom=config.crop_bottom)


def read_recording(
    path: Path,
    image: ImageSpec,
    config: TrainConfig,
    topics: Topics,
    *,
    cache: FrameCache | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Recording, list[Finding]]:
    """
    Read a bag as training does.

    :param path: the bag
    :param image: the network's frame
    :param config: channels, IMU, how long a command holds, how its velocities are read
    :param topics: names of the topics where they cannot be found by type
    :param cache: of frames of bags that were read before; ``None``: they are decoded
    :param progress: called with the number of images read since the last call, now and then
    :returns: its demonstrations, and what was found of its velocities
    :raises InputError: as of :func:`.demonstrations.read_demonstrations`
    """
    demonstrations = read_demonstrations(
        path,
        image=image,
        channels=config.outputs,
        use_imu={'auto': None, 'yes': True, 'no': False}[config.imu],
        topics=topics,
        hold_s=config.command_hold_s,
        wheelbase_m=config.wheelbase or None,
        command_frame=config.command_frame,
        cache=cache,
        progress=progress,
    )
    return _look_at(path, demonstrations, topics, in_world=config.command_frame == 'world')


def _look_at(
    path: Path, demonstrations: Sequence[Episode], topics: Topics, *, in_world: bool
) -> tuple[Recording, list[Finding]]:
    """A bag's demonstrations with what else is to be known of it, and whether its velocities are ones to learn."""
    names, channels = demonstrations[0].topics, demonstrations[0].channels
    in_world = in_world and not is_override(demonstrations[0])
    with Bag(path) as bag:
        command = bag.topic(names['command'])
        measured = command.msgtype in ODOMETRIES
        if measured:
            findings = check_odometry(bag, command, channels, in_world=in_world)
        else:
            findings = check_command_frame(bag, command, channels, in_world=in_world, odometry=topics.odometry)
        recording = Recording(demonstrations, camera_size(bag, Topics(image=names['image'])), measured)
    return recording, findings + check_speeds(recording.name, recording.commands, channels)
