"""`lnn train`: bags in, policy bundle out."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.export.onnx import export
from lnn_controller.learning.build import build_network, measure_commands, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import Split, load
from lnn_controller.learning.fit import Data, OnValidation, check_out, fit, training_folder
from lnn_controller.learning.held_out import held_out, recoloured
from lnn_controller.learning.loss_curve import draw_loss_curve
from lnn_controller.learning.measure import Metrics, measure
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.provenance import provenance
from lnn_controller.learning.refine import refine
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.policy.spec import PolicySpec

__all__ = ['TrainResult', 'train', 'train_network']


@dataclass(frozen=True)
class TrainResult:
    """
    What came out of a training run.

    :param policy: folder of the bundle
    :param metrics: by part (``validation``, ``test``, ``rehearsed``) and channel: ``mae``, ``r2``, ``constant_mae``;
        after fine-tuning also ``mae_before``, that of the policy it began with
    :param seconds: how long training took, s
    :param score: the validation loss by which the weights were chosen
    """

    policy: Path
    metrics: Metrics
    seconds: float
    score: float


def train(
    bags: Sequence[Path],
    out: Path,
    config: TrainConfig,
    *,
    topics: Topics | None = None,
    resume: bool = False,
    overwrite: bool = False,
    cache: FrameCache | None = None,
    progress: bool = True,
    report: Callable[[str], None] = print,
    on_validation: OnValidation | None = None,
) -> TrainResult:
    """
    Train a policy from bags and write its bundle.

    Checkpoints, logs (CSV, TensorBoard) and the loss curve go to a folder beside it, ``<out>.training``.

    :param bags: bags of demonstrations; with one bag, its end is kept for validation and test
    :param out: folder of the bundle
    :param config: everything else
    :param topics: names of the topics where they cannot be found by type
    :param resume: go on from the last checkpoint in ``<out>.training``
    :param overwrite: replace an existing bundle and its training folder
    :param cache: of frames of bags that were read before; ``None``: they are decoded, and kept for this run alone
    :param progress: show progress bars
    :param report: takes lines about what was read
    :param on_validation: told of each validation
    :returns: where the bundle is and how good it was on what it has not seen
    :raises InputError: if a bag cannot be used, the output exists, or there is nothing of the same config and bags to
        resume
    """
    settings = config.values() | {'topics': dataclasses.asdict(topics or Topics())}
    run_dir = check_out(out, settings, resume=resume, overwrite=overwrite)
    image, split = load(bags, config, topics, cache=cache, progress=progress)
    config = config.for_frames(split.frames)
    for line in split.summary():
        report(line)
    spec = new_spec(out.resolve().name, config, image, split.train)
    network = build_network(spec, config.seed)
    measure_commands(network, split.train)
    with training_folder(run_dir, settings, split.bags, resume=resume, overwrite=overwrite):
        return train_network(
            network,
            spec,
            config,
            split,
            out,
            run_dir,
            resume=resume,
            progress=progress,
            on_validation=on_validation,
        )


def train_network(
    network: PolicyNetwork,
    spec: PolicySpec,
    config: TrainConfig,
    split: Split,
    out: Path,
    run_dir: Path,
    *,
    init: Mapping[str, Any] | None = None,
    rehearsed: Split | None = None,
    resume: bool,
    progress: bool,
    on_validation: OnValidation | None = None,
) -> TrainResult:
    """
    Train a network from the weights that it has, and write the bundle: what training and fine-tuning share.

    :param network: the network; parameters without ``requires_grad`` stay as they are
    :param spec: its spec
    :param config: with the number of steps settled
    :param split: the episodes by use
    :param out: folder of the bundle
    :param run_dir: folder of checkpoints and logs
    :param init: of which policy the weights are, for the card; ``None``: of none
    :param rehearsed: old episodes by use, to train on as well
    :param resume: go on from the last checkpoint
    :param progress: show a progress bar
    :param on_validation: told of each validation
    :returns: where the bundle is and how good it was on what it has not seen, with ``init`` before and after
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    parts = held_out(split, config, rehearsed)
    before = measure(network, parts, config.outputs) if init else {}
    validation = {'val': parts['validation']}
    if config.augmentation in ('wide', 'colour', 'cue'):
        validation['val_hard'] = recoloured(validation['val'], config)
    if rehearsed:
        validation['val_rehearsed'] = parts['rehearsed']
    module = PolicyModule(network, config, validation)
    started = datetime.datetime.now(datetime.UTC)
    data = Data(split.train, config, rehearsed.train if rehearsed else ())
    score = fit(module, data, run_dir, config, resume=resume, progress=progress, on_validation=on_validation)
    refined = {'refinement': refine(module, split.train, config, data.rehearsed)} if config.refine_steps else {}
    score = refined['refinement']['after'] if refined else score
    seconds = (datetime.datetime.now(datetime.UTC) - started).total_seconds()
    draw_loss_curve(module.history, run_dir / 'loss.png')

    metrics = measure(network, parts, config.outputs)
    for part, channels in before.items():
        for channel, figures in channels.items():
            metrics[part][channel]['mae_before'] = figures['mae']
    card = provenance(split, config, metrics, seconds, network, started)
    export(network, spec, out, card | refined | ({'init': dict(init)} if init else {}))
    return TrainResult(out, metrics, seconds, score)
