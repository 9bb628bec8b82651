"""A policy's card: what ``lnn inspect`` prints."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lnn_controller.errors import printable, short
from lnn_controller.policy.spec import ImageSpec, PolicySpec
from lnn_controller.policy.verdict import judge_metrics

__all__ = ['describe']

Line = tuple[str, str]


def describe(spec: PolicySpec, path: Path | None = None, native: str = '') -> str:
    """
    Describe a policy for a reader.

    :param spec: the policy's spec
    :param path: folder of its bundle, for the sizes of its files; without it only the hashes are shown
    :param native: whether this machine has it compiled (:func:`~.native.native_state`); empty: that is not said
    :returns: plain text, one fact a line, aligned, ending in a newline
    """
    provenance = dict(spec.provenance)
    metrics = provenance.pop('metrics', {})
    verdict = judge_metrics(metrics)
    parameters = provenance.pop('parameters', None)
    more = (('robot', spec.robot), ('folder', str(path or '')), ('compiled', native))
    sections = {
        '': [('policy', spec.name), ('format', str(spec.format_version)), *(line for line in more if line[1])],
        'inputs': list(_inputs(spec)),
        'outputs': [(out.name, f'{out.minimum:g} … {out.maximum:g} {out.unit}') for out in spec.outputs],
        'network': list(_network(spec)) + list(_flat('parameters', parameters)),
        'metrics': [*_flat('', metrics), *([('verdict', str(verdict))] if verdict else [])],
        'provenance': list(_flat('', provenance)),
        'files': [(name, _file(name, digest, path)) for name, digest in spec.files.items()],
    }
    width = max(len(label) for lines in sections.values() for label, _ in lines) + 2
    text = []
    for title, lines in sections.items():
        if lines and title:
            text += ['', title]
        indent = '  ' if title else ''
        text += [f'{indent}{label:<{width + 2 - len(indent)}}{value}' for label, value in lines]
    return '\n'.join(printable(line.replace('\n', ' ')) for line in text) + '\n'


def _inputs(spec: PolicySpec) -> Iterator[Line]:
    image = spec.image
    yield 'camera', f'{image.width} × {image.height} px rgb8'
    if image.bits < ImageSpec.bits:
        yield 'pictures of 16 bits', f'use {image.bits}: {2**image.bits - 1} is white'
    if image.crop_top or image.crop_bottom:
        yield 'crop', f'{image.crop_top:.0%} of the height above, {image.crop_bottom:.0%} below, before resizing'
    if spec.imu is None:
        yield 'imu', 'none'
    else:
        yield 'imu', f'gyro / {spec.imu.gyro_scale:g} rad/s, accelerometer / {spec.imu.accel_scale:g} m/s²'


def _network(spec: PolicySpec) -> Iterator[Line]:
    network = spec.network
    yield 'cell', network.cell
    yield 'neurons', str(network.units)
    wiring = network.wiring or {}
    roles = wiring.get('roles')
    if isinstance(roles, list | tuple) and roles:
        yield 'roles', ', '.join(f'{count} {role}' for role, count in Counter(map(_plain, roles)).items())
    for key, label in (('synapses', 'synapses'), ('sensory_synapses', 'sensory synapses')):
        if isinstance(wiring.get(key), list | tuple):
            yield label, str(len(wiring[key]))
    yield 'hidden state', f'{network.state_size} numbers'
    yield 'features', f'{network.features} per frame'
    yield 'time scale', f'{network.time_scale:g} 1/s'
    yield (
        'Δt in training',
        f'{spec.dt_min_s:g} … {spec.dt_max_s:g} s ({1 / spec.dt_max_s:.3g} … {1 / spec.dt_min_s:.3g} Hz)',
    )
    yield from _flat('', network.options)


def _flat(label: str, value: Any) -> Iterator[Line]:
    """Nested objects as dotted labels; lists of plain values on one line; nothing for what is empty."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f'{label}.{key}' if label else str(key), inner)
    elif isinstance(value, list | tuple) and any(isinstance(item, dict | list | tuple) for item in value):
        for number, inner in enumerate(value, 1):
            yield from _flat(f'{label}.{number}', inner)
    elif isinstance(value, list | tuple):
        if value:
            yield label, ', '.join(_plain(item) for item in value)
    elif value is not None:
        yield label, _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.6g}'
    return value if isinstance(value, str) else short(value)


def _file(name: str, digest: str, path: Path | None) -> str:
    size = f'{(path / name).stat().st_size / 1024:8.1f} KiB  ' if path else ''
    return f'{size}sha256 {digest}'
