"""Summaries as text for people."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lnn_controller.data.drops import explain_drops
from lnn_controller.metrics.commands import ErrorFigures
from lnn_controller.metrics.success import sum_up
from lnn_controller.replay.comparison import ComparisonSummary
from lnn_controller.replay.result import Exactness, ReplaySummary
from lnn_controller.report.replay_report import ReplayReport

__all__ = [
    'exactness',
    'figure_text',
    'number',
    'r2_text',
    'rate_text',
    'replay_table',
    'stops_text',
    'trial_card',
    'trials_table',
]

TIME_UP = 'time up'  # no outcome


def trial_card(summary: Mapping[str, Any]) -> str:
    """
    Word one trial, a figure a line.

    :param summary: as :func:`~.trial.summarise` gives it
    :returns: text without a closing newline
    """
    lines = _drive_lines(summary) if 'track' in summary else _task_lines(summary)
    lines += [
        ('control rate', f'{summary["control_rate_hz"]:.1f} Hz'),
        ('step latency', _latency(summary['step_latency_p50_us'], summary['step_latency_p99_us'])),
        ('real-time factor', f'{summary["realtime_factor"]:.2f}'),
        ('stops', stops_text(summary['stops'])),
    ]
    if outage := summary.get('camera_fault'):
        lines.append(('camera fault', _outage(outage)))
    return '\n'.join(f'{label:<20}{value}' for label, value in lines)


def _drive_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of the lane."""
    return [
        ('policy', summary['policy']),
        ('road', f'{summary["track"]}, {summary["scene"]}'),
        ('driven', f'{summary["distance_m"]:.0f} m in {summary["seconds"]:.1f} s, {summary["mean_speed_m_s"]:.2f} m/s'),
        ('lane departures', str(summary['departures'])),
        (
            'cross-track error',
            f'{100 * summary["cross_track_error_rms_m"]:.1f} cm rms, '
            f'{100 * summary["cross_track_error_max_m"]:.1f} cm at most',
        ),
    ]


def _task_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of any other task, which succeeds or not."""
    return [
        ('policy', summary['policy']),
        ('task', f'{summary["task"]}, {summary["scene"]}, seed {summary["seed"]}'),
        ('outcome', f'{summary["outcome"] or TIME_UP} after {summary["seconds"]:.1f} s'),
        ('moved', f'{summary["distance_m"]:.0f} m, {summary["mean_speed_m_s"]:.2f} m/s'),
    ]


def trials_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """
    Lay several trials of one policy out: those of a lane one a row, those that succeed or not by task and scene.

    :param summaries: as :func:`~.trial.summarise` gives them, at least one, all of a lane or none
    :returns: text without a closing newline
    """
    return _drives_table(summaries) if 'track' in summaries[0] else _successes_table(summaries)


def _successes_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    task_width, scene_width = _width('task', summaries), _width('scene', summaries)
    figures_head = f'{"n":>6}{"success":>9}{"95 %":>13}{"median s":>10}  outcomes'
    head = f'{"task":<{task_width}}{"scene":<{scene_width}}{figures_head}'
    rows = []
    for task, scene in dict.fromkeys((each['task'], each['scene']) for each in summaries):
        trials = [each for each in summaries if (each['task'], each['scene']) == (task, scene)]
        figures = sum_up(trials)
        low, high = figures['interval']
        time = '–' if figures['median_time_s'] is None else f'{figures["median_time_s"]:.1f}'
        outcomes = ', '.join(f'{outcome or TIME_UP} {count}' for outcome, count in figures['outcomes'].items())
        rows.append(
            f'{task:<{task_width}}{scene:<{scene_width}}{len(trials):>6}{figures["successes"] / len(trials):>9.0%}'
            f'{f"{100 * low:.0f} … {100 * high:.0f}":>13}{time:>10}  {outcomes}'
        )
    return '\n'.join([f'{summaries[0]["policy"]} ({summaries[0]["robot"]})', head, *rows])


def _drives_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    width = _width('scene', summaries)
    figures_head = f'{"road":>6}{"departures":>12}{"rms cm":>9}{"max cm":>9}{"m/s":>7}{"× real time":>13}{"stops":>7}'
    head = f'{"scene":<{width}}{figures_head}'
    rows = [
        f'{each["scene"]:<{width}}{each["track"]:>6}{each["departures"]:>12}'
        f'{100 * each["cross_track_error_rms_m"]:>9.1f}'
        f'{100 * each["cross_track_error_max_m"]:>9.1f}{each["mean_speed_m_s"]:>7.2f}{each["realtime_factor"]:>13.1f}'
        f'{sum(each["stops"].values()):>7}'
        for each in summaries
    ]
    return '\n'.join([f'{summaries[0]["policy"]}, {summaries[0]["seconds"]:.0f} s each', head, *rows])


def _width(column: str, summaries: Sequence[Mapping[str, Any]]) -> int:
    """Of a column of names: the longest and a space, so that tables of short ones look alike."""
    return max(10, 1 + max(len(each[column]) for each in summaries))


def replay_table(reports: Sequence[ReplayReport]) -> str:
    """
    Lay replays of one recording out, one row a channel and policy.

    :param reports: one a policy, at least one
    :returns: text without a closing newline
    """
    summaries = [each.summary for each in reports]
    keys = ('mae', 'rmse', 'r2', 'constant_mae', 'median_mae', 'lag_s', 'jerk_rms', 'recorded_jerk_rms')
    heads = ('MAE', 'RMSE', 'R²', 'const. MAE', 'median MAE', 'lag s', 'jerk rms', 'recorded')
    width = 2 + max(len('channel'), *(len(each.policy) for each in summaries)) if len(summaries) > 1 else 0
    policy = f'{"policy":<{width}}' if width else ''
    lines = [f'{"channel":<12}{policy}' + ''.join(f'{head:>12}' for head in heads)]
    for name in summaries[0].channels:
        for each in summaries:
            policy = f'{each.policy:<{width}}' if width else ''
            figures = each.channels[name]
            lines.append(f'{name:<12}{policy}' + ''.join(f'{figure_text(figures, key):>12}' for key in keys))
    for report in reports:
        lines += ['', *_replay_lines(report)]
    return '\n'.join(lines)


def number(value: float) -> str:
    """
    Write a figure.

    :param value: the figure
    :returns: with three decimals; a dash where there is none
    """
    return '–' if math.isnan(value) else f'{value:.3f}'


def r2_text(value: float) -> str:
    """
    Write an R².

    :param value: the figure; NaN where what was recorded hardly changes
    :returns: with three decimals, or why there is none
    """
    return 'constant' if math.isnan(value) else f'{value:.3f}'


def figure_text(figures: ErrorFigures, name: str) -> str:
    """
    Write one of several figures.

    :param figures: of a channel
    :param name: of the figure
    :returns: text
    """
    value = getattr(figures, name)
    return r2_text(value) if name == 'r2' else number(value)


def stops_text(counts: Mapping[str, int]) -> str:
    """
    Word counts by reason.

    :param counts: by reason
    :returns: text
    """
    return ', '.join(f'{reason} {count}' for reason, count in counts.items()) or 'none'


def exactness(exact: Exactness) -> str:
    """
    Word how exactly a replay gave a controller's commands back.

    :param exact: of a summary
    :returns: text
    """
    if not exact.same_policy:
        return 'no: another policy drove'
    if exact.max_abs_difference is None:
        return 'no: the recording does not have all inputs of any tick'
    missing = f', {exact.frames_missing} frames are not in the recording' if exact.frames_missing else ''
    compared = f'{exact.compared} of {exact.ticks} ticks compared{missing}'
    if exact.runtime != exact.recorded_runtime:
        compared += f'; computed by {exact.recorded_runtime} then, by {exact.runtime} now (--runtime)'
    return f'largest difference {exact.max_abs_difference:.1e}; {compared}'


def rate_text(summary: ComparisonSummary) -> str:
    """
    Write a replay's control rate; where frames brought ticks too, how many a second there were.

    :param summary: of the replay
    :returns: with its unit
    """
    rate, mean = summary.control_rate_hz, summary.ticks / max(summary.seconds, 1e-9)
    return f'{rate:g} Hz and with frames {mean:.1f}' if mean > 1.02 * rate + 1 else f'{rate:g} Hz'


def _replay_lines(report: ReplayReport) -> list[str]:
    summary = report.summary
    recording = f'{summary.bag}, {summary.seconds:.1f} s'
    if isinstance(summary, ReplaySummary):
        recording += f', {summary.realtime_factor:.0f} × real time'
    lines = [
        f'{"policy":<20}{summary.policy}',
        f'{"recording":<20}{recording}',
        f'{"ticks":<20}{summary.ticks}, {rate_text(summary)}, {summary.compared} compared',
        f'{"step latency":<20}{_latency(summary.step_latency_p50_us, summary.step_latency_p99_us)}',
        f'{"stops":<20}{stops_text(summary.stops)}',
    ]
    if isinstance(summary, ReplaySummary):
        first, *others = explain_drops(summary.drops) or ['nothing']
        lines += [f'{"left out":<20}{first}', *(f'{"":<20}{each}' for each in others)]
        if summary.known:
            lines.append(f'{"training":<20}{summary.policy} {summary.known}')
        if summary.exact is not None:
            lines.append(f'{"exact replay":<20}{exactness(summary.exact)}')
    for name, curve in (report.robustness or {}).items():
        errors = ', '.join(f'{row.level:g}: {row.error:.3f}' for row in curve)
        lines.append(f'{name.replace("_", " "):<20}{errors}')
    return lines


def _outage(outage: Mapping[str, float]) -> str:
    stopped, stood, again = (outage[key] for key in ('stopped_after_s', 'stood_after_s', 'drove_again_after_s'))
    return (
        f'{outage["lasted_s"]:.1f} s without a picture: zeros after {stopped:.2f} s, standing after {stood:.2f} s; '
        f'driving {again:.2f} s after its return'
    )


def _latency(p50_us: float, p99_us: float) -> str:
    # Of an expert, and of who never drove, there is none.
    return '–' if math.isnan(p50_us) else f'{p50_us:.0f} µs median, {p99_us:.0f} µs p99'
