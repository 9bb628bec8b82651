"""The folder of C that a policy becomes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from lnn_controller.errors import InputError
from lnn_controller.export.c.cells import read_cell
from lnn_controller.export.c.core import core_source
from lnn_controller.export.c.encoder import Encoder
from lnn_controller.export.c.fit import fit_source
from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import choose, fill, number, template
from lnn_controller.export.c.vectors import vectors_source
from lnn_controller.policy import Policy
from lnn_controller.policy.files import expand
from lnn_controller.policy.imu import MAX_ACCEL_M_S2, MAX_GYRO_RAD_S

__all__ = ['check_files', 'project_files', 'write_files']

# Beside the policy itself: recorded vectors, the firmware of the emulated boards, and a node of micro-ROS.
WITH_IT = ('Makefile', 'check.c', 'emulate.c', 'micro_ros.c', 'mps2.c', 'mps2.h', 'mps2.ld')


def project_files(network: Network, encoder: Encoder | None = None, *, straight_line: bool = False) -> dict[str, str]:
    """
    Write the policy's C.

    :param network: the network
    :param encoder: its encoder, or ``None`` where features come from elsewhere
    :param straight_line: whether each synapse has a line of code of its own: faster and larger than tables and loops
    :returns: text by file name
    :raises InputError: if there is no C for this network
    """
    name = network.name
    files = {
        f'{name}.h': _header(network, encoder),
        f'{name}_core.c': core_source(network, straight_line=straight_line),
        f'{name}_step.c': fill(template('policy_step.c'), name),
        'lnn_cells.h': template('lnn_cells.h'),
        'lnn_math.h': template('lnn_math.h'),
    }
    if encoder:
        files |= {f'{name}_encoder.c': encoder.source, f'{name}_fit.c': fit_source(network)}
    return files


def check_files(network: Network, policy: Policy, encoder: Encoder | None = None) -> dict[str, str]:
    """
    Write what goes with it: how to build, to use and to check it.

    :param network: the network
    :param policy: the same in ONNX Runtime
    :param encoder: as :func:`project_files`
    :returns: text by file name
    :raises InputError: if the encoder maps attention and the policy has no graph to compare with
    """
    tolerance = encoder.tolerance if encoder else Encoder.tolerance
    attention = _has_attention(encoder)
    return {
        **{file: fill(choose(template(file), 'POLICY_ATTENTION', attention), network.name) for file in WITH_IT},
        'vectors.h': fill(vectors_source(network, policy, tolerance, attention=attention), network.name),
        'README.md': _readme(network, encoder),
    }


def write_files(files: Mapping[str, str], out: str | Path, *, overwrite: bool = False) -> Path:
    """
    Write a folder.

    :param files: text by file name
    :param out: the folder, made where it is missing
    :param overwrite: whether files may be replaced
    :returns: the folder
    :raises InputError: if it holds something and must not, or cannot be written
    """
    folder = expand(out)
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f'--out must be a folder. Got {out}, which is a file')
        if folder.exists() and any(folder.iterdir()) and not overwrite:
            raise InputError(f'--out must be a new or an empty folder. Got {out}: choose another, or --overwrite')
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, encoding='utf-8')
    except OSError as error:
        raise InputError(f'the folder of the C must be writable. Got {out}: {error.strerror}') from None
    return folder


def _has_attention(encoder: Encoder | None) -> bool:
    return encoder is not None and encoder.attention_scratch_bytes > 0


def _header(network: Network, encoder: Encoder | None) -> str:
    """Write the functions, and what they take and give."""
    spec, cell = network.spec, read_cell(network)
    sizes: dict[str, tuple[int | str, str]] = {
        'FEATURES': (spec.network.features, 'numbers that the encoder makes of a frame'),
        'STATE': (spec.network.state_size, 'numbers that go from one step to the next'),
        'UNITS': (spec.network.units, 'neurons, the first numbers of the state'),
        'OUTPUTS': (len(spec.outputs), 'channels of a command'),
        'IMU': (6 if spec.imu else 0, 'numbers of the IMU'),
        'HEIGHT': (spec.image.height, 'rows of a frame'),
        'WIDTH': (spec.image.width, 'columns of a frame'),
        'HAS_TAU': (int(cell.has_tau), 'whether neurons have time constants'),
        'DT_MIN_S': (number(spec.dt_min_s), 'shortest and'),
        'DT_MAX_S': (number(spec.dt_max_s), 'longest time between two steps in training, s'),
        'MINIMUM': (_initialiser([out.minimum for out in spec.outputs]), 'ranges of the commands'),
        'MAXIMUM': (_initialiser([out.maximum for out in spec.outputs]), 'in the order of the command'),
    }
    if spec.imu:
        sizes['MAX_GYRO'] = number(MAX_GYRO_RAD_S), 'what no IMU measures: rad/s'
        sizes['MAX_ACCEL'] = number(MAX_ACCEL_M_S2), 'm/s^2'
    sizes |= {out.name.upper(): (i, f'its place in a command; {out.unit}') for i, out in enumerate(spec.outputs)}
    lines = [f'#define POLICY_{key} {value}' for key, (value, _) in sizes.items()]
    width = max(map(len, lines))
    lines = [f'{line:<{width}} /* {said} */' for line, (_, said) in zip(lines, sizes.values())]
    text = choose(template('policy.h'), 'POLICY_ATTENTION', _has_attention(encoder))
    text = Template(text).substitute(
        title=_title(network),
        digest=spec.files['weights.safetensors'],
        sizes='\n'.join(lines),
        scratch=encoder.scratch_bytes if encoder else 0,
        fused_scratch=encoder.fused_scratch_bytes if encoder else 0,
        attention_scratch=encoder.attention_scratch_bytes if encoder else 0,
        imu='gyroscope xyz, rad/s, then accelerometer xyz, m/s^2, as measured' if spec.imu else 'not looked at: NULL',
        channels=', '.join(f'{out.name} ({out.unit})' for out in spec.outputs),
        tau='' if cell.has_tau else '; this cell has none, and writes nothing',
    )
    return fill(text, network.name)


def _title(network: Network) -> str:
    spec = network.spec
    return f'The policy {spec.name}: a {spec.network.cell} network of {spec.network.units} neurons.'


def _initialiser(values: Sequence[float]) -> str:
    return f'{{{", ".join(map(number, values))}}}'


def _readme(network: Network, encoder: Encoder | None) -> str:
    spec, has_imu = network.spec, network.spec.imu is not None
    rows = [
        f'| `command[POLICY_{out.name.upper()}]` | {out.minimum:g} to {out.maximum:g} {out.unit} |'
        for out in spec.outputs
    ]
    text = choose(template('README.md'), 'POLICY_ATTENTION', _has_attention(encoder))
    text = Template(text).substitute(
        name=network.name,
        policy=spec.name,
        title=_title(network),
        state_bytes=4 * spec.network.state_size,
        imu='`imu`: gyroscope xyz (rad/s), accelerometer xyz (m/s²), as measured.' if has_imu else '`imu`: NULL.',
        outputs='\n'.join(rows),
        attention_bytes=spec.image.height * spec.image.width,
        attention_scratch=encoder.attention_scratch_bytes if encoder else 0,
    )
    return fill(text, network.name)
