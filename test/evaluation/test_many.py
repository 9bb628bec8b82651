"""Several trials: the same, whether in this process or in others."""

from dataclasses import fields

import numpy as np
import pytest
from bundles import make_tiny_bundle

from lnn_controller.errors import InputError
from lnn_controller.evaluation.many import Setup, run_setup, run_setups

MEASURED = {'wall_s', 'step_latency_us'}


@pytest.fixture(scope='module')
def setups(tmp_path_factory):
    bundle = make_tiny_bundle(tmp_path_factory.mktemp('p') / 'swerver', height=66, width=200, seed=2)
    common = {'robot': 'car', 'task': 'lane', 'scene': 'summer', 'seconds': 1.0}
    drives = [Setup(seed=seed, policy=str(bundle), rate_hz=20.0, **common) for seed in (33, 21)]
    return [*drives, Setup(seed=5, expert='expert', **common)]


@pytest.mark.slow
def test_the_same_trials_in_the_same_order_whatever_the_number_of_jobs(setups):
    here, elsewhere = ([*run_setups(setups, jobs=jobs)] for jobs in (1, 2))
    assert [(trial.policy, trial.seed, trial.command.shape) for trial in here] == [
        ('swerver', 33, (30, 2)),
        ('swerver', 21, (30, 2)),
        ('expert', 5, (50, 2)),
    ]
    for one, other in zip(here, elsewhere, strict=True):
        for name in {field.name for field in fields(one)} - MEASURED:
            np.testing.assert_equal(getattr(other, name), getattr(one, name))


def test_a_policy_that_is_not_there():
    with pytest.raises(InputError, match='one of the shipped names'):
        run_setup(Setup(robot='car', task='lane', scene='summer', seed=1, policy='nobody'))
