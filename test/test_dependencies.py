"""What is installed for us is what constraints.txt pins; package.xml names what of ROS is imported."""

import ast
import re
from importlib.metadata import distribution
from pathlib import Path
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / 'constraints.txt'
# What comes with ROS, if our code or our tests import it.
OF_ROS = re.compile(
    r'rclpy|rcl_interfaces|builtin_interfaces|\w+_msgs|std_srvs|launch\w*|ament_index_python|cv_bridge|tf2\w*'
)


@pytest.fixture(scope='module')
def pinned():
    """Version by name, of what this Python on this system would be given."""
    lines = (line.split('#')[0].strip() for line in LOCK.read_text().splitlines())
    requirements = [Requirement(line) for line in lines if line]
    chosen = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    assert all([each.operator for each in requirement.specifier] == ['=='] for requirement in chosen)
    return {canonicalize_name(each.name): next(iter(each.specifier)).version for each in chosen}


def needed(name, extras):
    """Distributions that this one needs with these extras here, with the extras they are wanted with."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({'extra': extra}) for extra in ('', *extras)):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def test_all_that_is_installed_for_us_is_pinned(pinned):
    waiting, seen = [('lnn-controller', frozenset({'ros', 'sim', 'train', 'tune', 'view', 'test'}))], set()
    while waiting:
        wanted = waiting.pop()
        if wanted not in seen:
            seen.add(wanted)
            waiting += needed(*wanted)
    names = {name for name, _ in seen} - {'lnn-controller'}
    assert len(names) > 100
    installed = {name: distribution(name).version.split('+')[0] for name in names}
    assert {name: pinned.get(name) for name in names} == installed


def test_no_text_names_a_package_that_anybody_could_register():
    """On PyPI there is no lnn_controller: whoever registers it would be installed by our own words."""
    texts = [ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md'), *(ROOT / 'lnn_controller').rglob('*.py')]
    pattern = re.compile(r'pip install [^`\n]*(?<![./\w])lnn[_-]controller\b')
    assert [str(text) for text in texts if pattern.search(text.read_text())] == []


def test_the_image_is_made_by_the_commands_of_the_page():
    page = (ROOT / 'docs' / 'installation.md').read_text().split('## Beside ROS 2')[1]
    commands = re.search(r'```bash\n(.*?)```', page, re.DOTALL).group(1)
    parts = [part.split('#')[0].strip() for line in commands.splitlines() for part in line.split('&&')]
    image = ' '.join((ROOT / 'Dockerfile').read_text().replace('\\\n', ' ').split())
    wanted = [part for part in parts if part.startswith(('rosdep', 'python3', 'touch', 'pip', 'colcon'))]
    assert len(wanted) == 5
    assert [part for part in wanted if part not in image] == []


def imported(folder):
    """ROS packages that the Python files of a folder import."""
    for file in (ROOT / folder).rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            yield from (name.split('.')[0] for name in names if OF_ROS.fullmatch(name.split('.')[0]))


@pytest.mark.slow
def test_package_xml_names_every_ros_package_that_is_imported_and_no_other():
    tree = ElementTree.parse(ROOT / 'package.xml')
    depends = {kind: [each.text for each in tree.iter(kind)] for kind in ('exec_depend', 'test_depend')}
    run = {*imported('lnn_controller'), *imported('launch')}
    assert {'rclpy', 'sensor_msgs', 'lifecycle_msgs', 'launch_ros'} <= run
    assert run == {name for name in depends['exec_depend'] if OF_ROS.fullmatch(name)}
    assert set(imported('test')) <= {name for names in depends.values() for name in names}
    for names in depends.values():
        assert len(names) == len(set(names))
