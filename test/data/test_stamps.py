"""Clocks that disagree, stamps of no clock, pauses: what is laid beside what, and what is left out."""

import re
from array import array

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_align import episode

from lnn_controller.data.align import align
from lnn_controller.data.stamps import Stamps, choose_stamps, recorded_stretches
from lnn_controller.errors import InputError

MS = 1_000_000
S = 1000 * MS
T0 = 1_700_000_000 * S
TOPICS = {'image': '/camera', 'command': '/cmd_vel', 'imu': '/imu'}


def stream(stamps_ns, *, delay_ns=0, header=True):
    stamps_ns = np.asarray(stamps_ns, np.int64)
    headers = stamps_ns if header else np.zeros_like(stamps_ns)
    return Stamps(array('q', headers), array('q', stamps_ns + delay_ns))


def choose(**samples):
    return choose_stamps(samples, bag='bag', topics=TOPICS)


@given(st.floats(1.1, 15.0), st.sampled_from([-1, 1]), st.booleans())
@settings(max_examples=40)
def test_a_camera_whose_clock_is_off_goes_by_receive_times(off_s, sign, stamped_commands):
    at = T0 + np.arange(800) * 50 * MS
    camera = Stamps((at + round(sign * off_s * S)).tolist(), (at + 20 * MS).tolist())
    streams, clock, notes = choose(image=camera, command=stream(at, header=stamped_commands))
    np.testing.assert_array_equal(streams['image'].stamps_ns, at + 20 * MS)
    np.testing.assert_array_equal(streams['command'].stamps_ns, at)
    assert clock == ('header' if stamped_commands else 'receive')
    assert len(notes) == 1
    assert notes[0].startswith('/camera is stamped')


@pytest.mark.parametrize('off_s', [3.0, 20.0, -3.0])
@pytest.mark.parametrize('step_s', [0.5, -2.0])
@pytest.mark.parametrize('set_clock', ['image', 'imu'])
def test_beside_a_stream_by_receive_times_no_other_clock_is_laid(off_s, step_s, set_clock):
    """The recorder's clock is seconds off the robot's, and one of the robot's is set while it records."""
    received = T0 + np.arange(1200) * 50 * MS
    headers = {kind: received - round(off_s * S) for kind in TOPICS}
    headers[set_clock] = headers[set_clock] + np.where(np.arange(1200) < 600, 0, round(step_s * S))
    streams, clock, notes = choose(**{kind: Stamps(each.tolist(), received.tolist()) for kind, each in headers.items()})
    for kind, each in streams.items():
        np.testing.assert_array_equal(each.stamps_ns, received, kind)
    assert (clock, len(notes)) == ('receive', 3)


@given(st.floats(0.0, 0.9), st.floats(-60.0, 60.0))
@settings(max_examples=40)
def test_clocks_that_agree_go_by_headers(delay_s, all_off_s):
    at = T0 + np.arange(800) * 50 * MS
    image, imu = stream(at, delay_ns=round((delay_s + all_off_s) * S)), stream(at, delay_ns=round(all_off_s * S))
    streams, clock, notes = choose(image=image, imu=imu)
    np.testing.assert_array_equal(streams['image'].stamps_ns, at)
    assert (clock, notes) == ('header', ())


@example(0, 10, 3600 * S)
@example(390, 10, 3600 * S)
@given(
    st.integers(0, 399),
    st.integers(1, 10),
    # None of these makes a stamp of zero, which stands for none.
    st.sampled_from([3600 * S, -3600 * S, 10**17, -(10**17), -T0 - 5 * S - 1, 30 * S]),
)
@settings(max_examples=60)
def test_bad_stamps_cost_their_own_messages_alone(first, number, by_ns):
    at = T0 + np.arange(400) * 50 * MS
    header = at.copy()
    bad = slice(first, first + number)
    header[bad] += by_ns
    camera = Stamps(header.tolist(), at.tolist())
    streams, _, notes = choose(image=camera, command=stream(at, header=False))
    good = np.ones(400, bool)
    good[bad] = False
    np.testing.assert_array_equal(streams['image'].kept, good)
    assert streams['image'].drops['stamp_far_off'] == np.count_nonzero(~good)
    assert notes == ()


@given(st.integers(100, 700), st.floats(1.5, 15.0), st.booleans())
@settings(max_examples=40)
def test_headers_set_back_while_the_receive_clock_goes_on(at_sample, back_s, both):
    at = T0 + np.arange(800) * 50 * MS
    header = at.copy()
    header[at_sample:] -= round(back_s * S)
    camera = Stamps(header.tolist(), (at + 20 * MS).tolist())
    command = Stamps(header.tolist(), at.tolist()) if both else stream(at, header=False)
    streams, clock, notes = choose(image=camera, command=command)
    np.testing.assert_array_equal(streams['image'].stamps_ns, at + 20 * MS)
    np.testing.assert_array_equal(streams['command'].stamps_ns, at)
    assert (clock, len(notes)) == ('receive', 1 + both)
    assert '/camera is stamped by a clock that was set' in notes[0]


@given(
    st.integers(100, 700), st.floats(1.5, 15.0), st.sampled_from([-1, 1]), st.sampled_from([20, 50, 200]), st.booleans()
)
@settings(max_examples=60)
@pytest.mark.slow
def test_a_recorder_s_clock_that_is_set_is_not_the_camera_s(at_sample, by_s, sign, period_ms, imu):
    """As `ros2 bag` records: by its clock as it is; commands have no stamps of their own."""
    at = T0 + np.arange(800) * period_ms * MS
    jitter = np.random.default_rng(at_sample).integers(0, 15 * MS, 800)
    header, received = at - 20 * MS, at + jitter
    received[at_sample:] += round(sign * by_s * S)
    order = np.argsort(received, kind='stable')
    camera = Stamps(header[order].tolist(), received[order].tolist())
    others = {'imu': Stamps((header + 5 * MS)[order].tolist(), received[order].tolist())} if imu else {}
    streams, clock, notes = choose(image=camera, command=Stamps([0] * 800, received[order].tolist()), **others)
    assert (clock, len(notes)) == ('receive', 1 + imu)
    np.testing.assert_array_equal(streams['image'].stamps_ns, np.unique(received))
    way = 'back' if sign < 0 else 'ahead'
    for note, topic in zip(notes, ['/camera', '/imu'], strict=False):
        told = re.match(
            rf"{topic} is received by a clock, the recorder's, that was set (.*) s {way} while its stamps", note
        )
        assert float(told[1]) == pytest.approx(by_s, abs=0.1)


@given(st.sampled_from([11, 20, 50, 150]), st.integers(0, 640), st.sampled_from([30 * S, 3600 * S, 10**17]))
@settings(max_examples=40)
def test_many_bad_stamps_cost_no_good_message(number, first, by_ns):
    at = T0 + np.arange(800) * 50 * MS
    header = at.copy()
    header[first : first + number] += by_ns
    streams, clock, notes = choose(image=Stamps(header.tolist(), (at + 20 * MS).tolist()), command=stream(at))
    np.testing.assert_array_equal(streams['image'].stamps_ns, at + 20 * MS)
    assert streams['command'].kept.all()
    assert (clock, len(notes)) == ('header', 1)


@given(st.integers(2, 797), st.floats(0.2, 9.5), st.sampled_from([-1, 1]))
@settings(max_examples=40)
def test_one_stamp_that_is_a_little_off_costs_its_own_message(which, by_s, sign):
    at = T0 + np.arange(800) * 50 * MS
    header = at.copy()
    header[which] += sign * round(by_s * S)
    streams, _, notes = choose(image=Stamps(header.tolist(), at.tolist()), command=stream(at, header=False))
    assert len(streams['image'].stamps_ns) >= 799
    np.testing.assert_array_equal(np.delete(streams['image'].kept, which), np.ones(799, bool))
    assert notes == ()


@given(st.sampled_from([-0.01, 0.01]), st.integers(800, 4000), st.booleans())
@settings(max_examples=20)
def test_a_clock_that_drifts_is_taken_by_receive_times(drift, number, stamped_commands):
    at = T0 + np.arange(number) * 50 * MS
    header = T0 + np.rint((at - T0) * (1 + drift)).astype(np.int64)
    camera = Stamps(header.tolist(), (at + 20 * MS).tolist())
    streams, _, notes = choose(image=camera, command=stream(at, header=stamped_commands))
    np.testing.assert_array_equal(streams['image'].stamps_ns, at + 20 * MS)
    np.testing.assert_array_equal(streams['command'].stamps_ns, at)
    assert len(notes) == 1
    assert 'runs at another speed' in notes[0]


def test_clocks_that_drift_alike_are_a_simulations_and_go_by_headers():
    at = T0 + np.arange(800) * 50 * MS
    header = T0 + (at - T0) // 2
    both = Stamps(header.tolist(), at.tolist())
    streams, clock, notes = choose(image=both, command=both)
    np.testing.assert_array_equal(streams['image'].stamps_ns, header)
    assert (clock, notes) == ('header', ())


def test_a_late_network_is_no_clock_that_is_off():
    at = T0 + np.arange(800) * 50 * MS
    late = at + np.rint(np.random.default_rng(0).exponential(0.15, 800) * S).astype(np.int64)
    late[300:360] = at[360] + np.arange(60) * MS  # a disk that stalled for three seconds
    streams, clock, notes = choose(image=Stamps(at.tolist(), late.tolist()), command=stream(at, header=False))
    np.testing.assert_array_equal(streams['image'].stamps_ns, at)
    assert (clock, notes) == ('header', ())


def test_stamps_that_repeat_cost_the_repetitions():
    at = T0 + np.arange(800) * 50 * MS
    twice = at.copy()
    twice[1::2] = twice[::2]
    streams, clock, notes = choose(image=Stamps(twice.tolist(), at.tolist()), command=stream(at, header=False))
    np.testing.assert_array_equal(streams['image'].kept, np.arange(800) % 2 == 0)
    assert streams['image'].drops['stamp_not_increasing'] == 400
    assert (clock, notes) == ('header', ())
    still = Stamps([T0] * 800, at.tolist())
    streams, clock, notes = choose(image=still, command=stream(at, header=False))
    np.testing.assert_array_equal(streams['image'].stamps_ns, at)
    assert clock == 'receive'
    assert notes[0].startswith('/camera is stamped by a clock that stands still')


@pytest.mark.parametrize('received_ns', [0, T0])
def test_receive_times_that_tell_nothing(received_ns):
    at = T0 + np.arange(400) * 50 * MS
    headed = Stamps(at.tolist(), [received_ns] * 400)
    streams, clock, notes = choose(image=headed, command=headed)
    np.testing.assert_array_equal(streams['image'].stamps_ns, at)
    assert (clock, notes) == ('header', ())
    with pytest.raises(InputError, match=r'/cmd_vel has no stamps of its own .* the same one for all its 400 messages'):
        choose(image=headed, command=Stamps([0] * 400, [received_ns] * 400))


def test_negative_stamps_are_of_another_clock():
    at = T0 + np.arange(400) * 50 * MS
    streams, clock, _ = choose(
        image=Stamps((-np.arange(1, 401)[::-1] * 50 * MS).tolist(), at.tolist()), command=stream(at)
    )
    np.testing.assert_array_equal(streams['image'].stamps_ns, at)
    assert clock == 'receive'


@given(st.integers(30, 370), st.floats(11.0, 1e8))
@settings(max_examples=40)
def test_a_clock_that_was_set_keeps_every_message_and_parts_the_recording(at_sample, jump_s):
    at = T0 + np.arange(400) * 50 * MS
    at[at_sample:] += round(jump_s * S)
    streams, _, notes = choose(image=stream(at, delay_ns=20 * MS), command=stream(at, header=False))
    assert streams['image'].kept.all()
    assert len(recorded_stretches(streams['image'].stamps_ns, streams['command'].stamps_ns)) == 2
    assert notes == ()


@pytest.mark.parametrize('pause_s', [11.0, 8 * 3600.0, 2.5 * 365 * 86400.0, T0 / S])
def test_ticks_are_those_of_what_was_recorded_whatever_lies_between(pause_s):
    ms = np.arange(0, 6000, 20)
    both = [*ms, *(ms + 6000 + round(pause_s * 1000))]
    ticks = align(episode(both, both), rate_hz=50.0)
    assert len(ticks) == 600
    assert np.bincount(ticks.segment).tolist() == [300, 300]
    assert ticks.drops == {}
    assert np.allclose(ticks.dt_s, 0.02)
