import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import optuna
import pytest
import yaml
from full_disk import files_of_at_most
from made_bags import write_steering
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

from lnn_controller.cli import main
from lnn_controller.errors import InputError
from lnn_controller.evaluation.many import Setup, run_setup
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.train import train
from lnn_controller.policy import find_policy
from lnn_controller.report.tune_html import tune_findings, write_tuning
from lnn_controller.tuning.search import read_result, run_search
from lnn_controller.tuning.space import Parameter, Space
from lnn_controller.tuning.store import OVER, RUN_AGAIN, Store
from lnn_controller.tuning.trial import Search, _driven, _figure, run_trials

pytestmark = pytest.mark.slow

QUICK = {'steps': 8, 'epochs': 4, 'batch_size': 2, 'window_ticks': 6, 'augmentation': 'none', 'threads': 1}
RATE = Parameter('learning_rate', low=1e-4, high=1e-1, log=True)
DEADLINE_S = 120


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    return write_steering(tmp_path_factory.mktemp('tune') / 'bag')


def searched(bag, folder, *parameters, trials=6, base=QUICK):
    search = Search((bag,), Space(base, parameters), trials)
    folder.mkdir()
    Store(folder).settle(search.settings(), search.space)
    run_trials(search, folder, math.inf)
    return search, read_result(search, folder)


def test_a_search_begins_with_the_config_and_ends_with_one_that_trains_to_its_figure(bag, tmp_path, capsys):
    search, found = searched(bag, tmp_path / 'a', RATE, Parameter('units', low=6, high=12, whole=True), trials=5)
    assert len(found.trials) == 5
    assert found.trials[0] is found.baseline
    assert found.baseline.values == {'learning_rate': TrainConfig.learning_rate}  # 19 units are not searched
    values = [each.value for each in found.trials if each.value is not None]
    assert found.best.value == min(values) < found.baseline.value
    # The halving stops some at a rung, the others go through all validations.
    stopped = [each for each in found.trials if each.state == 'stopped early']
    assert stopped
    assert {len(each.validations) for each in stopped} == {2}
    assert {len(each.validations) for each in found.trials if each.value is not None} == {4}
    # Nothing of the trainings is left; the config that won gives the same figure to the bit.
    assert sorted(path.name for path in (tmp_path / 'a').iterdir()) == ['journal.lock', 'next.lock', 'study.journal']
    config = TrainConfig(**yaml.safe_load(yaml.safe_dump(dict(found.config))))
    again = train([bag], tmp_path / 'policy', config, progress=False, report=lambda _: None)
    assert again.score == found.best.value
    assert found.best.metrics['test']['angular_z'] == again.metrics['test']['angular_z']
    # The same search again draws the same, whoever runs it.
    begun(search, tmp_path / 'b')
    store = Store(tmp_path / 'b')
    for number in range(4):
        assert store.begin(search.space, 5).params == found.trials[number].values

    page = write_tuning(tmp_path / 'a', found).read_text()
    assert page.count('<img ') == 2
    assert not found.importance  # of five trials it would be chance
    with_importance = replace(found, importance={'units': 0.7, 'learning_rate': 0.3}, best=found.baseline)
    assert write_tuning(tmp_path / 'c', with_importance).read_text().count('<img ') == 3
    assert [row['number'] for row in json.loads((tmp_path / 'a' / 'trials.json').read_text())] == list(range(5))
    told = tune_findings(found)
    assert told[1].startswith(f'Best: trial {found.best.number}, validation loss {found.best.value:.4g}')
    assert 'trial 0: ' in capsys.readouterr().out


def test_values_that_do_not_go_together_fail_alone(bag, tmp_path):
    bottom = Parameter('crop_bottom', choices=(0.0, 0.6))
    found = searched(bag, tmp_path / 'a', bottom, trials=3, base=QUICK | {'crop_top': 0.6})[1]
    failed = [each for each in found.trials if each.state == 'failed']
    assert failed
    for each in failed:
        assert each.values == {'crop_bottom': 0.6}
        assert each.error == 'crop_top + crop_bottom must leave a tenth of the frame. Got 0.6 + 0.6'
    assert len(found.trials) == 3


def test_a_config_that_cannot_be_trained_ends_the_search(bag, tmp_path):
    with pytest.raises(InputError, match='IMU'):
        searched(bag, tmp_path / 'a', RATE, base={**QUICK, 'imu': 'yes'})


def test_a_training_that_diverges_has_no_figure(bag, tmp_path, monkeypatch):
    monkeypatch.setattr(PolicyModule, 'error', lambda *_: math.nan)
    with pytest.raises(InputError, match='the training diverged: its validation gave no number'):
        searched(bag, tmp_path / 'a', RATE)


def test_when_the_time_is_up_no_trial_goes_on_but_the_first(bag, tmp_path):
    search = Search((bag,), Space(QUICK, (RATE,)), 3)
    with pytest.raises(InputError, match='was not finished: go on with --resume and more --budget'):
        read_result(*begun(search, tmp_path / 'a'))
    folder = tmp_path / 'a'
    run_trials(replace(search, trials=1), folder, math.inf)
    run_trials(search, folder, time.monotonic() - 1.0)
    assert [each.state for each in read_result(search, folder).trials] == ['complete']
    # One that was begun in time ends at its next validation.
    trial, out = Store(folder).begin(search.space, 3), tmp_path / 'policy'
    with pytest.raises(optuna.TrialPruned):
        _figure(search, trial, out, None, time.monotonic() - 1.0)
    assert list(trials(folder)[1].intermediate_values) == [1]
    assert trials(folder)[1].user_attrs[OVER]


def begun(search, folder):
    folder.mkdir()
    Store(folder).settle(search.settings(), search.space)
    return search, folder


def test_other_settings_are_refused(bag, tmp_path):
    search, folder = begun(Search((bag,), Space(QUICK, (RATE,)), 3), tmp_path / 'a')
    other = Search((bag,), Space({**QUICK, 'seed': 1}, (RATE,)), 9)
    with pytest.raises(InputError, match='Got other config'):
        run_search(other, folder, jobs=1, budget_s=1.0, resume=True)
    with pytest.raises(InputError, match=r'holds a search already\. Add --resume'):
        run_search(search, folder, jobs=1, budget_s=1.0)
    with pytest.raises(InputError, match=r'needs a search in .*, and there is none'):
        run_search(search, tmp_path / 'b', jobs=1, budget_s=1.0, resume=True)


def test_half_a_line_that_a_dead_machine_left_is_cut_off(bag, tmp_path):
    search, folder = begun(Search((bag,), Space(QUICK, (RATE,)), 3), tmp_path / 'a')
    with (folder / 'study.journal').open('a') as file:
        file.write('{"op_code": 4, "work')
    assert Store(folder).begin(search.space, 3).number == 0


def test_a_full_disk_is_no_fault_of_a_trial(bag, tmp_path, capfd):
    """Else the config as it is would have failed, and the search with it, however much room is made."""
    search, folder = Search((bag,), Space(QUICK, (RATE,)), 1), tmp_path / 'a'
    with files_of_at_most(20_000), pytest.raises(InputError, match='ended with the error above'):
        run_search(search, folder, jobs=1, budget_s=60.0)
    said = capfd.readouterr().err
    assert 'File too large' in said
    assert 'Traceback' not in said
    run_trials(search, folder, math.inf)
    assert read_result(search, folder).baseline.state == 'complete'


@pytest.mark.parametrize('line', [b'hello', b'{}', b'[1]', b'{"op_code": 99}', b'\xff\xfe', b'[' * 100_000])
def test_a_damaged_journal_is_named(tmp_path, line):
    (tmp_path / 'study.journal').write_bytes(line + b'\n')
    with pytest.raises(InputError, match=r'study\.journal must be the journal of a search. Got a damaged one'):
        Store(tmp_path)


def test_drives_are_judged_by_the_rms_over_all_of_them():
    drives = [Setup(robot='car', task='lane', scene='summer', seed=seed, seconds=2.0) for seed in (21, 33)]
    policy = find_policy('car_lane')
    each = [run_setup(replace(d, policy='car_lane')).figures['cross_track_error_rms_m'] for d in drives]
    assert _driven(drives, policy) == pytest.approx(math.sqrt((each[0] ** 2 + each[1] ** 2) / 2), rel=1e-6)


def test_killed_it_goes_on_and_runs_again_what_was_under_way(bag, tmp_path, capfd):
    (tmp_path / 'train.yaml').write_text(yaml.safe_dump({**QUICK, 'steps': 30, 'epochs': 15}))
    (tmp_path / 'space.yaml').write_text('learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}\n')
    out = tmp_path / 'out'
    command = ['tune', str(bag), '--config', f'{tmp_path}/train.yaml', '--space', f'{tmp_path}/space.yaml']
    command += ['--out', str(out), '--trials', '2', '--cache-limit', '0']
    search = subprocess.Popen(
        [sys.executable, '-m', 'lnn_controller.cli', *command, '--jobs', '2'], stdout=subprocess.DEVNULL
    )
    try:
        # One of its processes alone: another takes its place, and the trial is run again.
        killed = kill_one_under_way(out, search)
        wait(lambda: killed.number in repeated(out), search)
        kill_one_under_way(out, search, whole=True)
    finally:
        search.kill()
        search.wait()
    assert main([*command, '--resume', '--jobs', '1']) == 0
    assert 'Report: ' in capfd.readouterr().out
    found = trials(out)
    again = repeated(out)
    assert len(found) - len(again) == 2
    assert {each.state for each in found if each.number not in again} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert killed.number in again
    for number, other in again.items():
        assert found[number].state == TrialState.FAIL
        assert found[number].params == other.params
    assert yaml.safe_load((out / 'train.yaml').read_text())['steps'] == 30


def trials(out):
    if not (out / 'study.journal').exists():
        return []
    try:
        storage = JournalStorage(JournalFileBackend(str(out / 'study.journal')))
        return optuna.load_study(study_name='tune', storage=storage).get_trials(deepcopy=False)
    except KeyError:  # not yet begun
        return []


def repeated(out):
    found = trials(out)
    return {each.user_attrs[RUN_AGAIN]: each for each in found if RUN_AGAIN in each.user_attrs}


def wait(condition, search):
    deadline = time.monotonic() + DEADLINE_S
    while not (result := condition()):
        assert search.poll() is None, 'the search has ended'
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return result


def kill_one_under_way(out, search, *, whole=False):
    """Kill the process of a trial that has validated, or the whole search at such a moment."""

    def caught():
        for each in trials(out):
            if each.state != TrialState.RUNNING or not each.intermediate_values:
                continue
            pid = search.pid if whole else int(each.user_attrs['process'].split()[-1])
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                continue
            # It stands still: is it under way all the same?
            if whole or trials(out)[each.number].state == TrialState.RUNNING:
                os.kill(pid, signal.SIGKILL)
                return each
            os.kill(pid, signal.SIGCONT)
        return None

    return wait(caught, search)
