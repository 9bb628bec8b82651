"""`lnn train --init`: a trained policy learns on, from new demonstrations or from an operator's overrides."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lnn_controller.data.bags.reader import Bag, find_bags
from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.errors import InputError
from lnn_controller.learning.build import load_network
from lnn_controller.learning.checks import check_alike, shared_frames
from lnn_controller.learning.config import TrainConfig, known
from lnn_controller.learning.episodes import Split, load
from lnn_controller.learning.fit import check_out, training_folder
from lnn_controller.learning.train import TrainResult, train_network
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy.bundle import Bundle, find_policy, read_bundle
from lnn_controller.policy.spec import PolicySpec

__all__ = ['fine_tune', 'fine_tune_config']

# What is learnt already is near: smaller steps, and half as many of them.
LEARNING_RATE_SHARE = 0.3
STEPS_SHARE = 0.5


def fine_tune(
    bags: Sequence[Path],
    out: Path,
    init: str | Path,
    chosen: Mapping[str, Any],
    *,
    tune: str = 'all',
    rehearse: Sequence[Path] = (),
    topics: Topics | None = None,
    resume: bool = False,
    overwrite: bool = False,
    cache: FrameCache | None = None,
    progress: bool = True,
    report: Callable[[str], None] = print,
) -> TrainResult:
    """
    Train a policy on, from its own weights, and write it as a new bundle.

    Old demonstrations that are rehearsed keep it from forgetting what the new ones do not show: every other window is
    one of theirs (Robins, *Catastrophic forgetting, rehearsal and pseudorehearsal*, 1995; Rolnick et al., *Experience
    replay for continual learning*, NeurIPS 2019).

    :param bags: bags of new demonstrations, or of drives in which an operator overrode a policy
    :param out: folder of the new bundle
    :param init: the policy to begin with: its folder, or the name of one that ships
    :param chosen: config values that win over those that the policy was trained with
    :param tune: ``all`` weights, or the ``readout`` alone: the linear map from the neurons' states to the commands,
        which every cell has and which online adaptation corrects too; encoder and cell stay to the bit
    :param rehearse: bags of old demonstrations; the last ones are kept to measure the old error
    :param topics: names of the topics, of new and old bags, where they cannot be found by type
    :param resume: go on from the last checkpoint in ``<out>.training``
    :param overwrite: replace an existing bundle and its training folder
    :param cache: of frames of bags that were read before; ``None``: they are decoded, and kept for this run alone
    :param progress: show progress bars
    :param report: takes lines about what was read
    :returns: where the bundle is, and the errors before and after: of the new demonstrations, and of the old ones as
        ``rehearsed``
    :raises InputError: if the policy cannot be trained on, a chosen value does not fit it, a bag cannot be used or is
        both new and old, the output exists, or there is nothing to resume
    """
    bundle = read_bundle(find_policy(init))
    config = fine_tune_config(bundle.spec, chosen)
    network = _begin_with(bundle, config, tune)
    origin: dict[str, Any] = {
        'policy': bundle.spec.name,
        'weights_sha256': bundle.spec.files['weights.safetensors'],
        'tune': tune,
    }
    settings = config.values() | {'init': dict(origin), 'topics': dataclasses.asdict(topics or Topics())}
    run_dir = check_out(out, settings, resume=resume, overwrite=overwrite)

    _refuse_other_robot(bundle.spec, [*bags, *rehearse])
    read = partial(load, topics=topics, bits=bundle.spec.image.bits, cache=cache, progress=progress)
    _, split = read(bags, config)
    # What a single old bag would keep for a test of its own is better rehearsed.
    old = read(rehearse, dataclasses.replace(config, test_fraction=0.0))[1] if rehearse else None
    _refuse_both(split, old)
    config = _with_steps(config, split, old)
    for line in [*split.summary(), *_of_old(split, old), *_beyond(split, bundle.spec)]:
        report(line)
    spec = dataclasses.replace(bundle.spec, name=out.resolve().name)
    origin['rehearsed_bags'] = old.bags if old else {}
    used = split.bags | {f'rehearsed {name}': digest for name, digest in origin['rehearsed_bags'].items()}
    with training_folder(run_dir, settings, used, resume=resume, overwrite=overwrite):
        return train_network(
            network, spec, config, split, out, run_dir, init=origin, rehearsed=old, resume=resume, progress=progress
        )


def _begin_with(bundle: Bundle, config: TrainConfig, tune: str) -> PolicyNetwork:
    """The policy's network, of which what is to be tuned can learn."""
    network = load_network(bundle, config.seed)
    if tune == 'readout':
        network.requires_grad_(False)
        network.readout.requires_grad_(True)
    return network


def _with_steps(config: TrainConfig, split: Split, old: Split | None) -> TrainConfig:
    """The config, with half the steps that a training on so many frames takes, where it leaves them open."""
    if config.steps:
        return config
    steps = config.for_frames(split.frames + (old.frames if old else 0)).steps
    return dataclasses.replace(config, steps=round(steps * STEPS_SHARE))


def fine_tune_config(spec: PolicySpec, chosen: Mapping[str, Any]) -> TrainConfig:
    """
    Settle the config of a fine-tuning.

    It is the one that the policy was trained with, at 0.3 × its learning rates, with half as many steps and
    validations, and without the encoder's throw-away readout: that one would start at random and pull a trained encoder
    about (Kumar et al., *Fine-tuning can distort pretrained features*, ICLR 2022). A policy that was fine-tuned before
    has such a config already.

    :param spec: of the policy to begin with
    :param chosen: config values that win, but for what the policy itself settles
    :returns: the config; ``steps`` is 0 where it goes by the number of frames
    :raises InputError: if a chosen value is not as the policy has it, or no value at all
    """
    base = TrainConfig(**known(spec.provenance.get('config', {}), f'policy {spec.name}, provenance.config'))
    # A drive to correct it by is recorded with the camera that drives.
    usual: dict[str, Any] = {'steps': 0, 'side_cameras': ()}
    if 'init' not in spec.provenance:
        usual |= {
            'learning_rate': LEARNING_RATE_SHARE * base.learning_rate,
            'cell_learning_rate': LEARNING_RATE_SHARE * base.cell_learning_rate,
            'epochs': max(1, round(STEPS_SHARE * base.epochs)),
            'encoder_loss': 0.0,
        }
    settled: dict[str, Any] = {
        'cell': spec.network.cell,
        'units': spec.network.units,
        'mixed_memory': bool(spec.network.options.get('mixed_memory', False)),
        'cell_options': {name: value for name, value in spec.network.options.items() if name != 'mixed_memory'},
        'sparsity': base.sparsity,
        'readout': base.readout,
        'features': spec.network.features,
        'outputs': spec.channels,
        'imu': 'no' if spec.imu is None else 'yes',
        'image_width': spec.image.width,
        'image_height': spec.image.height,
        'crop_top': spec.image.crop_top,
        'crop_bottom': spec.image.crop_bottom,
        'rate_min_hz': 1 / spec.dt_max_s,
        'rate_max_hz': 1 / spec.dt_min_s,
    }
    config = TrainConfig(**base.values() | usual | settled | dict(chosen))
    for name, value in settled.items():
        wanted = getattr(config, name)
        # 'auto', and 0 for a frame's size, leave it to what there is.
        same = math.isclose(wanted, value) if isinstance(value, float) else wanted in (value, 'auto')
        if not same and not (name in ('image_width', 'image_height') and wanted == 0):
            told, got = (' '.join(v) if isinstance(v, tuple) else v for v in (value, wanted))
            raise InputError(
                f'{name} must be that of the policy {spec.name}, {told}. '
                f'Got {got}: leave it out, or train from nothing, without --init'
            )
    return dataclasses.replace(config, **settled)


def _refuse_both(split: Split, old: Split | None) -> None:
    """A bag that is new and old would be trained on here and held out there."""
    for recording in split.recordings if old else ():
        if old and any(shared_frames(recording, other) for other in old.recordings):
            raise InputError(
                f'{recording.name}: a bag must be either new or rehearsed. Got it as both: leave it out of one'
            )


def _refuse_other_robot(spec: PolicySpec, bags: Sequence[Path]) -> None:
    """What says nothing of its robot may be of any: so do recordings of real ones."""
    for path in [bag for each in bags for bag in find_bags(each)] if spec.robot else ():
        with Bag(path) as bag:
            robot = bag.custom_data.get('robot')
        if robot and robot != spec.robot:
            raise InputError(
                f'{path} must be of the robot of policy {spec.name}, {spec.robot}. Got {robot}: '
                'begin with a policy of that robot, or train from nothing, without --init'
            )


def _of_old(split: Split, old: Split | None) -> list[str]:
    """What is to be said of the demonstrations that are rehearsed."""
    if old is None:
        return []
    unlike = check_alike([*old.recordings[:1], *split.recordings])
    return [f'rehearsed, {line}' for line in old.summary()] + [f'warning: {found.text}' for found in unlike]


def _beyond(split: Split, spec: PolicySpec) -> list[str]:
    """Where the new demonstrations leave the policy's limits, which are the robot's too and stay as they are."""
    lines = []
    for index, output in enumerate(spec.outputs):
        commands = [episode.commands[:, index] for episode in split.train]
        low, high = min(float(each.min()) for each in commands), max(float(each.max()) for each in commands)
        if low < output.minimum or high > output.maximum:
            lines.append(
                f'{output.name} is shown from {low:.3g} to {high:.3g} {output.unit}; '
                f'the policy stays within {output.minimum:g} … {output.maximum:g}'
            )
    return lines
