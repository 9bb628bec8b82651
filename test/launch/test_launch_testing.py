"""The launch_testing tests beside this file, by launch_testing's own runner, where ROS 2 has it."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip('launch_testing.actions', reason='these tests need launch_testing')

TESTS = sorted(Path(__file__).parent.glob('*_test.launch.py'))
DEADLINE_S = 240.0


@pytest.mark.parametrize('test', TESTS, ids=[test.name for test in TESTS])
def test_it_passes(test, workspace, domain_id, tmp_path):
    results = tmp_path / 'results.xml'
    (tmp_path / 'made').mkdir()
    folders = {'ROS_LOG_DIR': str(tmp_path), 'TMPDIR': str(tmp_path / 'made')}
    done = subprocess.run(
        [sys.executable, '-m', 'launch_testing.launch_test', test, '--junit-xml', results],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=os.environ | {'ROS_DOMAIN_ID': str(domain_id)} | folders,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout
    cases = list(ElementTree.parse(results).iter('testcase'))
    assert len(cases) >= 2, 'one while it runs, one after its end'
    assert all(not len(case) for case in cases), done.stdout  # neither failed nor skipped
