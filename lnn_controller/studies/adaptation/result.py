"""What an experiment gives: figures for machines and people, and the drives that they came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lnn_controller.studies.adaptation.runner import Run

__all__ = ['Progress', 'Result', 'table']

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """
    One experiment with one policy.

    :param name: of the experiment
    :param policy: name of the policy
    :param summary: figures by condition (``frozen``, ``adapted``, …), and what the experiment adds
    :param runs: drives by condition, one a seed
    :param marks: moments to be marked in pictures, in words, s
    """

    name: str
    policy: str
    summary: Mapping[str, Any]
    runs: Mapping[str, Sequence[Run]]
    marks: Mapping[str, float]


def table(summary: Mapping[str, Any]) -> str:
    """
    Lay figures out, one condition a row.

    :param summary: of a :class:`Result`
    :returns: text without a closing newline
    """
    conditions = {name: row for name, row in summary.items() if isinstance(row, Mapping) and 'departures' in row}
    head = f'{"":<12}{"rms cm":>9}{"max cm":>9}{"departures":>12}{"rollbacks":>11}{"recovered s":>13}'
    lines = [f'{summary["experiment"]}: {summary["policy"]}, seeds {summary["seeds"]}', head]
    for name, row in conditions.items():
        recovered = '–' if row['recovery_s'] is None else f'{row["recovery_s"]:.1f}'
        rms_cm, max_cm = 100 * row['cross_track_error_rms_m'], 100 * row['cross_track_error_max_m']
        lines.append(
            f'{name:<12}{rms_cm:>9.1f}{max_cm:>9.1f}{row["departures"]:>12}{row["rollbacks"]:>11}{recovered:>13}'
        )
    rest = {name: value for name, value in summary.items() if name not in conditions}
    lines += [f'{name}: {value}' for name, value in rest.items() if name not in ('experiment', 'policy', 'seeds')]
    return '\n'.join(lines)
