"""Imports run one way, and each heavy library has one home: read from the source, so that lazy imports count too."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'lnn_controller'
MODULES = sorted(PACKAGE.rglob('*.py'))

# What each room may import of the package, itself, errors and settings apart.
MAY_IMPORT = {
    'share': set(),
    'parallel': set(),
    'parent': set(),
    'policy': {'share'},
    'liquid': set(),
    'export': {'libraries', 'liquid', 'policy'},
    'control': {'policy'},
    'data': {'parallel', 'policy', 'control'},
    'metrics': {'data'},
    'learning': {'liquid', 'policy', 'data', 'export', 'metrics'},
    'sim': {'parallel', 'policy', 'data', 'metrics'},
    'explain': {'parallel', 'liquid', 'learning', 'policy', 'control', 'data', 'metrics', 'replay', 'evaluation'},
    'replay': {'policy', 'control', 'data', 'metrics'},
    'evaluation': {'parallel', 'policy', 'control', 'data', 'sim', 'metrics'},
    'tuning': {'parallel', 'policy', 'data', 'liquid', 'learning', 'evaluation'},
    'report': {'parallel', 'policy', 'data', 'sim', 'metrics', 'evaluation', 'replay', 'explain', 'tuning'},
    'studies': {
        'parallel',
        'share',
        'policy',
        'control',
        'data',
        'sim',
        'metrics',
        'evaluation',
        'replay',
        'explain',
        'report',
        'learning',
    },
    'view': {'parent', 'policy', 'control', 'data', 'metrics', 'sim', 'replay', 'report'},
    'nodes': {'parent', 'share', 'policy', 'control', 'data', 'sim', 'replay', 'report'},
    'live': {
        'libraries',
        'doctor',
        'data',
        'policy',
        'control',
        'sim',
        'metrics',
        'evaluation',
        'report',
        'view',
        'nodes',
    },
    'doctor': {'libraries', 'policy', 'sim', 'nodes'},
    'libraries': set(),
    'start': {'nodes'},
    'errors': set(),
    'settings': set(),
    '__init__': set(),
}
MAY_IMPORT['cli'] = set(MAY_IMPORT)
HOMES = {
    'torch': {'liquid', 'learning', 'export', 'explain'},
    'safetensors': {'liquid', 'learning', 'export'},
    'lightning': {'learning'},
    'optuna': {'tuning', 'cli'},
    'rclpy': {'nodes', 'live'},
    'mujoco': {'sim'},
    'rosbags': {'data'},
    'mcap': {'data'},
    'pyarrow': {'data'},
    'onnxruntime': {'policy', 'export', 'learning'},
    'matplotlib': {'report', 'studies', 'liquid', 'learning'},
    'av': {'data', 'report'},
    'PIL': {'report'},
    'rerun': {'view'},
    'rerun_cli': {'view'},
}
LAZY = {'matplotlib', 'av', 'PIL', 'pyarrow'}  # loaded only when they are needed


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


@cache
def imports(path):
    """Absolute names of all imported modules, each with whether the import is inside a function."""
    found = []
    tree = ast.parse(path.read_text(encoding='utf-8'))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    package = ['lnn_controller', *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = '.'.join([*base, *([node.module] if node.module else [])])
            names = [f'{module}.{alias.name}' for alias in node.names]
        else:
            continue
        found += [(name, id(node) in inside) for name in names]
    return found


def modules_used():
    """Every module by its dotted name, with those of the package that it imports, wherever the import stands."""
    names = {'.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts): path for path in MODULES}
    names = {name.removesuffix('.__init__'): path for name, path in names.items()}
    used = {}
    for name, path in names.items():
        pairs = ((each, each.rpartition('.')[0]) for each, _ in imports(path))
        used[name] = {next((each for each in pair if each in names), name) for pair in pairs} - {name}
    return used


def circles(used):
    """Those that reach themselves by way of others, and those between two such."""
    left = {name: set(others) for name, others in used.items()}
    # Whoever uses none that is left, or is used by none, is in no circle.
    while ends := {name for name, others in left.items() if not others & left.keys()} | (
        left.keys() - set().union(*left.values())
    ):
        left = {name: others for name, others in left.items() if name not in ends}
    return sorted(left)


def folder(name):
    """The folder inside a room that a module lies in; a module of the room itself stands alone."""
    parts = name.split('.')[1:]
    return '.'.join(parts[:2]) if len(parts) > 2 else name


@pytest.mark.parametrize('of', [str, folder], ids=['modules', 'folders'])
@pytest.mark.slow
def test_there_are_no_circles(of):
    used = {}
    for name, others in modules_used().items():
        used.setdefault(of(name), set()).update({of(other) for other in others} - {of(name)})
    assert circles(used) == []


def test_circles_are_found():
    assert circles({'a': {'b'}, 'b': {'c'}, 'c': {'b'}, 'd': {'a'}}) == ['b', 'c']


def test_rooms_have_an_order():
    assert circles({room: others - {room} for room, others in MAY_IMPORT.items()}) == []


def test_there_is_something_to_walk():
    assert {room(path) for path in MODULES} <= set(MAY_IMPORT)
    assert len(MODULES) > 100


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    here = room(path)
    for name, _ in imports(path):
        parts = name.split('.')
        if parts[0] == 'lnn_controller' and len(parts) > 1:
            there = parts[1]
            if there in MAY_IMPORT and there not in (here, 'errors', 'settings', '__init__'):
                assert there in MAY_IMPORT[here], f'{path}: {here} must not import {name}'


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_at_home(path):
    for name, inside in imports(path):
        library = name.split('.')[0]
        if library in HOMES:
            assert room(path) in HOMES[library], f'{path}: {library} belongs in {sorted(HOMES[library])}'
        assert library not in LAZY or inside, f'{path}: {library} must be imported where it is used'


@pytest.mark.parametrize(
    ('module', 'absent'),
    [
        ('lnn_controller.cli', ('numpy', 'rclpy', 'mujoco', 'torch', 'matplotlib')),
        ('lnn_controller.doctor.findings', ('numpy', 'rclpy', 'mujoco', 'torch', 'matplotlib')),
        ('lnn_controller.control', ('rclpy', 'mujoco', 'torch', 'rosbags', 'cv2', 'matplotlib')),
        ('lnn_controller.replay.bag', ('rclpy', 'mujoco', 'torch', 'matplotlib')),
        ('lnn_controller.nodes.controller_node', ('mujoco', 'torch', 'matplotlib', 'rosbags', 'rerun')),
        ('lnn_controller.sim', ('rclpy', 'torch', 'matplotlib')),
        ('lnn_controller.view.recording', ('rclpy', 'torch', 'mujoco', 'matplotlib')),
        ('lnn_controller.export.c', ('rclpy', 'torch', 'mujoco', 'rosbags', 'matplotlib')),
    ],
)
@pytest.mark.slow
def test_what_a_process_loads(module, absent):
    code = f'import sys, {module}; print([name for name in {absent!r} if name in sys.modules])'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, '[]'), done.stderr
