import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lnn_controller.control.safety.limits import all_finite, apply_deadband, limit, limit_acceleration, limit_speed
from lnn_controller.control.settings.control import Limits

CAR = Limits(('linear_x', 'angular_z'), (0.0, -1.5), (2.0, 1.5), (1.0, math.inf), (1.0, math.inf), (0.0, 0.0))

finite = st.floats(allow_nan=False, allow_infinity=False)
below, above = st.floats(-1e6, 0.0), st.floats(0.0, 1e6)
acceleration = st.floats(1e-6, 1e6) | st.just(math.inf)
three = ('linear_x', 'linear_y', 'angular_z')


def triple(values):
    return st.tuples(values, values, values)


accelerations = triple(acceleration)
any_limits = st.builds(
    Limits, st.just(three), triple(below), triple(above), accelerations, accelerations, triple(st.floats(0.0, 1.0))
)


def test_the_range():
    assert limit_speed([2.5, -2.0], CAR) == ([2.0, -1.5], ('linear_x_maximum', 'angular_z_minimum'))
    assert limit_speed([2.0, -1.5], CAR) == ([2.0, -1.5], ())


def test_the_ramp():
    assert limit_acceleration([1.0, 1.0], [0.5, -1.0], 0.1, CAR) == ([0.6, 1.0], ('linear_x_acceleration',))
    assert limit_acceleration([0.0, 1.0], [0.5, -1.0], 0.1, CAR) == ([0.4, 1.0], ('linear_x_deceleration',))
    assert limit_acceleration([0.5625, 0.0], [0.5, 0.0], 0.0625, CAR) == ([0.5625, 0.0], ())


def test_the_chain_names_what_bit_in_order():
    command, bitten = limit([3.0, 9.0], [1.0, 0.0], 0.5, CAR)
    assert command == [1.5, 1.5]
    assert bitten == ('linear_x_maximum', 'angular_z_maximum', 'linear_x_acceleration')


def test_a_narrowed_range_holds_at_once():
    narrow = Limits(('linear_x', 'angular_z'), (0.0, -1.5), (0.5, 1.5), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0))
    assert limit([2.0, 0.0], [2.0, 0.0], 0.02, narrow)[0] == [0.5, 0.0]


def test_accelerating_and_decelerating_differ_whichever_way_it_moves():
    one = Limits(('linear_x',), (-2.0,), (2.0,), (1.0,), (4.0,), (0.0,))

    def ramp(wanted, before):
        (value,), _ = limit_acceleration([wanted], [before], 0.25, one)
        return value

    assert (ramp(2.0, 1.0), ramp(-2.0, -1.0)) == (1.25, -1.25)
    assert (ramp(0.0, 1.5), ramp(0.0, -1.5)) == (0.5, -0.5)
    assert (ramp(2.0, 0.0), ramp(-2.0, 0.0)) == (0.25, -0.25)
    # To zero within half the time, then backwards with what is left of it.
    assert (ramp(-2.0, 0.5), ramp(2.0, -0.5)) == (-0.125, 0.125)


@given(
    triple(st.floats(-3.0, 3.0)),
    triple(st.floats(-2.0, 2.0)),
    triple(st.floats(0.1, 10.0)),
    triple(st.floats(0.1, 10.0)),
    st.lists(st.floats(0.001, 0.1), min_size=1, max_size=20),
)
def test_a_ramp_goes_as_far_in_a_time_however_it_is_cut_into_ticks(wanted, before, acceleration, deceleration, ticks_s):
    limits = Limits(three, (-2.0,) * 3, (2.0,) * 3, acceleration, deceleration, (0.0,) * 3)
    at_once, _ = limit(wanted, before, sum(ticks_s), limits)
    command = list(before)
    for dt_s in ticks_s:
        command, _ = limit(wanted, command, dt_s, limits)
    assert command == pytest.approx(at_once, abs=1e-6)


def test_a_deadband_does_not_freeze_a_slow_robot():
    slow = Limits(('linear_x',), (0.0,), (1.0,), (1e-1,), (1e-1,), (0.01,))
    command, sent = [0.0], []
    for _ in range(10):
        command, bitten = limit([1.0], command, 0.02, slow)
        assert bitten == ('linear_x_acceleration',)
        sent += apply_deadband(command, slow)
    assert sent[:4] == [0.0] * 4
    assert sent[-1] == command[0] == pytest.approx(0.02)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_one_bad_channel_spoils_the_command(value):
    assert not all_finite([0.0, value])
    assert all_finite([0.0, 1e300])
    with pytest.raises(ValueError, match=r'finite commands and dt_s > 0'):
        limit([value, 0.0], [0.0, 0.0], 0.02, CAR)
    with pytest.raises(ValueError, match=r'finite commands and dt_s > 0'):
        limit([0.0, 0.0], [0.0, value], 0.02, CAR)


def test_wrong_arguments():
    for dt_s in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r'dt_s > 0'):
            limit([0.0, 0.0], [0.0, 0.0], dt_s, CAR)
    with pytest.raises(ValueError, match=r'limit needs 2 channels. Got 1 and 2 before'):
        limit([0.0], [0.0, 0.0], 0.02, CAR)
    with pytest.raises(ValueError, match=r'limit needs 2 channels. Got 2 and 3 before'):
        limit([0.0, 0.0], [0.0, 0.0, 0.0], 0.02, CAR)


@given(triple(finite), triple(finite), st.floats(1e-6, 10.0), any_limits)
def test_no_command_leaves_the_limits(command, previous, dt_s, limits):
    result, bitten = limit(command, previous, dt_s, limits)
    start, _ = limit_speed(previous, limits)
    for i, value in enumerate(result):
        assert limits.minimum[i] <= value <= limits.maximum[i]
        change = max(limits.max_acceleration[i], limits.max_deceleration[i]) * dt_s
        assert abs(value - start[i]) <= change + 1e-9 * max(1.0, abs(value), abs(start[i]))
        if not any(name.startswith(limits.channels[i]) for name in bitten):
            assert value == command[i], 'a command that no limit bites is left as it is'


@given(triple(finite), triple(finite), st.floats(1e-6, 10.0), any_limits)
def test_the_command_never_moves_away_from_what_is_wanted(command, previous, dt_s, limits):
    result, _ = limit(command, previous, dt_s, limits)
    wanted, start = limit_speed(command, limits)[0], limit_speed(previous, limits)[0]
    for value, goal, before in zip(result, wanted, start, strict=True):
        assert min(goal, before) <= value <= max(goal, before)
