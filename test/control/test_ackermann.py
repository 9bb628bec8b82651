import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lnn_controller.control.ackermann import steering

CAR = {'wheelbase_m': 0.32, 'max_angle_rad': 0.4, 'max_speed_m_s': 2.0}


def driven_yaw_rate(given):
    """Of the kinematic bicycle."""
    return given.speed_m_s * math.tan(given.angle_rad) / CAR['wheelbase_m']


@pytest.mark.parametrize(('speed', 'yaw_rate'), [(1.0, 0.5), (1.0, -0.5), (-0.8, 0.5), (-0.8, -0.5), (2.0, 0.0)])
def test_the_car_drives_the_twist(speed, yaw_rate):
    given = steering(speed, yaw_rate, **CAR)
    assert given.speed_m_s == speed
    assert driven_yaw_rate(given) == pytest.approx(yaw_rate, abs=1e-12)


def test_left_is_positive():
    assert steering(1.0, 0.5, **CAR).angle_rad > 0.0 > steering(-1.0, 0.5, **CAR).angle_rad


@pytest.mark.parametrize('yaw_rate', [0.0, 1.0, -3.0])
@pytest.mark.parametrize('speed', [0.0, -0.0])
def test_a_car_that_stands_has_straight_wheels(speed, yaw_rate):
    assert steering(speed, yaw_rate, **CAR) == (0.0, 0.0)


def test_a_curve_that_is_too_tight_becomes_the_tightest():
    assert steering(1.0, 9.0, **CAR) == (1.0, 0.4)
    assert steering(1.0, -9.0, **CAR) == (1.0, -0.4)


def test_too_fast_is_the_limit_on_the_same_curve():
    given = steering(4.0, 2.0, **CAR)
    assert given.speed_m_s == 2.0
    assert driven_yaw_rate(given) / given.speed_m_s == pytest.approx(2.0 / 4.0)
    assert steering(-4.0, 2.0, **CAR).speed_m_s == -2.0


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stops_the_car(value):
    assert steering(value, 0.1, **CAR) == (0.0, 0.0)
    assert steering(1.0, value, **CAR) == (0.0, 0.0)


@given(st.floats(), st.floats())
def test_no_twist_leaves_the_limits(speed, yaw_rate):
    given = steering(speed, yaw_rate, **CAR)
    assert abs(given.speed_m_s) <= 2.0
    assert abs(given.angle_rad) <= 0.4
