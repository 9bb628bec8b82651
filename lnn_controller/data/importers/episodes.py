"""The episodes of a data set, each written as a bag."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lnn_controller.data.bags.new_folder import new_folder
from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.importers.drive import (
    COMMAND_TOPIC,
    IMAGE_TOPIC,
    check_stamp,
    command_message,
    picture_message,
)
from lnn_controller.data.importers.lerobot import Dataset, Episode, Term
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, TWIST_STAMPED

__all__ = ['write_episodes']

START_S = 1.0  # no episode says at what time of day it was, and a stamp of 0 is none


def write_episodes(out: str | Path, dataset: Dataset, terms: Mapping[str, Term], about: Mapping[str, str]) -> list[int]:
    """
    Write a bag for each episode: pictures as CompressedImage, the velocities of its action as TwistStamped.

    :param out: new folder of the bags
    :param dataset: the data set
    :param terms: what of the action is a channel of the command
    :param about: where it is from, for the bags' metadata
    :returns: frames of each
    :raises InputError: if an episode is damaged, or the folder exists or cannot be written; nothing is left behind then
    """
    about = {**about, 'camera': dataset.camera, 'version': str(dataset.info['codebase_version'])}
    about |= {channel: f'{term.name} x {term.factor:.6g}' for channel, term in terms.items()}
    with new_folder(Path(out)) as folder:
        folder.mkdir()
        return [
            _write(folder / f'episode_{episode.number:06d}', dataset, episode, terms, about)
            for episode in dataset.episodes()
        ]


def _write(
    bag_path: Path, dataset: Dataset, episode: Episode, terms: Mapping[str, Term], about: Mapping[str, str]
) -> int:
    names = dataset.action_names
    check_stamp(f'{dataset.path}, episode {episode.number}', (START_S + float(episode.stamps_s[-1])) * 1e9)
    with np.errstate(over='ignore'):  # command_message refuses what is not finite
        values = {channel: episode.actions[:, names.index(term.name)] * term.factor for channel, term in terms.items()}
    zeros = np.zeros(len(episode.stamps_s))
    linear = np.stack([values.get(f'linear_{axis}', zeros) for axis in 'xyz'], axis=1)
    turn = values.get('angular_z', zeros)
    with BagWriter(bag_path, custom_data={**about, 'episode': str(episode.number)}) as bag:
        bag.add_topic(IMAGE_TOPIC, COMPRESSED_IMAGE)
        bag.add_topic(COMMAND_TOPIC, TWIST_STAMPED)
        for row, data in enumerate(dataset.pictures(episode)):
            stamp_ns = math.floor((START_S + episode.stamps_s[row]) * 1e9)
            where = f'{dataset.path}, episode {episode.number}, frame {row}'
            command = command_message(stamp_ns, linear[row], turn[row], where)
            bag.write(IMAGE_TOPIC, stamp_ns, picture_message(command.header, data, where))
            bag.write(COMMAND_TOPIC, stamp_ns, command)
    return len(episode.stamps_s)
