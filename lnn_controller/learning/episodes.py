"""Which demonstrations are trained on, which validate, which test."""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lnn_controller.data.bags.reader import Bag, find_bags
from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.camera import camera_bits, camera_size, required
from lnn_controller.data.choice import choose_image
from lnn_controller.data.drops import explain_drops
from lnn_controller.data.episode import Episode
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.data.usable import counting_spans, usable_at_ns, usable_spans
from lnn_controller.errors import InputError
from lnn_controller.learning.checks import Recording, check_recordings, count_once, refuse
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.demonstrations import is_override, slice_by_time
from lnn_controller.learning.recordings import frame_size, read_recording
from lnn_controller.learning.side_cameras import side_episodes
from lnn_controller.policy.spec import ImageSpec

__all__ = ['Split', 'divide', 'load']

SHORTEST_S = 4.0
PIECES = 6
SHORTEST_PIECE_S = 1.0


@dataclass(frozen=True)
class Split:
    """
    Episodes by use.

    :param train: trained on
    :param validation: never trained on; early stopping and the choice of weights look at them
    :param test: with a single bag, the whole of it and the share at the end of its usable time that nothing has looked
        at
    :param digests: SHA-256 of each bag by name
    :param overrides_s: how long each section of override among them is, s
    :param notes: what was found in their content that a person should know
    :param recordings: what they are of
    """

    train: tuple[Episode, ...]
    validation: tuple[Episode, ...]
    test: tuple[Episode, float] | None
    digests: dict[str, str]
    overrides_s: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    recordings: tuple[Recording, ...] = ()

    @property
    def bags(self) -> dict[str, str]:
        """SHA-256 of each bag by its label."""
        return {self.label(name): digest for name, digest in self.digests.items()}

    def label(self, name: str) -> str:
        """
        Name a bag shortly.

        :param name: its path, as it was given
        :returns: the last part of it, or all of it where another bag has the same last part
        """
        last = Path(name).name
        return last if sum(Path(other).name == last for other in self.digests) == 1 else name

    @property
    def frames(self) -> int:
        """Camera frames to train on."""
        return sum(len(episode.images) for episode in self.train)

    def summary(self) -> list[str]:
        """Describe what was read, and every drop with its reason, a line for each use."""
        lines = []
        for use, episodes in (('training', self.train), ('validation', self.validation)):
            seconds = sum(episode.duration_s for episode in episodes)
            frames = sum(len(episode.images) for episode in episodes)
            imu = 'with IMU' if episodes[0].imu is not None else 'no IMU'
            lines.append(f'{use}: {len(episodes)} episode(s), {seconds:.0f} s, {frames} frames, {imu}')
        drops: Counter[str] = Counter()
        for episode in {episode.name: episode for episode in self.train + self.validation}.values():
            drops.update(episode.drops)
        if self.overrides_s:
            seconds, sections = sum(self.overrides_s), len(self.overrides_s)
            lines.append(
                f'where a policy drove, the overrides alone are learnt: {seconds:.1f} s in {sections} section(s)'
            )
        return lines + explain_drops(drops) + [f'warning: {note}' for note in self.notes]


def load(
    bags: Sequence[Path],
    config: TrainConfig,
    topics: Topics | None = None,
    *,
    bits: int | None = None,
    cache: FrameCache | None = None,
    progress: bool = False,
) -> tuple[ImageSpec, Split]:
    """
    Read the bags and divide them.

    With several bags, the last ones validate, whole. With one, the end of its usable time is kept for the test, and
    pieces of the rest validate. Of a bag in which an operator overrode a policy, each section of override counts as a
    bag here, and so does of a bag with marks each episode that they keep.

    :param bags: at least one; a folder of bags stands for all of them
    :param config: frame size, channels, IMU, shares
    :param topics: names of the topics where they cannot be found by type
    :param bits: that a 16-bit camera uses, where a policy is there already; ``None``: as the bags' frames do
    :param cache: of frames of bags that were read before; ``None``: they are decoded, and kept for this run alone
    :param progress: show a progress bar
    :returns: the network's frame, and the episodes by use
    :raises InputError: if a bag cannot be read, is too short, lacks an IMU that ``imu: yes`` asks for, or holds what
        cannot be learnt (see :mod:`.checks`)
    """
    bags = [bag for path in bags for bag in find_bags(path)]
    if not bags:
        raise InputError('training needs at least one bag. Got none')
    topics = topics or Topics()
    height, width = camera_size(bags[0], topics)
    used, announced = _look(bags, topics)
    bits = bits or used
    image = dataclasses.replace(frame_size(height, width, config), bits=bits)
    with tqdm(total=announced, desc='read', unit='frame', disable=None if progress else True) as bar:
        recordings, notes = _read(bags, image, config, topics, cache, bar.update)
    if used < ImageSpec.bits:
        notes = (f'the pictures of 16 bits use {used} of them: {2**bits - 1} is white, here and when driving', *notes)
    split = _split(recordings, notes, config)
    if not config.side_cameras:
        return image, split
    sides = side_episodes(split.train, image, config, topics, cache=cache)
    return image, dataclasses.replace(split, train=(*split.train, *sides))


def _split(recordings: tuple[Recording, ...], notes: tuple[str, ...], config: TrainConfig) -> Split:
    """Divide the recordings by use, as :func:`load` tells."""
    episodes = [episode for recording in recordings for episode in recording.episodes]
    if config.imu == 'auto' and any(episode.imu is None for episode in episodes):
        episodes = [dataclasses.replace(episode, imu=None) for episode in episodes]
    for recording in recordings:
        if not is_override(recording.episodes[0]):
            _long_enough(sum(each.duration_s for each in recording.episodes), f'{recording.name}: a demonstration')
    # Of a bag that fell into several, by overrides or marks.
    parts = [len(each.episodes) > 1 or is_override(each.episodes[0]) for each in recordings for _ in each.episodes]
    overrides_s = tuple(episode.duration_s for episode in episodes if is_override(episode))
    _long_enough(sum(episode.duration_s for episode in episodes), f'{episodes[0].name}: an override, or several,')
    digests = {episode.name: episode.sha256 for episode in episodes}
    if len(episodes) == 1:
        whole = episodes[0]
        train, validation = divide(whole, config)
        test = (whole, config.test_fraction) if config.test_fraction else None
        return Split(train, validation, test, digests, overrides_s, notes, recordings)
    kept = max(1, math.floor(len(episodes) * config.validation_fraction))
    least_s = sum(episode.duration_s for episode in episodes) * config.validation_fraction / 2
    # Sections of override and marked episodes are of unequal length: a second or two at the end is no fair sample.
    while (
        parts[-kept] and sum(episode.duration_s for episode in episodes[-kept:]) < least_s and kept < len(episodes) - 1
    ):
        kept += 1
    return Split(tuple(episodes[:-kept]), tuple(episodes[-kept:]), None, digests, overrides_s, notes, recordings)


def _look(bags: Sequence[Path], topics: Topics) -> tuple[int, int]:
    """How many bits the cameras use, and how many pictures the bags announce."""
    used, announced = 0, 0
    for path in bags:
        with Bag(path) as bag:
            used = max(used, camera_bits(bag, topics))
            announced += required(bag, 'image', choose_image(bag, topics.image)[0]).count
    return used, announced


def _read(
    bags: Sequence[Path],
    image: ImageSpec,
    config: TrainConfig,
    topics: Topics,
    cache: FrameCache | None,
    progress: Callable[[int], Any],
) -> tuple[tuple[Recording, ...], tuple[str, ...]]:
    """The bags, each recording once, and what was found in them that a person should know."""
    recordings, findings = [], []
    for bag in bags:
        recording, found = read_recording(bag, image, config, topics, cache=cache, progress=progress)
        recordings.append(recording)
        findings += found
    recordings, twice = count_once(recordings)
    notes = refuse([*findings, *twice])
    return tuple(recordings), (*notes, *refuse(check_recordings(recordings)))


def _long_enough(seconds: float, what: str) -> None:
    if seconds < SHORTEST_S:
        raise InputError(f'{what} must last at least {SHORTEST_S:.0f} s. Got {seconds:.1f} s')


def divide(whole: Episode, config: TrainConfig) -> tuple[tuple[Episode, ...], tuple[Episode, ...]]:
    """
    Divide the first part of one recording into pieces to train on and pieces to validate on, in turn.

    One piece at the end would validate on a single bend or a single straight; pieces from everywhere are a fairer
    sample of the road, at the price of sharing their edges with the training.

    :param whole: the recording; what lies in its pauses is in no piece
    :param config: shares that are kept for the test and for validation
    :returns: pieces to train on, and to validate on
    :raises InputError: if too little of it can be learnt
    """
    spans, usable_s = counting_spans(whole), sum(high - low for low, high in usable_spans(whole)) * 1e-9
    _long_enough(usable_s, f'{whole.name}: what can be learnt of it, with frames and commands,')
    end, fraction = 1 - config.test_fraction, config.validation_fraction
    pieces = max(1, min(PIECES, int(usable_s * end * fraction / SHORTEST_PIECE_S)))

    def piece(start: float, stop: float) -> Episode:
        return slice_by_time(whole, usable_at_ns(spans, start), usable_at_ns(spans, stop))

    train, validation = [], []
    for i in range(pieces):
        low, high = end * i / pieces, end * (i + 1) / pieces
        middle = high - (high - low) * fraction
        train.append(piece(low, middle))
        validation.append(piece(middle, high))
    return tuple(train), tuple(validation)
