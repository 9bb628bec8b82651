"""What is driven, and that the page's words follow from the figures."""

import json
import math

import pytest

from lnn_controller.cli import main
from lnn_controller.errors import InputError
from lnn_controller.metrics.success import failure_ratio
from lnn_controller.studies import memory
from lnn_controller.studies.memory_page import page, summarise
from lnn_controller.studies.registry import COMPARISONS

WORLDS = [list(range(3000, 3020))]


def rows(kept, wiped, *, drives=('cue=car_lane',), error_m=0.02):
    """Rows that nobody drove for, with so many successes."""
    made = []
    for condition in memory.conditions(drives=drives, worlds=WORLDS):
        good = condition['seed'] - 3000 < (kept if condition['memory'] else wiped)
        result = {'success': int(good), 'outcome': 'success' if good else 'wrong_branch', 'error_m': error_m}
        made.append({'condition': condition, 'result': result | {'seconds': 9.0}})
    return made


def test_a_result_that_somebody_edited_does_not_fit():
    row = rows(1, 1)[0]
    assert memory.fits(row)
    assert memory.fits(row | {'result': row['result'] | {'error_m': None}})
    for wrong in ({'success': None}, {'success': 3}, {'outcome': 1}, {'error_m': 'x'}, {'seconds': []}):
        assert not memory.fits(row | {'result': row['result'] | wrong})
    assert not memory.fits(row | {'result': {}})


def test_each_world_is_driven_both_ways_at_the_policys_rate():
    given = memory.conditions(drives=['lane=car_lane', 'hidden=drone_forest', 'lane=car_lane'], worlds=[[5], [5, 6]])
    assert [(each['task'], each['seed'], each['memory']) for each in given] == [
        (task, seed, kept) for seed in (5, 6) for task in ('lane', 'hidden') for kept in (True, False)
    ]
    assert {each['robot']: each['rate_hz'] for each in given} == {'car': 50.0, 'drone': 30.0}
    assert json.loads(json.dumps(given)) == given, 'plain values, which are found again in the file'


@pytest.mark.parametrize(
    ('drive', 'told'),
    [
        ('car_lane', r"a drive must be TASK=POLICY, such as lane=car_lane. Got 'car_lane'"),
        ('hop=car_lane', r"a task must be one of lane, .* Got 'hop': a task of the drone"),
        ('lane=nothing', 'nothing'),
    ],
)
def test_what_there_is_not_is_refused_before_anything_runs(drive, told):
    with pytest.raises(InputError, match=told):
        memory.conditions(drives=[drive], worlds=WORLDS)


def test_the_ratio_of_failures_by_hand():
    ratio, low, high = failure_ratio(10, 2, 20)
    assert ratio == pytest.approx(10.5 / 2.5)
    spread = 1.959964 * math.sqrt(1 / 10.5 - 1 / 20.5 + 1 / 2.5 - 1 / 20.5)
    assert (low, high) == pytest.approx((4.2 * math.exp(-spread), 4.2 * math.exp(spread)))
    ratio, low, high = failure_ratio(0, 0, 20)
    assert (ratio, low * high) == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(
    ('kept', 'wiped', 'word', 'verdict'),
    [
        (19, 9, '| yes |', 'Evidence about cells: `cue` (by car_lane).'),
        (15, 8, '| not shown |', 'With these policies no evidence: `cue`.'),
        (20, 20, '| none failed | 2.0, 2.0 cm | not shown |', 'Evidence about cells: none of these tasks.'),
        (20, 19, '| not shown |', 'With these policies no evidence: `cue`.'),
        (3, 2, '| no |', 'With these policies no evidence: `cue`.'),
        (9, 19, '| no |', 'With these policies no evidence: `cue`.'),
    ],
)
def test_the_page_says_what_is_evidence(kept, wiped, word, verdict):
    text = page(rows(kept, wiped), 'lnn study memory')
    assert word in text
    assert verdict in text
    assert f'| {kept}/20 [' in text
    (found,) = summarise(rows(kept, wiped))
    assert (found['kept']['success'], found['wiped']['success'], found['trials']) == (kept, wiped, 20)


def test_worlds_that_were_not_driven_both_ways_are_left_out():
    every = rows(20, 0)
    assert summarise(every[:-1])[0]['trials'] == 19
    assert 'Not one world was driven both ways yet' in page(every[:1], 'lnn study memory')
    assert '| – |' in page(rows(20, 0, error_m=None), 'lnn study memory')


def test_the_command_writes_page_and_json_and_goes_on(tmp_path, monkeypatch, capsys):
    driven = []

    def run(condition):
        driven.append(condition)
        return {'success': 1, 'outcome': '', 'error_m': 0.01, 'seconds': 60.0}

    monkeypatch.setattr(memory, 'run', run)
    command = ['study', 'memory', '--drives', 'lane=car_lane', '--worlds', '3000', '3004-3005', '--out', str(tmp_path)]
    assert main(command) == 0
    assert len(driven) == 6
    text = (tmp_path / 'memory.md').read_text()
    assert 'lnn study memory --drives lane=car_lane --worlds 3000 3004-3005 --out' in text
    capsys.readouterr()
    assert main(command) == 0
    assert '6 of 6 are in' in capsys.readouterr().err
    assert len(driven) == 6


@pytest.mark.slow
def test_a_drive_is_driven_and_judged():
    (kept, _) = memory.conditions(drives=['cue=car_lane'], worlds=[[3000]])
    result = COMPARISONS['memory'].load().run(kept)
    assert result['outcome'] in ('success', 'wrong_branch', 'off_road')
    assert result['success'] == int(result['outcome'] == 'success')
    assert 0.0 < result['error_m'] < 1.0
