"""Everything that can be chosen about a training run, in one validated dataclass: YAML and flags fill it."""

import argparse
import dataclasses
import math
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lnn_controller.data.commands import LONGEST_WHEELBASE_M
from lnn_controller.data.stamps import COMMAND_HOLD_S
from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import parse_yaml, read_text

# The encoder's convolutions leave nothing of a smaller frame, px; liquid/encoder.py, which needs PyTorch, says so too.
SMALLEST_SIDE = 47

__all__ = ['TrainConfig', 'add_arguments', 'chosen_from_arguments', 'known', 'read_yaml']


def _field(
    default: Any, text: str, *, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()
) -> Any:
    """A field that carries its own help text and range: the flags, the checks and the docs read them here."""
    metadata = {'help': text, 'low': low, 'high': high, 'choices': choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """
    A training run.

    :raises InputError: if a value has the wrong type, is out of its range, or does not fit another
    """

    cell: str = _field('ncp_cfc', 'network cell', choices=('ncp_cfc', 'cfc', 'ltc', 'ctrnn', 'lstm', 'gru', 'none'))
    units: int = _field(19, 'neurons of the cell', low=3, high=4096)
    mixed_memory: bool = _field(False, 'an LSTM memory beside the liquid cell (cfc, ltc, ncp_cfc)')
    sparsity: float = _field(0.5, 'share of absent synapses in the NCP wiring', low=0.1, high=0.9)
    features: int = _field(32, 'length of the feature vector that the encoder makes of a frame', low=1, high=1024)
    outputs: tuple[str, ...] = _field(('linear_x', 'angular_z'), 'command channels to learn')
    imu: str = _field('auto', 'use the IMU: auto takes it if every bag has one', choices=('auto', 'yes', 'no'))
    image_width: int = _field(0, "frame width for the network, pixels; 0: from the bags' frames", low=0, high=1920)
    image_height: int = _field(0, "frame height for the network, pixels; 0: from the bags' frames", low=0, high=1080)
    crop_top: float = _field(0.0, "share of the frame's height cut off above", low=0.0, high=0.8)
    crop_bottom: float = _field(0.0, "share of the frame's height cut off below", low=0.0, high=0.8)
    command_hold_s: float = _field(
        COMMAND_HOLD_S, 'how long the base holds a command where no new one comes, s', low=0.05, high=60.0
    )
    wheelbase: float = _field(
        0.0,
        'from axle to axle, m, to read Ackermann commands: speed and steering angle; 0: there are none',
        low=0.0,
        high=LONGEST_WHEELBASE_M,
    )
    rate_min_hz: float = _field(10.0, 'slowest control rate met in training', low=1.0, high=500.0)
    rate_max_hz: float = _field(100.0, 'fastest control rate met in training', low=1.0, high=500.0)
    window_ticks: int = _field(32, 'control ticks in a training window', low=2, high=1000)
    batch_size: int = _field(16, 'windows in a batch', low=1, high=1024)
    steps: int = _field(0, 'optimiser steps at most; 0: by the number of frames', low=0, high=10_000_000)
    epochs: int = _field(12, 'validations in a whole run', low=1, high=10_000)
    patience: int = _field(8, 'validations without a better one before training stops', low=1, high=1000)
    learning_rate: float = _field(2e-3, 'peak learning rate of encoder and readout', low=1e-7, high=1.0)
    cell_learning_rate: float = _field(4e-3, 'peak learning rate of the cell', low=1e-7, high=1.0)
    weight_decay: float = _field(1e-3, 'AdamW weight decay', low=0.0, high=1.0)
    encoder_loss: float = _field(
        0.5, 'weight of a second loss, on a throw-away linear readout of the features', low=0.0, high=10.0
    )
    augmentation: str = _field(
        'wide', 'photometric changes: wide holds for another season', choices=('wide', 'mild', 'none')
    )
    mirror: bool = _field(False, 'also train on mirrored frames with turned commands (only where left equals right)')
    validation_fraction: float = _field(
        0.15, 'share of the bags (or of one bag) kept for validation', low=0.05, high=0.5
    )
    test_fraction: float = _field(0.2, 'with a single bag: the share at its end kept for the test', low=0.0, high=0.5)
    seed: int = _field(0, 'seed of weights, windows and augmentation', low=0, high=2**63 - 1)
    threads: int = _field(0, 'CPU threads; 0: all', low=0, high=1024)

    def __post_init__(self) -> None:
        types = typing.get_type_hints(TrainConfig)
        for field in dataclasses.fields(self):
            value, meta = getattr(self, field.name), field.metadata
            value = _coerce(field.name, value, types[field.name])
            object.__setattr__(self, field.name, value)
            if meta['choices'] and value not in meta['choices']:
                msg = f'{field.name} must be one of {", ".join(meta["choices"])}. Got {short(value)}.'
                raise InputError(msg)
            # Written so that NaN, which is below and above nothing, fails.
            low_enough = meta['high'] is None or value <= meta['high']
            if not (low_enough and (meta['low'] is None or value >= meta['low'])):
                msg = f'{field.name} must be within [{meta["low"]}, {meta["high"]}]. Got {short(value)}.'
                raise InputError(msg)
        if self.rate_min_hz > self.rate_max_hz:
            msg = f'rate_min_hz must not exceed rate_max_hz. Got {self.rate_min_hz} > {self.rate_max_hz}.'
            raise InputError(msg)
        if self.crop_top + self.crop_bottom > 0.9:
            msg = f'crop_top + crop_bottom must leave a tenth of the frame. Got {self.crop_top} + {self.crop_bottom}.'
            raise InputError(msg)
        if (self.image_width == 0) != (self.image_height == 0):
            msg = f'Give both image_width and image_height, or neither. Got {self.image_width} and {self.image_height}.'
            raise InputError(msg)
        if self.image_width and min(self.image_width, self.image_height) < SMALLEST_SIDE:
            raise InputError(
                f'image_width and image_height must be at least {SMALLEST_SIDE}, or 0. '
                f'Got {self.image_width} and {self.image_height}'
            )
        if len(set(self.outputs)) < len(self.outputs):
            raise InputError(f'outputs must name a channel once. Got {", ".join(self.outputs)}')

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps between two validations."""
        return -(-self.steps // self.epochs)

    def for_frames(self, frames: int) -> 'TrainConfig':
        """
        Settle the number of steps.

        :param frames: camera frames to train on
        :returns: itself where ``steps`` was given; else steps that grow with the root of the frames: a long recording
            needs more of them, but each frame of it less often
        """
        return self if self.steps else dataclasses.replace(self, steps=max(200, round(20 * math.sqrt(frames))))

    def values(self) -> dict[str, Any]:
        """Return the config as plain values, as YAML and JSON hold them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}


def known(values: Any, source: str) -> dict[str, Any]:
    """
    Refuse what is no mapping of config keys.

    :param values: what was read
    :param source: where from, for errors
    :returns: the same
    :raises InputError: if it is no mapping, or has an unknown key
    """
    if not isinstance(values, dict):
        msg = f'{source} must be a YAML mapping of config keys. Got a {type(values).__name__}.'
        raise InputError(msg)
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    unknown = [key for key in values if key not in names]
    if unknown:
        msg = f'{source}: unknown key {short(unknown[0])}. `lnn train --help` lists the known ones.'
        raise InputError(msg)
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """
    Read the keys of a config file.

    :param path: a YAML mapping
    :returns: its keys and values, which :class:`TrainConfig` checks
    :raises InputError: if the file is missing, is not a YAML mapping, or names an unknown key
    """
    values = parse_yaml(read_text(path, 'a config'), f'{path} must be') or {}
    return known(values, str(path))


def _coerce(name: str, value: Any, wanted: Any) -> Any:
    """Value as the field's type, where YAML may have given an int for a float or a list for a tuple."""
    if wanted == tuple[str, ...] and isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if wanted in (int, float, str, bool) and type(value) is wanted:
        return value
    expected = 'list of str' if wanted == tuple[str, ...] else wanted.__name__
    msg = f'{name} must be of type {expected}. Got {short(value)}.'
    raise InputError(msg)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """
    Add ``--config`` and one flag for each field.

    :param parser: the command's
    """
    parser.add_argument('--config', type=Path, metavar='YAML', help='config file; the flags below win over it')
    types = typing.get_type_hints(TrainConfig)
    group = parser.add_argument_group('training')
    for field in dataclasses.fields(TrainConfig):
        wanted, meta = types[field.name], field.metadata
        text = f'{meta["help"]} (default: {field.default})'
        options: dict[str, Any] = {'default': None, 'help': text.replace('%', '%%')}
        if wanted is bool:
            options['action'] = argparse.BooleanOptionalAction
        elif wanted == tuple[str, ...]:
            options.update(nargs='+', metavar='NAME')
        elif meta['choices']:
            options['choices'] = meta['choices']
        else:
            options.update(type=wanted, metavar=wanted.__name__.upper())
        group.add_argument('--' + field.name.replace('_', '-'), **options)


def chosen_from_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """
    Collect what the user has chosen: the config file's keys, and the flags over them.

    :param args: what a parser with :func:`add_arguments` read
    :returns: the chosen values by field
    :raises InputError: if the config file cannot be read
    """
    flags = {field.name: getattr(args, field.name) for field in dataclasses.fields(TrainConfig)}
    return (read_yaml(args.config) if args.config else {}) | {k: v for k, v in flags.items() if v is not None}
