"""What the package says of itself to pip, ROS, type checkers and those who cite it."""

import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from xml.etree import ElementTree

import yaml
from packaging.specifiers import SpecifierSet

from lnn_controller import __version__

ROOT = Path(__file__).parents[1]


def setup(*words):
    """Run setup.py; its standard output."""
    command = [sys.executable, str(ROOT / 'setup.py'), *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_version_has_one_place_and_true_copies():
    assert setup('--version').split()[-1] == __version__
    assert ElementTree.parse(ROOT / 'package.xml').findtext('version') == __version__
    assert str(yaml.safe_load((ROOT / 'CITATION.cff').read_text())['version']) == __version__


def test_the_licence_is_the_same_everywhere():
    licence = setup('--license').split()[-1]
    assert ElementTree.parse(ROOT / 'package.xml').findtext('license') == licence
    assert yaml.safe_load((ROOT / 'CITATION.cff').read_text())['license'] == licence


def test_type_checkers_of_others_read_our_annotations(tmp_path):
    setup('build_py', '--build-lib', tmp_path)
    assert (tmp_path / 'lnn_controller' / '__init__.py').is_file()
    assert (tmp_path / 'lnn_controller' / 'py.typed').is_file()


def test_continuous_integration_runs_on_every_python_that_is_supported():
    """And on no other: there would be no wheels."""
    supported = SpecifierSet(metadata('lnn_controller')['Requires-Python'])
    workflow = yaml.safe_load((ROOT / '.github/workflows/test.yml').read_text())
    pythons = workflow['jobs']['test']['strategy']['matrix']['python']
    assert pythons == [f'3.{minor}' for minor in range(20) if f'3.{minor}' in supported]
    assert any(step.get('run', '').startswith('make test ') for step in workflow['jobs']['test']['steps'])
