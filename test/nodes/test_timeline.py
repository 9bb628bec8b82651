import math

import pytest

from lnn_controller.nodes.common.playback_clock import Timeline

S = 1_000_000_000


def test_time_runs_at_its_rate():
    time = Timeline(5 * S, 100.0, rate=2.0)
    assert time.at_ns(100.0) == 5 * S
    assert time.at_ns(103.0) == 11 * S
    assert time.wait_s(13 * S, 103.0) == pytest.approx(1.0)
    assert time.wait_s(11 * S, 103.0) == 0.0


def test_it_stands_still_and_goes_on_where_it_was():
    time = Timeline(0, 0.0, paused=True)
    assert time.at_ns(50.0) == 0
    assert time.wait_s(1, 50.0) == math.inf
    time.pause(50.0, paused=False)
    assert time.at_ns(51.5) == 1.5 * S
    time.pause(52.0)
    assert time.paused
    assert time.at_ns(99.0) == 2 * S


def test_a_new_rate_and_another_moment_hold_from_here():
    time = Timeline(0, 0.0)
    time.set_rate(0.5, 10.0)
    assert time.rate == 0.5
    assert time.at_ns(12.0) == 11 * S
    time.move(0, 12.0)
    assert time.at_ns(14.0) == S
