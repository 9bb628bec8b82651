"""Whether an odometry's twist is what its pose shows, before it is learnt as a command."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.bags.reader import Bag, Topic
from lnn_controller.data.commands import is_made_level
from lnn_controller.data.headings import read_odometry, yaw_of
from lnn_controller.data.messages.cdr import Odometry
from lnn_controller.errors import InputError
from lnn_controller.learning.checks import Finding

__all__ = ['check_odometry']

Array = NDArray[np.float64]

WINDOW_S = 0.5
# A window tells something where the robot moves in it; and a few windows are an accident.
LEAST_SPEED = 0.05
FEWEST_WINDOWS = 8
# Shares of what was travelled that twist and pose may differ by: wheels slip, and a map's poses are corrected.
AGREE, DISAGREE = 0.25, 0.5
LINEAR = ('linear_x', 'linear_y', 'linear_z')


class _Moved(NamedTuple):
    """
    What the robot moved by in each of W windows, by its pose and by its twist.

    :param seconds: length of the windows, (W,)
    :param pose_body: by the pose, in the frame of the body, m, (W, 3)
    :param pose_world: by the pose, in the pose's frame, m, (W, 3)
    :param twist: the twist's linear part summed up as it stands, m, (W, 3)
    :param twist_turned: the same, turned from the body into the pose's frame, m, (W, 3)
    :param pose_yaw: by the pose, rad, (W,)
    :param twist_yaw: by the twist, rad, (W,)
    """

    seconds: Array
    pose_body: Array
    pose_world: Array
    twist: Array
    twist_turned: Array
    pose_yaw: Array
    twist_yaw: Array


def check_odometry(bag: Bag, topic: Topic, channels: Sequence[str], *, in_world: bool = False) -> list[Finding]:
    """
    Compare an odometry's twist with the differences of its poses.

    nav_msgs/Odometry has the twist in the body's frame (``child_frame_id``); some drivers leave it zero, and some send
    it in the pose's frame, so that a circle driven at a steady speed looks like a speed that swings.

    :param bag: the bag
    :param topic: the Odometry topic that the commands are read from
    :param channels: those that are learnt
    :param in_world: whether the twist is said to be in the frame of the pose, and is read so
    :returns: what was found; refused is a wanted channel that is zero while the pose moves, a twist in another frame
        than it is said to be in, and a pose without orientation, where the twist is turned by it
    """
    samples = _read(bag, topic)
    where = f'{bag.path}, {topic.name}'
    turned = in_world or is_made_level(channels)
    if turned and samples and all(math.isnan(yaw_of(sample.orientation)) for sample in samples):
        text = (
            f'{where}: the pose must have an orientation, for velocities are turned level by it. Got none in '
            f'{len(samples)} messages: let the driver fill it in, or choose another topic with --command-topic.'
        )
        return [Finding(text, refused=True)]
    moved = _windows(samples)
    if moved is None:
        return []
    zeros = _never_filled(samples, moved, channels)
    if zeros:
        text = (
            f'{where}: the pose moves and the twist is zero in {", ".join(zeros)}, which is to be learnt. '
            'Choose a topic with velocities with --command-topic, or let the driver fill in the twist.'
        )
        return [Finding(text, refused=True)]
    findings = _frame(where, samples[0], moved, in_world) if any(name in LINEAR for name in channels) else []
    return findings + (_turning(where, moved) if 'angular_z' in channels else [])


def _read(bag: Bag, topic: Topic) -> list[Odometry]:
    """Those that can be read, in the bag's order; stamped by receive time where they have no stamp."""
    samples = []
    for message in bag.messages([topic.name]):
        try:
            sample = read_odometry(message.data, topic.msgtype)
        except InputError:  # counted where the commands are read
            continue
        samples.append(sample if sample.stamp_ns else sample._replace(stamp_ns=message.stamp_ns))
    return samples


def _windows(samples: Sequence[Odometry]) -> _Moved | None:
    """Cut into windows of half a second; ``None`` where there is not enough."""
    stamps = np.array([sample.stamp_ns for sample in samples], np.int64)
    values = np.array([(*sample.position, *sample.orientation, *sample.twist) for sample in samples], np.float64)
    if len(stamps) < 3:
        return None
    newer = np.concatenate([[True], stamps[1:] > np.maximum.accumulate(stamps)[:-1]])
    usable = newer & np.isfinite(values).all(axis=1)
    stamps, values = stamps[usable], values[usable]
    if len(stamps) < 3:
        return None
    at_s = (stamps - stamps[0]) * 1e-9
    position, twist = values[:, :3], values[:, 7:]
    turn = _rotations(values[:, 3:7])
    linear = twist[:, :3]
    turned = np.einsum('nij,nj->ni', turn, linear)
    dt_s = np.diff(at_s)
    # Starts of windows: the first sample after each half second in which there is one.
    starts = np.unique(at_s // WINDOW_S, return_index=True)[1]
    low, high = starts[:-1], starts[1:]
    whole = at_s[high] - at_s[low] <= 2 * WINDOW_S  # none across a pause
    low, high = low[whole], high[whole]
    world = position[high] - position[low]
    body = 0.5 * np.einsum('nji,nj->ni', turn[low] + turn[high], world)
    heading = np.unwrap(np.arctan2(turn[:, 1, 0], turn[:, 0, 0]))
    return _Moved(
        seconds=at_s[high] - at_s[low],
        pose_body=body,
        pose_world=world,
        twist=_between(linear, dt_s, low, high),
        twist_turned=_between(turned, dt_s, low, high),
        pose_yaw=heading[high] - heading[low],
        twist_yaw=_between(twist[:, 5:], dt_s, low, high)[:, 0],
    )


def _between(rates: Array, dt_s: Array, low: NDArray[np.intp], high: NDArray[np.intp]) -> Array:
    """Integrals of rates over windows of samples, by the trapezoidal rule."""
    sums = np.zeros_like(rates)
    np.cumsum(0.5 * (rates[1:] + rates[:-1]) * dt_s[:, None], axis=0, out=sums[1:])
    return np.asarray(sums[high] - sums[low])


def _rotations(quaternions: Array) -> Array:
    """Matrices from body to world, (N, 3, 3); where no orientation was filled in, none turns."""
    norms = np.linalg.norm(quaternions, axis=1, keepdims=True)
    x, y, z, w = np.where(norms > 1e-6, quaternions / np.maximum(norms, 1e-6), (0.0, 0.0, 0.0, 1.0)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _never_filled(samples: Sequence[Odometry], moved: _Moved, channels: Sequence[str]) -> list[str]:
    """Channels whose twist is zero throughout though the pose moves in them."""
    by_pose = {name: moved.pose_body[:, axis] for axis, name in enumerate(LINEAR)} | {'angular_z': moved.pose_yaw}
    twist = np.array([sample.twist for sample in samples])
    columns = {name: twist[:, axis] for axis, name in enumerate(LINEAR)} | {'angular_z': twist[:, 5]}
    speed = np.linalg.norm(moved.pose_body, axis=1) / moved.seconds
    zeros = []
    for name in channels:
        rate = np.abs(by_pose[name]) / moved.seconds
        # Sideways a car slips a little; to be its own movement it must be a good part of all.
        moves = (rate > LEAST_SPEED) & (rate > AGREE * speed if name in LINEAR else True)
        if not columns[name].any() and np.count_nonzero(moves) >= FEWEST_WINDOWS:
            zeros.append(name)
    return zeros


def _frame(where: str, first: Odometry, moved: _Moved, in_world: bool) -> list[Finding]:
    """In whose frame the linear twist is."""
    speed = np.linalg.norm(moved.pose_world, axis=1) / moved.seconds
    moving = np.maximum(speed, np.linalg.norm(moved.twist, axis=1) / moved.seconds) > LEAST_SPEED
    # A pose that stands is one that nobody fills in: it shows nothing.
    if np.count_nonzero(moving) < FEWEST_WINDOWS or np.median(speed[moving]) < LEAST_SPEED:
        return []
    speed, seconds = speed[moving], moved.seconds[moving]
    off_body, off_world = (
        np.linalg.norm(moved.pose_world - each, axis=1)[moving] / seconds for each in (moved.twist_turned, moved.twist)
    )
    # While it heads along the axes of the pose's frame, the two are one.
    fits_body, fits_world = off_body <= AGREE * speed, off_world <= AGREE * speed
    world_alone, body_alone = fits_world & ~fits_body, fits_body & ~fits_world
    wrong, right = (body_alone, world_alone) if in_world else (world_alone, body_alone)
    shown = int(np.count_nonzero(wrong))
    if shown >= FEWEST_WINDOWS and shown >= 4 * np.count_nonzero(right):
        apart = (
            f'at {np.median(speed[wrong]):.2f} m/s by the pose it is {np.median(off_body[wrong]):.2f} m/s off in the '
            f"robot's frame and {np.median(off_world[wrong]):.2f} m/s in that one"
        )
        text = (
            f'{where}: the twist must be in the frame of the robot (child_frame_id {first.child_frame!r}). '
            f'Got one in the frame of the pose, {first.frame!r}: {apart}. '
            'Mend the driver, record commands (Twist), or read it as it is with --command-frame world.'
        )
        if in_world:
            text = (
                f'{where}: with --command-frame world the twist must be in the frame of the pose, {first.frame!r}. Got '
                f'one in the frame of the robot: {apart.replace("in that one", "in that of the pose")}. '
                'Leave the flag out.'
            )
        return [Finding(text, refused=True)]
    off = off_world if in_world else off_body
    if np.median(off) <= DISAGREE * np.median(speed):
        return []
    told = np.linalg.norm(moved.twist, axis=1)[moving] / seconds
    text = (
        f'{where}: twist and pose disagree: {np.median(told):.2f} m/s by the twist, {np.median(speed):.2f} m/s by the '
        f'pose, {np.median(off):.2f} m/s apart. Units, or the direction of travel?'
    )
    return [Finding(text)]


def _turning(where: str, moved: _Moved) -> list[Finding]:
    by_pose, by_twist = moved.pose_yaw / moved.seconds, moved.twist_yaw / moved.seconds
    turning = np.maximum(np.abs(by_pose), np.abs(by_twist)) > LEAST_SPEED
    if np.count_nonzero(turning) < FEWEST_WINDOWS or np.median(np.abs(by_pose[turning])) < LEAST_SPEED:
        return []
    turned, told = (float(np.median(np.abs(each[turning]))) for each in (by_pose, by_twist))
    off = float(np.median(np.abs(by_pose - by_twist)[turning]))
    if off <= DISAGREE * turned:
        return []
    text = (
        f'{where}: twist and pose disagree: {told:.2f} rad/s by the twist, {turned:.2f} rad/s by the pose, '
        f'{off:.2f} rad/s apart. Units, or the direction of rotation?'
    )
    return [Finding(text)]
