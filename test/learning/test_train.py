import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from full_disk import files_of_at_most
from made_bags import write_steering
from safetensors.numpy import load_file

from lnn_controller.cli import main
from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.frame_files import FrameCache
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.train import train
from lnn_controller.libraries import find_compiler
from lnn_controller.policy.runtime import Policy
from lnn_controller.replay.bag import replay_bag
from lnn_controller.replay.result import summarise_replay

pytestmark = pytest.mark.slow

# A human driving a real car: JPEG frames, no IMU (see its README for the source).
REAL_CAR = Path(__file__).parents[1] / 'data' / 'real_car_cut'
QUICK = {'steps': 11, 'epochs': 3, 'batch_size': 2, 'window_ticks': 6, 'threads': 1}


def run(out, overwrite=False, cache=None, **options):
    config = TrainConfig(**{**QUICK, **options})
    return train([REAL_CAR], out, config, overwrite=overwrite, cache=cache, progress=False, report=lambda line: None)


def weights(out):
    return (Path(out) / 'weights.safetensors').read_bytes()


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """What ``run`` gives, and its result; read only."""
    out = tmp_path_factory.mktemp('trained') / 'a'
    return out, run(out)


def test_a_bag_becomes_a_policy_and_the_same_seed_the_same_weights(trained, tmp_path):
    out, result = trained
    # Frames out of a cache are the same frames.
    cache = FrameCache(folder=tmp_path / 'cache')
    load([REAL_CAR], TrainConfig(), cache=cache)
    run(tmp_path / 'b', cache=cache)
    run(tmp_path / 'c', seed=1)
    assert weights(out) == weights(tmp_path / 'b') != weights(tmp_path / 'c')
    policy = Policy.load(out)
    assert policy.spec.imu is None
    read = {'command': ['/cmd_vel'], 'image': ['/camera/image_raw/compressed']}
    assert policy.spec.provenance['topics'] == read
    assert policy.spec.provenance['bags']
    assert set(result.metrics) == {'validation', 'test'}
    assert np.isfinite(result.metrics['test']['angular_z']['r2'])
    # A replay of what was kept for the test has the same figures, and the same constant beside them.
    replayed = summarise_replay(replay_bag(REAL_CAR, policy), last=TrainConfig().test_fraction)
    for channel, figures in result.metrics['test'].items():
        again = replayed.channels[channel]
        assert again.r2 == pytest.approx(figures['r2'], abs=0.1)
        for name in ('mae', 'constant_mae'):
            assert getattr(again, name) == pytest.approx(figures[name], rel=0.03)
    run_dir = out.with_name('a.training')
    assert (run_dir / 'loss.png').stat().st_size > 1000
    rows = list(csv.DictReader((run_dir / 'csv' / 'metrics.csv').open()))
    # Each of the three epochs, the short last one too, was validated and may give the weights.
    assert [int(row['step']) for row in rows if row['val_score']] == [3, 7, 10]
    assert list((run_dir / 'tensorboard').glob('events*'))


def test_training_learns(tmp_path):

    result = run(tmp_path / 'a', steps=120, epochs=4, patience=4, augmentation='none', batch_size=4)
    lines = (tmp_path / 'a.training' / 'csv' / 'metrics.csv').read_text().splitlines()
    column = lines[0].split(',').index('train_loss')
    losses = [float(line.split(',')[column]) for line in lines[1:] if line.split(',')[column]]
    assert losses[-1] < 0.6 * losses[0]
    assert result.seconds > 0


def test_refinement_changes_cell_and_readout_alone_and_keeps_what_validates_best(tmp_path):
    bags = [write_steering(tmp_path / f'bag_{seed}', seed=seed) for seed in range(2)]

    def refined(name, **options):
        config = TrainConfig(**{**QUICK, 'steps': 20, 'batch_size': 4, 'augmentation': 'none'} | options)
        train(bags, tmp_path / name, config, progress=False, report=lambda line: None)
        return tmp_path / name

    plain, first, again = refined('plain'), refined('first', refine_steps=15), refined('again', refine_steps=15)
    assert weights(first) == weights(again)
    before, after = (load_file(each / 'weights.safetensors') for each in (plain, first))
    changed = {name.split('.')[0] for name, value in before.items() if not np.array_equal(value, after[name])}
    assert changed == {'sequence', 'readout'}
    score = Policy.load(first).spec.provenance['refinement']
    assert score['after'] < score['before']
    # Steps that lead away: what validated best stays, be it what it began with.
    wild = {'cell_learning_rate': 0.9}
    astray, began = refined('astray', refine_steps=15, **wild), refined('not_astray', **wild)
    score = Policy.load(astray).spec.provenance['refinement']
    assert score['after'] <= score['before']
    assert (weights(astray) == weights(began)) == (score['after'] == score['before'])


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('CC', 'none')  # nothing is compiled at the end
    flags = ['--steps', '24', '--epochs', '6', '--patience', '6', '--batch-size', '2', '--window-ticks', '6']
    flags += ['--refine-steps', '10', '--cache-limit', '0', '--json']
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    wanted, elsewhere = (['train', str(REAL_CAR), *flags, '--out', str(out)] for out in (killed, whole))
    process = subprocess.Popen(
        [sys.executable, '-m', 'lnn_controller.cli', *wanted], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / 'killed.training' / 'last.ckpt').exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not killed.exists()
    assert main(wanted) == 2
    assert 'exists already' in capsys.readouterr().err
    # In this process, where the libraries are loaded already, it ends with the same bits.
    assert main([*wanted, '--resume']) == 0
    assert main(elsewhere) == 0
    assert weights(whole) == weights(killed)


def test_a_full_disk_leaves_the_checkpoint_before_and_training_goes_on_from_it(trained, tmp_path):
    folder = tmp_path / 'full.training'
    full = ExitStack()

    def fill(number, _score):
        if number == 2:
            full.enter_context(files_of_at_most((folder / 'last.ckpt').stat().st_size // 2))

    config = TrainConfig(**QUICK)
    told = 'a checkpoint must be written.* the one before is kept: make room, and go on with --resume'
    with full, pytest.raises(InputError, match=told):
        train([REAL_CAR], tmp_path / 'full', config, progress=False, report=lambda line: None, on_validation=fill)
    assert not list(folder.glob('.*'))
    damaged = shutil.copytree(folder, tmp_path / 'damaged.training') / 'last.ckpt'
    train([REAL_CAR], tmp_path / 'full', config, resume=True, progress=False, report=lambda line: None)
    assert weights(tmp_path / 'full') == weights(trained[0])

    os.truncate(damaged, damaged.stat().st_size // 2)
    with pytest.raises(InputError, match=r'a checkpoint must be whole\. Got .*last\.ckpt: .*--overwrite'):
        train([REAL_CAR], tmp_path / 'damaged', config, resume=True, progress=False, report=lambda line: None)


def test_what_would_lose_something_is_refused_before_training(trained, tmp_path):
    with pytest.raises(InputError, match='--resume needs a checkpoint'):
        train([REAL_CAR], tmp_path / 'a', TrainConfig(**QUICK), resume=True)
    for name in ('a', 'a.training'):
        shutil.copytree(trained[0].with_name(name), tmp_path / name)
    before = weights(tmp_path / 'a')
    with pytest.raises(InputError, match=r'exists already\. Add --overwrite'):
        run(tmp_path / 'a')
    with pytest.raises(InputError, match='needs the same config'):
        train([REAL_CAR], tmp_path / 'a', TrainConfig(**{**QUICK, 'seed': 2}), resume=True)
    assert weights(tmp_path / 'a') == before
    train(
        [REAL_CAR],
        tmp_path / 'a',
        TrainConfig(**{**QUICK, 'seed': 2}),
        overwrite=True,
        progress=False,
        report=lambda _: None,
    )
    assert weights(tmp_path / 'a') != before


def test_a_place_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match=r'must be a folder that can be written\. Got .*: choose another --out'):
        run(tmp_path / 'file' / 'a')


def test_what_fails_before_it_has_trained_leaves_nothing_behind(tmp_path, monkeypatch):
    still = write_steering(tmp_path / 'still', turns=False)
    with pytest.raises(InputError, match='commands must change'):
        train([still], tmp_path / 'a', TrainConfig(**QUICK), progress=False)

    def break_off(module):
        raise RuntimeError('broken off')

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match='broken off'):
        patch.setattr(PolicyModule, 'on_train_epoch_start', break_off)
        run(tmp_path / 'a')
    assert not (tmp_path / 'a.training').exists()
    run(tmp_path / 'a')
    # And what another run has left there outlives a start that fails.
    with pytest.raises(InputError, match='commands must change'):
        train([still], tmp_path / 'a', TrainConfig(**QUICK), overwrite=True, progress=False)
    assert (tmp_path / 'a.training' / 'last.ckpt').exists()


def test_a_run_goes_on_with_the_bags_that_it_began_with_and_with_no_others(tmp_path):
    first, second, third = (
        write_steering(tmp_path / name, seed=i) for i, name in enumerate(('first', 'second', 'third'))
    )
    config, out = TrainConfig(**QUICK), tmp_path / 'out'

    def go_on(*bags):
        return train(bags, out, config, resume=True, progress=False, report=lambda line: None)

    train([first, second], out, config, progress=False, report=lambda line: None)
    before = weights(out)
    for bags, told in (
        ([first, third], r'began with, first, second, in this order\. Got others: missing: second; new: third$'),
        ([second, first], r'Got others: second, first$'),
        ([first], r'Got others: missing: second$'),
    ):
        with pytest.raises(InputError, match=f'--resume needs the bags that the run in .*{told}'):
            go_on(*bags)
    with pytest.raises(InputError, match='--resume needs the same config'):
        train([first, second], out, config, topics=Topics(command='/cmd_vel'), resume=True, progress=False)
    # Wherever they lie: what counts is what they hold.
    moved = shutil.copytree(first, tmp_path / 'elsewhere' / 'first')
    go_on(moved, second)
    assert weights(out) == before
    shutil.rmtree(second)
    write_steering(second, seed=9)
    with pytest.raises(InputError, match=r'Got others: changed: second$'):
        go_on(first, second)
    (tmp_path / 'out.training' / 'config.yaml').write_text('- 1')
    with pytest.raises(InputError, match=r'config\.yaml must tell what the run began with'):
        go_on(first)


def test_bags_of_the_same_name_are_told_apart_on_the_card(tmp_path):
    bags = [write_steering(tmp_path / folder / 'demo', seed=seed) for seed, folder in enumerate('ab')]
    _, split = load(bags, TrainConfig())
    assert list(split.bags) == [str(bag) for bag in bags]
    assert len(set(split.bags.values())) == 2


def test_nothing_of_another_library_is_on_the_screen(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    flags = ['--steps', '4', '--epochs', '2', '--batch-size', '2', '--window-ticks', '6', '--threads', '1']
    lnn = [sys.executable, '-m', 'lnn_controller.cli', 'train', str(REAL_CAR), '--out', str(tmp_path / 'a')]
    done = subprocess.run([*lnn, *flags], check=True, capture_output=True, text=True)
    told = (done.stdout + done.stderr).replace('\r', '\n')
    assert 'val_loss=' in told
    assert not re.search(
        r'v_num|deprecat|warn|tip|lightning|tensorboard', told.replace(str(tmp_path), ''), re.IGNORECASE
    )
    assert find_compiler() is None or re.search(r'^Compiled for this machine in \d+ s$', told, re.M)
    assert re.search(r'^Where it was not trained \(test\) the policy is (better|no better) than a constant', told, re.M)


def test_bags_that_cannot_serve_are_refused(tmp_path):
    with pytest.raises(InputError, match='at least one bag'):
        load([], TrainConfig())
    with pytest.raises(InputError, match='nothing_here'):
        load([tmp_path / 'nothing_here'], TrainConfig())
    with pytest.raises(InputError, match='IMU'):
        load([REAL_CAR], TrainConfig(imu='yes'))


def test_one_bag_is_divided_without_overlap():
    _, split = load([REAL_CAR], TrainConfig())
    pieces = [*split.train, *split.validation]
    stamps = np.concatenate([piece.image_stamps_ns for piece in pieces])
    assert len(np.unique(stamps)) == len(stamps)
    whole, fraction = split.test
    test_from = whole.image_stamps_ns[0] + (1 - fraction) * (whole.image_stamps_ns[-1] - whole.image_stamps_ns[0])
    assert stamps.max() <= test_from
    assert any('no IMU' in line for line in split.summary())
