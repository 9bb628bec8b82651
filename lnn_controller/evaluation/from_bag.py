"""A trial out of the bag that was recorded during it."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data import Bag, decode_image, topic_names
from lnn_controller.data.messages.cdr import stamp_from_cdr
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import CONTROLLER_NODE, DIAGNOSTICS, SIMULATOR_NODE, resolve
from lnn_controller.errors import InputError
from lnn_controller.evaluation.trial import Trial
from lnn_controller.metrics.lane import lane_figures
from lnn_controller.metrics.statistics import percentiles
from lnn_controller.metrics.success import flight_figures, outcome_figures
from lnn_controller.sim import Track, find_robot
from lnn_controller.sim.tasks.lane import cross_track_errors

__all__ = ['AXES', 'read_frames', 'read_stamps', 'read_trial']

ODOMETRY, COMMAND, IMAGE = (resolve(name) for name in (topic_names.ODOMETRY, topic_names.COMMAND, topic_names.IMAGE))
NEURONS, TICKS = (resolve(name, CONTROLLER_NODE) for name in (topic_names.NEURONS, topic_names.TICKS))
DEPARTURES, REACHED, TARGET, OUTCOME = (
    resolve(name, SIMULATOR_NODE)
    for name in (topic_names.DEPARTURES, topic_names.REACHED, topic_names.TARGET, topic_names.OUTCOME)
)
AXES = [f'{part}_{axis}' for part in ('linear', 'angular') for axis in 'xyz']
STOPS = 'stop_'
_POSE = 7  # numbers
# Why a controller stops before a drive and at its end: no stops of the drive.
WAITING, ENDS = ('no_image', 'no_imu'), ('inactive', 'shutdown')

# When it was received, ns, and what is kept of the message: not the message itself, of which an hour would fill memory.
Row = tuple[int, Any]


class _Stamped(NamedTuple):
    """What is kept of an odometry (pose, then twist), a command (twist), a pose (place) or neurons (their states)."""

    stamp_ns: int
    values: tuple[float, ...]


class _Tick(NamedTuple):
    """What is kept of a tick."""

    stamp_ns: int
    reason: str
    latency_us: float


class _Span(NamedTuple):
    """When a trial was, both ends in it, and how it ended; empty: without an outcome."""

    start_ns: int
    end_ns: int
    outcome: str


def read_trial(
    bag: str | Path,
    *,
    policy: str,
    scene: str,
    seed: int,
    robot: str = 'car',
    task: str = 'lane',
    seconds: float = math.inf,
    wall_s: float = math.nan,
) -> Trial:
    """
    Read a simulated robot's trial from a recording of its topics.

    It begins with the first command to move and ends ``seconds`` later, or with its outcome, or with the controller's
    last command.

    :param bag: recorded by the recorder node, or by ``ros2 bag record``
    :param policy: name of the policy that drove
    :param scene: how the world looked
    :param seed: of the world
    :param robot: name of the robot
    :param task: what was asked of it
    :param seconds: what of it counts, s
    :param wall_s: how long it took in real time, s
    :returns: the trial; its figures are computed from the odometry's poses, which are ground truth
    :raises InputError: if the bag cannot be read, or has no odometry or no command to move; if robot, task or scene is
        unknown
    """
    rows = _read_rows(bag)
    entry = find_robot(robot)
    entry.find_task(task)
    entry.find_scene(scene)
    channels = entry.channels
    taken = [AXES.index(name) for name in channels]
    command_stamps = _stamps(rows[COMMAND])
    commands = _values(rows[COMMAND])[:, taken]
    moving = np.flatnonzero(np.any(commands != 0.0, axis=1))
    if not moving.size or not rows[ODOMETRY]:
        msg = f'bag {bag} must hold a drive: odometry and a command to move. Got only commands to stand still'
        raise InputError(msg)
    truth_stamps = _stamps(rows[ODOMETRY])
    span = _ended(rows[OUTCOME], truth_stamps, int(command_stamps[moving[0]]), int(command_stamps[-1]), seconds)
    start_ns, end_ns, outcome = span
    seen, sent = _inside(truth_stamps, start_ns, end_ns), _inside(command_stamps, start_ns, end_ns)
    truth = _values(rows[ODOMETRY])[seen]
    pose = truth[:, :_POSE]
    neuron_stamps, neurons = _neurons(rows[NEURONS], start_ns, end_ns)
    latency_us, stops = _ticks(rows, start_ns, end_ns)
    return Trial(
        policy=policy,
        robot=robot,
        task=task,
        scene=scene,
        seed=seed,
        channels=channels,
        stamp_ns=truth_stamps[seen],
        pose=pose,
        twist=truth[:, _POSE:],
        command_stamp_ns=command_stamps[sent],
        command=commands[sent],
        neuron_stamp_ns=neuron_stamps,
        neurons=neurons,
        target=_targets(rows[TARGET], truth_stamps[seen]),
        outcome=outcome,
        figures=_figures(rows, task, seed, pose, span),
        step_latency_us=latency_us,
        stops=stops,
        wall_s=wall_s,
    )


def read_frames(bag: str | Path, topic: str = IMAGE) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """
    Read the camera's pictures.

    :param bag: path of the bag
    :param topic: of its images
    :returns: header stamp (ns) and rgb8 picture (H, W, 3), in order of time
    :raises InputError: if the bag cannot be read or has no such topic, or a picture cannot be decoded
    """
    with Bag(bag) as opened:
        for message in opened.messages([opened.topic(topic).name]):
            picture = opened.deserialize(message)
            yield stamp_ns_of(picture), decode_image(picture)


def read_stamps(bag: str | Path, topic: str = IMAGE) -> NDArray[np.int64]:
    """
    Read the stamps of a topic's messages alone.

    :param bag: path of the bag
    :param topic: of messages with a header
    :returns: header stamps, in the order of the bag, (K,), ns
    :raises InputError: if the bag cannot be read or has no such topic, or a message is damaged
    """
    with Bag(bag) as opened:
        name = opened.topic(topic).name
        return np.array([stamp_from_cdr(message.data) for message in opened.messages([name])], np.int64)


def _read_rows(bag: str | Path) -> dict[str, list[Row]]:
    """Return what is kept of each topic's messages, with their receive stamps."""
    rows: dict[str, list[Row]] = {name: [] for name in _KEPT}
    with Bag(bag) as opened:
        for name in (ODOMETRY, COMMAND):
            opened.topic(name)
        # Diagnostics hold the same as the ticks, of the newest 1000 and as text.
        left_out = DIAGNOSTICS if TICKS in opened.topics else None
        for message in opened.messages([name for name in rows if name in opened.topics and name != left_out]):
            rows[message.topic].append((message.stamp_ns, _KEPT[message.topic](opened.deserialize(message))))
    return rows


def _stamps(rows: Sequence[Row]) -> NDArray[np.int64]:
    return np.array([row.stamp_ns for _, row in rows], np.int64)


def _values(rows: Sequence[Row]) -> NDArray[np.float64]:
    """The values of rows side by side, (N, D)."""
    return np.array([row.values for _, row in rows], np.float64).reshape(len(rows), -1 if rows else 6)


def _ended(
    outcomes: Sequence[Row], truth_stamps: NDArray[np.int64], start_ns: int, last_ns: int, seconds: float
) -> _Span:
    """Return when the trial was: until its first outcome, or the time is up, or nothing more was commanded."""
    end_ns = min(last_ns, start_ns + int(seconds * 1e9)) if math.isfinite(seconds) else last_ns
    if not outcomes:
        return _Span(start_ns, end_ns, '')
    # It was found at a moment of the ground truth, and recorded, by a clock that had not heard of it yet, just before.
    at_ns, outcome = outcomes[0]
    after = truth_stamps[truth_stamps >= at_ns]
    if after.size and start_ns <= after[0] <= end_ns:
        return _Span(start_ns, int(after[0]), outcome)
    return _Span(start_ns, end_ns, '')


def _figures(
    rows: Mapping[str, list[Row]], task: str, seed: int, pose: NDArray[np.float64], span: _Span
) -> Mapping[str, float | int]:
    counted = _counted(rows[DEPARTURES] or rows[REACHED], span.start_ns, span.end_ns)
    if task == 'lane':
        return lane_figures(cross_track_errors(Track(seed), pose), counted)
    if rows[REACHED]:
        return flight_figures(span.outcome, (span.end_ns - span.start_ns) / 1e9, counted)
    return outcome_figures(span.outcome, (span.end_ns - span.start_ns) / 1e9)


def _neurons(rows: Sequence[Row], start_ns: int, end_ns: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return stamps (N,) and states (N, neurons)."""
    stamps = _stamps(rows)
    inside = _inside(stamps, start_ns, end_ns)
    states = [row.values for (_, row), wanted in zip(rows, inside, strict=True) if wanted]
    return stamps[inside], np.array(states, np.float64).reshape(len(states), -1 if states else 0)


def _ticks(rows: Mapping[str, list[Row]], start_ns: int, end_ns: int) -> tuple[tuple[float, float], dict[str, int]]:
    """Return how long steps took (median, 99th percentile, µs) and the stops by reason."""
    if rows[TICKS]:
        ticks = [row for _, row in rows[TICKS] if start_ns <= row.stamp_ns <= end_ns]
        # What a tick took counts where the controller did not stop the robot.
        return percentiles([row.latency_us for row in ticks if not row.reason]), _stops(ticks)
    reported: dict[str, str] = next(
        (figures for at_ns, figures in reversed(rows[DIAGNOSTICS]) if figures and at_ns <= end_ns), {}
    )
    return _reported_latency_us(reported), _reported_stops(reported)


def _twist(twist: Any) -> tuple[float, ...]:
    linear, angular = twist.linear, twist.angular
    return linear.x, linear.y, linear.z, angular.x, angular.y, angular.z


def _pose(pose: Any) -> tuple[float, ...]:
    position, turn = pose.position, pose.orientation
    return position.x, position.y, position.z, turn.x, turn.y, turn.z, turn.w


def _odometry(message: Any) -> _Stamped:
    return _Stamped(stamp_ns_of(message), _pose(message.pose.pose) + _twist(message.twist.twist))


def _tick(message: Any) -> _Tick:
    latency_us = message.position[list(message.name).index('latency_us')]
    return _Tick(stamp_ns_of(message), message.header.frame_id, float(latency_us))


def _targets(rows: Sequence[Row], stamps_ns: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return where the target was at each stamp, as last recorded by then."""
    if not rows:
        return None
    newest = np.searchsorted(_stamps(rows), stamps_ns, side='right') - 1
    return _values(rows)[np.maximum(newest, 0)]


def _counted(rows: Sequence[Row], start_ns: int, end_ns: int) -> int:
    """Return how far a count rose."""
    within = [count for stamp_ns, count in rows if stamp_ns <= end_ns]
    before = [count for stamp_ns, count in rows if stamp_ns < start_ns]
    return int(max(within, default=0) - max(before, default=0))


def _inside(stamps_ns: NDArray[np.int64], start_ns: int, end_ns: int) -> NDArray[np.bool_]:
    return np.asarray((stamps_ns >= start_ns) & (stamps_ns <= end_ns))


def _stops(ticks: Sequence[_Tick]) -> dict[str, int]:
    """Count the stretches of ticks that were stopped for one reason."""
    reasons = [row.reason for row in ticks]
    begun = [reason for before, reason in pairwise(['', *reasons]) if reason and reason != before]
    return dict(Counter(reason for reason in begun if reason not in ENDS))


def _controller_figures(message: Any) -> dict[str, str]:
    """Return the figures of the controller's diagnostics, for a recording without its ticks."""
    for status in message.status:
        if status.name.rpartition('/')[2].startswith(CONTROLLER_NODE):
            return {item.key: item.value for item in status.values}
    return {}


def _reported_latency_us(figures: Mapping[str, str]) -> tuple[float, float]:
    return float(figures.get('step_latency_p50_us', 'nan')), float(figures.get('step_latency_p99_us', 'nan'))


def _reported_stops(figures: Mapping[str, str]) -> dict[str, int]:
    stops = {key.removeprefix(STOPS): int(value) for key, value in figures.items() if key.startswith(STOPS)}
    counted = {reason: count - (reason in WAITING) for reason, count in stops.items()}
    return {reason: count for reason, count in counted.items() if count > 0}


_KEPT: dict[str, Callable[[Any], Any]] = {
    ODOMETRY: _odometry,
    COMMAND: lambda message: _Stamped(stamp_ns_of(message), _twist(message.twist)),
    NEURONS: lambda message: _Stamped(stamp_ns_of(message), message.position),
    DEPARTURES: lambda message: message.data,
    REACHED: lambda message: message.data,
    TARGET: lambda message: _Stamped(stamp_ns_of(message), _pose(message.pose)[:3]),
    OUTCOME: lambda message: message.data,
    TICKS: _tick,
    DIAGNOSTICS: _controller_figures,
}
