"""Summaries as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ['drive_card', 'drives_table', 'replay_table']


def drive_card(summary: Mapping[str, Any]) -> str:
    """
    Word one drive, a figure a line.

    :param summary: as :func:`~.drive.summarise` gives it
    :returns: text without a closing newline
    """
    stops = ', '.join(f'{reason} {count}' for reason, count in summary['stops'].items()) or 'none'
    lines = [
        ('policy', summary['policy']),
        ('road', f'{summary["track"]}, {summary["scene"]}'),
        ('driven', f'{summary["distance_m"]:.0f} m in {summary["seconds"]:.1f} s, {summary["mean_speed_m_s"]:.2f} m/s'),
        ('lane departures', summary['departures']),
        (
            'cross-track error',
            f'{100 * summary["cross_track_error_rms_m"]:.1f} cm rms, '
            f'{100 * summary["cross_track_error_max_m"]:.1f} cm at most',
        ),
        ('control rate', f'{summary["control_rate_hz"]:.1f} Hz'),
        ('step latency', _latency(summary)),
        ('real-time factor', f'{summary["realtime_factor"]:.2f}'),
        ('stops', stops),
    ]
    if outage := summary.get('camera_fault'):
        lines.append(('camera fault', _outage(outage)))
    return '\n'.join(f'{label:<20}{value}' for label, value in lines)


def drives_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """
    Lay several drives of one policy out, one a row.

    :param summaries: as :func:`~.drive.summarise` gives them, at least one
    :returns: text without a closing newline
    """
    head = (
        f'{"scene":<10}{"road":>6}{"departures":>12}{"rms cm":>9}{"max cm":>9}{"m/s":>7}{"× real time":>13}{"stops":>7}'
    )
    rows = [
        f'{each["scene"]:<10}{each["track"]:>6}{each["departures"]:>12}{100 * each["cross_track_error_rms_m"]:>9.1f}'
        f'{100 * each["cross_track_error_max_m"]:>9.1f}{each["mean_speed_m_s"]:>7.2f}{each["realtime_factor"]:>13.1f}'
        f'{sum(each["stops"].values()):>7}'
        for each in summaries
    ]
    return '\n'.join([f'{summaries[0]["policy"]}, {summaries[0]["seconds"]:.0f} s each', head, *rows])


def replay_table(summary: Mapping[str, Any]) -> str:
    """
    Lay a replay out, one row a channel.

    :param summary: as :func:`~.replay.summarise_replay` gives it
    :returns: text without a closing newline
    """
    keys = ('mae', 'rmse', 'r2', 'constant_mae', 'lag_s', 'jerk_rms', 'recorded_jerk_rms')
    heads = ('MAE', 'RMSE', 'R²', 'MAE const.', 'lag s', 'jerk rms', 'recorded')
    lines = [f'{"channel":<12}' + ''.join(f'{head:>12}' for head in heads)]
    for name, figures in summary['channels'].items():
        lines.append(f'{name:<12}' + ''.join(f'{figures[key]:>12.3f}' for key in keys))
    stops = ', '.join(f'{reason} {count}' for reason, count in summary['stops'].items()) or 'none'
    drops = ', '.join(f'{reason} {count}' for reason, count in summary['drops'].items()) or 'none'
    lines += [
        '',
        f'{"policy":<20}{summary["policy"]}',
        f'{"recording":<20}{summary["bag"]}, {summary["seconds"]:.1f} s, {summary["realtime_factor"]:.0f} × real time',
        f'{"ticks":<20}{summary["ticks"]} at {summary["control_rate_hz"]:g} Hz, {summary["compared"]} compared',
        f'{"step latency":<20}{_latency(summary)}',
        f'{"stops":<20}{stops}',
        f'{"dropped samples":<20}{drops}',
    ]
    if exact := summary['exact']:
        lines.append(f'{"exact replay":<20}{_exactness(exact)}')
    return '\n'.join(lines)


def _exactness(exact: Mapping[str, Any]) -> str:
    if not exact['same_policy']:
        return 'no: another policy drove'
    if exact['max_abs_difference'] is None:
        return 'no: the recording does not tell enough of any tick'
    missing = f', {exact["frames_missing"]} frames are not in the recording' if exact['frames_missing'] else ''
    compared = f'{exact["compared"]} of {exact["ticks"]} ticks compared{missing}'
    return f'largest difference {exact["max_abs_difference"]:.1e}; {compared}'


def _outage(outage: Mapping[str, float]) -> str:
    stopped, stood, again = (outage[key] for key in ('stopped_after_s', 'stood_after_s', 'drove_again_after_s'))
    return (
        f'{outage["lasted_s"]:.1f} s without a picture: zeros after {stopped:.2f} s, standing after {stood:.2f} s; '
        f'driving {again:.2f} s after its return'
    )


def _latency(summary: Mapping[str, Any]) -> str:
    return f'{summary["step_latency_p50_us"]:.0f} µs median, {summary["step_latency_p99_us"]:.0f} µs p99'
