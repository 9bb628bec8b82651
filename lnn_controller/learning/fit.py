"""Lightning's loop around a policy module: windows in, the best weights out, checkpoints and logs beside the bundle."""

import logging
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader

from lnn_controller.data.episode import Episode
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.windows import Windows

__all__ = ['Data', 'fit', 'prepare']


class Data(lightning.LightningDataModule):
    """
    Hands out the windows of the current epoch; there is one place that knows which epoch it is, the trainer.

    :param episodes: to train on
    :param config: of the windows
    :param rehearsed: old episodes, for half of the windows
    """

    def __init__(self, episodes: Sequence[Episode], config: TrainConfig, rehearsed: Sequence[Episode] = ()) -> None:
        super().__init__()
        self.episodes = episodes
        self.config = config
        self.rehearsed = rehearsed

    def train_dataloader(self) -> DataLoader[Any]:
        """Windows of this epoch."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        return DataLoader(Windows(self.episodes, self.config, epoch, self.rehearsed), batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        """One step: the validation episodes live in the module, which goes through them all."""
        return DataLoader([0], batch_size=None)  # type: ignore[arg-type]


def prepare(out: Path, settings: Mapping[str, Any], *, resume: bool, overwrite: bool) -> Path:
    """
    Refuse, before hours of work, what would fail or lose something after it.

    :param out: folder of the bundle to come
    :param settings: all that the run is decided by, plain values; kept there, so that a resumed run has the same
    :param resume: whether to go on from a checkpoint
    :param overwrite: whether an existing bundle and its training folder are replaced
    :returns: folder of checkpoints and logs, ``<out>.training``
    :raises InputError: if the output exists or cannot be written, or there is nothing to resume
    """
    run_dir = out.with_name(out.name + '.training')
    saved = run_dir / 'config.yaml'
    text = yaml.safe_dump(dict(settings))
    if resume:
        if not (run_dir / 'last.ckpt').exists():
            msg = f'--resume needs a checkpoint in {run_dir}, and there is none. Train without --resume.'
            raise InputError(msg)
        if saved.read_text() != text:
            msg = f'--resume needs the same config as the run it goes on with, see {saved}. Got another one.'
            raise InputError(msg)
        return run_dir
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
    return run_dir


def fit(module: PolicyModule, data: Data, run_dir: Path, config: TrainConfig, *, resume: bool, progress: bool) -> None:
    """
    Run Lightning's loop, ending with the best weights in the module.

    :param module: what is trained
    :param data: what it is trained on
    :param run_dir: folder of checkpoints and logs
    :param config: steps, epochs, patience, threads
    :param resume: go on from the last checkpoint
    :param progress: show a progress bar
    :raises InputError: if training was interrupted
    """
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
