"""What a policy takes and gives: the dataclasses behind ``policy.json``, read strictly and written stably."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError, short
from lnn_controller.policy.files import parse_json
from lnn_controller.settings import check_number

__all__ = [
    'BUNDLE_FILES',
    'CHANNEL_UNITS',
    'FORMAT_VERSION',
    'ImageSpec',
    'ImuSpec',
    'NetworkSpec',
    'OutputSpec',
    'PolicySpec',
]

FORMAT_VERSION = 1
BUNDLE_FILES = ('weights.safetensors', 'encoder.onnx', 'core.onnx')
#: what a bundle may have beside; it drives without it
ATTENTION_FILE = 'attention.onnx'
CHANNEL_UNITS = {'linear_x': 'm/s', 'linear_y': 'm/s', 'linear_z': 'm/s', 'angular_z': 'rad/s'}

_EVERY_BIT = 16


def _refuse(key: str, wanted: str, value: object) -> InputError:
    return InputError(f'"{key}" must be {wanted}. Got {short(value)}')


def _text(key: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise _refuse(key, 'a non-empty text', value)


def _mapping(key: str, value: object) -> None:
    if not isinstance(value, dict):
        raise _refuse(key, 'an object', value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f'"{key}" must hold only what JSON can hold (finite numbers, texts, lists): {error}') from None


@dataclass(frozen=True)
class ImageSpec:
    """
    The frame that the encoder takes, rgb8.

    :param height: rows after cropping and resizing, px
    :param width: columns after resizing, px
    :param channels: 3 (red, green, blue)
    :param crop_top: fraction of the incoming frame's height cut off above, before resizing, 0 … < 1
    :param crop_bottom: the same below; both together < 1
    :param bits: that the values of a 16-bit camera use: the largest of them, 2^bits − 1, is white
    :raises InputError: if a value has the wrong type or lies outside its range
    """

    height: int
    width: int
    channels: int = 3
    crop_top: float = 0.0
    crop_bottom: float = 0.0
    bits: int = 16

    def __post_init__(self) -> None:
        for key in ('height', 'width'):
            check_number(f'"image.{key}"', getattr(self, key), whole=True, minimum=1)
        if self.channels != 3 or isinstance(self.channels, bool) or not isinstance(self.channels, int):
            raise _refuse('image.channels', '3 (rgb8 frames)', self.channels)
        check_number('"image.bits"', self.bits, whole=True, minimum=8, maximum=16)
        for key in ('crop_top', 'crop_bottom'):
            check_number(f'"image.{key}"', getattr(self, key), minimum=0.0, below=1.0)
        if self.crop_top + self.crop_bottom >= 1:
            raise _refuse('image.crop_top + image.crop_bottom', 'below 1', self.crop_top + self.crop_bottom)


@dataclass(frozen=True)
class ImuSpec:
    """
    The scales that the network divides the IMU by (inside its graph: callers give unscaled values).

    :param gyro_scale: rad/s that becomes 1
    :param accel_scale: m/s² that becomes 1
    :raises InputError: if a scale is not a positive number
    """

    gyro_scale: float
    accel_scale: float

    def __post_init__(self) -> None:
        for key in ('gyro_scale', 'accel_scale'):
            check_number(f'"imu.{key}"', getattr(self, key), above=0.0)


@dataclass(frozen=True)
class OutputSpec:
    """
    One command channel.

    :param name: ``linear_x``, ``linear_y``, ``linear_z`` (m/s) or ``angular_z`` (rad/s, left positive)
    :param unit: the unit that belongs to the name
    :param minimum: smallest command that the policy may give, ≤ 0
    :param maximum: largest command that the policy may give, ≥ 0
    :raises InputError: if name and unit do not fit, or the range is empty or does not hold 0 (a robot must be
        allowed to stand still)
    """

    name: str
    unit: str
    minimum: float
    maximum: float

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in CHANNEL_UNITS:
            raise _refuse('outputs.name', f'one of {", ".join(CHANNEL_UNITS)}', self.name)
        if self.unit != CHANNEL_UNITS[self.name]:
            raise _refuse(f'outputs.{self.name}.unit', f'"{CHANNEL_UNITS[self.name]}"', self.unit)
        check_number(f'"outputs.{self.name}.minimum"', self.minimum, maximum=0.0)
        check_number(f'"outputs.{self.name}.maximum"', self.maximum, minimum=0.0)
        if self.minimum >= self.maximum:
            raise _refuse(f'outputs.{self.name}.maximum', f'above the minimum, {self.minimum}', self.maximum)


@dataclass(frozen=True)
class NetworkSpec:
    """
    The liquid network's make and sizes; enough to build it again for training.

    :param cell: name of the cell, as ``lnn_controller.liquid.make_cell`` takes it
    :param units: neurons in the readout's basis, N
    :param state_size: numbers in the hidden state, S
    :param features: numbers that the encoder gives per frame, F
    :param time_scale: network time per second of real time, 1/s
    :param wiring: the wiring as an object, or ``None`` for a cell without one
    :param options: whatever else the network's constructor needs
    :raises InputError: if a value has the wrong type or lies outside its range
    """

    cell: str
    units: int
    state_size: int
    features: int
    time_scale: float
    wiring: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _text('network.cell', self.cell)
        for key in ('units', 'state_size', 'features'):
            check_number(f'"network.{key}"', getattr(self, key), whole=True, minimum=1)
        check_number('"network.time_scale"', self.time_scale, above=0.0)
        if self.wiring is not None:
            _mapping('network.wiring', self.wiring)
        _mapping('network.options', self.options)


@dataclass(frozen=True, kw_only=True)
class PolicySpec:
    """
    Everything in ``policy.json``.

    :param name: the policy's name, one word usable as a folder
    :param image: the frame that it sees
    :param imu: the IMU scales, or ``None`` for a policy that needs no IMU
    :param outputs: the command channels in the order of the command array, C of them
    :param network: the network's make and sizes
    :param dt_min_s: smallest Δt seen in training, s, > 0
    :param dt_max_s: largest Δt seen in training, s
    :param provenance: where it came from: bags and their hashes, seed, versions, metrics
    :param files: SHA-256 by file name; empty until the bundle is written
    :param format_version: version of this format, 1
    :param robot: the robot that it was shown on, as simulations name it; empty where the demonstrations do not say
    :raises InputError: if a value has the wrong type or lies outside its range
    """

    format_version: int = FORMAT_VERSION
    name: str
    robot: str = ''
    image: ImageSpec
    imu: ImuSpec | None
    outputs: tuple[OutputSpec, ...]
    network: NetworkSpec
    dt_min_s: float
    dt_max_s: float
    provenance: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.format_version, bool) or self.format_version != FORMAT_VERSION:
            raise _refuse('format_version', f'{FORMAT_VERSION}, the one that this version reads', self.format_version)
        if not isinstance(self.name, str) or not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_.-]*', self.name):
            raise _refuse('name', 'one word of letters, digits, "_", "-" and "."', self.name)
        if not isinstance(self.robot, str):
            raise _refuse('robot', 'a text', self.robot)
        names = [output.name for output in self.outputs]
        if not names or len(set(names)) != len(names):
            raise _refuse('outputs', 'at least one channel, each once', names)
        check_number('"dt_min_s"', self.dt_min_s, above=0.0)
        check_number('"dt_max_s"', self.dt_max_s, above=0.0)
        if self.dt_max_s < self.dt_min_s:
            raise _refuse('dt_max_s', f'at least dt_min_s, {self.dt_min_s}', self.dt_max_s)
        _mapping('provenance', self.provenance)
        # Names of files are ours, never the bundle's: nothing in a policy.json can point outside its folder.
        if self.files and sorted({*self.files} - {ATTENTION_FILE}) != sorted(BUNDLE_FILES):
            wanted = f'the hashes of {", ".join(BUNDLE_FILES)}, and of {ATTENTION_FILE} where there is one'
            raise _refuse('files', wanted, list(self.files))
        for file, digest in self.files.items():
            if not isinstance(digest, str) or not re.fullmatch('[0-9a-f]{64}', digest):
                raise _refuse(f'files.{file}', 'a SHA-256 in 64 hexadecimal digits', digest)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the command channels, in the order of the command array."""
        return tuple(output.name for output in self.outputs)

    @property
    def command_range(self) -> NDArray[np.float64]:
        """The larger of each channel's two limits, (C,), m/s and rad/s: shares of it compare channels of any unit."""
        return np.array([max(-output.minimum, output.maximum) for output in self.outputs])

    def to_json(self) -> str:
        """
        Write the spec as JSON.

        :returns: indented text with the keys in the order of the dataclasses, ending in a newline; the same spec
            gives the same text
        """
        values = asdict(self)
        if self.image.bits == _EVERY_BIT:  # as in the bundles of before, which know no other
            del values['image']['bits']
        if not self.robot:  # likewise
            del values['robot']
        text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
        # A wiring's matrix reads as rows, not as one number per line. Texts hold no raw newline, so none is touched.
        text = re.sub(r'\[\n\s+([^\[\]{}"]+?)\n\s*\]', lambda hit: '[' + ' '.join(hit[1].split()) + ']', text)
        return text + '\n'

    @classmethod
    def from_json(cls, text: str, *, source: str = 'policy.json') -> 'PolicySpec':
        """
        Read a spec, strictly: every key of the format, and no other; ``robot`` and ``image.bits`` may be left out.

        :param text: JSON text
        :param source: name of the file, for the errors
        :returns: the spec
        :raises InputError: if the text is no JSON, a key is unknown, missing or given twice, or a value is wrong
        """
        try:
            root = parse_json(text, 'must be', object_pairs_hook=_unique, parse_constant=_no_constant)
            top = _keys(_with(root, robot=''), PolicySpec, '')
            top['image'] = ImageSpec(**_keys(_with(top['image'], bits=_EVERY_BIT), ImageSpec, 'image'))
            top['imu'] = None if top['imu'] is None else ImuSpec(**_keys(top['imu'], ImuSpec, 'imu'))
            top['network'] = NetworkSpec(**_keys(top['network'], NetworkSpec, 'network'))
            if not isinstance(top['outputs'], list):
                raise _refuse('outputs', 'a list', top['outputs'])
            outputs = enumerate(top['outputs'])
            top['outputs'] = tuple(OutputSpec(**_keys(item, OutputSpec, f'outputs[{i}]')) for i, item in outputs)
            if not isinstance(top['files'], dict) or not top['files']:
                raise _refuse('files', f'the hashes of {", ".join(BUNDLE_FILES)}', top['files'])
            return cls(**top)
        except InputError as error:
            raise InputError(f'{source}: {error}') from None


def _with(value: Any, **optional: Any) -> Any:
    """Add what an object may leave out."""
    return optional | value if isinstance(value, dict) else value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f'key "{twice}" is given twice. Remove one')
    return result


def _no_constant(name: str) -> None:
    raise InputError(f'numbers must be finite. Got {name}')


def _keys(value: Any, kind: type, where: str) -> dict[str, Any]:
    """Check that an object has exactly the keys of a dataclass."""
    if not isinstance(value, Mapping):
        raise _refuse(where or 'the whole file', 'an object', value)
    wanted = [item.name for item in fields(kind)]
    prefix = f'{where}.' if where else ''
    for key in value:
        if key not in wanted:
            raise InputError(f'unknown key "{prefix}{key}". Known here: {", ".join(wanted)}')
    for key in wanted:
        if key not in value:
            raise InputError(f'missing key "{prefix}{key}". Needed here: {", ".join(wanted)}')
    return dict(value)
