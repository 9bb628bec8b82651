"""The page of ``lnn top``: what a controller publishes of itself, laid out for a terminal. No ROS in here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Console, ConsoleOptions, RenderResult
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from lnn_controller.errors import printable
from lnn_controller.live.top.bars import LABEL, axis_limit, bar, line_of, neuron_bars, neuron_sparks, sign_style

__all__ = ['SILENT_S', 'State', 'page']

SILENT_S = 3.0  # without a word: diagnostics come once a second
ABSENT = '–'
MODES = {'policy': 'white on green', 'override': 'black on yellow', 'stop': 'white on red'}
LEVELS = ('green', 'yellow', 'red', 'magenta')  # DiagnosticStatus: OK, WARN, ERROR, STALE
CHANNELS = ('linear.x', 'linear.y', 'linear.z', 'angular.x', 'angular.y', 'angular.z')
ALWAYS_SHOWN = ('linear.x', 'angular.z')
SPREADS = {'tick_lateness': 'lateness', 'tick_work': 'work', 'encode': 'encode', 'step_latency': 'step'}
REFUSALS = ('refused', 'undecodable', 'incomplete', 'not_finite', 'not_newer', 'in_future', 'too_old')


@dataclass
class State:
    """
    What is known of a controller.

    :param node: its name in the graph
    :param hint: what is waited for, and what to look at if it does not come; one line each
    :param level: of the diagnostics: 0 OK, 1 WARN, 2 ERROR, 3 STALE
    :param message: the diagnostics' summary
    :param values: the diagnostics' text by key; empty: none came yet
    :param status_age_s: since the last diagnostics, s
    :param command: linear x, y, z, m/s, and angular x, y, z, rad/s; ``None``: none came yet
    :param command_age_s: since the last command, s
    :param peaks: largest amount of each of them so far
    :param names: of the neurons, N of them: ``role_index``
    :param neurons: their states, (N,)
    :param time_constants: s, (N,); empty where the cell has none
    """

    node: str = '/controller'
    hint: Sequence[str] = ()
    level: int = 0
    message: str = ''
    values: Mapping[str, str] = field(default_factory=dict)
    status_age_s: float = 0.0
    command: Sequence[float] | None = None
    command_age_s: float = 0.0
    peaks: Sequence[float] = (0.0,) * 6
    names: Sequence[str] = ()
    neurons: Sequence[float] = ()
    time_constants: Sequence[float] = ()


def page(state: State, *, height: int | None = None) -> '_Page':
    """
    Lay a state out.

    :param state: what to show
    :param height: lines that there are; ``None``: any number. Where they are too few for a bar per neuron, a role's
        neurons become one character each
    :returns: a rich renderable; it takes the width that it is given
    """
    return _Page(_plain(state), height)


def _plain(state: State) -> State:
    """The state with its texts in one line each and harmless to a terminal: anybody in the graph may have sent them."""

    def plain(text: str) -> str:
        return printable(' '.join(text.split('\n')))

    return replace(
        state,
        node=plain(state.node),
        hint=[plain(line) for line in state.hint],
        message=plain(state.message),
        values={plain(key): plain(value) for key, value in state.values.items()},
        names=[plain(name) for name in state.names],
    )


@dataclass
class _Page:
    state: State
    height: int | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, state = options.max_width, self.state
        lines = _lines(console, options, [*_head(state), *_body(state, width)])
        if state.names:
            neurons = (state.names, state.neurons, state.time_constants)
            shown: list[Text | Rule] = [
                _rule(f'{len(state.names)} neurons', 'state, time constant'),
                *neuron_bars(*neurons, width),
            ]
            if self.height is not None and len(lines) + len(shown) > self.height:
                shown = [shown[0], *neuron_sparks(*neurons, width)]
            lines += shown
        yield from lines[: self.height]


def _lines(console: Console, options: ConsoleOptions, parts: Sequence[Text | Rule | Table]) -> list[Text | Rule]:
    """Every part as renderables of one line each, so that they can be counted."""
    lines: list[Text | Rule] = []
    for part in parts:
        if isinstance(part, Table):
            for segments in console.render_lines(part, options, pad=False):
                lines.append(line_of(*((segment.text, segment.style or '') for segment in segments)))
        else:
            lines.append(part)
    return lines


def _rule(title: str, note: str = '') -> Rule:
    return Rule(Text.assemble((title, 'bold'), (f'  {note}' if note else '', 'dim')), align='left', style='dim')


def _head(state: State) -> Iterator[Text]:
    values = state.values
    if not values:
        yield line_of((f' {state.node} ', 'reverse'), ('  nothing heard yet', 'yellow'))
        yield from (line_of((line, '')) for line in state.hint)
        return
    mode, reason = values.get('mode', ABSENT), values.get('reason', '')
    style = MODES.get(mode, 'reverse')
    badge = f' {mode.upper()}{f": {reason}" if reason else ""} '
    policy = f'{values.get("policy", ABSENT)} {values.get("policy_hash", "")}'
    yield line_of(
        (badge, f'bold {style}'),
        (f'  {state.node} ', 'bold'),
        (values.get('state', ABSENT), ''),
        (f'  {policy}', 'dim'),
    )
    if state.status_age_s > SILENT_S:
        yield line_of((f'silent for {state.status_age_s:.0f} s: what stands here is old', 'bold red'))
        return
    holders = values.get('emergency_stop', 'released')
    engaged = '' if holders == 'released' else f'  EMERGENCY STOP: {holders}'
    yield line_of((state.message or ABSENT, LEVELS[min(max(state.level, 0), 3)]), (engaged, 'bold red'))


def _body(state: State, width: int) -> Iterator[Text | Rule | Table]:
    if state.values:

        def get(key: str) -> str:
            return state.values.get(key, ABSENT)

        yield _rule('control')
        yield line_of(
            (f'{get("control_rate_hz")} of {get("control_rate_wanted_hz")} Hz', _rate_style(state.values)),
            (f'   ticks {get("ticks")}, missed {get("missed_ticks")}, stopped {get("stopped_ticks")}', ''),
            (f'   Δt outside training {get("dt_outside_training")}', ''),
        )
        both = Table.grid(padding=(0, 4))
        both.add_row(_timings(state.values), _sensors(state.values))
        yield both
        yield _counts('stops', 'stop_', state.values)
        yield _counts('limits', 'limit_', state.values)
    if state.command is not None:
        old = state.command_age_s > 1.0
        yield _rule('commands', f'silent for {state.command_age_s:.0f} s' if old else '')
        for name, value, peak in zip(CHANNELS, state.command, state.peaks, strict=True):
            if peak > 0.0 or name in ALWAYS_SHOWN:
                unit = 'm/s' if name.startswith('linear') else 'rad/s'
                limit = axis_limit([peak])
                drawn = bar(value / limit, min(width - LABEL - 30, 60))
                figure = (f' {value:+7.3f} {unit:<5}', '')
                scale = (f'  of ±{limit:.3g}', 'dim')
                yield line_of((f'{name:<{LABEL + 1}}', ''), (drawn, sign_style(value)), figure, scale)


def _rate_style(values: Mapping[str, str]) -> str:
    share = _number(values.get('control_rate_hz')) / (_number(values.get('control_rate_wanted_hz')) or 1.0)
    return 'green' if share >= 0.95 else 'yellow' if share >= 0.8 else 'red'


def _timings(values: Mapping[str, str]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style='dim')
    table.add_column('ms', min_width=LABEL)
    for name in ('p50', 'p99', 'max'):
        table.add_column(name, justify='right', min_width=6)
    for key, name in SPREADS.items():
        figures = [values.get(f'{key}_{which}_us') for which in ('p50', 'p99', 'max')]
        table.add_row(name, *(ABSENT if each is None else f'{_number(each) / 1e3:.2f}' for each in figures))
    return table


def _sensors(values: Mapping[str, str]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style='dim')
    table.add_column('')
    for name in ('Hz', 'age ms', 'dropped', 'refused'):
        table.add_column(name, justify='right', min_width=5)
    for name, shown in (('image', 'camera'), ('imu', 'IMU'), ('scan', 'scan')):
        counts = [values[f'{name}_{refusal}'] for refusal in REFUSALS if f'{name}_{refusal}' in values]
        refused = f'{sum(map(_number, counts)):.0f}' if counts else ABSENT
        figures = [values.get(f'{name}_{key}', ABSENT) for key in ('rate_hz', 'age_ms', 'dropped')]
        table.add_row(shown, *map(Text, figures), refused)  # not as rich's markup
    return table


def _counts(title: str, prefix: str, values: Mapping[str, str]) -> Text:
    counts = {key.removeprefix(prefix): _number(each) for key, each in values.items() if key.startswith(prefix)}
    counted = [f'{key} {count:.0f}' for key, count in sorted(counts.items(), key=lambda item: -item[1]) if count]
    return line_of((f'{title:<{LABEL + 1}}', 'dim'), ('   '.join(counted) or ABSENT, ''))


def _number(text: str | None) -> float:
    try:
        return float(text or 0.0)
    except ValueError:
        return 0.0
