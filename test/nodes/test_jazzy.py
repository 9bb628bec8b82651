"""What Jazzy's rclpy (7.1) lacks of Kilted's (9.1), with which the tests run, our modules do without."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / 'lnn_controller'
# Classes that take type parameters from Kilted on: in an annotation that is evaluated Jazzy's raise a TypeError.
GENERIC = {'Client', 'Future', 'Parameter', 'Publisher', 'Service', 'Subscription', 'Task'}


def evaluated(tree):
    """The expressions that are evaluated when a module is loaded or run, annotations among them or not."""
    lazy = any(isinstance(node, ast.ImportFrom) and node.module == '__future__' for node in tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not lazy:
            yield from (each.annotation for each in ast.walk(node.args) if isinstance(each, ast.arg))
            yield node.returns
        elif isinstance(node, ast.AnnAssign) and not lazy and isinstance(node.target, ast.Name):
            yield node.annotation
        elif isinstance(node, ast.ClassDef):
            yield from node.bases
        elif isinstance(node, ast.Assign | ast.Call):
            yield node


@pytest.mark.parametrize(
    'path', [*PACKAGE.glob('nodes/**/*.py'), *PACKAGE.glob('live/**/*.py')], ids=lambda path: path.stem
)
def test_no_type_parameter_of_an_rclpy_class_is_evaluated(path):
    used = [
        part
        for root in evaluated(ast.parse(path.read_text(encoding='utf-8')))
        if root is not None
        for part in ast.walk(root)
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id in GENERIC
    ]
    assert not used, f'line {used[0].lineno}: begin the module with "from __future__ import annotations"'
