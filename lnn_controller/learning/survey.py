"""What training would make of a bag: read, checked and counted by what training itself uses."""

import dataclasses
from pathlib import Path

import numpy as np

from lnn_controller.data.align import align
from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.camera import camera_bits, camera_size
from lnn_controller.data.drops import explain_drops
from lnn_controller.data.survey import BagSurvey, Learnt, survey_bag
from lnn_controller.data.usable import SPAN_RATE_HZ, usable_spans
from lnn_controller.errors import InputError
from lnn_controller.learning.checks import Recording, check_recordings, refuse
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.recordings import frame_size, read_recording

__all__ = ['survey']

THUMBNAILS = 12


def survey(path: str | Path, config: TrainConfig, topics: Topics | None = None) -> BagSurvey:
    """
    Look through a bag, and read it as training would.

    :param path: the bag
    :param config: channels, IMU, how long a command holds, how its velocities are read
    :param topics: names of the topics where they cannot be found by type
    :returns: what is in it; where training would refuse it, with the reason
    :raises InputError: if nothing of it can be read
    """
    found = survey_bag(path)
    try:
        learnt = _read(Path(path), config, topics or Topics())
    except InputError as error:
        return dataclasses.replace(found, refused=str(error))
    return dataclasses.replace(found, learnt=learnt, refused=learnt.refused)


def _read(path: Path, config: TrainConfig, topics: Topics) -> Learnt:
    camera = camera_size(path, topics)
    image = dataclasses.replace(frame_size(*camera, config), bits=camera_bits(path, topics))
    recording, findings = read_recording(path, image, config, topics)
    findings = [*findings, *check_recordings([recording])]
    refused = ''
    try:
        notes = refuse(findings)
    except InputError as error:
        refused, notes = str(error), [finding.text for finding in findings if not finding.refused]
    first = recording.episodes[0]
    spans, drops = _spans(recording)
    thumbnails, when_ns = _thumbnails(recording)
    first_ns = min(int(each.image_stamps_ns[0]) for each in recording.episodes)
    return Learnt(
        topics=first.topics,
        clock=first.clock,
        camera=camera,
        first_ns=first_ns,
        last_ns=max(int(each.image_stamps_ns[-1]) for each in recording.episodes),
        spans=spans,
        channels=first.channels,
        commands=recording.commands,
        thumbnails=thumbnails,
        thumbnail_s=[(stamp - first_ns) * 1e-9 for stamp in when_ns],
        drops=[*explain_drops(first.drops), *explain_drops(drops)],
        notes=notes,
        refused=refused,
    )


def _spans(recording: Recording) -> tuple[list[tuple[int, int]], dict[str, int]]:
    """What can be learnt, and the control ticks (at 50 Hz) that cannot, by reason."""
    spans: list[tuple[int, int]] = []
    drops: dict[str, int] = {}
    for episode in recording.episodes:
        spans += usable_spans(episode)
        for reason, count in align(episode, rate_hz=SPAN_RATE_HZ).drops.items():
            drops[reason] = drops.get(reason, 0) + count
    return spans, drops


def _thumbnails(recording: Recording) -> tuple[np.ndarray, list[int]]:
    """Frames from everywhere in the recording, and their stamps."""
    counts = [len(each.images) for each in recording.episodes]
    chosen = np.unique(np.linspace(0, sum(counts) - 1, min(THUMBNAILS, sum(counts))).astype(int))
    begins = np.cumsum([0, *counts])
    images, stamps = [], []
    for index in chosen:
        number = int(np.searchsorted(begins, index, side='right')) - 1
        images.append(np.array(recording.episodes[number].images[index - begins[number]]))
        stamps.append(int(recording.episodes[number].image_stamps_ns[index - begins[number]]))
    return np.stack(images), stamps
