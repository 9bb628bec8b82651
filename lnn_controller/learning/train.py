"""`lnn train`: bags in, policy bundle out."""

import dataclasses
import datetime
import logging
import shutil
import subprocess
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import onnxruntime
import torch
import yaml
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader

import lnn_controller
from lnn_controller.data.episode import Episode
from lnn_controller.data.topics import Topics
from lnn_controller.errors import InputError
from lnn_controller.learning.augment import Augment
from lnn_controller.learning.build import build_network, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import Split, load
from lnn_controller.learning.export import export
from lnn_controller.learning.loss_curve import draw_loss_curve
from lnn_controller.learning.module import PolicyModule, predict
from lnn_controller.learning.windows import Batch, Window, Windows, collate, cut, usable_spans
from lnn_controller.liquid.network import PolicyNetwork

__all__ = ['TrainResult', 'train']

# Whole episodes are validated at this rate, from a fresh state.
VALIDATION_RATE_HZ = 50.0


@dataclass(frozen=True)
class TrainResult:
    """
    What came out of a training run.

    :param policy: folder of the bundle
    :param metrics: by part (``validation``, ``test``) and channel: ``mae``, ``r2``, ``constant_mae``
    :param seconds: how long training took, s
    """

    policy: Path
    metrics: dict[str, dict[str, dict[str, float]]]
    seconds: float


class _Data(lightning.LightningDataModule):
    """Hands out the windows of the current epoch; there is one place that knows which epoch it is, the trainer."""

    def __init__(self, episodes: Sequence[Episode], config: TrainConfig) -> None:
        super().__init__()
        self.episodes = episodes
        self.config = config

    def train_dataloader(self) -> DataLoader[Any]:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return DataLoader(Windows(self.episodes, self.config, epoch), batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        # The validation episodes live in the module; one step goes through them all.
        return DataLoader([0], batch_size=None)  # type: ignore[arg-type]


def train(
    bags: Sequence[Path],
    out: Path,
    config: TrainConfig,
    *,
    topics: Topics | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    report: Callable[[str], None] = print,
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
    :param progress: show a progress bar
    :param report: takes lines about what was read
    :returns: where the bundle is and how good it was on what it has not seen
    :raises InputError: if a bag cannot be used, the output exists, or there is nothing to resume
    """
    run_dir = out.with_name(out.name + '.training')
    _prepare(out, run_dir, config, resume=resume, overwrite=overwrite)
    image, split = load(bags, config, topics)
    config = config.for_frames(sum(len(episode.images) for episode in split.train))
    for line in split.summary():
        report(line)
    spec = new_spec(out.resolve().name, config, image, split.train)
    network = build_network(spec, config.seed)
    commands = torch.from_numpy(np.concatenate([episode.commands for episode in split.train]))
    network.command_mean.copy_(commands.mean(0))
    network.command_scale.copy_(commands.std(0).clamp(min=1e-2))

    validation = _whole(split.validation)
    hard = _augmented(validation, config) if config.augmentation == 'wide' else None
    module = PolicyModule(network, config, validation, hard)
    started = datetime.datetime.now(datetime.UTC)
    _fit(module, _Data(split.train, config), run_dir, config, resume=resume, progress=progress)
    seconds = (datetime.datetime.now(datetime.UTC) - started).total_seconds()
    draw_loss_curve(module.history, run_dir / 'loss.png')

    network.eval()
    metrics = {'validation': _metrics(module, validation, config.outputs)}
    if split.test:
        metrics['test'] = _test_metrics(module, split.test, config.outputs)
    provenance = _provenance(split, config, metrics, seconds, network, started)
    export(network, spec, out, provenance)
    return TrainResult(out, metrics, seconds)


def _prepare(out: Path, run_dir: Path, config: TrainConfig, *, resume: bool, overwrite: bool) -> None:
    """Refuse, before hours of work, what would fail or lose something after it."""
    saved = run_dir / 'config.yaml'
    text = yaml.safe_dump({k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(config).items()})
    if resume:
        if not (run_dir / 'last.ckpt').exists():
            msg = f'--resume needs a checkpoint in {run_dir}, and there is none. Train without --resume.'
            raise InputError(msg)
        if saved.read_text() != text:
            msg = f'--resume needs the same config as the run it goes on with, see {saved}. Got another one.'
            raise InputError(msg)
        return
    for path in (out, run_dir):
        if path.exists() and not overwrite:
            msg = f'{path} exists already. Add --overwrite to replace it, --resume to go on, or choose another --out.'
            raise InputError(msg)
    if overwrite and saved.exists():
        shutil.rmtree(run_dir)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        saved.write_text(text)
    except OSError as error:
        msg = f'{run_dir} must be a folder that can be written. Got {error.strerror}: choose another --out.'
        raise InputError(msg) from error


def _fit(
    module: PolicyModule, data: _Data, run_dir: Path, config: TrainConfig, *, resume: bool, progress: bool
) -> None:
    """Lightning's loop, ending with the best weights in the module."""
    for name in ('lightning.pytorch', 'lightning.fabric', 'lightning.pytorch.utilities.rank_zero'):
        logging.getLogger(name).setLevel(logging.ERROR)
    if config.threads:
        torch.set_num_threads(config.threads)
    best = ModelCheckpoint(run_dir, 'best', monitor='val_score', save_last=True, enable_version_counter=False)
    # Checked right after validation, as the checkpoint is written: a resumed run has no score at its first epoch's end.
    stop = EarlyStopping('val_score', patience=config.patience, check_on_train_epoch_end=False)
    trainer = lightning.Trainer(
        max_epochs=-(-config.steps // config.steps_per_epoch),
        accelerator='auto',
        devices=1,
        gradient_clip_val=1.0,
        # Errors on a GPU operation without a deterministic version would only stop users; on the CPU all have one.
        deterministic='warn',
        callbacks=[
            best,
            stop,
            *([TQDMProgressBar()] if progress else []),
        ],
        logger=[
            CSVLogger(run_dir, name=None, version=_new_name(run_dir, 'csv')),
            TensorBoardLogger(run_dir, name=None, version='tensorboard'),
        ],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        log_every_n_steps=50,
        enable_model_summary=False,
        enable_progress_bar=progress,
    )
    with warnings.catch_warnings():
        # About worker processes (the windows are cheap) and our own checkpoint folder.
        warnings.filterwarnings('ignore', category=UserWarning, module='lightning')
        trainer.fit(module, datamodule=data, ckpt_path=run_dir / 'last.ckpt' if resume else None, weights_only=False)
    if trainer.interrupted:
        msg = f'Training was interrupted. Go on with the same command and --resume; checkpoints are in {run_dir}.'
        raise InputError(msg)
    state = torch.load(best.best_model_path, weights_only=False, map_location='cpu')['state_dict']
    module.load_state_dict(state)


def _new_name(run_dir: Path, name: str) -> str:
    """The name, or with a number where a run before a kill has it: the CSV logger empties a folder that it finds."""
    names = [name, *(f'{name}_{i}' for i in range(2, 1000))]
    return next(candidate for candidate in names if not (run_dir / candidate).exists())


def _ticks(low_ns: int, high_ns: int) -> np.ndarray:
    return np.arange(low_ns, high_ns, round(1e9 / VALIDATION_RATE_HZ), dtype=np.int64)


def _whole(episodes: Sequence[Episode]) -> Batch:
    """Whole episodes at a steady rate, as one batch."""
    windows = [
        cut(episode, _ticks(low, high))
        for episode in episodes
        for low, high in usable_spans(episode)
        if len(_ticks(low, high)) > 1
    ]
    return collate(windows)


def _augmented(batch: Batch, config: TrainConfig) -> Batch:
    """The same episodes in other colours: as near to another season as a training on one season gets."""
    augment = Augment(config.augmentation, np.random.default_rng(config.seed + 1))
    frames = np.stack([augment(episode) for episode in batch.frames.numpy()])
    return batch._replace(frames=torch.from_numpy(frames))


def _metrics(module: PolicyModule, batch: Batch, channels: Sequence[str], last: float = 1.0) -> dict[str, Any]:
    """Error per channel over the valid ticks of the last part of a batch, beside a constant's (the training mean)."""
    predicted = predict(module.network, batch)
    keep = batch.mask.bool()
    keep[:, : round(keep.shape[1] * (1 - last))] = False
    result = {}
    for index, channel in enumerate(channels):
        truth, guess = batch.command[..., index][keep], predicted[..., index][keep]
        constant = module.network.command_mean[index]
        spread = (truth - truth.mean()).square().sum().clamp(min=1e-12)
        result[channel] = {
            'mae': round(float((guess - truth).abs().mean()), 4),
            'r2': round(float(1 - (guess - truth).square().sum() / spread), 4),
            'constant_mae': round(float((constant - truth).abs().mean()), 4),
        }
    return result


def _test_metrics(module: PolicyModule, test: tuple[Episode, float], channels: Sequence[str]) -> dict[str, Any]:
    """The state runs warm through the whole recording; only its held-out end counts."""
    episode, fraction = test
    low, high = usable_spans(episode)[-1]
    window: Window = cut(episode, _ticks(low, high))
    return _metrics(module, collate([window]), channels, last=fraction)


def _provenance(
    split: Split,
    config: TrainConfig,
    metrics: dict[str, Any],
    seconds: float,
    network: PolicyNetwork,
    started: datetime.datetime,
) -> dict[str, Any]:
    config_values = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(config).items()}
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {
        'created': started.isoformat(timespec='seconds'),
        'bags': {Path(name).name: digest for name, digest in split.digests.items()},
        'training_minutes': round(sum(_minutes(episode) for episode in split.train), 2),
        'validation_bags': [Path(episode.name).name for episode in split.validation],
        'parameters': parameters,
        'encoder_parameters': sum(p.numel() for p in network.encoder.parameters()),
        'seed': config.seed,
        'training_seconds': round(seconds, 1),
        'metrics': metrics,
        'config': config_values,
        'versions': {
            'lnn_controller': lnn_controller.__version__,
            'torch': torch.__version__,
            'lightning': lightning.__version__,
            'onnxruntime': onnxruntime.__version__,
            'numpy': np.__version__,
        },
        'source_revision': _revision(),
    }


def _minutes(episode: Episode) -> float:
    return float(episode.image_stamps_ns[-1] - episode.image_stamps_ns[0]) / 60e9


def _revision() -> str:
    """The source's git revision, where it is a checkout; '-dirty' where it has uncommitted changes."""
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty', '--exclude=*']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return 'unknown'
