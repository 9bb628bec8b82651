"""What cameras to the left and right of the driving one saw, with the command that would lead back from there."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.episode import Episode, read_episode
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.demonstrations import slice_by_time
from lnn_controller.learning.viewpoint import shortest_way, turn_back
from lnn_controller.policy.spec import ImageSpec

__all__ = ['side_episodes']


def side_episodes(
    train: Sequence[Episode],
    image: ImageSpec,
    config: TrainConfig,
    topics: Topics,
    *,
    cache: FrameCache | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Episode, ...]:
    """
    Read demonstrations anew as side cameras saw them, as Bojarski et al. (2016) did: who stands there must come back.

    :param train: the demonstrations, as the driving camera saw them
    :param image: frame that the encoder takes
    :param config: with ``side_cameras`` and their ``side_offset``
    :param topics: names of the other topics
    :param cache: as of :func:`.episode.read_episode`
    :param progress: likewise
    :returns: an episode for each and each side that saw something of it
    :raises InputError: if a bag lacks such a topic, or its pictures are stamped by another clock
    """
    found = []
    for name in dict.fromkeys(episode.name for episode in train):
        parts = [episode for episode in train if episode.name == name]
        for topic, left_m in zip(config.side_cameras, (config.side_offset, -config.side_offset), strict=True):
            seen = read_episode(
                Path(name),
                image=image,
                channels=config.outputs,
                use_imu=False,
                topics=dataclasses.replace(topics, image=topic, command=parts[0].topics['command']),
                wheelbase_m=config.wheelbase or None,
                command_frame=config.command_frame,
                cache=cache,
                progress=progress,
            )
            if seen.clock != parts[0].clock:
                raise InputError(
                    f"{name}: a side camera's pictures must be stamped by the clock of the others. Got {seen.clock} "
                    f'stamps of {topic}, {parts[0].clock} stamps of {parts[0].topics["image"]}'
                )
            found += [_aside(part, seen, left_m, config) for part in parts]
    return tuple(episode for episode in found if len(episode.images) > 1)


def _aside(part: Episode, seen: Episode, left_m: float, config: TrainConfig) -> Episode:
    speed, turn = (config.outputs.index(name) for name in ('linear_x', 'angular_z'))
    pictures = slice_by_time(seen, part.image_stamps_ns[0], part.image_stamps_ns[-1])
    commands = part.commands.copy()
    way_back = config.recovery_s, shortest_way(config.side_offset)
    commands[:, turn] += [turn_back(each, left_m, 0.0, *way_back) for each in commands[:, speed].tolist()]
    return dataclasses.replace(
        part,
        images=pictures.images,
        image_stamps_ns=pictures.image_stamps_ns,
        commands=commands.astype(np.float32),
        topics={**part.topics, 'image': seen.topics['image']},
    )
