"""When ticks are due: at the latest a period after the last, at once for a frame, and never too soon."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lnn_controller.control import ControlSettings, TickTimes

MS = 1_000_000
PERIOD = 20 * MS
late = st.integers(0, 300_000) | st.sampled_from([5 * MS, 21 * MS, 70 * MS])


def run(frames_ns, delays_ns, shortest_ns, works_ns):
    """Let a loop wait and tick; when each tick was due and began, what was left out before it, which frames it had."""
    times = TickTimes(PERIOD, shortest_ns, first_ns=0)
    frames, now_ns, left_out, rows = sorted(frames_ns), 0, 0, []
    for delay_ns, work_ns in zip(delays_ns, works_ns, strict=False):
        taken = []
        while frames and frames[0] <= max(now_ns, times.due_ns):
            taken.append(frames.pop(0))
            times.on_frame(max(taken[-1], now_ns))
        began_ns = max(now_ns, times.due_ns) + delay_ns
        rows.append((times.due_ns, began_ns, left_out, taken))
        now_ns = began_ns + work_ns
        left_out = times.on_tick(began_ns, now_ns)
    return rows


frames = st.lists(st.integers(0, 500 * MS), max_size=40)
delays = st.lists(late, min_size=20, max_size=20)
works = st.lists(late, min_size=20, max_size=20)


@given(frames, delays, works, st.integers(8 * MS, PERIOD - 1))
@pytest.mark.slow
def test_no_tick_is_later_than_a_period_and_none_that_a_frame_brings_too_soon(frames_ns, delays_ns, works_ns, shortest):
    rows = run(frames_ns, delays_ns, shortest, works_ns)
    for (before_due, before_began, *_), (due, began, left_out, taken) in pairwise(rows):
        assert due <= before_due + (1 + left_out) * PERIOD
        if due < before_due + PERIOD:
            assert taken, 'nothing but a frame brings a tick forward'
            assert began - before_began >= shortest, 'as far from when the last one began'
        for frame in taken:
            assert due <= max(frame, before_began + shortest) or due == before_due + (1 + left_out) * PERIOD


@given(frames, delays, works)
@pytest.mark.slow
def test_without_a_shorter_period_frames_change_nothing(frames_ns, delays_ns, works_ns):
    with_frames, without = (
        [(due, began, left_out) for due, began, left_out, _ in run(each, delays_ns, PERIOD, works_ns)]
        for each in (frames_ns, [])
    )
    assert with_frames == without
    assert all(due % PERIOD == 0 for due, *_ in without), 'without drift'


@given(st.integers(1, 60))
def test_a_frame_waits_for_no_tick_where_frames_come_as_fast_as_ticks_at_most(every_ms):
    frames_ns = list(range(0, 1000 * MS, every_ms * MS))
    rows = run(frames_ns, [0] * 200, PERIOD // 2, [0] * 200)
    answered = {frame: due for due, _, _, taken in rows for frame in taken}
    waits = [answered[frame] - frame for frame in frames_ns if frame in answered]
    # Of frames every 10 to 20 ms each is answered at once; others wait where a tick was just before, half a period.
    assert max(waits) == 0 if 10 <= every_ms <= 20 else max(waits) <= PERIOD // 2


def test_what_a_network_knows_and_the_parameter_say_how_soon(policy):
    spec = policy.spec  # knows Δt from 5 ms on
    assert ControlSettings().shortest_dt_s(spec) == 0.01
    assert ControlSettings(control_rate_hz=125.0).shortest_dt_s(spec) == 0.005
    assert ControlSettings(control_rate_hz=125.0, time_scale=2.0).shortest_dt_s(spec) == 0.004
    assert ControlSettings(control_rate_hz=500.0).shortest_dt_s(spec) == 0.002, 'a period: frames bring none'
    assert ControlSettings(tick_on_frame=False).shortest_dt_s(spec) == 0.02


def test_another_rate_and_another_time_put_no_tick_off():
    times = TickTimes(PERIOD, PERIOD // 2, first_ns=0)
    times.on_tick(0, 0)
    for now_ms in (1, 2, 3):
        times.change(1000 * MS, 500 * MS, now_ms * MS)
        assert times.due_ns == PERIOD
    times.change(PERIOD, PERIOD // 2, 4 * MS)
    times.restart(-5000 * MS)
    times.on_frame(-5000 * MS)
    assert times.due_ns == -5000 * MS
