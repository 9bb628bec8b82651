import math

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.sim import LANE_OFFSET_M, CarWorld


@pytest.fixture
def world():
    with CarWorld(5, render=False) as made:
        yield made


def drive(world, linear_x, angular_z, seconds):
    world.apply((linear_x, angular_z))
    world.advance(round(seconds * CarWorld.clock.steps_per_second))


def test_the_rates_are_whole_numbers_of_steps():
    clock = CarWorld.clock
    periods = (clock.camera, clock.imu, clock.odometry)
    assert [clock.steps_per_second / period for period in periods] == [30, 200, 50]


def test_time_starts_at_one_second_and_never_goes_back(world):
    assert world.time_ns == 1_000_000_000
    world.advance(CarWorld.clock.odometry)
    assert world.time_ns == 1_020_000_000
    world.set_pose(1.0, 2.0, 3.0)
    assert world.time_ns == 1_020_000_000
    world.advance(CarWorld.clock.steps_per_second)
    assert world.time_ns == 2_020_000_000


def test_the_imu_at_rest_feels_gravity_alone(world):
    for _ in range(2):
        gyro, accel = world.imu()
        assert np.allclose(gyro, 0, atol=1e-6)
        assert np.allclose(accel, (0, 0, 9.81), atol=2e-3)
        world.advance(300)


def test_at_rest_it_stays_where_it_was_put(world):
    x, y, yaw = world.track.at(20.0, 0.1)
    world.set_pose(x, y, yaw + 0.2)
    before = world.pose()
    assert before == pytest.approx((x, y, yaw + 0.2), abs=1e-9)
    world.advance(3 * CarWorld.clock.steps_per_second)
    assert world.pose() == pytest.approx(before, abs=1e-5)


@pytest.mark.parametrize('turn', [0.8, -0.8])
def test_yaw_rate_has_the_commands_sign_and_size(world, turn):
    drive(world, 2.0, turn, 2.0)
    gyro, accel = world.imu()
    assert world.speed_m_s == pytest.approx(2.0, rel=0.03)
    assert world.yaw_rate_rad_s == pytest.approx(turn, rel=0.05)
    assert gyro[2] == pytest.approx(turn, rel=0.05)
    assert accel[1] == pytest.approx(2.0 * turn, rel=0.1)  # centripetal: to the left in a left bend


def test_the_odometry_is_the_pose_and_the_velocities(world):
    drive(world, 1.5, 0.5, 1.0)
    pose, twist = world.odometry()
    x, y, yaw = world.pose()
    assert pose == pytest.approx([x, y, 0.0, 0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)])
    assert twist.tolist() == [world.speed_m_s, 0.0, 0.0, 0.0, 0.0, world.yaw_rate_rad_s]


def test_zero_speed_stops_and_holds(world):
    drive(world, 2.0, 0.0, 1.5)
    drive(world, 0.0, 0.0, 1.5)
    assert abs(world.speed_m_s) < 1e-4
    held = world.pose()
    drive(world, 0.0, 0.0, 5.0)
    assert world.pose() == pytest.approx(held, abs=1e-4)


def test_the_brakes_stop_it_as_fast_as_tyres_can_and_do_not_touch_driving(world):
    drive(world, 2.0, 0.0, 1.5)
    drive(world, 0.0, 0.0, 0.25)
    assert abs(world.speed_m_s) < 0.02
    paths = []
    for braked in (False, True):
        with CarWorld(5, render=False) as other:
            if braked:
                drive(other, 0.0, 0.0, 0.5)
                other.set_pose(*other.track.at(0.0, LANE_OFFSET_M))
            for tick in range(50):
                drive(other, 1.0, math.sin(tick / 5), 0.02)
            paths.append(other.pose())
    assert paths[0] == paths[1]


def test_a_turn_on_the_spot_is_no_division_by_zero(world):
    drive(world, 0.0, 1.0, 1.0)
    assert abs(world.speed_m_s) < 1e-3


def test_backwards_keeps_the_yaw_rates_sign(world):
    drive(world, -1.0, 0.4, 2.0)
    assert world.speed_m_s == pytest.approx(-1.0, rel=0.05)
    assert world.yaw_rate_rad_s == pytest.approx(0.4, rel=0.1)


def test_steering_is_limited(world):
    drive(world, 1.0, 50.0, 2.0)
    # tan(0.5 rad) / 0.6 m = 0.91 1/m; the tyres give a little.
    assert world.yaw_rate_rad_s / world.speed_m_s == pytest.approx(0.91, rel=0.05)


@pytest.mark.parametrize('command', [(math.nan, 0.0), (1.0, math.inf)])
def test_a_command_must_be_finite(world, command):
    with pytest.raises(ValueError, match=r'a velocity command must be finite. Got'):
        world.apply(command)


def test_a_barrel_stops_the_car(world):
    barrel = world._model.geom('barrel_0').pos
    world.set_pose(barrel[0] - 2.0, barrel[1], 0.0)
    drive(world, 1.0, 0.0, 4.0)
    assert world.pose()[0] < barrel[0] - 0.5


def test_set_pose_puts_it_anywhere_at_rest(world):
    drive(world, 2.0, 1.0, 1.0)
    world.set_pose(1.0, -2.0, 2.5, steering_rad=0.3)
    assert world.pose() == pytest.approx((1.0, -2.0, 2.5))
    assert world.speed_m_s == 0
    assert world._data.joint('steer_left').qpos[0] == 0.3


def test_bad_arguments_are_refused():
    with pytest.raises(InputError, match='a scene must be one of summer, winter, '):
        CarWorld(1, 'desert', render=False)
    with pytest.raises(InputError, match='a track must be named by an integer'):
        CarWorld(-1, render=False)
    with pytest.raises(InputError, match=r'the scenery must be named by an integer seed ≥ 0\. Got -2'):
        CarWorld(1, scenery_seed=-2, render=False)


def test_a_world_without_pictures_says_so(world):
    with pytest.raises(RuntimeError, match='make it with render=True'):
        world.camera()


@pytest.mark.parametrize('scene', ['winter', 'other_camera'])
def test_looks_do_not_change_physics(scene):
    with CarWorld(9, scene, render=False) as world, CarWorld(9, render=False) as plain:
        for each in (world, plain):
            drive(each, 1.8, 0.5, 1.0)
        assert world.pose() == plain.pose()
