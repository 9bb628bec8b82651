"""What is searched: keys of a training's config, each with a range or with choices, out of a YAML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError, check_name, short
from lnn_controller.learning.config import TrainConfig
from lnn_controller.liquid.cells import CELLS, cell_options
from lnn_controller.policy.files import parse_yaml, read_text
from lnn_controller.settings import check_number, settings_of

__all__ = ['OPTION', 'Parameter', 'Space', 'read_space']

#: an option of the cell's own is named so, and its name
OPTION = 'cell_options.'
# They change what is measured, or by how many validations trials are compared: figures of two values say nothing.
_MEASURE = (
    *('outputs', 'imu', 'command_hold_s', 'wheelbase', 'command_frame', 'rate_min_hz', 'rate_max_hz'),
    *('validation_fraction', 'test_fraction', 'epochs', 'threads'),
)
# They change the colours in which it is validated, but not the road.
_COLOURS = ('augmentation', 'cue_colour', 'seed')


@dataclass(frozen=True)
class Parameter:
    """
    One key that is searched.

    :param name: of the config, or :data:`OPTION` and the name of an option of the cell
    :param choices: what it may be; empty where it has a range
    :param low: smallest value of a range
    :param high: largest value of a range
    :param log: whether a range is searched by its logarithm
    :param whole: whether a range is one of whole numbers
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def contains(self, value: Any) -> bool:
        """
        Tell whether a value may be drawn.

        :param value: of the key
        :returns: whether it is in the range, or one of the choices
        """
        if self.choices:
            return any(type(value) is type(each) and value == each for each in self.choices)
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def draw(self, trial: Any) -> Any:
        """
        Ask a trial for a value.

        :param trial: of Optuna
        :returns: the value
        """
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Space:
    """
    What is searched, around a config.

    :param base: keys of the config as it is, plain values
    :param parameters: what is searched
    """

    base: Mapping[str, Any]
    parameters: tuple[Parameter, ...]

    def of_base(self) -> dict[str, Any]:
        """Return what the config as it is has for each parameter, an option that its cell has not left out."""
        config = TrainConfig(**self.base)
        options = cell_options(config.cell) | config.cell_options
        values = config.values() | {f'{OPTION}{name}': value for name, value in options.items()}
        return {each.name: values[each.name] for each in self.parameters if each.name in values}

    def of_base_within(self) -> dict[str, Any]:
        """Return the same, but for what lies outside of its range or choices."""
        values = self.of_base()
        return {
            each.name: values[each.name]
            for each in self.parameters
            if each.name in values and each.contains(values[each.name])
        }

    def config(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """
        Put values into the config.

        :param drawn: by parameter; those left out stay as they are
        :returns: keys of the config; an option that the cell has not is left out
        """
        values = dict(self.base) | {name: value for name, value in drawn.items() if not name.startswith(OPTION)}
        options = dict(values.get('cell_options', {}))
        options |= {name.removeprefix(OPTION): value for name, value in drawn.items() if name.startswith(OPTION)}
        known = cell_options(values.get('cell', TrainConfig.cell))
        options = {name: value for name, value in options.items() if name in known}
        values.pop('cell_options', None)
        return values | ({'cell_options': options} if options else {})


def read_space(path: Path, base: Mapping[str, Any], *, by_validation: bool) -> Space:
    """
    Read what is searched, and try every end and choice in the config.

    :param path: a YAML mapping of config keys, each to ``{low, high, log}`` or a list of choices
    :param base: keys of the config as it is
    :param by_validation: whether trials are compared by their loss in validation
    :returns: the space
    :raises InputError: if the file is none, a key is not known or would change what is measured, or it cannot have a
        value
    """
    values = parse_yaml(read_text(path, 'a search space'), f'{path} must be')
    if not isinstance(values, dict) or not values:
        raise InputError(f'{path} must be a YAML mapping of config keys to ranges or choices. Got {short(values)}')
    flat: dict[Any, Any] = {name: given for name, given in values.items() if name != OPTION[:-1]}
    options = values.get(OPTION[:-1], {})
    if not isinstance(options, dict):
        raise InputError(f'{path}: cell_options must be a mapping of options to choices. Got {short(options)}')
    flat |= {f'{OPTION}{name}': given for name, given in options.items()}
    cells = flat['cell'] if isinstance(flat.get('cell'), list) else [dict(base).get('cell', TrainConfig.cell)]
    parameters = []
    for name, given in flat.items():
        default = _default(path, str(name), cells, by_validation=by_validation)
        parameters.append(_parameter(f'{path}: {name}', str(name), given, default))
    space = Space(base, tuple(parameters))
    for each in parameters:
        _try(path, space, each, cells)
    return space


def _default(path: Path, name: str, cells: list[Any], *, by_validation: bool) -> Any:
    """What the key is where nobody sets it; its type is the key's."""
    if name in _MEASURE or (by_validation and name in _COLOURS):
        hint = ': search it with --metric drive' if name in _COLOURS else ': set it in --config'
        raise InputError(f'{path}: {name} changes what trials are compared by, so it cannot be searched{hint}')
    if name.startswith(OPTION):
        known: dict[str, Any] = {}
        for cell in cells:
            known |= cell_options(cell) if cell in CELLS else {}
        return known[check_name(f'{path}: an option', name.removeprefix(OPTION), known)]
    settings = {key: each for key, each in settings_of(TrainConfig).items() if key != OPTION[:-1]}
    return settings[check_name(f'{path}: a key', name, settings)].default


def _parameter(what: str, name: str, given: Any, default: Any) -> Parameter:
    if isinstance(given, list):
        plain = all(isinstance(each, bool | int | float | str) for each in given)
        if len(given) < 2 or not plain or len({(type(each), each) for each in given}) < len(given):
            raise InputError(f'{what} must have at least two choices, texts or numbers, each once. Got {short(given)}')
        return Parameter(name, choices=tuple(given))
    if not isinstance(given, dict) or not {'low', 'high'} <= given.keys() <= {'low', 'high', 'log'}:
        raise InputError(
            f'{what} must be {{low: …, high: …}}, with log: true for a range over decades, or a list of choices. '
            f'Got {short(given)}'
        )
    if isinstance(default, bool | str | list | tuple):
        raise InputError(f'{what} has no range: it must be a list of choices. Got {short(given)}')
    whole, log = isinstance(default, int), given.get('log', False)
    if not isinstance(log, bool):
        raise InputError(f'{what}: log must be true or false. Got {short(log)}')
    for end in ('low', 'high'):
        if isinstance(given[end], str):
            raise InputError(f'{what}: {end} must be a number, in YAML such as 1.0e-3. Got {short(given[end])}')
    low = check_number(f'{what}: low', given['low'], whole=whole, **({'above': 0} if log else {}))
    high = check_number(f'{what}: high', given['high'], whole=whole, above=low)
    return Parameter(name, low=low, high=high, log=log, whole=whole)


def _try(path: Path, space: Space, parameter: Parameter, cells: list[Any]) -> None:
    """Refuse at once a value that no trial could have."""
    option = parameter.name.removeprefix(OPTION) if parameter.name.startswith(OPTION) else ''
    for value in parameter.choices or (parameter.low, parameter.high):
        drawn = {parameter.name: value}
        if option:
            drawn['cell'] = next(cell for cell in cells if cell in CELLS and option in cell_options(cell))
        try:
            TrainConfig(**space.config(drawn))
        except InputError as error:
            raise InputError(f'{path}: {error}') from None
