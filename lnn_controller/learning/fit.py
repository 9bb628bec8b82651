"""Lightning's loop around a policy module: windows in, the best weights out, checkpoints and logs beside the bundle."""

import ctypes
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import yaml
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm

from lnn_controller.data.episode import Episode
from lnn_controller.errors import InputError
from lnn_controller.learning.checkpoints import Checkpoints
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.windows import Batch, Windows

__all__ = ['Data', 'OnValidation', 'check_out', 'fit', 'keep_freed_memory', 'training_folder']

#: called after each validation with its number, from 1, and its score; what it raises ends the training
OnValidation = Callable[[int, float], None]

# Of glibc's malloc.h, and the most that it takes for each, bytes.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_TRIM, LARGEST_MMAP = 2**31 - 1, 2**25

CHECKPOINT, CONFIG, BAGS = 'last.ckpt', 'config.yaml', 'bags'


class Data(lightning.LightningDataModule):
    """
    Hands out the windows of the current epoch; there is one place that knows which epoch it is, the trainer.

    :param episodes: to train on
    :param config: of the windows
    :param rehearsed: old episodes, for half of the windows
    """

    def __init__(self, episodes: Sequence[Episode], config: TrainConfig, rehearsed: Sequence[Episode] = ()) -> None:
        super().__init__()
        self.rehearsed = rehearsed
        self.windows = Windows(episodes, config, rehearsed=rehearsed)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the windows of this epoch."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        return DataLoader(_Ahead(self.windows.of_epoch(epoch)), batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return one step: the validation episodes live in the module, which goes through them all."""
        return DataLoader([0], batch_size=None)  # type: ignore[arg-type]


class _Ahead(IterableDataset[Batch]):
    """The same batches in the same order; the next is cut and augmented on another core while one is learnt from."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def __len__(self) -> int:
        return len(self._windows)

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self._windows)
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = pool.submit(next, batches, None)
                yield batch


class _Bar(Callback):
    """Steps of the whole run, with what is left of it, and the losses; Lightning's own bar is of one epoch."""

    def __init__(self, steps: int) -> None:
        self._bar = tqdm(total=steps, desc='train', unit='step')

    def on_train_start(self, trainer: lightning.Trainer, _: Any) -> None:
        """A resumed run goes on where it was."""
        self._bar.update(trainer.global_step)

    def on_train_batch_end(self, *_: Any) -> None:
        """Count a step."""
        self._bar.update()

    def on_validation_end(self, trainer: lightning.Trainer, _: Any) -> None:
        """Show the losses; the training's is that of the epoch before."""
        losses = {name: f'{float(value):.4f}' for name, value in sorted(trainer.callback_metrics.items())}
        self._bar.set_postfix({name: value for name, value in losses.items() if name.endswith('_loss')})

    def teardown(self, *_: Any, **__: Any) -> None:
        """End the line, however training ended."""
        self._bar.close()


class _Told(Callback):
    """Tells somebody of each validation."""

    def __init__(self, on_validation: OnValidation) -> None:
        self._on_validation = on_validation

    def on_validation_end(self, trainer: lightning.Trainer, _: Any) -> None:
        """One is over."""
        self._on_validation(trainer.current_epoch + 1, float(trainer.callback_metrics['val_score']))


def check_out(out: Path, settings: Mapping[str, Any], *, resume: bool, overwrite: bool) -> Path:
    """
    Refuse, before the bags are read, what would fail or lose something after it.

    :param out: folder of the bundle to come
    :param settings: all that the run is decided by but its bags, plain values
    :param resume: whether to go on from a checkpoint
    :param overwrite: whether an existing bundle and its training folder are replaced
    :returns: folder of checkpoints and logs, ``<out>.training``; it may not exist yet
    :raises InputError: if the output exists or cannot be written, or there is nothing of these settings to resume
    """
    run_dir = out.with_name(out.name + '.training')
    if resume:
        if not (run_dir / CHECKPOINT).exists():
            raise InputError(f'--resume needs a checkpoint in {run_dir}, and there is none. Train without --resume')
        if _saved(run_dir)[0] != settings:
            raise InputError(
                f'--resume needs the same config as the run it goes on with, see {run_dir / CONFIG}. Got another one'
            )
        return run_dir
    for path in (out, run_dir):
        if path.exists() and not overwrite:
            go_on = ', --resume to go on' if (run_dir / CHECKPOINT).exists() else ''
            raise InputError(f'{path} exists already. Add --overwrite to replace it{go_on}, or choose another --out')
    there = next(parent for parent in run_dir.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise _not_writable(run_dir, 'one in a file' if not there.is_dir() else f'no permission to write in {there}')
    return run_dir


@contextmanager
def training_folder(
    run_dir: Path, settings: Mapping[str, Any], bags: Mapping[str, str], *, resume: bool, overwrite: bool
) -> Iterator[None]:
    """
    The folder of a run while it trains: made where it begins, and gone again where it ends without a checkpoint.

    :param run_dir: the folder, from :func:`check_out`
    :param settings: as there; kept in it, so that a resumed run has the same
    :param bags: SHA-256 of each bag by name, in order of use; kept likewise
    :param resume: whether the run goes on from a checkpoint
    :param overwrite: whether what another run left there is replaced
    :raises InputError: if a resumed run began with other bags, or the folder cannot be written
    """
    if resume:
        _same_bags(_saved(run_dir)[1], bags, run_dir)
    else:
        if overwrite and (run_dir / CONFIG).exists():
            shutil.rmtree(run_dir)
        try:
            run_dir.mkdir(parents=True, exist_ok=overwrite)  # another run may have begun meanwhile
            (run_dir / CONFIG).write_text(yaml.safe_dump({**settings, BAGS: dict(bags)}, sort_keys=False))
        except OSError as error:
            raise _not_writable(run_dir, error.strerror) from error
    try:
        yield
    except BaseException:
        if not (run_dir / CHECKPOINT).exists():
            shutil.rmtree(run_dir, ignore_errors=True)
        raise


def _saved(run_dir: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings and bags of the run that began in a folder."""
    try:
        settings = yaml.safe_load((run_dir / CONFIG).read_text())
        return settings, settings.pop(BAGS)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f'{run_dir / CONFIG} must tell what the run began with. Got another file: train without --resume'
        ) from error


def _same_bags(began_with: Mapping[str, str], bags: Mapping[str, str], run_dir: Path) -> None:
    if list(began_with.values()) == list(bags.values()):
        return
    changed = [name for name in bags if name in began_with and bags[name] != began_with[name]]
    lacking = [name for name, digest in began_with.items() if digest not in bags.values() and name not in changed]
    new = [name for name, digest in bags.items() if digest not in began_with.values() and name not in changed]
    told = {'changed': changed, 'missing': lacking, 'new': new}
    got = '; '.join(f'{word}: {", ".join(names)}' for word, names in told.items() if names)
    raise InputError(
        f'--resume needs the bags that the run in {run_dir} began with, {", ".join(began_with)}, in this order. '
        f'Got others: {got or ", ".join(bags)}'
    )


def _not_writable(run_dir: Path, reason: str | None) -> InputError:
    return InputError(f'{run_dir} must be a folder that can be written. Got {reason}: choose another --out')


def fit(
    module: PolicyModule,
    data: Data,
    run_dir: Path,
    config: TrainConfig,
    *,
    resume: bool,
    progress: bool,
    on_validation: OnValidation | None = None,
) -> float:
    """
    Run Lightning's loop, ending with the best weights in the module.

    :param module: what is trained
    :param data: what it is trained on
    :param run_dir: folder of checkpoints and logs
    :param config: steps, epochs, patience
    :param resume: go on from the last checkpoint
    :param progress: show a progress bar
    :param on_validation: told of each validation
    :returns: the score of the best weights
    :raises InputError: if training was interrupted, or a checkpoint cannot be written or is damaged
    """
    keep_freed_memory()
    for name in ('lightning.pytorch', 'lightning.fabric', 'lightning.pytorch.utilities.rank_zero'):
        logging.getLogger(name).setLevel(logging.ERROR)
    best = ModelCheckpoint(run_dir, 'best', monitor='val_score', save_last=True, enable_version_counter=False)
    # Checked right after validation, as the checkpoint is written: a resumed run has no score at its first epoch's end.
    stop = EarlyStopping('val_score', patience=config.patience, check_on_train_epoch_end=False)
    bar = [_Bar(config.steps)] if progress else []
    trainer = _trainer(run_dir, config, [best, stop, *bar, *([_Told(on_validation)] if on_validation else [])])
    with warnings.catch_warnings():
        # About worker processes (the windows are cheap), our own checkpoint folder, and what they use of each other.
        warnings.filterwarnings('ignore', module='lightning|torch')
        trainer.fit(module, datamodule=data, ckpt_path=run_dir / CHECKPOINT if resume else None, weights_only=False)
    if trainer.interrupted:
        msg = 'training was interrupted before its first checkpoint: it begins anew next time'
        if (run_dir / CHECKPOINT).exists():
            msg = f'training was interrupted. Go on with the same command and --resume; checkpoints are in {run_dir}'
        raise InputError(msg)
    module.load_state_dict(Checkpoints().load_checkpoint(best.best_model_path, weights_only=False)['state_dict'])
    assert best.best_model_score is not None
    return float(best.best_model_score)


def keep_freed_memory() -> None:
    """
    Let the C library keep what a training step frees, for as long as the process lives.

    The next step needs as much, and of what had gone back the kernel would clear every page: a fifth of a step's
    processor time. What the process takes at most stays the same. Only glibc can be told (mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP)  # a block that is mapped by itself goes back as soon as it is free
        mallopt(M_TRIM_THRESHOLD, LARGEST_TRIM)


def _trainer(run_dir: Path, config: TrainConfig, callbacks: list[Callback]) -> lightning.Trainer:
    return lightning.Trainer(
        max_epochs=-(-config.steps // config.steps_per_epoch),
        accelerator='auto',
        devices=1,
        gradient_clip_val=1.0,
        # Errors on a GPU operation without a deterministic version would only stop users; on the CPU all have one.
        deterministic='warn',
        callbacks=callbacks,
        logger=[
            CSVLogger(run_dir, name=None, version=_new_name(run_dir, 'csv')),
            TensorBoardLogger(run_dir, name=None, version='tensorboard'),
        ],
        plugins=[Checkpoints()],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        log_every_n_steps=50,
        enable_model_summary=False,
        enable_progress_bar=False,
    )


def _new_name(run_dir: Path, name: str) -> str:
    """The name, or with a number where a run before a kill has it: the CSV logger empties a folder that it finds."""
    names = [name, *(f'{name}_{i}' for i in range(2, 1000))]
    return next(candidate for candidate in names if not (run_dir / candidate).exists())
