"""The drone flies: commands, wind, load, worn rotors, contact, and what a seed decides."""

import math

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.settings import settings_of
from lnn_controller.sim.drone.body import DRAG_N_S_M, DRAG_TORQUE_M, HULL_RADIUS_M, MASS_KG, MAX_THRUST_N, ROTORS
from lnn_controller.sim.drone.flight import LIMITS
from lnn_controller.sim.drone.perturbation import DronePerturbation
from lnn_controller.sim.drone.scenes import SCENES
from lnn_controller.sim.drone.world import DroneWorld
from lnn_controller.sim.interface import Perturbable, Targeted
from lnn_controller.sim.render.gl import mujoco

CALM = DronePerturbation(wind_m_s=0.0)
FORESTS, TOWNS = ('summer', 'autumn', 'winter'), ('urban', 'dusk')


def world(perturbation=CALM, *, seed=3, scene='summer', at=(0.0, 0.0, 1.6, 0.4), **options):
    made = DroneWorld(seed, scene, render=False, **options)
    made.perturbation = perturbation
    made.set_pose(*at)
    return made


def heading_velocities(made):
    """Ahead, left, up and the yaw rate, from the truth in the world's frame."""
    x, y, z = made._data.qvel[:3]
    yaw = made.pose()[3]
    return np.array(
        [math.cos(yaw) * x + math.sin(yaw) * y, math.cos(yaw) * y - math.sin(yaw) * x, z, made._data.qvel[5]]
    )


def flown(made, command, seconds):
    """Velocities by channel, 30 a second."""
    made.apply(command)
    rows = []
    for _ in range(round(30 * seconds)):
        made.advance(made.clock.odometry)
        rows.append(heading_velocities(made))
    return np.array(rows)


def test_the_rates_are_whole_numbers_of_steps():
    clock = DroneWorld.clock
    assert [clock.steps_per_second / period for period in (clock.camera, clock.imu, clock.odometry)] == [15, 100, 30]
    made = world()
    assert isinstance(made, Perturbable)
    assert isinstance(made, Targeted)


def test_time_starts_at_one_second_and_never_goes_back():
    made = world()
    assert made.time_ns == 1_000_000_000
    made.advance(made.clock.odometry)
    made.set_pose(1.0, 2.0, 3.0, 0.5)
    assert made.time_ns == 1_033_333_333
    assert made.pose() == pytest.approx((1.0, 2.0, 3.0, 0.5))


def test_the_imu_of_a_hover_feels_gravity_alone():
    made = world()
    for _ in range(2):
        gyro, accel = made.imu()
        assert gyro == pytest.approx(0.0, abs=1e-6)
        assert accel == pytest.approx((0.0, 0.0, 9.81), abs=1e-4)
        made.advance(300)


@pytest.mark.parametrize('wind_m_s', [0.0, 2.0, 4.0])
def test_zeros_hold_the_place_in_wind(wind_m_s):
    made = world(DronePerturbation(wind_m_s=wind_m_s))
    before = made.pose()
    speeds = np.linalg.norm(flown(made, np.zeros(4), 20.0)[:, :3], axis=1)
    assert math.sqrt(np.mean(speeds**2)) <= 0.025 * wind_m_s + 1e-6
    assert made.pose()[:3] == pytest.approx(before[:3], abs=0.1 * wind_m_s + 1e-6)
    assert made.pose()[3] == pytest.approx(before[3], abs=0.03)
    assert not made.contact


def test_a_wind_that_rises_is_learnt_by_the_integrator():
    """A controller without one would drift for ever at drag · wind / (mass · gain), 0.37 m/s."""
    made = world()
    made.perturbation = DronePerturbation(wind_m_s=4.0, gusts=0.0)
    speeds = np.linalg.norm(flown(made, np.zeros(4), 6.0)[:, :3], axis=1)
    assert speeds.max() > 0.1
    assert speeds[-30:].max() < 0.02


def test_it_leans_into_the_wind():
    made = world(DronePerturbation(wind_m_s=4.0, gusts=0.0))
    made.advance(3)
    up = made._data.xmat[made._drone].reshape(3, 3)[:, 2]
    wind = np.array(made._wind.mean(4.0))
    assert up @ wind / 4.0 == pytest.approx(-math.sin(math.atan(DRAG_N_S_M * 4.0 / (MASS_KG * 9.81))), rel=1e-3)


@pytest.mark.parametrize('value', [1.0, -0.6])
@pytest.mark.parametrize('channel', range(4))
def test_a_velocity_is_reached_in_its_channel_and_with_its_sign(channel, value):
    made = world(at=(0.0, 0.0, 3.0, 0.9))
    command = np.zeros(4)
    command[channel] = value
    velocities = flown(made, command, 2.0)
    reached = velocities[:, channel] / value
    assert 0.0 < np.argmax(reached > 0.9) / 30 < 0.7
    assert reached.max() < 1.25
    assert velocities[-1] == pytest.approx(command, abs=0.08)
    made.apply(np.zeros(4))
    made.advance(600)
    assert heading_velocities(made) == pytest.approx(0.0, abs=0.03)


def test_the_frame_of_commands_is_level_and_turns_with_the_heading():
    made = world(at=(0.0, 0.0, 1.5, math.pi / 2))
    flown(made, (1.0, 0.0, 0.0, 0.0), 2.0)
    x, y, z, _ = made.pose()
    assert y > 1.2
    assert (x, z) == pytest.approx((0.0, 1.5), abs=0.05)


def test_it_stops_from_full_speed():
    made = world(DronePerturbation(wind_m_s=2.0), at=(0.0, 0.0, 4.0, 0.0))
    flown(made, LIMITS, 2.0)
    assert np.linalg.norm(heading_velocities(made)[:2]) > 2.4
    assert np.abs(flown(made, np.zeros(4), 3.0)[-15:]).max() < 0.12


def test_it_accepts_no_more_than_its_limits():
    made = world(at=(0.0, 0.0, 9.0, 0.7))
    velocities = flown(made, (50.0, -50.0, 50.0, 0.0), 3.0)
    assert np.abs(velocities[-1, :3]) == pytest.approx(LIMITS[:3], rel=0.03)
    assert flown(made, (0.0, 0.0, 0.0, -50.0), 2.0)[-1, 3] == pytest.approx(-LIMITS[3], rel=0.03)


def test_the_odometry_is_the_pose_and_the_twist_in_the_bodys_own_axes():
    made = world(at=(0.0, 0.0, 2.0, 1.0))
    flown(made, (2.0, 0.5, 0.3, 0.8), 0.3)
    pose, twist = made.odometry()
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, np.roll(pose[3:], 1))
    assert rotation[8] < 0.99, 'it leans'
    assert rotation.reshape(3, 3) @ twist[:3] == pytest.approx(made._data.qvel[:3])
    before = made.pose()
    made.advance(1)
    moved = np.array(made.pose()[:3]) - before[:3]
    assert rotation.reshape(3, 3) @ twist[:3] == pytest.approx(moved * 300, abs=0.03)
    assert pose[:3] == pytest.approx(before[:3])
    assert twist[3:] == pytest.approx(made.imu()[0], abs=0.3)


def test_the_imu_feels_what_the_rotors_and_the_air_do():
    """Specific force is thrust along the body and drag: no gravity."""
    made = world(at=(0.0, 0.0, 3.0, 0.0))
    flown(made, (1.5, 0.0, 0.0, 0.0), 3.0)
    _, accel = made.imu()
    assert np.linalg.norm(accel) == pytest.approx(9.81, rel=0.01)
    assert accel[0] == pytest.approx(-DRAG_N_S_M * 1.5 / MASS_KG, rel=0.05)
    gyro, _ = made.imu()
    assert gyro == pytest.approx(0.0, abs=0.01)
    flown(made, (0.0, 0.0, 0.0, 1.0), 2.0)
    assert made.imu()[0][2] == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize(
    'perturbation',
    [
        DronePerturbation(payload_kg=0.4),
        DronePerturbation(rotor_gain=0.7),
        DronePerturbation(payload_kg=0.2, rotor_gain=0.85, wind_m_s=3.0),
    ],
)
def test_it_hovers_with_a_load_and_on_a_worn_rotor(perturbation):
    made = world(perturbation)
    x, y, z, yaw = made.pose()
    flown(made, np.zeros(4), 10.0)
    assert made.pose() == pytest.approx((x, y, z, yaw), abs=0.1 * perturbation.wind_m_s)


def test_what_begins_in_flight_is_caught():
    for perturbation in (DronePerturbation(payload_kg=0.2, wind_m_s=0.0), DronePerturbation(rotor_gain=0.8)):
        made = world(at=(0.0, 0.0, 2.5, 0.0))
        made.perturbation = perturbation
        velocities = flown(made, np.zeros(4), 6.0)
        assert velocities[:15, 2].min() < -0.03
        assert np.abs(velocities[-15:, :3]).max() < 0.05
        assert made.pose()[2] > 1.8


def test_a_load_makes_it_heavier_and_its_end_makes_it_the_same_again():
    made = world()
    nominal = made._model.body_mass[made._drone], made._model.body_inertia[made._drone].copy()
    made.perturbation = DronePerturbation(payload_kg=0.3)
    assert made._model.body_mass[made._drone] == pytest.approx(MASS_KG + 0.3)
    made.perturbation = CALM
    assert made._model.body_mass[made._drone] == nominal[0]
    assert np.array_equal(made._model.body_inertia[made._drone], nominal[1])


def test_rotors_lag_and_their_drag_turns_the_body():
    made = world()
    made._data.qvel[:] = 0.0
    made._data.ctrl[:] = made._data.act[:]
    opposite = [k for k, (*_, spin) in enumerate(ROTORS) if spin > 0]
    made._data.ctrl[opposite] += 1.0
    for _ in range(round(0.03 * 300)):
        mujoco.mj_step(made._model, made._data)
    assert made._data.act[opposite] - made._data.act[1] == pytest.approx(1 - math.exp(-1), rel=0.01)
    mujoco.mj_forward(made._model, made._data)
    thrusts = made._data.act[opposite].sum() - 2 * made._data.act[1]
    assert made._data.qacc[5] == pytest.approx(DRAG_TORQUE_M * thrusts / 0.008, rel=0.01)


def test_the_imu_drifts():
    made = world()
    gyro, accel = made.imu()
    made.perturbation = DronePerturbation(wind_m_s=0.0, gyro_bias_rad_s=0.05, accel_bias_m_s2=-0.3)
    assert made.imu()[0] - gyro == pytest.approx((0.0, 0.0, 0.05))
    assert made.imu()[1] - accel == pytest.approx((-0.3, 0.0, 0.0))


def test_commands_act_later_by_whole_steps():
    prompt, late = world(), world(DronePerturbation(wind_m_s=0.0, latency_s=0.1))
    for made, steps in ((prompt, 120), (late, 150)):
        made.apply((1.0, 0.0, 0.0, 0.5))
        made.advance(steps)
    assert late.pose() == pytest.approx(prompt.pose(), abs=1e-9)
    assert prompt.pose()[0] > 0.05


def test_a_shorter_delay_lets_no_command_overtake():
    made = world(DronePerturbation(wind_m_s=0.0, latency_s=0.5))
    made.apply((1.0, 0.0, 0.0, 0.0))
    made.perturbation = CALM
    made.apply((0.0, 0.0, 0.0, 0.0))
    made.advance(450)
    assert np.abs(heading_velocities(made)).max() < 0.05


@pytest.mark.parametrize('command', [(math.nan, 0, 0, 0), (0, 0, math.inf, 0)])
def test_a_command_must_be_finite(command):
    with pytest.raises(ValueError, match=r'a velocity command must be finite. Got linear_x'):
        world().apply(command)


def towards(made, x, y, z):
    """Fly straight at something from two metres away."""
    for angle in np.arange(0.0, 2 * np.pi, 0.2):
        start = np.array([x, y]) - 2.0 * np.array([math.cos(angle), math.sin(angle)])
        room = np.hypot(*(made.obstacles[:, :2] - start).T) - made.obstacles[:, 2]
        if room.min() > 0.8:
            made.set_pose(*start, z, angle)
            assert not made.contact
            made.apply((1.0, 0.0, 0.0, 0.0))
            for _ in range(90):
                made.advance(made.clock.odometry)
                if made.contact:
                    return math.dist(made.pose()[:2], (x, y))
            return math.inf
    raise AssertionError('no way to it')


@pytest.mark.parametrize('scene', ['summer', 'winter', 'urban'])
@pytest.mark.slow
def test_contact_is_noticed_with_what_bars_the_way(scene):
    made = world(scene=scene)
    inner = made.obstacles[np.abs(made.obstacles[:, :2]).max(axis=1) < 18]
    for x, y, radius in inner[:: max(1, len(inner) // 12)]:
        distance = towards(made, x, y, 1.2 if scene != 'urban' else 0.8)
        assert distance < radius + HULL_RADIUS_M + 0.9  # a car is longer than each of its circles
    for x, y, radius in inner[inner[:, 2] < 0.25][:5]:  # trunks and posts are as thick as they are said to be
        assert towards(made, x, y, 1.2) == pytest.approx(radius + HULL_RADIUS_M, abs=0.06)


def test_from_the_ground_it_rises_at_once():
    """However long it was told to sink on the ground, the integrator has not run away."""
    made = world(at=(0.0, 0.0, 0.5, 0.0))
    flown(made, (0.0, 0.0, -0.5, 0.0), 30.0)
    assert made.contact
    flown(made, (0.0, 0.0, 0.5, 0.0), 2.0)
    assert made.pose()[2] > 0.6


def test_contact_is_noticed_with_the_ground_and_the_target_and_forgotten():
    made = world(at=(0.0, 0.0, 1.0, 0.0))
    made.set_target(0.0, 5.0, 1.0)
    made.apply((0.0, 0.0, -0.5, 0.0))
    made.advance(900)
    assert made.contact
    assert made.pose()[2] == pytest.approx(HULL_RADIUS_M, abs=0.03)
    made.set_pose(0.0, 0.0, 1.0, 0.0)
    assert not made.contact
    made.set_target(1.2, 0.0, 1.0)
    made.apply((0.8, 0.0, 0.0, 0.0))
    made.advance(600)
    assert made.contact
    # A touch that is over stays known.
    made.set_target(0.0, 5.0, 1.0)
    made.apply((-0.8, 0.0, 0.0, 0.0))
    made.advance(600)
    assert made.contact


def test_the_target_stays_where_it_was_put():
    made = world()
    made.set_target(3.0, -2.0, 1.3)
    kept = made.target
    made.advance(300)
    made.set_pose(1.0, 1.0, 1.5, 0.0)
    assert made.target.tolist() == kept.tolist() == [3.0, -2.0, 1.3]
    kept[:] = 0.0
    assert made.target[0] == 3.0, 'a copy'


@pytest.mark.parametrize('scene', ['summer', 'winter', 'urban'])
def test_what_bars_the_way_hides_what_is_behind_it(scene):
    made = world(scene=scene)
    for x, y, radius in made.obstacles[::5]:
        away = np.array([x, y]) / math.hypot(x, y)
        made.set_pose(*(np.array([x, y]) - (radius + 0.8) * away), 0.8, math.atan2(y, x))
        assert not made.sight((*(np.array([x, y]) + 2.6 * away), 0.8))


def test_sight_does_not_end_at_the_target_or_the_drone():
    made = world(at=(0.0, 0.0, 1.4, 0.0))
    made.set_target(1.0, 0.0, 1.4)
    assert made.sight((1.2, 0.0, 1.4))
    assert made.sight((-1.2, 0.0, 1.4))
    assert not made.sight((80.0, 0.3, 1.4)), 'a forest is not to be looked through'


@pytest.mark.parametrize('scenes', [FORESTS, TOWNS])
def test_looks_change_neither_places_nor_flight(scenes):
    poses = []
    for scene in scenes:
        made = world(scene=scene, at=(0.0, 0.0, 1.5, 0.0), perturbation=DronePerturbation())
        flown(made, (0.4, 0.2, 0.0, 0.3), 1.0)
        poses.append((made.pose(), made.obstacles.tolist()))
    assert poses[1:] == poses[:-1]


@pytest.mark.parametrize('scene', ['summer', 'urban'])
def test_a_seed_decides_places_and_wind_the_scenerys_seed_sizes(scene):
    first, same, other, sizes = (
        world(DronePerturbation(wind_m_s=2.0), seed=seed, scene=scene, scenery_seed=scenery)
        for seed, scenery in ((5, 0), (5, 0), (6, 0), (5, 1))
    )
    assert np.array_equal(first.obstacles, same.obstacles)
    assert not np.allclose(first.obstacles[:, :2], other.obstacles[:, :2])
    assert np.array_equal(first.obstacles[:, :2], sizes.obstacles[:, :2])
    assert scene == 'urban' or not np.array_equal(first.obstacles[:, 2], sizes.obstacles[:, 2])
    assert first._wind.mean(1.0) == same._wind.mean(1.0) != other._wind.mean(1.0)
    for made in (first, same):
        flown(made, (0.5, 0.0, 0.0, 0.2), 2.0)
    assert first.pose() == same.pose()


def test_worlds_of_one_scene_do_not_share_what_they_change():
    first = world(seed=1)
    before, mass = first.obstacles.copy(), first._model.body_mass.copy()
    position = first._model.body_pos.copy()
    world(DronePerturbation(payload_kg=0.3), seed=2)
    assert np.array_equal(first.obstacles, before)
    assert np.array_equal(first._model.body_mass, mass)
    assert np.array_equal(first._model.body_pos, position)


@pytest.mark.parametrize('scene', ['summer', 'urban'])
def test_things_stand_apart_and_leave_the_middle_free(scene):
    for seed in range(20):
        made = DroneWorld(seed, scene, render=False)
        assert (np.hypot(*made.obstacles[:, :2].T) - made.obstacles[:, 2]).min() > 1.0
        assert np.abs(made.obstacles[:, :2]).max() < made.field_m + 1.5
        assert not made.contact


def test_steps_may_be_asked_for_in_any_portions():
    whole, portions = world(DronePerturbation()), world(DronePerturbation())
    for made, steps in ((whole, (300,)), (portions, (1, 7, 92, 200))):
        made.apply((1.0, 0.3, 0.1, 0.5))
        for each in steps:
            made.advance(each)
    assert whole.pose() == portions.pose()


def test_bad_arguments_are_refused():
    with pytest.raises(InputError, match=rf"a scene must be one of {', '.join(SCENES)}. Got 'sumer': .*summer"):
        DroneWorld(1, 'sumer', render=False)
    with pytest.raises(InputError, match='a place must be named by an integer seed'):
        DroneWorld(-1, render=False)
    with pytest.raises(InputError, match='the scenery must be named by an integer seed'):
        DroneWorld(1, scenery_seed=-2, render=False)
    with pytest.raises(RuntimeError, match='make it with render=True'):
        DroneWorld(1, render=False).camera()


def test_it_holds_its_place_with_the_heaviest_load_in_the_strongest_wind():
    most = {name: settings_of(DronePerturbation)[name].maximum for name in ('payload_kg', 'wind_m_s')}
    made = world(DronePerturbation(**most))
    place = made.pose()
    flown(made, np.zeros(4), 10.0)
    assert made.pose() == pytest.approx(place, abs=0.1 * most['wind_m_s'])
    assert made._data.act.max() < 0.8 * MAX_THRUST_N


def test_a_place_without_room_for_its_things_is_refused_by_its_seed(monkeypatch):
    monkeypatch.setattr('lnn_controller.sim.drone.scenery.FIELD_M', 3.0)
    with pytest.raises(InputError, match=r'must have a seed by which \d+ things find room. Got 7'):
        DroneWorld(7, render=False)
