"""Commands of a robot that steers by an angle are read as speed and yaw rate, without its message package."""

import math

import numpy as np
import pytest
from foreign_bags import ACKERMANN as PLAIN
from foreign_bags import ACKERMANN_STAMPED as STAMPED
from foreign_bags import ackermann_types, write_foreign
from hypothesis import example, given
from hypothesis import strategies as st
from recordings import HEIGHT, MS, WIDTH, picture

from lnn_controller.data import Topics, read_episode
from lnn_controller.data.commands import command_from_cdr
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import ImageSpec

STORE = ackermann_types()
WHEELBASE_M = 0.32
DEGREES_89, DEGREES_91 = math.radians(89), math.radians(91)


def drive(speed, angle):
    return STORE.types[PLAIN](
        steering_angle=angle, steering_angle_velocity=7.0, speed=speed, acceleration=8.0, jerk=9.0
    )


def stamped(stamp, speed, angle, *, frame_id='base'):
    header = m.twist_stamped_message(stamp, frame_id=frame_id).header
    return STORE.types[STAMPED](header=header, drive=drive(speed, angle))


def odometry(stamp, turn):
    return m.odometry_message(stamp, position=(0, 0, 0), yaw=0, linear=(0.5, 0, 0), angular=(0, 0, turn))


def twist(stamp, forward):
    return m.twist_message(linear=(forward, 0, 0))


def write(path, **topics):
    """A bag with frames and, on each topic, twenty messages by functions of number and stamp."""
    rows = []
    for number, stamp in enumerate(range(MS, 2001 * MS, 100 * MS)):
        rows.append(('/image_raw', stamp, m.image_message(stamp, picture(number))))
        rows += [(f'/{name}', stamp, make(number, stamp)) for name, make in topics.items()]
    return write_foreign(path, STORE, rows)


def read(path, *, command=None, wheelbase_m=WHEELBASE_M):
    return read_episode(path, image=ImageSpec(HEIGHT, WIDTH), topics=Topics(command=command), wheelbase_m=wheelbase_m)


@pytest.mark.parametrize('frame_id', ['', 'a', 'ab', 'abc', 'abcd'])
def test_the_yaw_rate_is_that_of_the_circle_that_the_rear_axle_drives(frame_id):
    for speed, angle in [(1.5, 0.3), (-1.5, 0.3), (2.0, -0.4), (0.0, 0.4), (0.0, -0.4), (1.0, 0.0), (1.0, DEGREES_89)]:
        for msgtype, message, stamp in (
            (STAMPED, stamped(5 * MS, speed, angle, frame_id=frame_id), 5 * MS),
            (PLAIN, drive(speed, angle), 0),
        ):
            got, values = command_from_cdr(STORE.serialize_cdr(message, msgtype), msgtype, wheelbase_m=WHEELBASE_M)
            assert got == stamp
            turn = speed * math.tan(np.float32(angle)) / WHEELBASE_M
            np.testing.assert_allclose(values, [speed, 0, 0, 0, 0, turn], rtol=1e-6, atol=0)
            assert speed or not np.signbit(values[5])


@given(st.floats(width=32), st.floats(width=32), st.floats(1e-3, 20))
@example(1.0, math.nan, 0.3)
@example(0.0, 90.0, 0.3)
def test_whatever_arrives_is_a_turn_in_the_sense_of_the_wheels_or_none(speed, angle, wheelbase_m):
    data = STORE.serialize_cdr(drive(speed, angle), PLAIN)
    turn = command_from_cdr(data, PLAIN, wheelbase_m=wheelbase_m)[1][5]
    if math.isfinite(speed) and abs(angle) < math.pi / 2:
        assert np.isfinite(turn)
        assert np.sign(turn) in (0.0, np.sign(speed) * np.sign(angle))
    else:
        assert not np.isfinite(turn) or not math.isfinite(speed)


def test_an_episode_of_a_car_that_steers(tmp_path):
    path = write(tmp_path / 'bag', drive=lambda n, stamp: stamped(stamp, 1.5, n / 50))
    episode = read(path)
    expected = [[1.5, 1.5 * math.tan(n / 50) / WHEELBASE_M] for n in range(20)]
    np.testing.assert_allclose(episode.commands, expected, rtol=1e-6)
    assert (episode.topics['command'], episode.notes, episode.drops) == ('/drive', (), {})
    twice = read(path, wheelbase_m=2 * WHEELBASE_M)
    np.testing.assert_allclose(twice.commands[:, 1], episode.commands[:, 1] / 2, rtol=1e-6)


def test_angles_that_no_wheel_has_are_left_out_and_counted(tmp_path):
    wrong = {3: (1.0, DEGREES_91), 5: (1.0, math.nan), 6: (math.inf, 0.1), 8: (0.0, -DEGREES_91)}
    path = write(tmp_path / 'bag', drive=lambda n, _: drive(*wrong.get(n, (1.0, 0.1))))
    episode = read(path)
    assert episode.drops == {'command_not_finite': 4}
    assert len(episode.commands) == 16
    assert np.all(np.isfinite(episode.commands))
    degrees = write(tmp_path / 'degrees', drive=lambda n, _: drive(1.0, 20.0))
    with pytest.raises(InputError, match=r'not one of its 20 samples is usable.*angles are in radians, and below 90°'):
        read(degrees)


def test_degrees_are_refused_although_those_near_straight_ahead_could_be_radians(tmp_path):
    path = write(tmp_path / 'bag', drive=lambda n, _: drive(1.0, n - 10.0))
    with pytest.raises(InputError, match=r'/drive: steering angles must be in radians.* Got 17 of 20 .* in degrees\?'):
        read(path)


def test_without_a_wheelbase_the_flag_is_named(tmp_path):
    path = write(tmp_path / 'bag', drive=lambda _, stamp: stamped(stamp, 1.5, 0.1))
    for command in (None, '/drive'):
        with pytest.raises(InputError, match=r'/drive \(ackermann.*, 20\): .*with --wheelbase METRES'):
            read(path, command=command, wheelbase_m=None)
    for wrong in (0.0, -0.3, math.nan, math.inf, 320.0):
        with pytest.raises(InputError, match='--wheelbase must be above 0 m and at most 20 m'):
            read(path, wheelbase_m=wrong)


@pytest.mark.parametrize(
    ('topics', 'wheelbase_m', 'chosen', 'told'),
    [
        # An odometry tells the yaw rate without a wheelbase; with one, the commands themselves go first.
        ({'drive': (1.5, 0.1), 'odom': 0.2}, None, '/odom', ['/odom', '/drive', '--wheelbase']),
        ({'drive': (1.5, 0.1), 'odom': 0.2}, WHEELBASE_M, '/drive', []),
        ({'drive': (0.0, 0.1), 'odom': 0.2}, WHEELBASE_M, '/odom', ['zero throughout: /drive']),
        ({'drive': (1.5, 0.1), 'cmd_vel': 0.5}, None, '/cmd_vel', []),
        ({'drive': (1.5, 0.1), 'cmd_vel': 0.5}, WHEELBASE_M, '/cmd_vel', ['/cmd_vel', '--command-topic /drive']),
        ({'drive': (0.0, 0.0), 'cmd_vel': 0.5}, WHEELBASE_M, '/cmd_vel', ['/cmd_vel', '--command-topic /drive']),
        ({'cmd_vel': 0.5}, WHEELBASE_M, '/cmd_vel', []),
        ({'drive': (1.5, 0.1), 'cmd_vel': 0.0}, WHEELBASE_M, '/drive', ['zero throughout: /cmd_vel']),
        ({'drive': (1.5, 0.1), 'cmd_vel': 0.0}, None, None, ['/drive', '--wheelbase METRES']),
        ({'drive': (1.5, 0.1), 'teleop': (0.0, 0.0)}, WHEELBASE_M, '/drive', ['zero throughout: /teleop']),
        ({'drive': (1.5, 0.1), 'teleop': (1.0, 0.0)}, WHEELBASE_M, None, ['several command topics']),
    ],
)
def test_which_topic_commands(tmp_path, topics, wheelbase_m, chosen, told):
    makers = {
        'odom': lambda value: lambda _, stamp: odometry(stamp, value),
        'cmd_vel': lambda value: lambda _, stamp: twist(stamp, value),
    }
    steered = lambda value: lambda _, stamp: stamped(stamp, *value)  # noqa: E731
    path = write(tmp_path / 'bag', **{name: makers.get(name, steered)(value) for name, value in topics.items()})
    if chosen is None:
        with pytest.raises(InputError) as error:
            read(path, wheelbase_m=wheelbase_m)
        assert all(word in str(error.value) for word in told)
        return
    episode = read(path, wheelbase_m=wheelbase_m)
    assert episode.topics['command'] == chosen
    assert all(word in ''.join(episode.notes) for word in told)
    assert bool(episode.notes) == bool(told)
