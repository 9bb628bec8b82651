"""Differences of figures that pair, and how sure they are."""

import numpy as np
import pytest

from lnn_controller.metrics.comparison import paired_bootstrap, probability_better


def test_a_difference_that_all_seeds_and_worlds_share_is_certain():
    base = np.random.default_rng(0).normal(size=(5, 6))
    assert paired_bootstrap(base - 2.0, base) == pytest.approx((-2.0, -2.0, -2.0))


def test_what_one_seed_alone_shows_is_no_evidence():
    base = np.zeros((5, 6))
    one = base.copy()
    one[2] = -1.0
    mean, low, high = paired_bootstrap(one, base)
    assert mean == pytest.approx(-0.2)
    assert low < -0.2 < high == 0.0


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(60):
        seeds, worlds = rng.normal(size=(9, 1)), rng.normal(size=(1, 9))
        _, low, high = paired_bootstrap(0.3 + seeds + worlds + rng.normal(size=(9, 9)), np.zeros((9, 9)))
        hits += low <= 0.3 <= high
    assert 44 <= hits <= 60


def test_how_often_one_is_better_counts_worlds_apart():
    assert probability_better([[1.0, 5.0]], [[2.0, 6.0], [3.0, 7.0]]) == 1.0
    assert probability_better([[1.0, 1.0]], [[1.0, 1.0]]) == 0.5
    assert probability_better([[1.0], [3.0]], [[2.0]]) == 0.5
