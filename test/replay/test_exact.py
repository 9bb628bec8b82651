"""Recorded ticks come back to the bit, those that a stop from outside held among them."""

import numpy as np
import pytest
from bundles import DRONE, make_tiny_bundle
from recorded_drive import drive

from lnn_controller.control import AdaptationSettings, ControlSettings, HeightSettings
from lnn_controller.policy import Policy
from lnn_controller.replay.bag import replay_bag


def test_a_late_tick_holds_the_robot_as_long_as_it_did(tmp_path):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False))
    made = drive(policy, tmp_path / 'bag', {10: 'tick_late', 20: 'tick_late', 60: 'shutdown'})
    reasons = [decision.reason for decision in made]
    assert reasons == [''] * 10 + ['tick_late'] * 35 + [''] * 15 + ['shutdown'] + [''] * 19
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)


@pytest.mark.parametrize('jpeg', ['whole', 'reduced'])
def test_a_jpeg_is_decoded_as_the_controller_decoded_it(tmp_path, jpeg):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False))
    made = drive(policy, tmp_path / 'bag', {}, jpeg=jpeg)
    assert np.ptp([each.command for each in made]) > 0.1
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)


@pytest.mark.parametrize('formerly', [False, True])
def test_what_holds_the_robot_over_another_stop_and_under_an_operator_comes_back(tmp_path, formerly):
    """A late tick, and a tap of the emergency stop while it holds; a dark camera that the operator drives through."""
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False))
    dark = dict.fromkeys(range(40, 53), 'dark')
    by_hand = dict.fromkeys((53, 54), 'dark by hand') | {55: 'by hand', 56: 'by hand'}
    made = drive(policy, tmp_path / 'bag', {10: 'tick_late', 12: 'tap', **dark, **by_hand}, formerly=formerly)
    reasons = [decision.reason for decision in made]
    stale = reasons.index('image_stale')
    held = [''] * 27 if formerly else ['tick_late'] * 22 + [''] * 5
    assert reasons[10:40] == ['tick_late'] * 2 + ['emergency_stop'] + held
    after = [''] * 23 if formerly else ['image_stale'] * 22 + ['']
    assert reasons[stale:] == ['image_stale'] * (53 - stale) + [''] * 4 + after
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)


def test_a_flight_that_learns_between_floor_and_ceiling(tmp_path):
    """The height, the tilt and what was learnt of all four channels come back, over a gap in the odometry too."""
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False, outputs=DRONE))
    rng = np.random.default_rng(3)

    def odometry(number):
        pose = (0.0, 0.0, 2.9 + 0.05 * np.sin(number), *rng.normal((0.1, -0.1, 0.3, 0.9), 0.02))
        return None if 60 <= number < 70 else (pose, rng.normal(size=6))

    settings = ControlSettings(
        image_timeout_s=0.5,
        resume_after_s=0.0,
        height=HeightSettings(ceiling_m=3.0, timeout_s=0.1),
        adaptation=AdaptationSettings(mode='live', lag_s=0.0),
    )
    by_hand = dict.fromkeys(range(10, 40), 'by hand')
    made = drive(policy, tmp_path / 'bag', by_hand, settings=settings, odometry=odometry)
    assert [each.reason for each in made[:60]] == [''] * 60
    assert {each.reason for each in made[60:70]} == {'', 'height_stale'}
    assert sum('ceiling' in each.limited for each in made) > 20
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)
