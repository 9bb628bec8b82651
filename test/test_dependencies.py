"""What is installed for us is what constraints.txt pins, down to the last dependency."""

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[1] / 'constraints.txt'


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
    waiting, seen = [('lnn-controller', frozenset({'ros', 'sim', 'train', 'test'}))], set()
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
    root = LOCK.parent
    texts = [root / 'README.md', *(root / 'docs').rglob('*.md'), *(root / 'lnn_controller').rglob('*.py')]
    pattern = re.compile(r'pip install [^`\n]*(?<![./\w])lnn[_-]controller\b')
    assert [str(text) for text in texts if pattern.search(text.read_text())] == []
