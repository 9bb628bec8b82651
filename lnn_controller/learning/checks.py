"""What of recordings cannot be learnt from, or should be known before it is: looked at before any training."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.episode import Episode
from lnn_controller.data.repeats import repeated_pictures_s, repeated_samples_s
from lnn_controller.errors import InputError
from lnn_controller.learning.demonstrations import is_override

__all__ = ['Finding', 'Recording', 'check_alike', 'check_recordings', 'count_once', 'refuse', 'shared_frames']

# Nothing that drives is slower, m/s or rad/s; an odometry of a robot at rest is not quite still.
STANDS, STANDS_MEASURED = 1e-3, 0.02
MOSTLY = 0.5
# So many different values of so many commands are those of keys: a stick has more.
FEW_VALUES, MANY_COMMANDS = 5, 100
LEAST_GRAVITY_M_S2 = 5.0
# Two lenses' calibrations, or a row cut off, differ by less.
SAME_ASPECT = 0.02
# Of the frames at the same times, where two bags hold one recording: all, but for what an image decoder changes.
SAME_PICTURES = 0.9
LOOKED_AT = 16
IMAGE_TIMEOUT_S = 0.2  # the controller's, unless it is told otherwise


class Finding(NamedTuple):
    """
    Something about a recording, or several, that a person should know.

    :param text: what it is and what to do about it, in a sentence or two
    :param refused: whether nothing can be learnt as long as it is so
    """

    text: str
    refused: bool = False


class Recording(NamedTuple):
    """
    A bag as it was read.

    :param episodes: its demonstrations, at least one
    :param camera: height and width of its camera's frames, px
    :param measured: whether its commands are what an odometry measured
    """

    episodes: Sequence[Episode]
    camera: tuple[int, int]
    measured: bool = False

    @property
    def name(self) -> str:
        """The bag's path, as it was given."""
        return self.episodes[0].name

    @property
    def standing(self) -> NDArray[np.bool_]:
        """Which commands do not move the robot, (K,)."""
        least = STANDS_MEASURED if self.measured else STANDS
        return np.asarray((np.abs(self.commands) < least).all(axis=1))

    @property
    def commands(self) -> NDArray[np.float32]:
        """All commands, (K, C)."""
        return np.concatenate([episode.commands for episode in self.episodes])


def refuse(findings: Sequence[Finding]) -> list[str]:
    """
    End here if anything is refused.

    :param findings: all that was found
    :returns: the rest, a line each
    :raises InputError: with all that is refused
    """
    if refused := [finding.text for finding in findings if finding.refused]:
        raise InputError(' '.join(refused))
    return [finding.text for finding in findings]


def check_recordings(recordings: Sequence[Recording]) -> list[Finding]:
    """
    Look through recordings that are to be learnt together.

    :param recordings: at least one
    :returns: what was found
    """
    findings = [Finding(note) for recording in recordings for note in recording.episodes[0].notes]
    for recording in recordings:
        findings += [*_gaps(recording), *_imu(recording), *_camera(recording), *_keys(recording)]
    return [*findings, *_robots(recordings), *_still(recordings), *_imu_missing(recordings), *check_alike(recordings)]


def count_once(recordings: Sequence[Recording]) -> tuple[list[Recording], list[Finding]]:
    """
    Leave out what is there twice: it would validate on what it was trained on.

    :param recordings: at least one
    :returns: each recording once; what was left out, and what is refused: recordings that share a part
    """
    kept: list[Recording] = []
    findings = []
    for recording in recordings:
        frames = sum(len(episode.images) for episode in recording.episodes)
        shared = [(shared_frames(recording, other), other) for other in kept]
        count, other = max(shared, key=lambda pair: pair[0], default=(0, recording))
        if count >= SAME_PICTURES * frames:
            findings.append(Finding(f'{recording.name} holds the same recording as {other.name}: counted once'))
            continue
        kept.append(recording)
        if count:
            text = (
                f'{recording.name} and {other.name} must be different recordings. '
                f'Got {count} frames that are in both: leave one of the two out.'
            )
            findings.append(Finding(text, refused=True))
    return kept, findings


def shared_frames(one: Recording, other: Recording) -> int:
    """
    Count what two recordings have in common.

    :param one: a recording
    :param other: another
    :returns: frames of the one with the same stamp and picture as in the other; all, if their files are the same
    """
    if one.episodes[0].sha256 == other.episodes[0].sha256:
        return sum(len(episode.images) for episode in one.episodes)
    return sum(_equal_frames(a, b) for a in one.episodes for b in other.episodes)


def _equal_frames(a: Episode, b: Episode) -> int:
    _, in_a, in_b = np.intersect1d(a.image_stamps_ns, b.image_stamps_ns, assume_unique=True, return_indices=True)
    # Simulated drives have the same times, with other pictures: a few of them tell.
    few = np.unique(np.linspace(0, len(in_a) - 1, min(LOOKED_AT, len(in_a))).astype(int))
    if not any(np.array_equal(a.images[in_a[i]], b.images[in_b[i]]) for i in few):
        return 0
    equal = sum(np.array_equal(a.images[i], b.images[j]) for i, j in zip(in_a, in_b, strict=True))
    # And a robot that waits at one place sees one picture in each of its drives.
    return equal if equal >= SAME_PICTURES * len(in_a) else 0


def _gaps(recording: Recording) -> list[Finding]:
    """Commands so far apart that between most of them there is none."""
    episode = recording.episodes[0]
    gaps_s = np.concatenate([np.diff(each.command_stamps_ns) for each in recording.episodes]) * 1e-9
    if is_override(episode) or not len(gaps_s) or np.median(gaps_s) <= episode.command_hold_s:
        return []
    long_s = math.ceil(np.percentile(gaps_s, 95))
    text = (
        f'{recording.name}: commands come every {np.median(gaps_s):.1f} s, and each holds '
        f'{episode.command_hold_s:g} s, as with a base that stops where no new one comes. If yours holds the last '
        f'one, say for how long: --command-hold-s {long_s}, for example.'
    )
    return [Finding(text, refused=True)]


def _imu(recording: Recording) -> list[Finding]:
    samples = [episode.imu for episode in recording.episodes if episode.imu is not None]
    if not samples:
        return []
    imu = np.concatenate(samples)
    advice = 'Train with --imu no, unless the robot is to drive with the same.'
    if not imu.any():
        return [Finding(f'{recording.name}: the IMU is zero throughout, as one that does not measure. {advice}')]
    if not imu[:, 3:].any():
        text = 'the accelerometer is zero throughout, where one at rest measures 9.81 m/s²'
        return [Finding(f'{recording.name}: {text}. {advice}')]
    if len(imu) > 1 and not np.ptp(imu, axis=0).any():
        return [Finding(f'{recording.name}: the IMU gives the very same sample throughout: it is stuck. {advice}')]
    mean_m_s2 = float(np.linalg.norm(imu[:, 3:], axis=1).mean())
    if mean_m_s2 < LEAST_GRAVITY_M_S2:
        text = f'the accelerometer measures {mean_m_s2:.2g} on average, where one at rest measures 9.81 m/s²'
        return [Finding(f'{recording.name}: {text}: is it in g, or was gravity taken out? Drive with the same.')]
    seconds = sum(repeated_samples_s(episode) for episode in recording.episodes)
    return _hangs(recording, 'the IMU gives the very same sample', seconds)


def _camera(recording: Recording) -> list[Finding]:
    gaps_s = np.concatenate([np.diff(each.image_stamps_ns) for each in recording.episodes]) * 1e-9
    if len(gaps_s) and np.median(gaps_s) > IMAGE_TIMEOUT_S:
        text = (
            f'{recording.name}: pictures come every {np.median(gaps_s):.2g} s, and where none has come for '
            f'{IMAGE_TIMEOUT_S:g} s (image_timeout_s) the controller stops: it does not drive by such a camera'
        )
        return [Finding(text)]
    seconds = sum(repeated_pictures_s(episode) for episode in recording.episodes)
    return _hangs(recording, 'the camera shows nothing but pictures that it had shown before', seconds)


def _keys(recording: Recording) -> list[Finding]:
    """Channels that jump between a few values, or are mostly zero while the robot drives."""
    driven = recording.commands[~recording.standing]
    if len(driven) < MANY_COMMANDS:
        return []
    findings = []
    for channel, values in zip(recording.episodes[0].channels, driven.T, strict=True):
        count, zeros = len(np.unique(values.round(4))), float(np.mean(values == 0))
        if count > 1 and (count <= FEW_VALUES or zeros > MOSTLY):
            text = (
                f'{recording.name}: {channel} has {count} different values and is zero in {zeros:.0%} of the commands '
                'that move the robot, as where keys steer or a stick is let go: the policy learns their mean for what '
                'it sees'
            )
            findings.append(Finding(text))
    return findings


def _hangs(recording: Recording, what: str, seconds: float) -> list[Finding]:
    if not seconds:
        return []
    text = (
        f'{recording.name}: for {seconds:.0f} s, while the robot moves, {what}, as where a driver hangs. '
        'What was done there is learnt for what was not seen: leave this recording out, or cut it.'
    )
    return [Finding(text)]


def _still(recordings: Sequence[Recording]) -> list[Finding]:
    """Commands that do not move, or do not change."""
    channels = recordings[0].episodes[0].channels
    commands = np.concatenate([recording.commands for recording in recordings])
    whose = recordings[0].name if len(recordings) == 1 else f'{len(recordings)} recordings'
    held = ', '.join(f'{name} {value:.3g}' for name, value in zip(channels, commands[0], strict=True))
    remedy = 'Choose the topic that drove it with --command-topic, or record it again while somebody drives.'
    if all(recording.standing.all() for recording in recordings):
        fastest = np.abs(commands).max()
        got = f'{fastest:.2g} m/s and rad/s at most' if fastest else 'zeros throughout'
        return [Finding(f'{whose}: commands must move the robot. Got {got}. {remedy}', refused=True)]
    constant = ~np.ptp(commands, axis=0).astype(bool)
    if constant.all():
        return [Finding(f'{whose}: commands must change. Got {held} throughout. {remedy}', refused=True)]
    findings = [
        Finding(f'{name} is {value:.3g} in every command: the policy will know nothing else')
        for name, value in zip(np.array(channels)[constant], commands[0][constant], strict=True)
    ]
    for recording in recordings:
        standing = float(recording.standing.mean())
        if standing == 1.0:
            findings.append(Finding(f'{recording.name}: the robot stands throughout, and that is learnt from it'))
        elif standing > MOSTLY:
            findings.append(Finding(f'{recording.name}: the robot stands in {standing:.0%} of the commands'))
    return findings


def _robots(recordings: Sequence[Recording]) -> list[Finding]:
    names = {recording.episodes[0].robot: recording.name for recording in recordings if recording.episodes[0].robot}
    if len(names) < 2:
        return []
    there = ', '.join(f'{robot} ({name})' for robot, name in names.items())
    return [Finding(f'recordings learnt together must be of one robot. Got {there}: train each alone.', refused=True)]


def _imu_missing(recordings: Sequence[Recording]) -> list[Finding]:
    without = [recording.name for recording in recordings if recording.episodes[0].imu is None]
    if not without or len(without) == len(recordings):
        return []
    return [Finding(f'no IMU is used, for not every recording has one: {", ".join(without)}')]


def check_alike(recordings: Sequence[Recording]) -> list[Finding]:
    """
    Compare what kind of recordings are to be learnt together.

    :param recordings: at least one
    :returns: what was found: frames of several shapes, commands and measured velocities side by side
    """
    first, findings = recordings[0], []
    for other in recordings[1:]:
        ratio = first.camera[1] / first.camera[0] * other.camera[0] / other.camera[1]
        if abs(ratio - 1.0) > SAME_ASPECT:
            (height, width), (rows, columns) = first.camera, other.camera
            text = (
                f"cameras' frames of two shapes are squeezed into one: {first.name} has {width}×{height} px, "
                f'{other.name} {columns}×{rows} px. Record with the shape that the robot drives with.'
            )
            findings.append(Finding(text))
            break
    measured = [recording.name for recording in recordings if recording.measured]
    if measured and len(measured) < len(recordings):
        text = (
            f'what was commanded is learnt beside what an odometry measured, which comes later: {", ".join(measured)}'
        )
        findings.append(Finding(text))
    return findings
