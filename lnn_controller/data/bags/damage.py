"""What of a bag is damaged and was left out, in words."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

__all__ = ['Damage', 'explain_damage']

_TOLD = 5


class Damage(NamedTuple):
    """
    A part of a bag that was left out.

    :param file: name of the storage file
    :param where: what of it, and where, e.g. ``'chunk at byte 4096'``
    :param reason: what is wrong with it
    :param counts: messages in it by topic; none: nobody knows
    """

    file: str
    where: str
    reason: str
    counts: Mapping[str, int] | None

    def __str__(self) -> str:
        what = f'{self.file}: {self.where} is left out: {self.reason}'
        if self.counts is None:
            return what
        return f'{what} ({", ".join(f"{count} of {topic}" for topic, count in self.counts.items()) or "no messages"})'


def explain_damage(damage: Collection[Damage]) -> list[str]:
    """
    Put damage into words.

    :param damage: of a bag
    :returns: a line for each of the first few, then one for all others
    """
    lines = [str(each) for each in list(damage)[:_TOLD]]
    if rest := list(damage)[_TOLD:]:
        lost = sum(sum(each.counts.values()) for each in rest if each.counts)
        lines.append(f'{len(rest)} more such places, with {lost} messages or more')
    return lines
