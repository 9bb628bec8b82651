"""The benchmark of the drone: cells that are flown once, and a table of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def table(folder, trials, *more):
    flags = ('--policies', '--tasks', 'tight', '--scenes', 'summer', '--jobs', '1', '--out', folder, *more)
    command = [sys.executable, ROOT / 'benchmarks' / 'drone.py', *flags, '--trials', str(trials)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (folder / 'table.md').read_text().strip()
    return json.loads((folder / 'table.json').read_text())


def test_what_has_been_flown_is_not_flown_again(tmp_path):
    first = table(tmp_path, 1, '--parts', 'tasks')
    assert [(each['row'], each['pilot'], each['trials']) for each in first] == [
        ('tight', 'expert', 1),
        ('tight', 'blind', 1),
    ]
    file = tmp_path / 'cells' / 'tight_expert_summer_as_usual.json'
    told = json.loads(file.read_text())
    told['trials'][0] |= {'success': 0, 'outcome': 'marked'}
    file.write_text(json.dumps(told))
    again = table(tmp_path, 2, '--parts', 'tasks')[0]
    assert (again['trials'], again['successes'], again['outcomes']['marked']) == (2, 1, 1)
    assert [each['seed'] for each in json.loads(file.read_text())['trials']] == [5000, 5001]
    assert '| tight | expert | **1**/2 [9, 91]; marked 1 |' in (tmp_path / 'table.md').read_text()
    file.write_text(json.dumps(told | {'key': 'of another policy'}))
    assert table(tmp_path, 1, '--parts', 'tasks')[0]['outcomes'] == {'success': 1}
