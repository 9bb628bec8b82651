import math

import numpy as np
import pytest

from lnn_controller.metrics import commands


@pytest.mark.parametrize('delay_s', [-0.3, 0.0, 0.06, 0.125])
def test_lag_of_a_delayed_signal(delay_s):
    at = np.arange(0.0, 30.0, 0.02)

    def signal(t):
        return np.sin(1.3 * t) + 0.5 * np.sin(3.7 * t + 1.0)

    assert commands.lag(signal(at), 2.0 * signal(at - delay_s) + 1.0, 0.02) == pytest.approx(delay_s, abs=0.002)


def test_lag_of_signals_without_one():
    assert math.isnan(commands.lag(np.ones(100), np.arange(100.0), 0.02))
    assert math.isnan(commands.lag([1.0], [1.0], 0.02))
    # Two straight lines correlate alike at every shift.
    assert math.isnan(commands.lag(np.arange(100.0), -np.arange(100.0), 0.02, longest_s=0.0))


def test_jerk_by_hand():
    # Second differences of 0, 1, 0 over 0.1 s: −2 / 0.01.
    assert commands.jerk_rms([0.0, 1.0, 0.0], 0.1) == pytest.approx(200.0)
    assert commands.jerk_rms([1.0, 2.0, 3.0, 4.0], 0.1) == pytest.approx(0.0, abs=1e-9)
    assert math.isnan(commands.jerk_rms([1.0, 2.0], 0.1))


def test_command_errors_by_hand():
    stamps = np.arange(4) * 100_000_000
    figures = commands.command_errors(stamps, [0.0, 1.0, 2.0, 3.0], [0.5, 1.0, 2.0, 2.5], period_s=0.1, constant=4.0)
    assert figures.mae == pytest.approx(0.25)
    assert figures.rmse == pytest.approx(math.sqrt(0.125))
    assert figures.r2 == pytest.approx(1.0 - 0.5 / 5.0)
    assert figures.constant_mae == pytest.approx(2.5)
    assert figures.median_mae == pytest.approx(1.0)
    assert figures.recorded_jerk_rms == pytest.approx(0.0, abs=1e-9)
    # 0.5, 1.0, 2.0, 2.5: second differences 0.5 and −0.5 over 0.1² s².
    assert figures.jerk_rms == pytest.approx(50.0)


def test_no_baseline_of_a_training_that_is_not_known():
    figures = commands.error_figures([0.0, 2.0], [0.0, 2.0])
    assert math.isnan(figures.constant_mae)
    assert (figures.mae, figures.r2, figures.median_mae) == (0.0, 1.0, 1.0)


def test_no_figures_of_no_ticks():
    assert all(math.isnan(value) for value in vars(commands.error_figures([], [], constant=1.0)).values())


def test_a_command_that_was_held_has_no_r2_whatever_rounding_adds():
    held = np.full(1000, 1.4, np.float32).astype(np.float64) + np.random.default_rng(0).normal(0.0, 1e-6, 1000)
    assert math.isnan(commands.error_figures(held, np.full(1000, 1.5), constant=1.4).r2)


def test_a_command_that_changes_by_millimetres_a_second_has_no_r2():
    wave = np.sin(np.linspace(0.0, 20.0, 1000))
    assert math.isnan(commands.error_figures(0.5 + 5e-3 * wave, np.full(1000, 0.6)).r2)
    assert commands.error_figures(0.5 + 0.1 * wave, 0.5 + 0.05 * wave).r2 == pytest.approx(0.75, abs=0.01)


def test_command_errors_against_a_constant_recording():
    stamps = np.arange(5) * 100_000_000
    figures = commands.command_errors(stamps, np.full(5, 2.0), np.full(5, 2.5), period_s=0.1)
    assert figures.mae == pytest.approx(0.5)
    assert math.isnan(figures.r2)
    assert math.isnan(figures.lag_s)


def test_a_slower_recordings_corners_are_not_jerk():
    # Seen at 20 Hz and compared at 100 Hz ticks: interpolation between its samples must not add roughness.
    at_s, seen_s = np.arange(0.0, 10.0, 0.01), np.arange(0.0, 10.05, 0.05)
    recorded = np.interp(at_s, seen_s, np.sin(seen_s))
    figures = commands.command_errors(np.rint(at_s * 1e9).astype(np.int64), recorded, np.sin(at_s), period_s=0.05)
    assert figures.recorded_jerk_rms == pytest.approx(figures.jerk_rms, rel=0.01)
    assert figures.jerk_rms == pytest.approx(np.sqrt(0.5), rel=0.05)


@pytest.mark.parametrize('jump_s', [11.0, 8 * 3600.0, 1.7e9, -40.0])
def test_nothing_is_laid_across_a_pause_or_a_jump_of_the_clock(jump_s):
    at_s = np.arange(0.0, 40.0, 0.02)
    recorded, given = np.sin(at_s), np.sin(at_s - 0.1)
    # Another road after the pause: the step between the two is no jerk of anybody's.
    for signal in (recorded, given):
        signal[1000:] = signal[1000:] + 5.0
    stamps = np.rint(at_s * 1e9).astype(np.int64)
    stamps[1000:] += round(jump_s * 1e9)
    figures = commands.command_errors(stamps, recorded, given, period_s=0.02)
    halves = [
        commands.command_errors(stamps[half], recorded[half], given[half], period_s=0.02)
        for half in np.split(np.arange(2000), 2)
    ]
    assert figures.mae == pytest.approx(np.mean([each.mae for each in halves]))
    assert figures.jerk_rms == pytest.approx(np.mean([each.jerk_rms for each in halves]), rel=1e-3)
    assert figures.recorded_jerk_rms == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert figures.lag_s == pytest.approx(0.1, abs=0.01)
