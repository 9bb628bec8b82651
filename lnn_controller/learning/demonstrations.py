"""
What of a bag is a demonstration: all of it or, where it has marks, the episodes that they keep.

Where a policy drove, the sections in which it was overridden.
"""

import dataclasses
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.data.align import latest_index
from lnn_controller.data.bags.reader import Bag
from lnn_controller.data.bags.topics import Topics, find_override, last_name
from lnn_controller.data.drops import explain_drops
from lnn_controller.data.episode import Episode, read_episode
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.data.marks import stretches
from lnn_controller.data.stamps import is_bridged
from lnn_controller.data.topic_names import OVERRIDE
from lnn_controller.data.usable import usable_spans
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

__all__ = ['is_override', 'read_demonstrations', 'slice_by_time']

SHORTEST_SECTION_S = 1.0


def slice_by_time(episode: Episode, low_ns: float, high_ns: float) -> Episode:
    """
    Slice an episode by time.

    :param episode: the whole
    :param low_ns: first stamp, ns
    :param high_ns: last stamp, ns
    :returns: what lies between them, both included
    """

    def inside(stamps: np.ndarray) -> slice:
        return slice(bisect_left(stamps, low_ns), bisect_right(stamps, high_ns))  # views: a mask would copy the frames

    frames = inside(episode.image_stamps_ns)
    commands, command_stamps_ns = _commands_between(episode, low_ns, high_ns)
    imu: dict[str, Any] = {}
    if episode.imu is not None and episode.imu_stamps_ns is not None:
        kept = inside(episode.imu_stamps_ns)
        imu = {'imu': episode.imu[kept], 'imu_stamps_ns': episode.imu_stamps_ns[kept]}
    return dataclasses.replace(
        episode,
        images=episode.images[frames],
        image_stamps_ns=episode.image_stamps_ns[frames],
        commands=commands,
        command_stamps_ns=command_stamps_ns,
        **imu,
    )


def _commands_between(episode: Episode, low_ns: float, high_ns: float) -> tuple[np.ndarray, np.ndarray]:
    """A stretch's commands and stamps; with what is held at its edges, where the next is long in coming."""
    stamps = episode.command_stamps_ns

    def held(at_ns: float) -> list[int]:
        newest = latest_index(stamps, [at_ns])
        fresh = newest[0] >= 0 and 0 < at_ns - stamps[newest[0]] <= episode.command_hold_s * 1e9
        return newest.tolist() if fresh and not is_bridged(stamps, newest, episode.command_hold_s)[0] else []

    inside = np.flatnonzero((stamps >= low_ns) & (stamps <= high_ns)).tolist()
    # After the recording's last command nobody drives any more.
    at_end = [index for index in held(high_ns) if index < len(stamps) - 1]
    kept = [*held(low_ns), *inside]
    ends = np.full(len(at_end), high_ns, np.int64)
    return episode.commands[[*kept, *at_end]], np.concatenate([stamps[kept], ends])


def is_override(episode: Episode) -> bool:
    """
    Return whether an episode's commands are an operator's overrides.

    :param episode: a bag's
    :returns: whether it is one section of a bag in which a policy drove
    """
    return last_name(episode.topics['command']) == OVERRIDE


def read_demonstrations(
    path: Path,
    *,
    image: ImageSpec,
    channels: Sequence[str],
    use_imu: bool | None,
    topics: Topics,
    hold_s: float,
    wheelbase_m: float | None = None,
    command_frame: str = 'auto',
    cache: FrameCache | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Episode]:
    """
    Read a bag's demonstrations.

    Where a controller drove, ``cmd_vel`` is the policy's own and teaches it nothing. Then the operator's commands are
    learnt, and each section of override is an episode of its own. (DAgger's idea, with the operator for the expert who
    corrects what the policy runs into: Ross, Gordon and Bagnell, AISTATS 2011; only where they intervene, as in
    HG-DAgger, Kelly et al., ICRA 2019.)

    :param path: the bag
    :param image: frame that the encoder takes
    :param channels: command channels wanted
    :param use_imu: whether to read the IMU; none: if the bag has one
    :param topics: names of topics; a command topic that is named is learnt, whosever commands it holds
    :param hold_s: how long a command holds where no new one comes, s
    :param wheelbase_m: from axle to axle, m, where commands steer by an angle
    :param command_frame: frame of their velocities, as of :class:`.commands.CommandReader`
    :param cache: of frames, as of :func:`.episode.read_episode`
    :param progress: likewise
    :returns: one episode, or one for each that its marks keep, or for each section of override
    :raises InputError: if the bag cannot be read, a policy drove and nobody overrode it, all overrides are too short,
        or its marks keep nothing
    """
    with Bag(path) as bag:
        if topics.command is None:
            override = find_override(bag.topics.values(), bag=str(bag.path))
            topics = dataclasses.replace(topics, command=override.name if override else None)
        episode = read_episode(
            bag,
            image=image,
            channels=channels,
            use_imu=use_imu,
            topics=topics,
            wheelbase_m=wheelbase_m,
            command_frame=command_frame,
            cache=cache,
            progress=progress,
        )
        episode = dataclasses.replace(episode, command_hold_s=hold_s, sha256=bag.sha256())
    kept = _kept(episode) if episode.marks else [episode]
    return _sections(kept) if is_override(episode) else kept


def _kept(episode: Episode) -> list[Episode]:
    """The episodes that a recording's marks keep, with the frames of the rest counted."""
    stamps_ns = episode.image_stamps_ns
    drops, kept = Counter(episode.drops), []
    for low, high, reason in stretches(episode.marks, int(stamps_ns[0]), int(stamps_ns[-1])):
        if not reason and high - low < SHORTEST_SECTION_S * 1e9:
            reason = 'image_episode_too_short'
        if reason:
            drops[reason] += int(np.count_nonzero((stamps_ns >= low) & (stamps_ns <= high)))
        else:
            kept.append(slice_by_time(episode, low, high))
    left_out = {reason: count for reason, count in drops.items() if count}
    if not kept:
        raise InputError(
            f'{episode.name}: its marks must keep an episode of at least {SHORTEST_SECTION_S:g} s. '
            f'Got none: {"; ".join(explain_drops(left_out))}'
        )
    return [dataclasses.replace(each, drops=left_out) for each in kept]


def _sections(episodes: Sequence[Episode]) -> list[Episode]:
    sections, longest_s = [], 0.0
    for episode in episodes:
        for low, high in usable_spans(episode):
            stamps = episode.command_stamps_ns
            # A span outlasts the operator's last command by the time that it holds: they had let go by then.
            end = int(stamps[(stamps >= low) & (stamps <= high)].max(initial=low))
            longest_s = max(longest_s, (end - low) * 1e-9)
            if end - low >= SHORTEST_SECTION_S * 1e9:
                sections.append(slice_by_time(episode, low, end))
    if not sections:
        raise InputError(
            f'{episodes[0].name}: an override must last at least {SHORTEST_SECTION_S:g} s to be learnt. '
            f'Got {longest_s:.1f} s at most'
        )
    return sections
