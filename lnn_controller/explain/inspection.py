"""Everything that an inspection of a policy finds out: its neurons, what lesions do, what it looks at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.noise import add_noise
from lnn_controller.evaluation.many import Setup, run_setup
from lnn_controller.evaluation.trial import Trial
from lnn_controller.explain.held import HeldPolicy, Lesion, Log, run_lesions
from lnn_controller.explain.neurons import Neurons, Synapses, describe_neurons, synapses
from lnn_controller.metrics.ssim import ssim
from lnn_controller.parallel import in_processes
from lnn_controller.policy import Bundle, Policy, PolicySpec, read_bundle
from lnn_controller.replay.at_rate import DEFAULT_RATE_HZ
from lnn_controller.replay.bag import replay_bag

__all__ = ['INTACT', 'Inspection', 'Look', 'Outcome', 'inspect_drive', 'inspect_recording']

MOST_NEURONS = 64  # are held one by one; of more, those that the readout takes most from
LOOKS, NOISES = 5, (26.0, 81.0)
INTACT, WIPED = 'intact', 'state wiped at each tick'
Progress = Callable[[float], None]


class Outcome(NamedTuple):
    """
    What became of a drive with a lesion.

    :param lesion: its name
    :param neurons: that were held
    :param figures: of the task, by name; empty of a recording
    :param outcome: how it ended, in a word; empty where the task has none
    :param change: mean difference from the intact network's command on the same inputs, as a share of the channels'
        ranges; of a drive, where the inputs differ, NaN
    """

    lesion: str
    neurons: tuple[int, ...]
    figures: dict[str, float]
    outcome: str
    change: float


class Look(NamedTuple):
    """
    A frame and where the encoder looks.

    :param frame: as the encoder takes it, (H, W, 3) uint8
    :param attention: (H, W), 0 … 1
    :param noisy: the map of the frame with noise, by its standard deviation of 255
    :param alike: SSIM of each of these with that of the frame
    """

    frame: NDArray[np.uint8]
    attention: NDArray[np.float32]
    noisy: dict[float, NDArray[np.float32]]
    alike: dict[float, float]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """
    What was found.

    :param spec: of the policy
    :param where: what it was found in, in words
    :param steps: of the intact network
    :param moves: how far its command is from its mean, on average over steps and channels, as a share of their ranges
    :param neurons: what each did
    :param synapses: the wiring with its weights; ``None``: it has none that could be drawn
    :param intact: the drive without a lesion
    :param wiped: that without memory
    :param single: with one neuron held at its mean, in the order of the neurons
    :param groups: with a whole group, the camera or the IMU held
    :param looks: frames over the drive; empty where the bundle has no map of attention
    :param known: what the recording was to the policy's training, in words; empty: nothing, or it was a drive
    """

    spec: PolicySpec
    where: str
    steps: int
    moves: float
    neurons: Neurons
    synapses: Synapses | None
    intact: Outcome
    wiped: Outcome
    single: tuple[Outcome, ...]
    groups: tuple[Outcome, ...]
    looks: tuple[Look, ...]
    known: str = ''


def inspect_drive(path: Path, setup: Setup, *, jobs: int, progress: Progress | None = None) -> Inspection:
    """
    Inspect a policy in closed loop: one drive for each lesion.

    :param path: folder of its bundle
    :param setup: the drive; its policy is not looked at
    :param jobs: drives at once
    :param progress: called after each drive with the share that is done, 0 … 1
    :returns: what was found
    :raises InputError: as :func:`~lnn_controller.evaluation.many.run_setup`, or if the bundle is not of lnn train
    """
    setup = replace(setup, policy=str(path))
    bundle, log = _read(setup.policy), Log()
    trial = _drive(setup, Lesion(INTACT), log)
    neurons = describe_neurons(bundle, log)
    lesions = _lesions(neurons, log, bundle.spec)
    outcomes = []
    for outcome in in_processes(_drive_lesion, [(setup, lesion) for lesion in lesions], jobs=jobs):
        outcomes.append(outcome)
        if progress:
            progress((len(outcomes) + 1) / (len(lesions) + 1))
    place = f'road {setup.seed}' if setup.task == 'lane' else f'task {setup.task} in world {setup.seed}'
    lasts = '' if trial.outcome else f', {trial.seconds:.1f} s'  # an outcome has its own time
    return _inspection(bundle, f'{place}, {setup.scene}{lasts}', log, neurons, [_of(trial), *outcomes])


def inspect_recording(path: Path, bag: Path) -> Inspection:
    """
    Inspect a policy over a recording: its commands change nothing there.

    :param path: folder of its bundle
    :param bag: the recording, replayed at 50 Hz
    :returns: what was found
    :raises InputError: as :func:`~lnn_controller.replay.bag.replay_bag`, or if the bundle is not of lnn train
    """
    bundle, log = read_bundle(path), Log()
    replay = replay_bag(bag, HeldPolicy(bundle, Lesion(INTACT), log), rate_hz=DEFAULT_RATE_HZ)
    neurons = describe_neurons(bundle, log)
    lesions = [Lesion(INTACT), *_lesions(neurons, log, bundle.spec)]
    commands = run_lesions(bundle, lesions, log)
    away = (np.abs(commands - commands[:, :1]) / bundle.spec.command_range).mean((0, 2))
    outcomes = [
        Outcome(lesion.name, tuple(lesion.neurons), {}, '', float(each))
        for lesion, each in zip(lesions, away, strict=True)
    ]
    where = f'{bag.name}, {sum(log.dt_s):.1f} s of it, open loop'
    found = _inspection(bundle, where, log, neurons, outcomes)
    return replace(found, known=replay.known)


def _inspection(bundle: Bundle, where: str, log: Log, neurons: Neurons, outcomes: Sequence[Outcome]) -> Inspection:
    intact, wiped, *rest = outcomes
    commands = np.array([each.command for each in log.steps], np.float64)
    return Inspection(
        spec=bundle.spec,
        where=where,
        steps=len(log.steps),
        moves=float((np.abs(commands - commands.mean(0)) / bundle.spec.command_range).mean()),
        neurons=neurons,
        synapses=synapses(bundle),
        intact=intact,
        wiped=wiped,
        single=tuple(each for each in rest if len(each.neurons) == 1 and each.lesion.startswith('neuron')),
        groups=tuple(each for each in rest if not each.lesion.startswith('neuron')),
        looks=_looks(Policy(bundle, runtime='onnx'), log.frames),
    )


def _lesions(neurons: Neurons, log: Log, spec: PolicySpec) -> list[Lesion]:
    """No memory; each neuron; each group of them; what comes in."""
    mean = {each.number: each.mean for each in neurons.each}
    most = sorted(mean, key=lambda number: -neurons.each[number].readout)[:MOST_NEURONS]
    lesions = [Lesion(WIPED, memory=False)]
    lesions += [Lesion(f'neuron {number}', {number: mean[number]}) for number in sorted(most)]
    for role in ('inter', 'command', 'motor'):
        group = {each.number: mean[each.number] for each in neurons.each if each.role == role}
        if group:
            lesions.append(Lesion(f'the {len(group)} {role} neurons', group))
    lesions.append(Lesion('the camera', features=tuple(np.mean(log.features, axis=0).tolist())))
    if spec.imu is not None:
        lesions.append(Lesion('the IMU', imu=tuple(np.mean(log.imu, axis=0).tolist())))
    return lesions


def _looks(policy: Policy, frames: Sequence[NDArray[np.uint8]]) -> tuple[Look, ...]:
    if not policy.has_attention or not frames:
        return ()
    chance = np.random.default_rng(0)
    looks = []
    for index in np.linspace(0, len(frames) - 1, LOOKS + 2).astype(int)[1:-1].tolist():
        frame = frames[index]
        clean = policy.attention(frame)
        noisy = {sigma: policy.attention(add_noise(frame, sigma, chance)) for sigma in NOISES}
        looks.append(Look(frame, clean, noisy, {sigma: ssim(clean, each) for sigma, each in noisy.items()}))
    return tuple(looks)


def _drive_lesion(item: tuple[Setup, Lesion]) -> Outcome:
    setup, lesion = item
    return _of(_drive(setup, lesion), lesion)


def _of(trial: Trial, lesion: Lesion | None = None) -> Outcome:
    lesion = lesion or Lesion(INTACT)
    return Outcome(lesion.name, tuple(lesion.neurons), dict(trial.figures), trial.outcome, float('nan'))


def _drive(setup: Setup, lesion: Lesion, log: Log | None = None) -> Trial:
    import torch

    torch.set_num_threads(1)
    return run_setup(setup, policy=HeldPolicy(_read(setup.policy), lesion, log))


@lru_cache(maxsize=1)
def _read(path: str) -> Bundle:
    return read_bundle(path)
