"""What a report of a replay is made of, for each policy; and the same as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lnn_controller.explain.moments import Moment
from lnn_controller.replay.comparison import Comparison, ComparisonSummary
from lnn_controller.replay.corruptions import Curves

__all__ = ['ReplayReport', 'as_json']


@dataclass(frozen=True)
class ReplayReport:
    """
    One policy's part of a report.

    :param comparison: of its commands with the recording's
    :param summary: the figures of that
    :param moments: the worst ones; none: what the camera saw is not at hand
    :param robustness: how its error grows as the recording gets worse; ``None``: that was not asked for
    """

    comparison: Comparison
    summary: ComparisonSummary
    moments: Sequence[Moment] = ()
    robustness: Curves | None = None


def as_json(reports: Sequence[ReplayReport]) -> dict[str, Any]:
    """
    Lay reports out as JSON does.

    :param reports: at least one
    :returns: the figures of one policy as they are; of several ``{'policies': [...]}``
    """
    objects = []
    for each in reports:
        figures = asdict(each.summary)
        if each.robustness is not None:
            figures['robustness'] = {name: [asdict(row) for row in curve] for name, curve in each.robustness.items()}
        objects.append(figures)
    return objects[0] if len(objects) == 1 else {'policies': objects}
