"""Simulated time stops, goes back, goes ahead: the robot stops, and drives again in the new time."""

import pytest
from rig import moves

S = 1_000_000_000
STOPPED_S = 0.5  # of real time, after which a clock counts as stopped


@pytest.fixture
def rig(make_rig):
    rig = make_rig(simulated=True)
    rig.start()
    return rig


@pytest.mark.fault('clock stops')
def test_the_clock_stops(rig, outcome):
    system = rig.probe.node.get_clock()
    rig.clock_runs = False
    since_ns, count = system.now().nanoseconds, len(rig.commands)
    rig.probe.until(lambda: any(not moves(each) for each in rig.commands[count:]), 'it stops')
    outcome.stopped_s = (system.now().nanoseconds - since_ns) / 1e9
    outcome.limit_s = STOPPED_S + 0.02
    outcome.said = rig.says(r'robot stopped \(clock_stopped\)')
    outcome.note = 'real time'
    rig.clock_runs = True
    rig.recovers(outcome)


@pytest.mark.parametrize(
    'jump_s',
    [
        pytest.param(-5, marks=pytest.mark.fault('clock jumps back')),
        pytest.param(5, marks=pytest.mark.fault('clock jumps ahead')),
    ],
)
def test_the_clock_jumps(rig, outcome, jump_s):
    rig.clock_ns += 6 * S  # so that there is a past to go back to
    rig.probe.until(
        lambda: moves(rig.commands[-1]) and rig.commands[-1].stamp_ns > 7 * S, 'it drives in the later time'
    )
    rig.clock_ns += jump_s * S
    since_ns, count = rig.clock_ns, len(rig.commands)
    in_new_time = lambda each: abs(each.stamp_ns - since_ns) < 2 * S  # noqa: E731
    first = rig.probe.until(lambda: next(filter(in_new_time, rig.commands[count:]), None), 'a command of the new time')
    assert not moves(first), 'the first command of the new time stops it'
    outcome.stopped_s, outcome.limit_s = (first.received_ns - since_ns) / 1e9, 0.02
    outcome.said = rig.says(r'robot stopped \(clock_jump\)')
    outcome.note = 'simulated time'
    rig.recovers(outcome)
