"""docs/python.md is one program: it runs as it stands, but for the length of its training."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / 'docs' / 'python.md'
REAL_CAR = Path(__file__).parent / 'data' / 'real_car_cut'


@pytest.mark.slow
def test_the_blocks_run_one_after_the_other(tmp_path):
    program = '\n'.join(re.findall(r'^```python\n(.*?)^```$', PAGE.read_text(), re.M | re.S))
    assert program.count('TrainConfig(steps=200, epochs=2)') == 1
    shutil.copytree(REAL_CAR, tmp_path / 'bags' / 'real_car')
    (tmp_path / 'program.py').write_text(program.replace('steps=200, epochs=2', 'steps=4, epochs=1'))
    done = subprocess.run(
        [sys.executable, 'program.py'], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert all(re.match(r'policy  \[ *-?\d', line) for line in told[:10]), told
    assert "{'linear_x': {'mae': " in done.stdout
    assert told[-1] == 'torch.Size([8, 50, 2]) torch.Size([8, 19])'
