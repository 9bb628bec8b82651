"""The episodes of a data set, each written as a bag."""

import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.importers.drive import COMMAND_TOPIC, IMAGE_TOPIC, picture_message
from lnn_controller.data.importers.lerobot import Dataset, Episode, Term
from lnn_controller.data.messages.build import twist_stamped_message
from lnn_controller.data.messages.types import COMPRESSED_IMAGE, TWIST_STAMPED
from lnn_controller.errors import InputError

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
    out = Path(out)
    if out.exists():
        raise InputError(f'{out} exists already: name a new folder, or remove that one')
    about = {**about, 'camera': dataset.camera, 'version': str(dataset.info['codebase_version'])}
    about |= {channel: f'{term.name} x {term.factor:.6g}' for channel, term in terms.items()}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=out.parent, prefix=f'.{out.name}.'))
    except OSError as error:
        raise InputError(f'{out.parent} must be a folder that can be written. Got: {error.strerror}') from None
    try:
        frames = [
            _write(part / f'episode_{episode.number:06d}', dataset, episode, terms, about)
            for episode in dataset.episodes()
        ]
        part.chmod(0o755)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return frames


def _write(
    bag_path: Path, dataset: Dataset, episode: Episode, terms: Mapping[str, Term], about: Mapping[str, str]
) -> int:
    names = dataset.action_names
    values = {channel: episode.actions[:, names.index(term.name)] * term.factor for channel, term in terms.items()}
    zeros = np.zeros(len(episode.stamps_s))
    linear = np.stack([values.get(f'linear_{axis}', zeros) for axis in 'xyz'], axis=1)
    turn = values.get('angular_z', zeros)
    with BagWriter(bag_path, custom_data={**about, 'episode': str(episode.number)}) as bag:
        bag.add_topic(IMAGE_TOPIC, COMPRESSED_IMAGE)
        bag.add_topic(COMMAND_TOPIC, TWIST_STAMPED)
        for row, data in enumerate(dataset.pictures(episode)):
            stamp_ns = math.floor((START_S + episode.stamps_s[row]) * 1e9)
            command = twist_stamped_message(stamp_ns, linear=tuple(linear[row]), angular=(0.0, 0.0, turn[row]))
            where = f'{dataset.path}, episode {episode.number}, frame {row}'
            bag.write(IMAGE_TOPIC, stamp_ns, picture_message(command.header, data, where))
            bag.write(COMMAND_TOPIC, stamp_ns, command)
    return len(episode.stamps_s)
