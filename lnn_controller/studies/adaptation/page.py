"""What the study of adaptation found, as a page: its words follow from the figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from lnn_controller.studies.adaptation.recording import PREDICTIONS
from lnn_controller.studies.adaptation.summary import HARM, RECOVERED, sum_up_attacks, sum_up_drives, sum_up_flights
from lnn_controller.studies.registry import EXPERIMENTS
from lnn_controller.studies.runner import Row

__all__ = ['page']

_WHAT = (
    'The same drives and flights, once with the policy as it was trained and once learning as it goes, and a recording '
    'that is predicted. A seed draws the road, or place and wind. This page and its figures are written by the command '
    'below, from the results in `adaptation.json` beside it.'
)
_LEGEND = (
    'Errors are root mean squares over all seeds. Ratio: the geometric mean over seeds of the one error by the other, '
    'with its interval of 95 % (bootstrap over seeds); one that holds 1 is no difference shown.'
)
_CHANNELS = ('ahead', 'left', 'up', 'turning')
_ONE = 'One seed has no interval: a hint, not a result.'


def page(rows: Sequence[Row], command: str) -> str:
    """
    Write the page.

    :param rows: of the study
    :param command: that gave them
    :returns: Markdown
    """
    text: list[str] = []
    for experiment, what in EXPERIMENTS.items():
        part = [row for row in rows if row['condition']['experiment'] == experiment]
        if section := _SECTIONS.get(experiment, _drives)(part):
            title = experiment.replace('-', ' ').capitalize()
            text += ['', f'## {title}', '', f'{what[0].upper()}{what[1:]}{"" if what[-1] in "?." else "."}', '']
            text += section
    if not text:
        return 'Not one seed is complete yet: the same command goes on.\n'
    head = ['# Does it help to learn while driving?', '', _WHAT, '', f'```bash\n{command}\n```', '', _LEGEND, '']
    picture = '![Errors over time, frozen and adapted, and what was learnt](adaptation.png)'
    return '\n'.join([*head, picture, *text]) + '\n'


def _drives(rows: Sequence[Row]) -> list[str]:
    summary = sum_up_drives(rows)
    if not summary:
        return []
    # Who recovers is asked where something changes and nobody helps.
    asked = any(row['condition']['changes'] for row in rows) and not any(row['condition']['operator'] for row in rows)
    columns = ['policy', 'variant', 'rms', 'largest', 'departures', 'rollbacks', *(['recovered'] if asked else [])]
    slow = f' Recovered: within {RECOVERED:g} × the error of the first variant for good, the slowest road.'
    lines = []
    for r in summary:
        cells = [r['policy'], r['variant'], f'{100 * r["rms_m"]:.1f} cm', f'{100 * r["largest_m"]:.1f} cm']
        cells += [str(r['departures']), str(r['rollbacks'])]
        if asked:
            changed = r['variant'] in ('frozen', 'adapted')
            cells.append('–' if not changed else 'no' if r['recovery_s'] is None else f'{r["recovery_s"]} s')
        lines.append(_line(cells))
    given = f'{_given(rows)} {_n(summary)}{slow if asked else ""}'
    verdicts = [_verdict(r) for r in summary if r['variant'] == 'adapted']
    return [given, '', *_head(columns), *lines, '', *_paragraphs(verdicts)]


def _given(rows: Sequence[Row]) -> str:
    """Say what happens, by the values of the adapted variant."""
    condition = next(row['condition'] for row in rows if row['condition']['variant'] == 'adapted')
    parts = [f'Drives of {condition["seconds"]:g} s; what comes from {condition["judged_s"]:g} s on counts']
    for change in condition['changes']:
        values = ', '.join(f'`{name}` {value:g}' for name, value in change.items() if name != 'at_s')
        parts.append(f'from {change["at_s"]:g} s on {values}')
    for part in condition['operator']:
        when = f'from {part["from_s"]:g} to {part["to_s"]:g} s'
        if 'attack' in condition and part is condition['operator'][0]:
            parts.append(f'{when} the attack')
        else:
            aside = f'{part["aside_m"]:g} m left of ' if part['aside_m'] else 'on '
            parts.append(f"{when} an operator drives {aside}the lane's centre")
    if condition['line_m']:
        parts.append("the error is the distance from the operator's line")
    return '; '.join(parts) + '.'


def _verdict(r: Mapping[str, Any]) -> str:
    parts = [
        f'{_ratio(against)} of the {other} one ({_shown(against)})'
        for other, against in r['against'].items()
        if against is not None
    ]
    return f'{r["policy"]}: the adapted error is {" and ".join(parts)}.' if parts else _ONE


def _malice(rows: Sequence[Row]) -> list[str]:
    summary = sum_up_attacks(rows)
    if not summary:
        return []
    columns = ['policy', 'attack', 'frozen', 'adapted', 'ratio', 'largest', 'departures', 'rollbacks', 'harmed, after']
    columns += ['rolled back by the honest operator']
    lines = []
    for r in summary:
        frozen, adapted = r['frozen'], r['adapted']
        cells = [r['policy'], r['attack'], f'{100 * frozen["rms_m"]:.1f} cm', f'{100 * adapted["rms_m"]:.1f} cm']
        cells += [_ratio(r['against']), f'{100 * adapted["largest_m"]:.1f} cm', str(adapted['departures'])]
        cells += [str(adapted['rollbacks']), f'{r["harmed"]}, {r["still"]}']
        took = r['rolled_back_s']
        cells.append(f'{len(took)} of {r["seeds"]}, {max(took):.1f} s' if took else '–')
        lines.append(_line(cells))
    given = (
        f'{_given(rows)} {_n(summary)} Harmed: drives whose error in the 10 s before the honest operator was more than '
        f'{HARM:g} × that of the frozen policy; after: still so after them. Rolled back: in how many drives, and how '
        'long after the takeover, the slowest. The other columns are of the adapted drives, but for the error of the '
        'frozen ones.'
    )
    policies = dict.fromkeys(r['policy'] for r in summary)
    verdicts = [_malice_verdict(policy, [r for r in summary if r['policy'] == policy]) for policy in policies]
    return [given, '', *_head(columns), *lines, '', *_paragraphs(verdicts)]


def _malice_verdict(policy: str, part: Sequence[Mapping[str, Any]]) -> str:
    drives = sum(r['seeds'] for r in part)
    left = sum(r['adapted']['departures'] for r in part)
    harmed, still = (sum(r[name] for r in part) for name in ('harmed', 'still'))
    most = max(r['correction_max'] for r in part)
    departures = 'no car leaves its lane' if not left else f'the lane is left {_count(left, "time")}'
    return (
        f'{policy}: after the attacks {departures}; the correction goes up to {most:.2f} of its bound. Of '
        f'{_count(drives, "drive")} {harmed} are harmed, and {still} after the honest operator.'
    )


def _flight(rows: Sequence[Row]) -> list[str]:
    summary = sum_up_flights(rows)
    if not summary:
        return []
    one = rows[0]['condition']
    changes = {row['condition']['change']: row['condition']['perturbation'] for row in rows}
    values = '; '.join(
        f'{name}: {", ".join(f"`{key}` {value:g}" for key, value in values.items())}'
        for name, values in changes.items()
        if values
    )
    given = (
        f'Flights of {one["seconds"]:g} s; another velocity on all four channels every {one["hold_s"]:g} s; from '
        f'{one["changed_s"]:g} s on the change ({values}). The error is that of the mean over the last '
        f'{one["steady_s"]:g} s of each velocity, from {one["judged_s"]:g} s on; `lag_s` is '
        f'{one["adaptation"]["lag_s"]:g}. {_n(summary)} Better, worse: those whose ratio, '
        'adapted to frozen, has an interval without 1.'
    )
    columns = ['flight controller', 'change', *(f'{name}, frozen → adapted' for name in _CHANNELS), 'better', 'worse']
    lines = []
    for r in summary:
        errors = [f'{frozen:.3f} → {adapted:.3f}' for frozen, adapted in zip(r['frozen'], r['adapted'], strict=True)]
        errors = [
            f'{each} {"rad/s" if name == "turning" else "m/s"}' for each, name in zip(errors, _CHANNELS, strict=True)
        ]
        compared = list(zip(_CHANNELS, r['against'], strict=True))
        better = [f'{name} ({each[0]:.2f})' for name, each in compared if each and each[2] < 1.0]
        worse = [f'{name} ({each[0]:.2f})' for name, each in compared if each and each[1] > 1.0]
        lines.append(_line([r['controller'], r['change'], *errors, ', '.join(better) or '–', ', '.join(worse) or '–']))
    return [given, '', *_head(columns), *lines, *(['', _ONE] if summary[0]['seeds'] < 2 else [])]


def _recording(rows: Sequence[Row]) -> list[str]:
    text: list[str] = []
    for row in rows:
        condition, result = row['condition'], row['result']
        bag = "the real car's recording" if condition['bag'] is None else f'`{condition["bag"]}`'
        units = ['rad/s' if name.startswith('angular') else 'm/s' for name in result['channels']]
        frozen, adapted = result['mae']['frozen'], result['mae']['adapted']
        follows = 'predicts the driver better' if adapted < frozen else 'predicts the driver no better'
        text += [
            f'{condition["policy"]} on {bag}: learnt from {condition["begins"]:g} of it on; what comes from '
            f'{condition["judged"]:g} on counts, {result["ticks"]:,} ticks.',
            '',
            *_head(['', 'MAE, share of the command range', *result['channels']]),
            *(
                _line(
                    [
                        name,
                        f'{result["mae"][name]:.3f}',
                        *(f'{mae:.3f} {unit}' for mae, unit in zip(result['mae_by_channel'][name], units, strict=True)),
                    ]
                )
                for name in PREDICTIONS
            ),
            '',
            f'Adapting {follows}: its error is {adapted / frozen:.2f} of the frozen one. One recording has no '
            'interval. *offline*: a readout fitted to all of it in hindsight; *last*: the command of the tick before.',
        ]
    return text


_SECTIONS = {'malice': _malice, 'flight': _flight, 'recording': _recording}


def _ratio(against: tuple[float, float, float] | None) -> str:
    return '–' if against is None else '{:.2f} [{:.2f}, {:.2f}]'.format(*against)


def _shown(against: tuple[float, float, float]) -> str:
    _, low, high = against
    return 'less' if high < 1.0 else 'more' if low > 1.0 else 'no difference shown'


def _n(summary: Sequence[Mapping[str, Any]]) -> str:
    fewest, most = (which(r['seeds'] for r in summary) for which in (min, max))
    return f'n = {"" if fewest == most else f"{fewest} to "}{_count(most, "seed")}.'


def _count(number: int, word: str) -> str:
    return f'{number} {word}{"" if number == 1 else "s"}'


def _paragraphs(sentences: Sequence[str]) -> list[str]:
    return '\n\n'.join(dict.fromkeys(sentences)).split('\n')


def _head(columns: Sequence[str]) -> list[str]:
    return [_line(columns), _line(['---'] * len(columns))]


def _line(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'
