import pytest

from lnn_controller.metrics import lane


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


@pytest.mark.parametrize(('put_back', 'departures'), [(0, 1), (1, 1), (2, 2)])
def test_a_departure_counts_however_it_was_seen(put_back, departures):
    figures = lane.lane_figures([0.0, 0.7, 0.0, -0.4, 0.0], put_back)
    assert figures['departures'] == departures
    assert figures['cross_track_error_rms_m'] == pytest.approx((0.65 / 5) ** 0.5)
    assert figures['cross_track_error_max_m'] == 0.7
