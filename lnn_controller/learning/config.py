"""Everything that can be chosen about a training run, in one validated dataclass: YAML and flags fill it."""

import argparse
import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lnn_controller.data.commands import COMMAND_FRAMES, LONGEST_WHEELBASE_M
from lnn_controller.data.stamps import COMMAND_HOLD_S
from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import parse_yaml, read_text
from lnn_controller.settings import add_flag, check_settings, setting, settings_of

__all__ = ['TrainConfig', 'add_arguments', 'chosen_from_arguments', 'known', 'read_yaml']

# Between the largest and the smallest of red, green and blue, for there to be a hue.
LEAST_COLOUR = 60


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """
    A training run.

    :raises InputError: if a value has the wrong type, is out of its range, or does not fit another
    """

    cell: str = setting(
        'ncp_cfc', 'network cell', choices=('ncp_cfc', 'cfc', 'ltc', 'dlinoss', 'ctrnn', 'lstm', 'gru', 'none')
    )
    units: int = setting(19, 'neurons of the cell', minimum=3, maximum=4096)
    mixed_memory: bool = setting(False, 'an LSTM memory beside the liquid cell (cfc, ltc, ncp_cfc)')
    cell_options: dict[str, Any] = setting({}, "an option of the cell's own, such as self_state=true; once for each")
    sparsity: float = setting(0.5, 'share of absent synapses in the NCP wiring', minimum=0.1, maximum=0.9)
    features: int = setting(
        32, 'length of the feature vector that the encoder makes of a frame', minimum=1, maximum=1024
    )
    outputs: tuple[str, ...] = setting(('linear_x', 'angular_z'), 'command channels to learn')
    imu: str = setting('auto', 'use the IMU: auto takes it if every bag has one', choices=('auto', 'yes', 'no'))
    image_width: int = setting(
        0, "frame width for the network, pixels; 0: from the bags' frames", minimum=0, maximum=1920
    )
    image_height: int = setting(
        0, "frame height for the network, pixels; 0: from the bags' frames", minimum=0, maximum=1080
    )
    crop_top: float = setting(0.0, "share of the frame's height cut off above", minimum=0.0, maximum=0.8)
    crop_bottom: float = setting(0.0, "share of the frame's height cut off below", minimum=0.0, maximum=0.8)
    command_hold_s: float = setting(
        COMMAND_HOLD_S, 'how long the base holds a command where no new one comes, s', minimum=0.05, maximum=60.0
    )
    wheelbase: float = setting(
        0.0,
        'from axle to axle, m, to read Ackermann commands: speed and steering angle; 0: there are none',
        minimum=0.0,
        maximum=LONGEST_WHEELBASE_M,
    )
    command_frame: str = setting(
        'auto',
        'frame of the velocities in Twists and odometries: auto: ahead and left in a Twist, the body in an odometry; '
        'world: the axes of the pose, turned by the heading of an odometry in the bag',
        choices=COMMAND_FRAMES,
    )
    rate_min_hz: float = setting(10.0, 'slowest control rate met in training', minimum=1.0, maximum=500.0)
    rate_max_hz: float = setting(100.0, 'fastest control rate met in training', minimum=1.0, maximum=500.0)
    window_ticks: int = setting(32, 'control ticks in a training window', minimum=2, maximum=1000)
    batch_size: int = setting(16, 'windows in a batch', minimum=1, maximum=1024)
    steps: int = setting(0, 'optimiser steps at most; 0: by the number of frames', minimum=0, maximum=10_000_000)
    epochs: int = setting(12, 'validations in a whole run', minimum=1, maximum=10_000)
    patience: int = setting(8, 'validations without a better one before training stops', minimum=1, maximum=1000)
    refine_steps: int = setting(
        0,
        'steps after these in which cell and readout learn on over windows eight times as long, the encoder left as it '
        'is; seconds for hundreds',
        minimum=0,
        maximum=1_000_000,
    )
    learning_rate: float = setting(2e-3, 'peak learning rate of encoder and readout', minimum=1e-7, maximum=1.0)
    cell_learning_rate: float = setting(4e-3, 'peak learning rate of the cell', minimum=1e-7, maximum=1.0)
    weight_decay: float = setting(1e-3, 'AdamW weight decay', minimum=0.0, maximum=1.0)
    encoder_loss: float = setting(
        0.5, 'weight of a second loss, on a throw-away linear readout of the features', minimum=0.0, maximum=10.0
    )
    foresight_s: float = setting(
        0.0,
        'also train a throw-away readout of the neurons on the commands up to so much later, s, so that they keep what '
        'will matter; 0: none',
        minimum=0.0,
        maximum=60.0,
    )
    readout: str = setting(
        'all', 'neurons that the command is a linear map of: all, or the motor ones alone', choices=('all', 'motor')
    )
    readout_l1: float = setting(
        0.0,
        'weight of an L1 penalty on what the readout takes from neurons other than the motor ones',
        minimum=0.0,
        maximum=10.0,
    )
    augmentation: str = setting(
        'wide',
        'photometric changes: wide holds for another season; colour keeps every hue; cue keeps that of what is sought, '
        'and paints the rest anew',
        choices=('wide', 'mild', 'colour', 'cue', 'none'),
    )
    cue_colour: tuple[int, ...] = setting(
        (255, 0, 0), 'with cue: red, green and blue of what is sought', minimum=0, maximum=255
    )
    mirror: bool = setting(False, 'also train on mirrored frames with turned commands (only where left equals right)')
    viewpoint_shift: float = setting(
        0.0,
        'also train on frames as seen from up to so far aside, m, with the command that leads back (needs camera_*)',
        minimum=0.0,
        maximum=10.0,
    )
    viewpoint_turn: float = setting(
        0.0, 'and turned by up to so much, degrees, with the command that leads back', minimum=0.0, maximum=45.0
    )
    camera_fov: tuple[int, ...] = setting(
        (0, 0), "the camera's field of view across and down, degrees, before any crop", minimum=0, maximum=170
    )
    camera_horizon: float = setting(
        0.5, "row of the horizon, as a share of the frame's height from above", minimum=-2.0, maximum=3.0
    )
    camera_height: float = setting(0.0, "the camera's height above the ground, m", minimum=0.0, maximum=100.0)
    side_cameras: tuple[str, ...] = setting(
        (), 'topics of a camera to the left and of one to the right: also train on what they saw, led back'
    )
    side_offset: float = setting(0.0, 'how far aside these are, m', minimum=0.0, maximum=10.0)
    recovery_s: float = setting(
        0.8, 'the time within which a shifted view or a side camera is led back, s', minimum=0.1, maximum=10.0
    )
    validation_fraction: float = setting(
        0.15, 'share of the bags (or of one bag) kept for validation', minimum=0.05, maximum=0.5
    )
    test_fraction: float = setting(
        0.2, 'with a single bag: the share at its end kept for the test', minimum=0.0, maximum=0.5
    )
    seed: int = setting(0, 'seed of weights, windows and augmentation', minimum=0, maximum=2**63 - 1)
    threads: int = setting(
        1,
        'CPU threads; 0: all, which is slower where cores are shared, and gives other weights',
        minimum=0,
        maximum=1024,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        self._check_cell()
        if self.rate_min_hz > self.rate_max_hz:
            raise InputError(f'rate_min_hz must not exceed rate_max_hz. Got {self.rate_min_hz} > {self.rate_max_hz}')
        if self.crop_top + self.crop_bottom > 0.9:
            raise InputError(
                f'crop_top + crop_bottom must leave a tenth of the frame. Got {self.crop_top} + {self.crop_bottom}'
            )
        if (self.image_width == 0) != (self.image_height == 0):
            raise InputError(
                f'give both image_width and image_height, or neither. Got {self.image_width} and {self.image_height}'
            )
        if self.image_width:
            from lnn_controller.liquid.encoder import SMALLEST_SIDE  # PyTorch takes seconds to load

            if min(self.image_width, self.image_height) < SMALLEST_SIDE:
                raise InputError(
                    f'image_width and image_height must be at least {SMALLEST_SIDE}, or 0. '
                    f'Got {self.image_width} and {self.image_height}'
                )
        if len(set(self.outputs)) < len(self.outputs):
            raise InputError(f'outputs must name a channel once. Got {", ".join(self.outputs)}')
        if len(self.cue_colour) != 3 or max(self.cue_colour) - min(self.cue_colour) < LEAST_COLOUR:
            raise InputError(
                'cue_colour must be red, green and blue of a colour that is not nearly grey. '
                f'Got {" ".join(map(str, self.cue_colour))}'
            )

        self._check_asides()

    def _check_asides(self) -> None:
        if len(self.camera_fov) != 2:
            raise InputError(f'camera_fov must be two angles: across and down. Got {len(self.camera_fov)}')
        if self.side_cameras and (len(self.side_cameras) != 2 or not self.side_offset):
            raise InputError(
                'side_cameras must be two topics, of the left and of the right camera, with a side_offset, m. '
                f'Got {len(self.side_cameras)}, and {self.side_offset:g} m'
            )
        aside = [name for name in ('viewpoint_shift', 'viewpoint_turn', 'side_cameras') if getattr(self, name)]
        missing = [name for name in ('linear_x', 'angular_z') if name not in self.outputs]
        if aside and missing:
            raise InputError(
                f'{aside[0]} needs linear_x and angular_z among the outputs, to correct the turn by the speed. '
                f'Got no {missing[0]}'
            )
        if not (self.viewpoint_shift or self.viewpoint_turn):
            return
        if min(self.camera_fov) == 0:
            raise InputError('viewpoint_shift and viewpoint_turn need camera_fov: two angles above 0. Got none')
        if self.viewpoint_shift and not self.camera_height:
            raise InputError('viewpoint_shift needs camera_height, m: how far the ground is. Got none')

    def _check_cell(self) -> None:
        """Refuse options that the cell has not, at once: the bags may take minutes to read."""
        if not self.cell_options and not self.mixed_memory:
            return
        from lnn_controller.liquid.cells import check_cell_options, make_cell  # PyTorch takes seconds to load

        try:
            check_cell_options(self.cell, self.cell_options)
        except InputError as error:
            own = [name for name in self.cell_options if name in settings_of(TrainConfig)]
            hint = f'. {own[0]} is a setting of its own: --{own[0].replace("_", "-")}' if own else ''
            raise InputError(f'cell_options: {error}{hint}') from None
        # The cell checks their ranges; a small one does it as well.
        make_cell(self.cell, input_size=1, units=8, outputs=2, mixed_memory=self.mixed_memory, **self.cell_options)

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
        raise InputError(f'{source} must be a YAML mapping of config keys. Got a {type(values).__name__}')
    unknown = [key for key in values if key not in settings_of(TrainConfig)]
    if unknown:
        raise InputError(f'{source}: unknown key {short(unknown[0])}. `lnn train --help` lists the known ones')
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """
    Add ``--config`` and one flag for each field.

    :param parser: the command's
    """
    parser.add_argument('--config', type=Path, metavar='YAML', help='config file; the flags below win over it')
    group = parser.add_argument_group('training')
    for name, each in settings_of(TrainConfig).items():
        if name == 'cell_options':
            add_flag(group, each, '--cell-option', action='append', type=_option, metavar='KEY=VALUE')
        else:
            add_flag(group, each)


def _option(text: str) -> tuple[str, Any]:
    """Read ``KEY=VALUE``: true, false, null and numbers as JSON has them, anything else as text."""
    key, equals, value = text.partition('=')
    if not key or not equals:
        raise argparse.ArgumentTypeError(f'must be KEY=VALUE, such as self_state=true. Got {text!r}')
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def chosen_from_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """
    Collect what the user has chosen: the config file's keys, and the flags over them.

    :param args: what a parser with :func:`add_arguments` read
    :returns: the chosen values by field
    :raises InputError: if the config file cannot be read
    """
    flags = {name: getattr(args, name) for name in settings_of(TrainConfig)}
    chosen = read_yaml(args.config) if args.config else {}
    options = chosen.get('cell_options', {})
    if flags['cell_options'] is not None and isinstance(options, dict):  # another is refused where all is checked
        flags['cell_options'] = options | dict(flags['cell_options'])
    return chosen | {name: value for name, value in flags.items() if value is not None}
