"""The whole chain: whatever is wanted, what leaves it leads to no obstacle."""

import math
from dataclasses import replace

import numpy as np
import pytest
from bundles import make_tiny_bundle
from hypothesis import given
from hypothesis import strategies as st

from lnn_controller.control import Controller, ControlSettings, Footprint, GuardSettings
from lnn_controller.control.safety.chain import Obstacles, SafetyChain
from lnn_controller.control.safety.guard import clearance, guard_scale, outside
from lnn_controller.control.safety.sight import Sight
from lnn_controller.control.safety.travel import add_pace, distance_since
from lnn_controller.policy import OutputSpec, Policy, read_spec

DT_S = 0.02
GUARD = GuardSettings(Footprint(), slow_distance_m=1.0, stop_distance_m=0.3)
FREE = np.zeros((0, 2))
WALL = np.array([[x, y] for x in (0.45,) for y in np.linspace(-1.0, 1.0, 41)])  # 0.15 m before the bumper


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return make_tiny_bundle(tmp_path_factory.mktemp('chain') / 'tiny')


@pytest.fixture(scope='module')
def spec(bundle):
    """Of a robot that moves sideways too."""
    spec = read_spec(bundle)
    outputs = (
        OutputSpec('linear_x', 'm/s', -1.0, 2.0),
        OutputSpec('linear_y', 'm/s', -1.0, 1.0),
        OutputSpec('angular_z', 'rad/s', -2.0, 2.0),
    )
    return replace(spec, outputs=outputs)


class Driven:
    """A chain whose ramp goes from each command to the next."""

    def __init__(self, spec, settings):
        self.chain, self.ramp = SafetyChain(spec, settings), (0.0,) * len(spec.outputs)

    def send(self, wanted, points=FREE, sight=None, moved_m=0.0):
        return self.send_by(wanted, Obstacles(points, sight), moved_m)

    def send_by(self, wanted, view, moved_m=0.0):
        sent = self.chain.send(wanted, self.ramp, DT_S, view, moved_m)
        self.ramp = sent.ramp
        return sent


def way(spec, command, points):
    """Clearance along a command."""
    by_channel = dict(zip(spec.channels, command, strict=True))
    velocity = [by_channel.get(name, 0.0) for name in ('linear_x', 'linear_y', 'angular_z')]
    return clearance(velocity, points, GUARD.footprint, 10.0), GUARD.footprint.pace(velocity)


limits = st.sampled_from([0.2, 1.0, 5.0, math.inf])
deadbands = st.sampled_from([0.0, 0.05, 0.3])
dynamics = st.tuples(limits, limits, deadbands)
commands = st.tuples(st.floats(-1.0, 2.0), st.floats(-1.0, 1.0), st.floats(-2.0, 2.0)) | st.sampled_from(
    [(0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 2.0), (2.0, 0.0, 2.0)]
)
obstacles = st.lists(st.tuples(st.floats(-1.6, 1.6), st.floats(-1.6, 1.6)), max_size=6)
brakes = st.tuples(
    st.sampled_from([0.0, 0.1, 0.5]), st.sampled_from([0.3, 2.0, 100.0]), st.sampled_from([0.0, 0.05, 0.3])
)
ticks = st.lists(
    st.tuples(commands, obstacles | st.none(), dynamics | st.none(), brakes | st.none(), st.integers(1, 20)),
    max_size=12,
)


@given(ticks)
@pytest.mark.slow
def test_no_command_leaves_the_chain_whose_way_is_blocked(spec, ticks):
    """Wishes, obstacles and settings change; each lasts some ticks, so that ramps run."""
    driven = Driven(spec, ControlSettings(guard=GUARD))
    points, guard, moved_m = FREE, GUARD, 0.0
    most = (2.0, 1.0, 2.0)
    for wanted, seen, changed, braking, count in ticks:
        if seen is not None:
            points = outside(np.array(seen, float).reshape(-1, 2), GUARD.footprint)
        if braking is not None:
            guard = replace(GUARD, reaction_s=braking[0], deceleration=braking[1])
            moved_m = braking[2]
            driven.chain = SafetyChain(spec, replace(driven.chain.settings, guard=guard))
        if changed is not None:
            per_channel = [dict.fromkeys(spec.channels, value) for value in changed]
            changed_settings = ControlSettings(
                guard=guard,
                max_acceleration=per_channel[0],
                max_deceleration=per_channel[1],
                deadband=per_channel[2],
            )
            driven.chain = SafetyChain(spec, changed_settings)
        for _ in range(count):
            sent = driven.send(wanted, points, None, moved_m)
            free_m, pace = way(spec, sent.command, points)
            free_m -= moved_m
            assert not any(sent.command) or free_m > guard.stop_distance_m - 1e-9
            stopping_m = pace * guard.reaction_s + pace**2 / (2 * guard.deceleration)
            assert not any(sent.command) or stopping_m <= free_m - guard.stop_distance_m + 1e-6
            share = guard_scale(free_m, guard)
            held = all(abs(value) <= share * high + 1e-6 for value, high in zip(sent.command, most, strict=True))
            assert held, (sent, share)
            assert bool(sent.verdict.blocked) == ('obstacle_stop' in sent.limited)
            assert not sent.verdict.blocked or not any(sent.command)


@pytest.mark.parametrize('wish', [(0.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 2.0)], ids=['lets go', 'back', 'turn'])
def test_a_ramp_does_not_drive_into_a_wall_that_nobody_wants_to_reach(spec, wish):
    """With a deceleration of 0.5 m/s² it went on for 3.4 m when the operator let go before a wall."""
    slow = {'linear_x': 0.5}
    driven = Driven(spec, ControlSettings(guard=GUARD, max_acceleration=slow, max_deceleration=slow))
    for _ in range(200):
        sent = driven.send((1.9, 0.0, 0.0), FREE)
    assert sent.command[0] == pytest.approx(1.9)
    first = driven.send(wish, WALL)
    assert first.verdict.blocked
    assert first.limited == ('obstacle_stop',)
    driven_m = sum(max(driven.send(wish, WALL).command[0], 0.0) * DT_S for _ in range(200))
    assert driven_m == 0.0


def test_the_ramp_does_not_undo_the_slowing(spec):
    """Half-way between stop and slow distance half of the range is left, at once, whatever the ramp allows."""
    driven = Driven(spec, ControlSettings(guard=GUARD, max_deceleration={'linear_x': 0.5}))
    driven.send((2.0, 0.0, 0.0), FREE)
    ahead = np.array([[GUARD.footprint.front_m + 0.65, 0.0]])
    first = driven.send((0.5, 0.0, 0.0), ahead)
    assert first.command[0] == pytest.approx(1.0)
    assert first.limited[0] == 'obstacle_slow'
    # From there it goes on as the ramp allows: slowed by the guard once, not again at each tick.
    assert driven.send((0.0, 0.0, 0.0), ahead).command[0] == pytest.approx(1.0 - 0.5 * DT_S)


@pytest.mark.parametrize(('reaction_s', 'deceleration'), [(0.0, 1.0), (0.1, 2.0), (0.5, 100.0)])
def test_a_robot_that_brakes_as_it_says_stops_in_time(spec, reaction_s, deceleration):
    """Full speed towards a wall, by a body that follows late and brakes no harder; a reading each 0.1 s."""
    guard = replace(GUARD, reaction_s=reaction_s, deceleration=deceleration, slow_distance_m=0.31)
    driven, paces = Driven(spec, ControlSettings(guard=guard)), ()
    front_m, speed, asked, points, seen_ns, fastest = 0.0, 0.0, [], None, 0, 0.0
    for tick in range(1000):
        now_ns = tick * 20_000_000
        if tick % 5 == 0:
            points, seen_ns = np.array([[guard.footprint.front_m + 6.0 - front_m, 0.0]]), now_ns
        moved_m = distance_since(paces, seen_ns - round(reaction_s * 1e9), now_ns)
        sent = driven.send((2.0, 0.0, 0.0), points, None, moved_m).command[0]
        paces = add_pace(paces, now_ns, sent, 1.0)
        asked.append(sent)
        late = asked[max(0, len(asked) - 1 - int(reaction_s / DT_S))]
        speed = min(late, speed + 5.0) if late > speed else max(late, speed - deceleration * DT_S)
        front_m += speed * DT_S
        fastest = max(fastest, speed)
    assert fastest == 2.0
    # A tick of the loop, and of the body's, is in neither figure.
    assert guard.stop_distance_m - 2 * 2.0 * DT_S <= 6.0 - front_m <= guard.stop_distance_m + 0.15


def test_a_way_that_the_sensor_did_not_see_is_blocked(spec):
    """Wanted, or driven by the ramp that is left; the way out stays open."""
    driven = Driven(spec, ControlSettings(guard=GUARD, max_deceleration={'linear_x': 0.5}))
    bearings = np.radians(np.arange(-180, 180))
    whole, blind = (Sight((0.0, 0.0), bearings, seen, np.radians(1)) for seen in (bearings < 9, np.abs(bearings) > 1))
    assert driven.send((1.9, 0.0, 0.0), FREE, whole).command[0] == 1.9
    for wanted in ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)):
        driven.ramp = (1.9, 0.0, 0.0)
        sent = driven.send(wanted, FREE, blind)
        assert (sent.verdict.blocked, sent.command, sent.limited) == ('way_unseen', [0.0] * 3, ('obstacle_stop',))
    assert driven.send((-0.5, 0.0, 0.0), FREE, blind).command[0] == -0.5
    assert driven.send((1.9, 0.0, 0.0), WALL, whole).verdict.blocked == 'obstacle'


def test_without_obstacles_the_ramp_is_as_it_was(spec):
    settings = ControlSettings(max_acceleration={'linear_x': 1.0}, deadband={'angular_z': 0.1})
    guarded, plain = (Driven(spec, replace(settings, guard=guard)) for guard in (GUARD, None))
    rng = np.random.default_rng(0)
    for wanted in rng.uniform(-1.0, 1.0, (100, 3)).tolist():
        assert guarded.send(wanted, FREE) == plain.send(wanted, FREE)


def test_how_far_it_has_gone_since():
    assert distance_since((), 0, 10**9) == 0.0
    paces = ()
    for now_ns, pace in ((10**9, 1.0), (2 * 10**9, 0.0), (3 * 10**9, 0.5)):
        paces = add_pace(paces, now_ns, pace, 10.0)
    assert distance_since(paces, 0, 4 * 10**9) == 1.5
    assert distance_since(paces, 1_500_000_000, 4 * 10**9) == 1.0
    assert distance_since(paces, 3_500_000_000, 4 * 10**9) == 0.25
    assert distance_since(paces, 4 * 10**9, 4 * 10**9) == distance_since(paces, 5 * 10**9, 4 * 10**9) == 0.0
    paces = add_pace(paces, 4 * 10**9, 0.0, 0.5)
    assert distance_since(paces, 0, 4 * 10**9) == 0.5, 'no more than was asked for is kept'
    paces = ()
    for now_ns in (7 * 10**9, 8 * 10**9, 10**9, 2 * 10**9):
        paces = add_pace(paces, now_ns, 1.0, 0.5)
    assert distance_since(paces, 0, 2 * 10**9) == 1.0, 'what was driven by another time does not count'


def test_recorded_verdicts_give_the_same_commands(spec):
    """What the guard left, both times, is enough to send the same again without the obstacles."""
    given_settings = ControlSettings(
        guard=GUARD, max_deceleration=dict.fromkeys(spec.channels, 0.5), deadband={'linear_x': 0.3}
    )
    live, again = Driven(spec, given_settings), Driven(spec, given_settings)
    rng = np.random.default_rng(1)
    scales = set()
    for tick in range(400):
        wanted = rng.uniform((-1.0, -1.0, -2.0), (2.0, 1.0, 2.0)).tolist()
        points = outside(rng.uniform(-1.6, 1.6, (rng.integers(0, 3), 2)), GUARD.footprint)
        sent = live.send(wanted, points if tick % 3 else FREE)
        assert again.send_by(wanted, sent.verdict) == sent
        scale, ramp_scale, blocked = sent.verdict
        scales.add((0.0 < scale < 1.0, 0.0 < ramp_scale < 1.0, bool(blocked)))
    assert {(False, True, False), (True, False, False), (False, False, True)} <= scales


def test_the_way_back_begins_at_what_the_operator_got(bundle):
    """An operator's command beyond the limits was blended as it was asked for: full speed for most of the way back."""
    policy = Policy.load(bundle)
    controller = Controller(policy, ControlSettings(override_timeout_s=0.05, override_return_s=1.0))
    image = np.full((12, 16, 3), 128, np.uint8)
    now_ns, commands = 1_000_000_000, []
    for tick in range(60):
        now_ns += 20_000_000
        controller.on_image(now_ns, image + np.uint8(tick % 3))
        controller.on_imu(now_ns, [0.0, 0.0, 0.1], [0.0, 0.0, 9.81])
        if tick < 5:
            controller.on_override(now_ns, [24.0, 0.0])
        commands.append(controller.step(now_ns).command[0])
    most, own = commands[4], commands[-1]
    assert most == 2.0
    half = commands[7 + 25]  # the override holds for two ticks more
    assert half == pytest.approx((most + own) / 2, abs=0.1 * (most - own) + 0.02)


@pytest.mark.parametrize('sight', [None, Sight((0.0, 0.0), np.radians(np.arange(-180, 180)), np.zeros(360), 0.0175)])
def test_straight_up_no_obstacle_beside_it_is_in_the_way(spec, sight):
    outputs = (OutputSpec('linear_x', 'm/s', -1.0, 1.0), OutputSpec('linear_z', 'm/s', -1.0, 1.0))
    driven = Driven(replace(spec, outputs=outputs), ControlSettings(guard=GUARD))
    sent = driven.send([0.0, 0.5], WALL, sight)
    assert (sent.command, sent.verdict.blocked) == ([0.0, 0.5], '')
    assert driven.send([0.5, 0.5], WALL, sight).command == [0.0, 0.0]
