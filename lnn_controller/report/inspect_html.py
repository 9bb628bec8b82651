"""The page of an inspection; its sentences follow from its figures."""

from html import escape
from pathlib import Path

import numpy as np

from lnn_controller.explain.inspection import Inspection, Outcome
from lnn_controller.report.html import plot, row, table, write_page
from lnn_controller.report.inspect_plots import draw_lesions, draw_looks, draw_synapses

__all__ = ['findings', 'lesions', 'write_inspection']

# A lesion matters where the figure gets this many times as bad; what is less may be chance.
MATTERS = 1.5
CHANGED = 0.25  # of the largest change that any lesion makes, in a recording


def write_inspection(path: str | Path, found: Inspection) -> Path:
    """
    Write the page.

    :param path: folder; it is made
    :param found: what an inspection found
    :returns: the page, ``inspect.html``
    :raises InputError: if matplotlib is missing or the folder cannot be written
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    sample = 'A drive is one sample: small differences between lesions are chance.'
    if _is_recorded(found):
        sample = 'Each lesion sees the same inputs; another recording may show others.'
    parts = [
        f'<h1>{escape(found.spec.name)}</h1>',
        f'<p>{escape(found.where)}; {found.steps} steps of the network. {sample}</p>',
        '<ul>' + ''.join(f'<li>{escape(each)}</li>' for each in findings(found)) + '</ul>',
        *_lesions(found),
        '<h2>Neurons</h2>',
        '<p class="note">Mean and deviation of the state; r: its correlation with each command; share of what the '
        'readout takes (weight by deviation); time constants from the 5th to the 95th percentile.</p>',
        _neurons(found),
    ]
    if found.synapses is not None:
        parts += [
            '<h2>Wiring</h2>',
            '<p class="note">As thick as the weight (root mean square over the cell\'s heads), among synapses from '
            'inputs and among those between neurons; green drives the state up, orange down: the sign of the weights. '
            "An NCP-CfC takes from its wiring who hears whom, not the wiring's polarity.</p>",
            plot('the wiring with its weights', lambda file: draw_synapses(file, found)),
        ]
    if found.looks:
        parts += [
            '<h2>Attention</h2>',
            '<p class="note">VisualBackProp: where the convolutions answer. It is of the encoder alone: what the cell '
            'makes of that, occlusion shows (lnn replay). All maps of a row lie over its frame without noise. SSIM: 1 '
            'where noise leaves the map as it is.</p>',
            plot('frames and where the encoder looks', lambda file: draw_looks(file, found.looks)),
        ]
    write_page(folder / 'inspect.html', f'{found.spec.name}: an inspection', parts)
    return folder / 'inspect.html'


def findings(found: Inspection) -> list[str]:
    """
    Say what the figures say.

    :param found: what an inspection found
    :returns: sentences
    """
    drives = [_memory(found), _single(found), *_groups(found)]
    if _fails(found):
        drives = ['What fails as it is cannot tell what it needs: give it a task or a scene that it masters.']
    return [
        *_known(found),
        _intact(found),
        *drives,
        _readout(found),
        _components(found),
        *_recurrent(found),
        *_attention(found),
    ]


def lesions(found: Inspection) -> dict[str, Outcome]:
    """
    Order lesions as they are drawn.

    :param found: what an inspection found
    :returns: by what is held: groups, memory, then single neurons, of which the worst comes first
    """
    single = sorted(found.single, key=lambda each: _severity(found, each), reverse=True)
    return {_name(found, each): each for each in (*found.groups, found.wiped, *single)}


def _is_recorded(found: Inspection) -> bool:
    return not found.intact.figures


def _fails(found: Inspection) -> bool:
    """Whether the intact network does not do what is asked."""
    figures = found.intact.figures
    return figures.get('success', 1) < 1 or figures.get('departures', 0) > 0


def _name(found: Inspection, each: Outcome) -> str:
    """What is held, a single neuron by its role."""
    return f'{found.neurons.each[each.neurons[0]].role} {each.neurons[0]}' if each in found.single else each.lesion


def _measure(found: Inspection) -> tuple[str, str]:
    """Which figure lesions are compared by, and its name with its unit."""
    if _is_recorded(found):
        return 'change', 'mean change of the command, % of its range'
    if 'cross_track_error_rms_m' in found.intact.figures:
        return 'cross_track_error_rms_m', 'distance from the lane centre, cm rms'
    return 'time_s', 'time to the target, s (none where there is no bar)'


def _value(found: Inspection, each: Outcome) -> float:
    key, _ = _measure(found)
    value = each.change if key == 'change' else each.figures[key]
    return 100 * value if key != 'time_s' else value if np.isfinite(value) else 0.0


def _text(found: Inspection, each: Outcome, of: str = '') -> str:
    """What became of a drive; ``of``: what a distance is, where that is not said beside it."""
    key, _ = _measure(found)
    value = _value(found, each)
    if key == 'change':
        return f'{value:.1f} % of the range'
    if key == 'time_s':
        return f'{each.outcome or "time is up"} ({value:.1f} s)' if value else each.outcome or 'time is up'
    departures = int(each.figures['departures'])
    ended = each.outcome if each.outcome not in ('', 'success', 'departure') else ''
    if departures:
        ended = f'{departures} departure{"s" if departures > 1 else ""}'
    return f'{value:.1f} cm{of}' + (f' and {ended}' if ended else '')


def _is_bad(found: Inspection, each: Outcome) -> bool:
    """Whether a lesion makes a difference that one drive can show."""
    key, _ = _measure(found)
    if _fails(found):
        return False
    if key == 'change':
        return each.change > CHANGED * max(other.change for other in (found.wiped, *found.single, *found.groups))
    if key == 'time_s':
        worse = each.figures['success'] < found.intact.figures['success']
        return worse or _value(found, each) > MATTERS * max(_value(found, found.intact), 1e-9) > MATTERS * 1e-9
    more = each.figures['departures'] > found.intact.figures['departures']
    more = more or each.figures.get('success', 0) < found.intact.figures.get('success', 0)
    return more or _value(found, each) > MATTERS * _value(found, found.intact)


def _severity(found: Inspection, each: Outcome) -> tuple[bool, float, float]:
    """What to order lesions by: one that fails is worse than one that is slow, however long that took."""
    failed = each.figures.get('departures', 0) - each.figures.get('success', 0)
    return _is_bad(found, each), failed, _value(found, each)


def _known(found: Inspection) -> list[str]:
    return [f'It {found.known}: another may show more of how it will drive.'] if found.known else []


def _intact(found: Inspection) -> str:
    if _is_recorded(found):
        return (
            'There is no world to drive in: lesions are measured by how far they move the command in this recording. '
            f'The command itself is {100 * found.moves:.1f} % of its range from its mean, on average.'
        )
    return f'Intact: {_text(found, found.intact, " rms from the lane centre")}.'


def _memory(found: Inspection) -> str:
    uses = 'uses its memory' if _is_bad(found, found.wiped) else 'needs no memory'
    if _is_recorded(found):
        makes = 'a difference' if _is_bad(found, found.wiped) else 'little difference'
        return (
            f'Its memory makes {makes} here: the state wiped at each tick moves the command by '
            f'{_text(found, found.wiped)}.'
        )
    return f'It {uses} here: with the state wiped at each tick, {_text(found, found.wiped)}.'


def _single(found: Inspection) -> str:
    bad = [each for each in found.single if _is_bad(found, each)]
    worst = max(found.single, key=lambda each: _severity(found, each))
    name = _name(found, worst)
    if not bad:
        return f'No single neuron matters much: the worst is {name}, held at its mean: {_text(found, worst)}.'
    matter = 'matters by itself' if len(bad) == 1 else 'matter by themselves'
    return f'{len(bad)} of {len(found.single)} neurons {matter}, most {name}: {_text(found, worst)}.'


def _groups(found: Inspection) -> list[str]:
    verdict = 'little difference' if _is_recorded(found) else 'not needed here'
    return [
        f'Without {each.lesion} (held at the mean): {_text(found, each)}'
        f'{"" if _is_bad(found, each) else f": {verdict}"}.'
        for each in found.groups
    ]


def _readout(found: Inspection) -> str:
    each = found.neurons.each
    share = {role: sum(n.readout for n in each if n.role == role) for role in ('motor', 'command', 'inter', 'neuron')}
    parts = ', '.join(f'{100 * value:.0f} % {role}' for role, value in share.items() if value > 0)
    if share['neuron']:
        return 'The readout takes from neurons that have no roles: this cell has no wiring.'
    if share['motor'] > 0.95:
        return f'The command is read from the motor neurons ({parts}): the circuit is the way to it.'
    return f'The command is not read from the motor neurons alone ({parts}): the circuit is not the whole way to it.'


def _components(found: Inspection) -> str:
    first = found.neurons.components
    count = int(np.argmax(np.cumsum(first) >= 0.9)) + 1 if sum(first) >= 0.9 else 0
    rest = f'; the first {count} hold 90 %' if count > 1 else ''
    units = len(found.neurons.each)
    return f'The first principal component has {100 * first[0]:.0f} % of the variance of {units} neurons{rest}.'


def _recurrent(found: Inspection) -> list[str]:
    loops = found.neurons.recurrent
    if loops is None:
        return []
    if not loops:
        return ['No neuron lies on a loop of synapses: the wiring keeps nothing beyond a tick.']
    lie = 'lies' if len(loops) == 1 else 'lie'
    return [
        f'{len(loops)} of {len(found.neurons.each)} neurons {lie} on a loop of synapses: {", ".join(map(str, loops))}.'
    ]


def _attention(found: Inspection) -> list[str]:
    if not found.looks:
        return ['The bundle has no attention.onnx: no attention is shown.']
    means = {s: float(np.mean([each.alike[s] for each in found.looks])) for s in found.looks[0].alike}
    parts = ', '.join(f'{value:.3f} with noise of {sigma:g}/255' for sigma, value in means.items())
    return [f'Attention keeps a likeness (SSIM, mean of {len(found.looks)} frames) of {parts}.']


def _lesions(found: Inspection) -> list[str]:
    """The section of the page."""
    key, unit = _measure(found)
    over = 'recording' if _is_recorded(found) else 'intact drive'
    inputs = 'the camera' if found.spec.imu is None else 'camera and IMU'
    rows = [
        row(
            _name(found, each),
            _text(found, each),
            'matters' if each is not found.intact and _is_bad(found, each) else '',
        )
        for each in (found.intact, found.wiped, *found.groups, *found.single)
    ]
    return [
        '<h2>Lesions</h2>',
        f'<p class="note">Each neuron held at its mean over the {over}, within the step, so that neurons that hear it '
        f'hear that value; the groups; {inputs} at the mean; the state wiped before every tick.{_matters(found)}</p>',
        plot(
            'what lesions do',
            lambda file: draw_lesions(file, found, lesions(found), lambda each: _value(found, each), unit),
        ),
        # A cell has its unit beside it.
        table(('held', 'outcome' if key == 'time_s' else unit.partition(',')[0], ''), rows),
    ]


def _matters(found: Inspection) -> str:
    """What is meant by that, as in :func:`_is_bad`."""
    key, _ = _measure(found)
    if _fails(found):
        return ''
    if key == 'change':
        return f' It matters where the command changes by more than {100 * CHANGED:.0f} % of the largest change here.'
    if key == 'time_s':
        return f' It matters where the task fails or takes more than {MATTERS:g} times as long as intact.'
    return f' It matters where a departure is added, or the distance is more than {MATTERS:g} times that of intact.'


def _neurons(found: Inspection) -> str:
    rows = []
    for each in found.neurons.each:
        tau = '–'
        if each.time_constants_s is not None:
            tau = ' … '.join(f'{1e3 * value:.0f}' for value in each.time_constants_s)
        correlations = [f'{value:+.2f}' if np.isfinite(value) else '–' for value in each.correlation]
        figures = f'{each.mean:+.2f}', f'{each.deviation:.2f}', *correlations, f'{100 * each.readout:.0f} %', tau
        rows.append(row(f'{each.role} {each.number}', *figures))
    correlated = [f'r, {channel}' for channel in found.spec.channels]
    heads = 'neuron', 'mean', 'deviation', *correlated, 'readout', 'time constants, ms'
    return table(heads, rows)
