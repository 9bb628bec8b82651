import pytest

from lnn_controller.metrics import lane
from lnn_controller.sim import DEPARTURE_M


def test_departure_limit_is_the_simulators():
    assert lane.DEPARTURE_M == DEPARTURE_M


@pytest.mark.parametrize(
    ('errors', 'count'),
    [
        ([0.0, 0.6, -0.6], 0),
        ([0.0, 0.7, 0.8, 0.0, -0.61], 2),
        ([0.7, 0.0], 1),
        ([0.7, -0.7], 1),
        ([], 0),
    ],
)
def test_departures_are_counted_once_each(errors, count):
    assert lane.count_departures(errors) == count


def test_distance_by_the_trapezoidal_rule():
    # 0…2 m/s over 1 s, then 2 m/s over 2 s, backwards alike.
    assert lane.distance([0.0, 2.0, -2.0], [0, 1_000_000_000, 3_000_000_000]) == pytest.approx(1.0 + 4.0)
    assert lane.distance([1.0], [5]) == 0.0
