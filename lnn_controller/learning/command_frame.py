"""In whose axes commands are: ahead and left of the robot, or the world's. What was flown then shows it."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.reader import Bag, Topic
from lnn_controller.data.commands import command_from_cdr
from lnn_controller.data.headings import choose_poses, read_pose, yaw_of
from lnn_controller.data.messages.cdr import Cdr
from lnn_controller.data.messages.types import TWIST_STAMPED, TWISTS
from lnn_controller.errors import InputError
from lnn_controller.learning.checks import Finding

__all__ = ['check_command_frame', 'check_speeds']

Array = NDArray[np.float64]

STEP_S = 0.1
# What a robot does follows its commands by this much at most.
LONGEST_DELAY_S = 1.5
# Slower than this nothing is shown, and by fewer moments neither.
LEAST_SPEED_M_S, FEWEST_MOMENTS = 0.2, 50
# Cosines between commands and what was flown, over all moments: those of one frame and of the other.
AGREE, LESS = 0.7, 0.3
WORLDS = ('map', 'odom', 'world', 'earth', 'enu', 'local_origin')
# Faster than anything that learns to fly here; units of a stick, a percentage or a thrust are larger.
FASTEST_M_S = 30.0


def check_command_frame(
    bag: Bag, topic: Topic, channels: Sequence[str], *, in_world: bool = False, odometry: str | None = None
) -> list[Finding]:
    """
    Compare Twists that move a robot in a plane with how it then moved, by its poses.

    :param bag: the bag
    :param topic: of the commands
    :param channels: those that are learnt; only where both linear_x and linear_y are, axes can be mistaken
    :param in_world: whether the commands are said to be in the world's axes
    :param odometry: topic of odometries or poses; none: found by type
    :returns: refused are commands whose axes are shown to be others than said; a frame_id of the world's, where nothing
        shows it, is a warning
    """
    if topic.msgtype not in TWISTS or not {'linear_x', 'linear_y'} <= set(channels):
        return []
    where = f'{bag.path}, {topic.name}'
    source = None
    with suppress(InputError):
        source = choose_poses(str(bag.path), bag.topics.values(), odometry)
    cosines = _cosines(bag, topic, source) if source else None
    if cosines is not None and max(cosines) >= AGREE and abs(cosines[1] - cosines[0]) >= LESS:
        world = cosines[1] > cosines[0]
        if world == in_world:
            return []
        said, remedy = 'ahead and left', 'Read them with --command-frame world'
        if in_world:
            said, remedy = 'in the axes of the world', 'Leave out --command-frame world'
        text = (
            f'{where}: commands must be in the axes that they are read in, {said}. By {source.name if source else ""} '
            f'the robot followed them with a cosine of {cosines[0]:.2f} (1: in their direction) read as ahead and '
            f'left, and of {cosines[1]:.2f} as the axes of the world. {remedy}.'
        )
        return [Finding(text, refused=True)]
    frame = _frame_id(bag, topic)
    if not in_world and frame.rpartition('/')[2] in WORLDS:
        text = (
            f'{where}: commands are stamped with the frame {frame!r}, and read as ahead and left of the robot, for no '
            'odometry shows otherwise. If they are in the axes of the world, train with --command-frame world.'
        )
        return [Finding(text)]
    return []


def check_speeds(name: str, commands: NDArray[np.float32], channels: Sequence[str]) -> list[Finding]:
    """
    Refuse what cannot be velocities of something that flies.

    :param name: of the recording
    :param commands: its commands, (K, C)
    :param channels: names of the C channels
    :returns: what was found; nothing for what drives on the ground
    """
    linear = [i for i, channel in enumerate(channels) if channel.startswith('linear_')]
    if 'linear_z' not in channels:
        return []
    fastest = float(np.abs(commands[:, linear]).max(initial=0.0))
    if fastest <= FASTEST_M_S:
        return []
    text = (
        f'{name}: velocities must be in m/s, {FASTEST_M_S:g} at most. Got {fastest:g}: as of a stick, an angle or a '
        'thrust. Learn what was flown instead: name an odometry with --command-topic.'
    )
    return [Finding(text, refused=True)]


def _cosines(bag: Bag, topic: Topic, source: Topic) -> tuple[float, float] | None:
    """How well what was flown follows the commands, read as ahead and left, and as the world's axes."""
    stamps, poses = [], []
    for message in bag.messages([source.name]):
        with suppress(InputError):
            position, orientation = read_pose(message.data, source.msgtype)
            stamps.append(message.stamp_ns)
            poses.append((*position[:2], yaw_of(orientation)))
    at_s, pose = _increasing(stamps, poses)
    stamps, twists = [], []
    for message in bag.messages([topic.name]):
        with suppress(InputError):
            twists.append(command_from_cdr(message.data, topic.msgtype)[1][:2])
            stamps.append(message.stamp_ns)
    asked_s, asked = _increasing(stamps, twists)
    if len(at_s) < 3 or len(asked_s) < 3:
        return None
    zero = at_s[0]
    at_s, asked_s = at_s - zero, asked_s - zero
    grid = np.arange(max(asked_s[0], 0.0) + LONGEST_DELAY_S, min(asked_s[-1], at_s[-1]), STEP_S)
    # Only where both went on.
    grid = grid[(_age(at_s, grid) < 1.0) & (_age(asked_s, grid) < 1.0)]
    x, y = (np.interp(grid + STEP_S, at_s, each) - np.interp(grid - STEP_S, at_s, each) for each in pose.T[:2])
    flown = (x + 1j * y) / (2 * STEP_S)
    moves = np.abs(flown) > LEAST_SPEED_M_S
    if np.count_nonzero(moves) < FEWEST_MOMENTS:
        return None
    grid, flown = grid[moves], flown[moves]
    turn = np.exp(1j * np.interp(grid, at_s, np.unwrap(pose[:, 2])))
    best = [0.0, 0.0]
    for delay_s in np.arange(0.0, LONGEST_DELAY_S, STEP_S):
        index = np.searchsorted(asked_s, grid - delay_s, side='right') - 1
        command = asked[index, 0] + 1j * asked[index, 1]
        for i, each in enumerate((command * turn, command)):
            size = float(np.linalg.norm(each) * np.linalg.norm(flown))
            if size:
                best[i] = max(best[i], float((np.conj(each) @ flown).real) / size)
    return best[0], best[1]


def _increasing(stamps: Sequence[int], rows: Sequence[Sequence[float] | Array]) -> tuple[Array, Array]:
    """Times, s, and rows, of those that are finite and newer than all before them."""
    if not rows:
        return np.zeros(0), np.zeros((0, 3))
    values, times = np.array(rows, np.float64), np.array(stamps, np.int64)
    newer = np.concatenate([[True], times[1:] > np.maximum.accumulate(times)[:-1]])
    usable = newer & np.isfinite(values).all(axis=1)
    return np.asarray(times[usable] * 1e-9, np.float64), values[usable]


def _age(at_s: Array, grid: Array) -> Array:
    return np.asarray(grid - at_s[np.maximum(np.searchsorted(at_s, grid, side='right') - 1, 0)])


def _frame_id(bag: Bag, topic: Topic) -> str:
    """The frame that the first readable command is stamped with."""
    if topic.msgtype == TWIST_STAMPED:
        for message in bag.messages([topic.name]):
            with suppress(InputError):
                return Cdr(message.data, topic.msgtype).header()[1]
    return ''
