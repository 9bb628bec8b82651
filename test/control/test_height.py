"""Floor and ceiling: what is sent up and down, by a height that is fresh, old, missing or nonsense."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from robot import GRAVITY, MS, PERIOD, frame

from lnn_controller.control import Controller, ControlSettings, HeightSettings
from lnn_controller.control.attitude import heading_frame
from lnn_controller.control.inputs import Inputs
from lnn_controller.control.safety.height import Height, limit_climb
from lnn_controller.control.settings.stopping import most_speed
from lnn_controller.errors import InputError

ROOM = HeightSettings(floor_m=1.0, ceiling_m=3.0, reaction_s=0.3, deceleration=1.0)
FLIES = ControlSettings(height=ROOM, resume_after_s=0.0, image_frozen_timeout_s=0.0)
UP, DOWN, AHEAD = (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, -1.0, 0.0), (0.5, 0.0, 0.0, 0.0)
DT_S = PERIOD / 1e9


class Flyer:
    """
    A drone that follows its commands late, with odometry that may be old, absent or wrong.

    :param lag_s: time constant of its climb
    """

    def __init__(self, policy, given_settings=FLIES, *, height_m=2.0, lag_s=0.15):
        self.controller = Controller(policy, given_settings)
        self.height_m, self.lag_s, self.climb = height_m, lag_s, 0.0
        self.now_ns = 1_000 * MS
        self.odometry, self.every, self.ticks = True, 1, 0
        self.heights, self.decisions = [], []

    def fly(self, command, ticks=1):
        """The operator commands, so many ticks; the last decision."""
        for _ in range(ticks):
            self.now_ns += PERIOD
            self.ticks += 1
            self.controller.on_image(self.now_ns, frame(self.now_ns // PERIOD))
            self.controller.on_imu(self.now_ns, (0.0, 0.0, 0.1), GRAVITY)
            if self.odometry and self.ticks % self.every == 0:
                pose = (0.0, 0.0, self.height_m, 0.0, 0.0, 0.0, 1.0)
                assert self.controller.on_odometry(self.now_ns, pose, (0.0, 0.0, self.climb, 0.0, 0.0, 0.0))
            if command is not None:
                self.controller.on_override(self.now_ns, command)
            decision = self.controller.step(self.now_ns)
            self.climb += min(DT_S / self.lag_s, 1.0) * (decision.command[2] - self.climb)
            self.height_m += DT_S * self.climb
            self.heights.append(self.height_m)
            self.decisions.append(decision)
        return decision


@pytest.mark.parametrize('every', [1, 3, 10])
@pytest.mark.parametrize(('command', 'limit', 'end_m'), [(UP, 'ceiling', 3.0), (DOWN, 'floor', 1.0)])
def test_a_climb_ends_smoothly_at_the_ceiling_and_a_descent_at_the_floor(drone_policy, command, limit, end_m, every):
    flyer = Flyer(drone_policy)
    flyer.every = every
    flyer.fly(command, every)  # until it knows how high it is
    last = flyer.fly(command, 600)
    assert min(flyer.heights) > 1.0 - 0.01
    assert max(flyer.heights) < 3.0 + 0.01
    assert flyer.height_m == pytest.approx(end_m, abs=0.05)
    assert last.mode == 'override', 'no stop: all the rest may be commanded'
    assert last.limited == (limit,)
    assert flyer.controller.counters[f'limit_{limit}'] > 0
    sent = np.array([each.command[2] for each in flyer.decisions[every:]])
    assert abs(sent[0]) == 1.0, 'far from it nothing is held'
    if every == 1:
        assert np.abs(np.diff(sent)).max() <= 2.0 * ROOM.deceleration * DT_S, 'slowed, not stopped dead'
    assert flyer.fly((0.7, -0.4, command[2], 0.3)).command.tolist()[:2] == [0.7, -0.4]
    away = flyer.fly([-value for value in command])
    assert away.command[2] == -command[2], 'the way back is free'


def test_beyond_a_limit_only_the_way_back_is_free(drone_policy):
    for height_m, free, held in ((0.0, UP, DOWN), (5.0, DOWN, UP)):
        flyer = Flyer(drone_policy, height_m=height_m)
        assert flyer.fly(held).command[2] == 0.0
        assert flyer.fly(free).command[2] == free[2]


def test_what_a_ramp_still_sends_is_held_too(drone_policy):
    """The operator lets go, and a ramp of 0.1 m/s² would climb on for metres."""
    gentle = replace(FLIES, max_deceleration={'linear_z': 0.1})
    flyer = Flyer(drone_policy, gentle)
    flyer.fly(UP, 20)
    flyer.fly((0.0,) * 4, 600)
    assert max(flyer.heights) < 3.0 + 0.01
    assert flyer.controller.counters['limit_ceiling'] > 0
    assert flyer.controller.counters['limit_linear_z_deceleration'] > 0


def test_the_policy_is_held_as_the_operator_is(drone_policy):
    flyer, free = (Flyer(drone_policy, each, height_m=3.0) for each in (FLIES, replace(FLIES, height=None)))
    for each in (flyer, free):
        each.fly(None, 200)
    wanted, sent = (np.array([made.command for made in each.decisions[1:]]) for each in (free, flyer))
    assert np.abs(wanted[:, 2]).max() > 0.0
    assert not sent[sent[:, 2] > 0].size
    assert np.array_equal(sent[:, [0, 1, 3]], wanted[:, [0, 1, 3]])


def test_without_a_height_it_hovers_whoever_flies(drone_policy):
    flyer = Flyer(drone_policy)
    flyer.odometry = False
    assert flyer.fly(AHEAD).reason == 'no_height'
    flyer.odometry = True
    assert flyer.fly(AHEAD).command.tolist() == list(AHEAD)
    flyer.odometry = False
    driven = flyer.fly(AHEAD, 15)
    assert (driven.mode, driven.command.tolist()) == ('override', list(AHEAD)), 'as old as the timeout'
    for command in (AHEAD, UP, None):
        stopped = flyer.fly(command)
        assert (stopped.mode, stopped.reason, stopped.command.tolist()) == ('stop', 'height_stale', [0.0] * 4)
    flyer.odometry = True
    assert flyer.fly(AHEAD).mode == 'override'
    held = Flyer(drone_policy, replace(FLIES, resume_after_s=0.2))
    held.fly(AHEAD, 2)
    held.odometry = False
    held.fly(AHEAD, 20)
    held.odometry = True
    assert [held.fly(AHEAD).reason for _ in range(11)] == ['height_stale'] * 9 + [''] * 2


def test_what_is_no_height_is_refused_and_counted(drone_policy):
    controller = Controller(drone_policy, FLIES)
    for height_m, turned in ((math.nan, 1.0), (math.inf, 1.0), (2.0, math.nan)):
        assert not controller.on_odometry(1_000 * MS, (0.0, 0.0, height_m, 0.0, 0.0, 0.0, turned), (0.0,) * 6)
    assert controller.counters['odometry_not_finite'] == 3
    tilted = (0.0, 0.0, 2.0, 0.0, 0.3, 0.0, 0.95)
    assert not controller.on_odometry(1_000 * MS, tilted, (1.7e308, 0.0, -1.7e308, 0.0, 0.0, 0.0)), 'made level: -inf'
    assert controller.counters['odometry_not_finite'] == 4
    assert controller.step(1_000 * MS).reason == 'no_height'
    old = (0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0), (0.0,) * 6
    assert not controller.on_odometry(1_000 * MS, *old, 1_301 * MS)
    assert controller.on_odometry(1_000 * MS, *old, 1_300 * MS), 'the longer of the two timeouts'


def test_who_asks_for_the_tilt_while_odometry_is_taken_gets_no_older_one_as_fresh(drone_policy):
    inputs = Controller(drone_policy, FLIES).inputs
    level, rolled = ((0.0, 0.0, 2.0, roll, 0.0, 0.0, 1.0) for roll in (0.0, 0.3))
    inputs.on_odometry(1_000 * MS, level, (0.0,) * 6)
    expected = heading_frame(rolled[3:])
    now_ns, asked = 5_000 * MS, []
    assert inputs.heading_frame(now_ns) is None, 'after a gap'

    def ask(code, event, _):
        if code.f_code is Inputs.on_odometry.__code__ and event == 'line':
            asked.append(inputs.heading_frame(now_ns))
        return ask

    before = sys.gettrace()
    sys.settrace(ask)
    try:
        assert inputs.on_odometry(now_ns, rolled, (0.0,) * 6)
    finally:
        sys.settrace(before)
    assert set(asked) == {None, expected}
    assert inputs.heading_frame(now_ns) == expected


def test_a_car_has_no_floor(policy):
    controller = Controller(policy, ControlSettings(height=ROOM))
    controller.on_image(1_000 * MS, frame())
    controller.on_imu(1_000 * MS, (0.0, 0.0, 0.1), GRAVITY)
    assert controller.step(1_000 * MS).mode == 'policy'


def test_the_floor_is_below_the_ceiling():
    with pytest.raises(InputError, match=r'floor_m must be less than ceiling_m. Got 2 and 2'):
        HeightSettings(floor_m=2.0, ceiling_m=2.0)


@pytest.mark.parametrize('down', [UP, DOWN])
def test_no_number_in_odometry_that_is_taken_frees_a_limit(drone_policy, down):
    flyer = Flyer(drone_policy, height_m=1.0 if down is DOWN else 3.0)
    flyer.fly(AHEAD, 5)
    for tilt in (0.0, 0.1, 0.6):
        for speed in (1e300, 1.7e308):
            for signs in np.ndindex(2, 2):
                flyer.now_ns += 1
                linear = [speed * (1 - 2 * each) for each in signs]
                pose = (0.0, 0.0, flyer.height_m, 0.0, tilt, 0.0, 1.0)
                flyer.controller.on_odometry(flyer.now_ns, pose, (linear[0], 0.0, linear[1], 0.0, 0.0, 0.0))
                flyer.controller.on_override(flyer.now_ns, down)
                assert flyer.controller.step(flyer.now_ns).command[2] == 0.0


def test_the_most_speed_is_a_number_whatever_the_way_is():
    assert most_speed(math.nan, 0.3, 1.0) == 0.0
    assert most_speed(-1.0, 0.3, 1.0) == 0.0
    assert most_speed(math.inf, 0.3, 1.0) == math.inf
    assert math.isfinite(most_speed(1.7e308, 0.0, 0.05))
    assert most_speed(2.0, 0.0, 1.0) == 2.0


metres = st.floats(-50.0, 50.0)


@given(climb=st.floats(-5.0, 5.0), height_m=metres | st.just(math.nan), gone_m=st.floats(0.0, 2.0))
def test_whatever_the_height_is_what_is_sent_comes_to_rest_within(climb, height_m, gone_m):
    sent, limited = limit_climb(climb, Height(height_m, gone_m, 2.0 * gone_m), ROOM)
    assert abs(sent) <= abs(climb)
    assert sent * climb >= 0.0
    assert bool(limited) == (sent != climb)
    if sent:
        rests_m = abs(sent) * ROOM.reaction_s + sent * sent / (2.0 * ROOM.deceleration)
        left_m = ROOM.ceiling_m - height_m - gone_m if sent > 0 else height_m - ROOM.floor_m - 2.0 * gone_m
        assert rests_m <= left_m + 1e-9
