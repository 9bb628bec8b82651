import math

import pytest

from lnn_controller.metrics import statistics


def test_rms_by_hand():
    assert statistics.rms([3.0, -4.0]) == pytest.approx(math.sqrt(12.5))
    assert math.isnan(statistics.rms([]))


def test_mean_rate():
    assert statistics.mean_rate([0, 20_000_000, 40_000_000]) == pytest.approx(50.0)
    assert math.isnan(statistics.mean_rate([7]))
    assert math.isnan(statistics.mean_rate([7, 7]))


def test_percentiles_interpolate():
    assert statistics.percentiles(range(101)) == (50.0, 99.0)
    assert all(math.isnan(value) for value in statistics.percentiles([]))
