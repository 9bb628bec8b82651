import itertools
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

from lnn_controller.data import Bag
from lnn_controller.errors import InputError
from lnn_controller.sim import LANE_OFFSET_M, CarWorld, Lane, PurePursuit, Track
from lnn_controller.sim.car.expert import CurvatureBursts, LaneDriver, disturb
from lnn_controller.sim.collect import TOPICS, collect, record_episode

pytestmark = pytest.mark.slow


def messages(bag, topic):
    with Bag(bag) as opened:
        return [(message.stamp_ns, opened.deserialize(message)) for message in opened.messages([topic])]


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    return collect(tmp_path_factory.mktemp('demonstrations'), seeds=[5, 60], seconds=4.5, seed=1, progress=False)


def test_each_road_gets_its_bags_with_everything_at_its_rate(bags):
    assert [bag.name for bag in bags] == ['summer_005_00', 'summer_060_00']
    for path in bags:
        with Bag(path) as bag:
            assert {name: topic.msgtype for name, topic in bag.topics.items()} == TOPICS
            counts = {name: topic.count for name, topic in bag.topics.items()}
            assert counts == {'/image_raw': 135, '/imu/data': 900, '/cmd_vel': 225, '/odom': 225}
            assert bag.start_ns >= 1_000_000_000
            seed = str(int(path.name.split('_')[1]))
            assert bag.custom_data == {'robot': 'car', 'task': 'lane', 'scene': 'summer', 'seed': seed}


def test_stamps_are_regular_and_in_the_headers(bags):
    stamped = messages(bags[0], '/image_raw')
    stamps = np.array([stamp for stamp, _ in stamped])
    assert np.all(np.abs(np.diff(stamps) - 1e9 / 30) <= 1)
    for stamp, message in stamped[::30]:
        assert message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec == stamp


def test_images_are_the_cameras(bags):
    _, first = messages(bags[0], '/image_raw')[0]
    assert (first.height, first.width, first.encoding) == (66, 200, 'rgb8')
    _, odometry = messages(bags[0], '/odom')[0]
    yaw = 2 * np.arctan2(odometry.pose.pose.orientation.z, odometry.pose.pose.orientation.w)
    with CarWorld(5, scenery_seed=1) as world:
        world.set_pose(odometry.pose.pose.position.x, odometry.pose.pose.position.y, yaw)
        again = world.camera()
    difference = np.abs(again.astype(int) - first.data.reshape(66, 200, 3))
    assert np.mean(difference > 8) < 0.002  # the bag's yaw is rounded: a pixel on an outline may differ


def test_the_label_is_the_experts_command_and_the_car_was_disturbed(bags):
    recovered = []
    for bag, seed in zip(bags, (5, 60), strict=True):
        track = Track(seed)
        expert = PurePursuit(track)
        for (_, odometry), (_, command) in zip(messages(bag, '/odom'), messages(bag, '/cmd_vel'), strict=True):
            position, orientation = odometry.pose.pose.position, odometry.pose.pose.orientation
            yaw = 2 * np.arctan2(orientation.z, orientation.w)
            speed, turn = expert.command(position.x, position.y, yaw)
            assert command.twist.linear.x == pytest.approx(speed, abs=1e-6)
            assert command.twist.angular.z == pytest.approx(turn, abs=1e-6)
            recovered.append(track.project(position.x, position.y)[1] - LANE_OFFSET_M)
    assert np.abs(recovered).max() > 0.1  # undisturbed, it would stay within 3 cm
    assert np.abs(recovered).max() < 1.1


def test_an_expert_that_is_not_led_astray_keeps_to_its_lane(tmp_path):
    (bag,) = collect(tmp_path, seeds=[5], seconds=4.5, seed=1, disturbed=False, progress=False)
    positions = [each.pose.pose.position for _, each in messages(bag, '/odom')]
    aside = [Track(5).project(each.x, each.y)[1] - LANE_OFFSET_M for each in positions]
    assert np.abs(aside[100:]).max() < 0.03  # after it has come in from where it began; disturbed, it is 24 cm aside


def test_several_processes_write_the_same_demonstrations(bags, tmp_path):
    again = collect(tmp_path, seeds=[5, 60], seconds=4.5, seed=1, jobs=2, progress=False)
    assert [bag.name for bag in again] == [bag.name for bag in bags]
    for new, old in zip(again, bags, strict=True):
        assert {path.name for path in new.iterdir()} == {path.name for path in old.iterdir()}
        for topic in TOPICS:
            with Bag(new) as one, Bag(old) as other:
                assert [m.data for m in one.messages([topic])] == [m.data for m in other.messages([topic])]


def test_an_interrupted_collection_leaves_no_half_bags(tmp_path):
    line = 'from lnn_controller.cli import main; raise SystemExit(main())'
    asked = ['collect', '--out', str(tmp_path), '--tracks', '1', '2', '3', '--seconds', '3000', '--jobs', '2']
    process = subprocess.Popen([sys.executable, '-c', line, *asked], start_new_session=True, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while len(list(tmp_path.glob('*/*.mcap'))) < 2:  # one of each process
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode != 0
    for bag in tmp_path.iterdir():
        assert (bag / 'metadata.yaml').exists()


def test_the_same_seed_writes_the_same_demonstrations(bags, tmp_path):
    again = collect(tmp_path, seeds=[60], seconds=4.5, seed=1, progress=False)
    for topic in TOPICS:
        with Bag(again[0]) as new, Bag(bags[1]) as old:
            assert [m.data for m in new.messages([topic])] == [m.data for m in old.messages([topic])]
    other = collect(tmp_path / 'other', seeds=[60], seconds=4.2, seed=2, progress=False)
    assert (
        messages(other[0], '/odom')[0][1].pose.pose.position.x != messages(bags[1], '/odom')[0][1].pose.pose.position.x
    )


def test_leaving_the_road_ends_an_episode(tmp_path):
    with CarWorld(5) as world:
        # An expert that makes for the meadow: its lane lies six metres aside.
        world.track.lane_ahead = lambda s_m, _distance_m: world.track.at(s_m + 2.0, 6.0)[:2]
        lane, rng = Lane(world), np.random.default_rng(0)
        lane.begin(rng)
        recorded = record_episode(lane, LaneDriver(lane), disturb(lane, rng), tmp_path / 'astray', seconds=20)
    assert 0.5 < recorded < 19
    odometry = messages(tmp_path / 'astray', '/odom')
    assert len(odometry) == round(recorded * 50) + 1
    position = odometry[-1][1].pose.pose.position
    assert abs(Track(5).project(position.x, position.y)[1] - LANE_OFFSET_M) > 1.1


def test_bursts_last_begin_at_their_rate_and_end_far_aside():
    disturbance = CurvatureBursts(np.random.default_rng(0), 0.02)
    biases = np.array([disturbance.bias(0.0) for _ in range(50 * 600)])
    running = biases != 0
    begins = np.count_nonzero(running[1:] & ~running[:-1])
    assert begins / 600 == pytest.approx(0.5 / (1 + 0.5 * 0.38), rel=0.2)
    assert np.abs(biases).max() <= 1.0
    assert abs(np.mean(biases)) < 0.03
    far = CurvatureBursts(np.random.default_rng(0), 0.02)
    biases = [far.bias(math.copysign(0.5, far._bias)) for _ in range(5000)]
    assert np.count_nonzero(biases) > 10
    assert not any(first and second for first, second in itertools.pairwise(biases))


def test_the_progress_bar_counts_simulated_seconds(tmp_path, capsys):
    collect(tmp_path, seeds=[3], scene='winter', seconds=5, progress=True)
    shown = capsys.readouterr().err
    assert 'collect (winter): 100%' in shown
    assert '5/5' in shown


def test_bad_wishes_are_refused_before_anything_is_written(tmp_path, bags):
    with pytest.raises(InputError, match='one of summer, winter'):
        collect(tmp_path, seeds=[1], scene='mars')
    with pytest.raises(InputError, match='at least one seed'):
        collect(tmp_path, seeds=[])
    with pytest.raises(InputError, match=r'at least 4.2 s in each world. Got 4'):
        collect(tmp_path, seeds=[1], seconds=4)
    with pytest.raises(InputError, match=r'at least 4.2 s in each world. Got nan'):
        collect(tmp_path, seeds=[1], seconds=float('nan'))
    with pytest.raises(InputError, match='each world once'):
        collect(tmp_path, seeds=[1, 2, 1])
    with pytest.raises(InputError, match='integer seed ≥ 0'):
        collect(tmp_path, seeds=[-1])
    with pytest.raises(InputError, match=r"a robot must be one of car, drone. Got 'boat'"):
        collect(tmp_path, seeds=[1], robot='boat')
    with pytest.raises(InputError, match=r"a task must be one of lane, .*Got 'moor'"):
        collect(tmp_path, seeds=[1], tasks=['lane', 'moor'])
    with pytest.raises(InputError, match=r'each task once. Got lane, lane'):
        collect(tmp_path, seeds=[1], tasks=['lane', 'lane'])
    with pytest.raises(InputError, match='summer_060_00 exists already and is not overwritten'):
        collect(bags[1].parent, seeds=[60])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='file'):
        collect(tmp_path / 'file', seeds=[1], seconds=5, progress=False)


def test_tasks_are_demonstrated_from_starts_of_their_own_and_long_enough_to_be_learnt(tmp_path):
    bags = collect(tmp_path, robot='drone', tasks=('fly', 'hop'), seeds=[3], seconds=14, progress=False)
    first = [messages(bag, '/odom')[0][1].pose.pose.position for bag in bags]
    assert {bag.name.split('_')[0] for bag in bags} == {'fly', 'hop'}
    assert len({(each.x, each.y) for each in first}) == len(bags)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(bag.name for bag in bags)
    for bag in bags:
        stamps = [stamp for stamp, _ in messages(bag, '/image_raw')]
        assert stamps[-1] - stamps[0] >= 4e9
