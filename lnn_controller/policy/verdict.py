"""Whether a policy learnt anything, by the errors that its bundle keeps of the training."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ['Verdict', 'judge_metrics']

# A policy whose error is within a twentieth of a constant's is no better than that.
BETTER = 0.95


class Verdict(NamedTuple):
    """
    A policy's errors against those of the mean command of its training, on what it was not trained on.

    :param part: by what: ``test``, or ``validation`` where nothing was kept for a test
    :param better: channels in which the policy is better than the constant
    :param others: channels in which it is not
    """

    part: str
    better: tuple[str, ...]
    others: tuple[str, ...]

    def __str__(self) -> str:
        if not self.better:
            words = 'no better than a constant command: nothing was learnt that holds beyond the demonstrations'
        else:
            words = f'better than a constant command in {", ".join(self.better)}'
            words += f', not in {", ".join(self.others)}' if self.others else ''
        return f'where it was not trained ({self.part}) the policy is {words}'


def judge_metrics(metrics: object) -> Verdict | None:
    """
    Compare a policy with a constant command.

    :param metrics: ``mae`` and ``constant_mae`` by part and channel, as the provenance of a bundle has them, which may
        hold anything
    :returns: the verdict; ``None`` where there are no such figures, as in bundles that were not made by ``lnn train``
    """
    if not isinstance(metrics, Mapping):
        return None
    part = 'test' if metrics.get('test') else 'validation'
    channels = metrics.get(part)
    known = {} if not isinstance(channels, Mapping) else {n: m for n, m in channels.items() if _has_both(m)}
    if not known:
        return None
    better = tuple(str(name) for name, m in known.items() if m['mae'] < BETTER * m['constant_mae'])
    return Verdict(part, better, tuple(str(name) for name in known if str(name) not in better))


def _has_both(figures: Any) -> bool:
    """Whether a channel's figures say both errors: one that is not defined is null."""
    if not isinstance(figures, Mapping):
        return False
    errors = [figures.get(name) for name in ('mae', 'constant_mae')]
    return all(isinstance(error, int | float) and not isinstance(error, bool) for error in errors)
