"""``lnn demo`` for real: three processes over DDS, the files that it leaves, and the processes that it does not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from bundles import DRONE, make_tiny_bundle
from free_ports import two_free_ports
from trials import LANE_KEYS

from lnn_controller.cli import main
from lnn_controller.evaluation.from_bag import read_trial
from lnn_controller.metrics.lane import DEPARTURE_M
from lnn_controller.policy import ImageSpec, Policy
from lnn_controller.replay.bag import replay_bag
from lnn_controller.replay.result import summarise_replay
from lnn_controller.sim import Track
from lnn_controller.sim.tasks.lane import cross_track_errors

pytestmark = pytest.mark.ros

DEADLINE_S = 200
MARK = 'LNN_TEST_MARK'
DRIVES = r'\b[1-9]\.\d s .* m/s'  # for a second already: the first lines say 0.0 s, before it moves


class Running:
    """A demo under way, all of whose processes carry a mark in their environment."""

    def __init__(self, folder, *arguments):
        self.mark = uuid.uuid4().hex
        self.out = folder / 'demo'
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'lnn_controller.cli', 'demo', '--out', str(self.out), *map(str, arguments)],
            cwd=folder,
            env={key: value for key, value in os.environ.items() if key != 'ROS_DOMAIN_ID'} | {MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, pattern):
        """Read what it tells until a line has this pattern."""
        for line in self.process.stderr:
            self.lines.append(line)
            if re.search(pattern, line):
                return
        pytest.fail(f'it ended without telling "{pattern}": {self.lines}')

    def finish(self):
        """Its exit code, standard output and standard error, once it has ended."""
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out, ''.join(self.lines) + err

    def processes(self):
        """The processes that carry the mark, by id."""
        found = {}
        for folder in Path('/proc').iterdir():
            if folder.name.isdigit():
                try:
                    if f'{MARK}={self.mark}'.encode() in (folder / 'environ').read_bytes().split(b'\0'):
                        found[int(folder.name)] = (folder / 'cmdline').read_bytes().replace(b'\0', b' ').decode()
                except OSError:
                    continue  # it has ended meanwhile
        return found

    def kill(self):
        for number in self.processes():
            os.kill(number, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    image = ImageSpec(53, 200, crop_top=0.2)
    return make_tiny_bundle(tmp_path_factory.mktemp('policy') / 'swerver', image=image, seed=2)


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*arguments):
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield start
    for running in started:
        running.kill()


def test_a_demo_drives_and_leaves_whole_files_and_no_process(demo, bundle, tmp_path):
    out = tmp_path / 'demo'
    (out / 'bag').mkdir(parents=True)
    (out / 'bag' / 'bag.mcap').write_bytes(b'what an earlier demo left')
    (out / 'demo.mp4').write_bytes(b'this too')
    (out / 'notes.txt').write_text('mine')
    running = demo('--policy', bundle, '--seconds', 6, '--json')
    code, printed, told = running.finish()
    assert code == 0, told
    assert running.processes() == {}
    assert (out / 'notes.txt').read_text() == 'mine'

    summary = json.loads(printed)
    assert tuple(summary) == LANE_KEYS
    assert summary == json.loads((out / 'summary.json').read_text())
    assert summary['seconds'] == pytest.approx(6.0, abs=0.05)
    assert 25 < summary['control_rate_hz'] < 65  # 60 where the machine keeps up: 50, and the camera's frames
    assert summary['step_latency_p50_us'] > 0
    assert 'm/s' in told
    assert 'cross-track' in told

    drive = read_trial(out / 'bag', policy='swerver', scene='summer', seed=21, seconds=6.0)
    # How far six seconds lead, and whether out of the lane, depends on how often a busy machine lets the car see.
    steps_m = np.linalg.norm(np.diff(drive.pose[:, :2], axis=0), axis=1)
    put_back = steps_m > 0.1  # by the simulator, into the lane
    assert summary['distance_m'] == pytest.approx(steps_m[~put_back].sum(), rel=0.1)
    assert summary['distance_m'] > 0.1
    outside = np.abs(cross_track_errors(Track(drive.seed), drive.pose)) > DEPARTURE_M
    assert (summary['departures'] > 0) == (put_back.any() or outside.any())
    # Nothing moved before all was ready: the first of the drive was recorded too, at rest and in the lane.
    assert abs(drive.speed_m_s[0]) < 0.1
    assert abs(cross_track_errors(Track(drive.seed), drive.pose)[0]) < 0.05
    assert np.diff(drive.stamp_ns).max() <= 20_000_000
    assert drive.neurons.shape[1] == 5
    with av.open(str(out / 'demo.mp4')) as video:
        assert sum(1 for _ in video.decode(video=0)) == int(drive.seconds * 15) + 1
    assert cv2.imread(str(out / 'path.png')).shape[1] == 1300

    # What the controller decided live, it decides again from the bag.
    again = summarise_replay(replay_bag(out / 'bag', Policy.load(bundle)))
    assert again.channels['angular_z'].r2 > 0.9


def test_a_demo_of_a_drone_ends_with_its_outcome(demo, tmp_path):
    bundle = make_tiny_bundle(
        tmp_path / 'sinker', image=ImageSpec(72, 128), imu=False, outputs=DRONE, robot='drone', gain=5.0, seed=3
    )
    running = demo('--policy', bundle, '--scene', 'autumn', '--seed', 5001, '--json')
    code, printed, told = running.finish()
    assert code == 0, told
    assert running.processes() == {}
    summary = json.loads(printed)
    assert (summary['robot'], summary['task'], summary['seed']) == ('drone', 'fly', 5001)
    assert (summary['outcome'], summary['success'], summary['collisions']) == ('crash', 0, 1)
    assert 0.5 < summary['seconds'] < 25.0
    assert 'target' in told
    trial = read_trial(running.out / 'bag', policy='sinker', robot='drone', task='fly', scene='autumn', seed=5001)
    assert trial.outcome == 'crash'
    assert trial.seconds == pytest.approx(summary['seconds'], abs=1e-3)
    assert np.linalg.norm(trial.target - trial.pose[:, :3], axis=1).max() < 25.0
    with av.open(str(running.out / 'demo.mp4')) as video:
        assert sum(1 for _ in video.decode(video=0)) == int((trial.seconds + 1.5) * 15) + 1
    assert cv2.imread(str(running.out / 'path.png')).shape[1] == 1300


@pytest.mark.soak  # test_sim_node.py has the fault, test_outage.py its figures
def test_a_camera_that_fails_stops_the_car_until_it_works_again(demo):
    code, printed, told = demo('--camera-fault', 2, '--seconds', 6, '--no-video', '--json').finish()
    assert code == 0, told
    summary = json.loads(printed)
    fault = summary['camera_fault']
    assert summary['stops']['image_stale'] >= 1, 'a busy machine may lose pictures besides'
    assert summary['departures'] == 0
    assert fault['lasted_s'] > 1.5, 'two seconds, and what a busy machine takes to switch it on'
    assert 0.0 < fault['stopped_after_s'] < fault['stood_after_s'] < fault['lasted_s']
    assert fault['drove_again_after_s'] > 0.0
    assert 'lnn top --domain' in told


@pytest.mark.parametrize('at_s', ['0.5', '17', 'nan'])
def test_a_camera_fault_out_of_range(tmp_path, capsys, at_s):
    assert main(['demo', '--out', str(tmp_path / 'demo'), '--camera-fault', at_s, '--seconds', '20']) == 2
    assert 'a camera fault must begin from 1 s to 4 s before the end (16 s)' in capsys.readouterr().err


def test_a_demo_that_is_interrupted_leaves_whole_files_and_no_process(demo, bundle):
    page = ['--view', two_free_ports()] if find_spec('rerun') else []
    running = demo('--policy', bundle, '--seconds', 600, *page)
    if page:
        running.wait_for(f'in a browser: http://127.0.0.1:{page[1]}/')
    running.wait_for(DRIVES)
    assert sum('lnn_controller.nodes' in command for command in running.processes().values()) == 3
    deadline_s = time.monotonic() + DEADLINE_S
    while not list(running.out.glob('bag/*.mcap')) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    running.process.send_signal(signal.SIGINT)
    code, printed, told = running.finish()
    assert (code, printed) == (130, ''), told
    assert 'Traceback' not in told
    assert running.processes() == {}
    summary = json.loads((running.out / 'summary.json').read_text())
    assert 0 < summary['seconds'] < 60
    drive = read_trial(running.out / 'bag', policy='swerver', scene='summer', seed=21)
    assert drive.seconds == pytest.approx(summary['seconds'], abs=1e-3)
    assert cv2.imread(str(running.out / 'path.png')) is not None
    assert not (running.out / 'demo.mp4').exists()


@pytest.mark.soak
def test_a_demo_that_is_ended_while_it_films_leaves_all_but_the_film(demo, bundle):
    running = demo('--policy', bundle, '--seconds', 3)
    running.wait_for('video')
    running.process.send_signal(signal.SIGTERM)
    code, printed, told = running.finish()
    assert (code, printed) == (130, ''), told
    assert 'Traceback' not in told
    assert running.processes() == {}
    assert sorted(file.name for file in running.out.iterdir()) == ['bag', 'logs', 'path.png', 'summary.json']


def test_a_demo_that_is_interrupted_before_it_drives_leaves_no_process(demo, bundle):
    running = demo('--policy', bundle)
    running.wait_for('starting')
    running.process.send_signal(signal.SIGINT)
    code, printed, told = running.finish()
    assert (code, printed) == (130, ''), told
    assert 'Traceback' not in told
    assert running.processes() == {}
    assert not (running.out / 'summary.json').exists()


def test_a_demo_whose_node_dies_says_so_and_leaves_no_process(demo, bundle):
    running = demo('--policy', bundle, '--seconds', 600)
    running.wait_for('m/s')
    (simulator,) = [n for n, command in running.processes().items() if 'sim_node' in command]
    os.kill(simulator, signal.SIGKILL)
    code, printed, told = running.finish()
    assert (code, printed) == (2, '')
    assert told.splitlines()[-1].startswith('lnn: error: sim must keep running. Got exit code -9')
    assert 'Traceback' not in told
    assert running.processes() == {}


def test_a_demo_of_a_policy_that_cannot_drive_says_so(demo, tmp_path):
    broken = make_tiny_bundle(tmp_path / 'broken', height=66, width=200, not_finite='command')
    running = demo('--policy', broken)
    code, printed, told = running.finish()
    assert (code, printed) == (2, '')
    assert told.splitlines()[-1].startswith('lnn: error: a policy must give finite commands. Got none from ')
    assert running.processes() == {}
