"""Several processes share a study: no condition is run twice, what a killed one was at is run by another."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from lnn_controller.studies.runner import read_rows

# A process tells by a line what it begins, and goes on by a line from here.
PROCESS = """
import sys
from pathlib import Path
from lnn_controller.studies.runner import run_conditions

def run(condition):
    print(condition['number'], flush=True)
    sys.stdin.readline()
    return {'twice': 2 * condition['number']}

for row in run_conditions(run, [{'number': number} for number in range(6)], Path(sys.argv[1])):
    pass
print('done', flush=True)
"""


@pytest.fixture
def start(tmp_path):
    begun = []

    def start():
        process = subprocess.Popen(
            [sys.executable, '-c', PROCESS, str(tmp_path / 'shared.json')],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def go_on(process):
    process.stdin.write('\n')
    process.stdin.flush()


@pytest.mark.timeout(60)
def test_two_processes_share_the_conditions_and_one_goes_on_with_what_the_other_was_killed_at(start, tmp_path):
    path = tmp_path / 'shared.json'
    first, second = start(), None
    ran = [first.stdout.readline().strip()]
    second = start()
    ran.append(second.stdout.readline().strip())
    assert ran == ['0', '1']  # at once, and not the same
    go_on(first)
    ran.append(first.stdout.readline().strip())
    assert ran[-1] == '2'
    assert read_rows(path) == [{'condition': {'number': 0}, 'result': {'twice': 0}}]
    first.kill()  # at 2
    first.wait()
    while True:
        go_on(second)
        line = second.stdout.readline().strip()
        if line == 'done':
            break
        ran.append(line)
    assert Counter(ran) == {'0': 1, '1': 1, '2': 2, '3': 1, '4': 1, '5': 1}
    found = json.loads(path.read_text())['rows']
    assert sorted(row['condition']['number'] for row in found) == list(range(6))
    assert all(row['result']['twice'] == 2 * row['condition']['number'] for row in found)


@pytest.mark.timeout(60)
def test_who_is_through_waits_for_what_another_runs_and_runs_it_when_that_one_is_killed(start, tmp_path):
    path = tmp_path / 'shared.json'
    first = start()
    assert first.stdout.readline().strip() == '0'
    second = start()
    for number in range(1, 6):
        assert second.stdout.readline().strip() == str(number)
        go_on(second)
    first.kill()
    assert second.stdout.readline().strip() == '0'
    go_on(second)
    assert second.stdout.readline().strip() == 'done'
    assert sorted(row['condition']['number'] for row in read_rows(path)) == list(range(6))
