import math

import numpy as np
import pytest

from lnn_controller.metrics.success import count_outcomes, flight_figures, wilson_interval


@pytest.mark.parametrize(
    ('successes', 'trials', 'low', 'high'),
    [  # as R's prop.test(x, n, correct=FALSE) has them
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0000),
    ],
)
def test_the_interval_is_wilsons(successes, trials, low, high):
    # The first four are Newcombe's worked examples: Statistics in Medicine 17 (1998), 857-872, method 3.
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_the_bounds_are_the_probabilities_from_which_the_share_is_z_deviations_away():
    for successes, trials in ((3, 7), (90, 100)):
        for bound in wilson_interval(successes, trials, confidence=0.9):
            deviations = (successes / trials - bound) / math.sqrt(bound * (1 - bound) / trials)
            assert abs(deviations) == pytest.approx(1.6449, abs=1e-4)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    drawn = np.random.default_rng(0).binomial(40, 0.85, 4000)
    covered = [low <= 0.85 <= high for low, high in (wilson_interval(int(k), 40) for k in drawn)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_without_trials_nothing_is_known():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_outcomes_are_counted_the_most_frequent_first():
    counts = count_outcomes(['crash', 'success', '', 'success', 'timeout'])
    assert list(counts.items()) == [('success', 2), ('', 1), ('crash', 1), ('timeout', 1)]
    assert count_outcomes([]) == {}


def test_a_flight_has_a_time_to_success_only_if_it_succeeds():
    assert flight_figures('success', 7.5, 3) == {'success': 1, 'time_s': 7.5, 'reached': 3, 'collisions': 0}
    crashed = flight_figures('crash', 4.0, 1)
    assert math.isnan(crashed.pop('time_s'))
    assert crashed == {'success': 0, 'reached': 1, 'collisions': 1}
