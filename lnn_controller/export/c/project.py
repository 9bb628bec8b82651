"""The folder of C that a policy becomes."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from lnn_controller.errors import InputError
from lnn_controller.export.c.cells import read_cell
from lnn_controller.export.c.core import core_source
from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import fill, number, template
from lnn_controller.policy.files import expand

__all__ = ['project_files', 'write_project']


def project_files(network: Network, *, straight_line: bool = False) -> dict[str, str]:
    """
    Write the C.

    :param network: the network
    :param straight_line: whether each synapse has a line of code of its own: faster and larger than tables and loops
    :returns: text by file name
    :raises InputError: if there is no C for this network
    """
    name = network.name
    return {
        f'{name}.h': header(network),
        f'{name}_core.c': core_source(network, straight_line=straight_line),
        f'{name}_step.c': fill(template('policy_step.c'), name),
        'lnn_cells.h': template('lnn_cells.h'),
        'lnn_math.h': template('lnn_math.h'),
    }


def write_project(network: Network, out: str | Path, *, straight_line: bool = False) -> Path:
    """
    Write the folder.

    :param network: the network
    :param out: the folder, made where it is missing; files of the same names are replaced
    :param straight_line: as :func:`project_files`
    :returns: the folder
    :raises InputError: as :func:`project_files`, or if the folder cannot be written
    """
    files = project_files(network, straight_line=straight_line)
    folder = expand(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, encoding='utf-8')
    except OSError as error:
        raise InputError(f'the folder of the C must be writable. Got {out}: {error.strerror}') from None
    return folder


def header(network: Network) -> str:
    """
    Write the header: the functions, and what they take and give.

    :param network: the network
    :returns: C
    """
    spec, cell = network.spec, read_cell(network)
    sizes = {
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
        'MAXIMUM': (_initialiser([out.maximum for out in spec.outputs]), ''),
    }
    lines = [f'#define POLICY_{key} {value}{f" /* {said} */" if said else ""}' for key, (value, said) in sizes.items()]
    text = Template(template('policy.h')).substitute(
        title=f'The policy {spec.name}: a {spec.network.cell} network of {spec.network.units} neurons.',
        digest=spec.files['weights.safetensors'],
        sizes='\n'.join(lines),
        imu='gyroscope xyz, rad/s, then accelerometer xyz, m/s^2, as measured' if spec.imu else 'not looked at: NULL',
        channels=', '.join(f'{out.name} ({out.unit})' for out in spec.outputs),
        tau='' if cell.has_tau else '; this cell has none, and writes nothing',
    )
    return fill(text, network.name)


def _initialiser(values: Sequence[float]) -> str:
    return f'{{{", ".join(map(number, values))}}}'
