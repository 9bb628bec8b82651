"""Where things are logged for the page, and the views that show them: one layout for a live drive and a recording."""

from collections.abc import Iterator
from dataclasses import dataclass

import rerun as rr
import rerun.blueprint as rrb

from lnn_controller.policy.neurons import NO_ROLE
from lnn_controller.policy.spec import CHANNEL_UNITS

__all__ = [
    'CAMERA',
    'LOG',
    'MAP',
    'OPERATOR',
    'RATES',
    'RECORDED',
    'TIMELINE',
    'TIMES',
    'Contents',
    'Shown',
    'blueprint',
    'path',
]

TIMELINE = 'time'
CAMERA, MAP, LOG, MODE = 'camera', 'map', 'log', 'mode'
RATES, TIMES = 'rates', 'times'
RECORDED, OPERATOR = 'recorded', 'operator'
RECENT_S = 20.0  # what plots of a running controller show
IN_LEGEND = 3  # lines; more would cover the plot


@dataclass(frozen=True)
class Shown:
    """
    A policy, as the page shows it.

    :param name: that the views and lines bear
    :param roles: of its neurons, with how many each has
    :param attention: whether there is a map of attention
    :param time_constants: whether its neurons have time constants
    """

    name: str
    roles: tuple[tuple[str, int], ...] = ()
    attention: bool = False
    time_constants: bool = False


@dataclass(frozen=True)
class Contents:
    """
    What there is to show.

    :param policies: side by side
    :param channels: of the commands
    :param place: whether the robot's position is known
    :param status: whether there are diagnostics
    :param live: whether it goes on: the views follow, and plots show the last twenty seconds
    """

    policies: tuple[Shown, ...] = ()
    channels: tuple[str, ...] = ()
    place: bool = False
    status: bool = False
    live: bool = False


def path(*parts: str) -> str:
    """
    Return where something is logged.

    :param parts: names, which may hold any character
    :returns: path of the entity
    """
    return '/'.join(rr.escape_entity_path_part(part) for part in parts)


def blueprint(contents: Contents) -> rrb.Blueprint:
    """
    Lay out the page: what it sees, what it does, and a column of neurons for each policy.

    :param contents: what there is to show
    :returns: the layout
    """
    columns = [rrb.Vertical(*_sight(contents)), _doings(contents)]
    columns += [rrb.Vertical(*_neurons(policy, contents)) for policy in contents.policies if policy.roles]
    panel = rrb.TimePanel(timeline=TIMELINE, state='collapsed', play_state='following' if contents.live else 'paused')
    return rrb.Blueprint(
        rrb.Horizontal(*columns),
        rrb.BlueprintPanel(state='hidden'),
        rrb.SelectionPanel(state='hidden'),
        panel,
        auto_views=False,
        auto_layout=False,
    )


def _sight(contents: Contents) -> Iterator[rrb.View]:
    yield rrb.Spatial2DView(origin=path(CAMERA, 'picture'), name='Camera')
    for policy in contents.policies:
        if policy.attention:
            yield rrb.Spatial2DView(origin=path(CAMERA, policy.name), name=f'Where {policy.name} looks')
    if contents.place:
        yield rrb.Spatial2DView(origin=MAP, name='Map')


def _doings(contents: Contents) -> rrb.Vertical:
    commands = [
        _plot(path('command', channel), f'{channel} ({CHANNEL_UNITS.get(channel, "")})', contents)
        for channel in contents.channels
    ]
    modes = rrb.StateTimelineView(origin=MODE, name='Who drives')
    log = rrb.TextLogView(
        origin=LOG,
        name='Stops and warnings',
        columns=rrb.TextLogColumns(timeline_columns=[TIMELINE], text_log_columns=['LogLevel', 'Body']),
    )
    times = _plot(TIMES, 'Times (ms)', contents)
    figures = rrb.Horizontal(_plot(RATES, 'Rates (Hz)', contents), times) if contents.status else times
    shares = [3.0] * len(commands) + [1.5 + 0.7 * len(contents.policies), 3.0, 3.0]
    return rrb.Vertical(*commands, modes, log, figures, row_shares=shares)


def _neurons(policy: Shown, contents: Contents) -> Iterator[rrb.View]:
    of = policy.name if len(contents.policies) > 1 else ''
    for role, count in policy.roles:
        name = f'{of} neurons' if role == NO_ROLE else f'{of} {role} neurons'
        yield _plot(path('neurons', policy.name, role), name.strip(), contents, legend=count <= IN_LEGEND)
    if policy.time_constants:
        yield _plot(path('time_constants', policy.name), f'{of} time constants (s)'.strip(), contents, legend=False)


def _plot(origin: str, name: str, contents: Contents, *, legend: bool = True) -> rrb.TimeSeriesView:
    recent = rrb.VisibleTimeRange(
        TIMELINE,
        start=rrb.TimeRangeBoundary.cursor_relative(seconds=-RECENT_S),
        end=rrb.TimeRangeBoundary.cursor_relative(),
    )
    return rrb.TimeSeriesView(
        origin=origin,
        name=name,
        plot_legend=rrb.PlotLegend(visible=legend),
        time_ranges=[recent] if contents.live else None,
    )
