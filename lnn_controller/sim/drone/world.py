"""The drone's world: advance it, command it, look through its sensors, ask for the truth."""

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.errors import InputError, check_name
from lnn_controller.sim.delay import Delay
from lnn_controller.sim.drone.body import (
    DRAG_N_S_M,
    DRONE_LOOK_GROUP,
    FOVY_DEG,
    MASS_KG,
    ROTORS,
    TIMESTEP_S,
)
from lnn_controller.sim.drone.flight import GRAVITY_M_S2, FlightController
from lnn_controller.sim.drone.model import build_model, move_things
from lnn_controller.sim.drone.perturbation import DronePerturbation
from lnn_controller.sim.drone.scenery import FIELD_M, obstacles, place_houses, place_things
from lnn_controller.sim.drone.scenes import SCENES
from lnn_controller.sim.drone.wind import Wind
from lnn_controller.sim.interface import Clock, Odometry, check_seed
from lnn_controller.sim.render.cameras import Cameras
from lnn_controller.sim.render.gl import mujoco
from lnn_controller.sim.render.mjcf import heading, turned_camera

__all__ = ['DroneWorld']

Floats = NDArray[np.float64]

CAMERA_SIZE = (128, 72)  # width, height
START_HEIGHT_M = 1.4
FLIGHT_STEPS = 3  # from decision to decision of the flight controller
SCENERY_GROUPS = np.array([0, 1, 0, 0, 0, 0], np.uint8)  # neither ground and target nor the drone
CHASE_BEHIND_M, CHASE_ABOVE_M, CHASE_DOWN_RAD = 2.2, 0.8, 0.24
SHADE_M = 0.02  # height of shadows over the ground, so that they are in front of it


class DroneWorld:
    """
    A quadrotor in a forest or a town, with a red ball, the target.

    It takes velocities in the heading frame: level, x along the nose, y left, z up. An autopilot's cascade flies it;
    zeros hover. The pose is that of the middle of the rotors (``base_link``); the world frame is x east, y north, z up
    from the ground (REP-103). The same arguments and the same calls give bit-identical states and pictures. With
    pictures, a world belongs to the thread that made it.

    :param seed: of where things stand, and of the wind, ≥ 0
    :param scene: a key of :data:`~lnn_controller.sim.drone.scenes.SCENES`
    :param scenery_seed: of the sizes and colours of what stands about, ≥ 0
    :param render: False for a world without pictures, which needs no OpenGL
    :raises InputError: if the scene is unknown, a seed is not an integer ≥ 0, things find no room, or OpenGL is missing
    """

    channels = ('linear_x', 'linear_y', 'linear_z', 'angular_z')
    clock = Clock(round(1 / TIMESTEP_S), camera=20, imu=3, odometry=10)  # 15, 100 and 30 Hz
    field_m = FIELD_M
    half_field_of_view_rad = math.atan(math.tan(math.radians(FOVY_DEG / 2)) * CAMERA_SIZE[0] / CAMERA_SIZE[1])

    def __init__(self, seed: int, scene: str = 'summer', *, scenery_seed: int = 0, render: bool = True) -> None:
        self.seed = check_seed(seed, 'a place')
        self.scene = SCENES[check_name('a scene', scene, SCENES)]
        self._model, stock, houses = build_model(scene, check_seed(scenery_seed, 'the scenery'))
        placing = np.random.default_rng([self.seed, 1])
        try:
            places = place_things(stock, placing)
        except InputError as error:
            raise InputError(f'{error}. Got {self.seed}') from None
        move_things(self._model, 'thing', places)
        if houses:
            move_things(self._model, 'house', place_houses(placing))
        self.obstacles = obstacles(stock, places)
        self._data = mujoco.MjData(self._model)
        self._drone = self._model.body('drone').id
        self._target: Floats = self._data.mocap_pos[int(self._model.body('target').mocapid[0])]
        self._gyro, self._accelerometer = (self._sensor(name) for name in ('gyro', 'accelerometer'))
        self._camera_pose = self._model.camera('front')
        self._nominal_attitude = self._camera_pose.quat.copy()
        self._nominal_inertia = self._model.body_inertia[self._drone].copy()
        self._perturbation = DronePerturbation()
        self._flight = FlightController(FLIGHT_STEPS * TIMESTEP_S)
        self._wind = Wind(self.seed, FLIGHT_STEPS * TIMESTEP_S)
        self._delay = Delay()
        self._steps = 0
        self._cameras = Cameras(self._model, CAMERA_SIZE, hidden_group=DRONE_LOOK_GROUP, render=render)
        self.set_pose(0.0, 0.0, START_HEIGHT_M, 0.0)

    def _sensor(self, name: str) -> slice:
        start = int(self._model.sensor(name).adr[0])
        return slice(start, start + 3)

    def set_pose(self, x: float, y: float, z: float, yaw: float) -> None:
        """
        Put the drone anywhere, hovering at rest; what it has touched is forgotten. Simulated time runs on.

        :param x: m
        :param y: m
        :param z: above the ground, m
        :param yaw: rad
        """
        data, target = self._data, self._target.copy()
        self._delay.forget()
        mujoco.mj_resetData(self._model, data)
        self._target[:] = target
        # It has hovered there for a while: it leans into the wind, and its integrators know wind, load and rotors.
        wind = self._wind.mean(self._perturbation.wind_m_s)
        mass = float(self._model.body_mass[self._drone])
        force = np.array([-DRAG_N_S_M * wind[0], -DRAG_N_S_M * wind[1], mass * GRAVITY_M_S2])
        thrust = float(np.linalg.norm(force))
        up = force / thrust
        left = np.cross(up, (math.cos(yaw), math.sin(yaw), 0.0))
        left /= np.linalg.norm(left)
        data.qpos[:3] = x, y, z
        mujoco.mju_mat2Quat(data.qpos[3:7], np.column_stack([np.cross(left, up), left, up]).ravel())
        demanded = thrust / len(ROTORS) / self._model.actuator_gainprm[:, 0]
        data.act[:] = data.ctrl[:] = demanded
        self._flight.hover(yaw, tuple(up.tolist()), demanded.tolist())
        self._push(wind)
        mujoco.mj_forward(self._model, data)
        self._touched = False

    def show(self, pose: Floats, command: Floats) -> None:
        """
        Put the drone where it was once, leaning as it did, for a picture.

        :param pose: x, y, z (m) and the quaternion x, y, z, w, (7,)
        :param command: what it was commanded then, which nothing shows, (4,)
        """
        self._data.qpos[:7] = pose[[0, 1, 2, 6, 3, 4, 5]]
        mujoco.mj_forward(self._model, self._data)

    @property
    def target(self) -> Floats:
        """Where the target's centre is, m, (3,)."""
        return self._target.copy()

    def set_target(self, x: float, y: float, z: float) -> None:
        """
        Put the target's centre somewhere.

        :param x: m
        :param y: m
        :param z: above the ground, m
        """
        self._target[:] = x, y, z
        mujoco.mj_kinematics(self._model, self._data)

    @property
    def contact(self) -> bool:
        """Whether the drone has touched anything since it was last put somewhere."""
        return self._touched or self._data.ncon > 0

    @property
    def perturbation(self) -> DronePerturbation:
        """What makes flying harder or easier; may be set at any time. Commands under way keep their delay."""
        return self._perturbation

    @perturbation.setter
    def perturbation(self, perturbation: DronePerturbation) -> None:
        before, self._perturbation = self._perturbation, perturbation
        model = self._model
        if perturbation.payload_kg != before.payload_kg:
            heavier = (MASS_KG + perturbation.payload_kg) / MASS_KG
            model.body_mass[self._drone] = MASS_KG * heavier
            model.body_inertia[self._drone] = self._nominal_inertia * heavier
            mujoco.mj_setConst(model, mujoco.MjData(model))
        model.actuator_gainprm[1, 0] = perturbation.rotor_gain  # the front left one, see body.ROTORS
        self._camera_pose.quat = turned_camera(
            self._nominal_attitude, perturbation.camera_pitch_deg, perturbation.camera_roll_deg
        )

    def apply(self, command: ArrayLike) -> None:
        """
        Set the velocity command in the heading frame; it holds until the next.

        The flight controller accepts at most 2.5 m/s ahead, 1.5 m/s aside, 1 m/s up or down and 1.5 rad/s.

        :param command: velocity ahead, left and up, m/s; yaw rate, rad/s, positive left; (4,); zeros hover
        :raises ValueError: if one of them is not finite
        """
        ahead, left, up, turn = np.asarray(command, np.float64).tolist()
        wanted = (ahead, left, up, turn)
        if not all(map(math.isfinite, wanted)):
            pairs = ', '.join(f'{name} {value}' for name, value in zip(self.channels, wanted, strict=True))
            raise ValueError(f'a velocity command must be finite. Got {pairs}')
        delay = round(self._perturbation.latency_s * self.clock.steps_per_second)
        self._delay.send(wanted, self._steps, delay)

    def advance(self, steps: int) -> None:
        """
        Let simulated time pass.

        :param steps: of 1/300 s
        """
        data = self._data
        for _ in range(steps):
            command = self._delay.arrived(self._steps)
            if command is not None:
                self._flight.take(command)
            if self._steps % FLIGHT_STEPS == 0:
                rotation, motion = data.xmat[self._drone].tolist(), data.qvel.tolist()
                data.ctrl[:] = self._flight.thrusts(rotation, motion[:3], motion[3:])
                self._push(self._wind.blow(self._perturbation.wind_m_s, self._perturbation.gusts), motion)
            mujoco.mj_step(self._model, data)
            self._steps += 1
            if data.ncon:
                self._touched = True

    def _push(self, wind: tuple[float, float, float], motion: Sequence[float] = (0.0, 0.0, 0.0)) -> None:
        """Let the air drag the drone along."""
        self._data.xfrc_applied[self._drone, :3] = [
            DRAG_N_S_M * (air - own) for air, own in zip(wind, motion[:3], strict=True)
        ]

    @property
    def time_ns(self) -> int:
        """Simulated time, ns; starts at one second."""
        return self.clock.time_ns(self._steps)

    def camera(self) -> NDArray[np.uint8]:
        """
        What the front camera sees.

        :returns: rgb8, (72, 128, 3)
        :raises RuntimeError: if the world was made with ``render=False``, or in another thread
        """
        return self._cameras.front(self._data)

    def chase(self, width: int = 640, height: int = 360) -> NDArray[np.uint8]:
        """
        The drone seen from behind and above, for people; nearer where something stands in the way.

        :param width: pixels
        :param height: pixels
        :returns: rgb8, (height, width, 3)
        :raises InputError: if OpenGL is missing
        :raises RuntimeError: in another thread than the one that made the world's first picture of this size
        """
        x, y, z, yaw = self.pose()
        cos, sin = math.cos(yaw), math.sin(yaw)
        away = np.array([-CHASE_BEHIND_M * cos, -CHASE_BEHIND_M * sin, CHASE_ABOVE_M])
        seen_from = self._free_until((x, y, z), away)
        camera = self._model.camera('chase').id
        # It follows the heading alone: a picture that rolled with the drone would make people sick.
        down, level = math.sin(CHASE_DOWN_RAD), math.cos(CHASE_DOWN_RAD)
        self._data.cam_xpos[camera] = np.array([x, y, z]) + seen_from * away
        self._data.cam_xmat[camera] = np.column_stack(
            [(sin, -cos, 0.0), (down * cos, down * sin, level), (-level * cos, -level * sin, down)]
        ).ravel()
        # Shadows straight below tell people how high things are; the drone's own camera is not helped by them.
        for name, above in (('drone_shade', (x, y)), ('target_shade', self._target[:2])):
            self._data.geom_xpos[self._model.geom(name).id] = *above, SHADE_M
        return self._cameras.chase(self._data, width, height)

    def sight(self, point: ArrayLike) -> bool:
        """
        Look whether a straight line from the camera to a point is free of all that hides: trunks, leaves, cars, houses.

        :param point: x, y, z, m, (3,); where the target hides itself does not count
        :returns: whether it is; wherever the camera looks
        """
        start = self._data.cam_xpos[self._camera_pose.id]
        return self._free_until(start, np.asarray(point, np.float64) - start) >= 1.0

    def _free_until(self, start: ArrayLike, line: Floats) -> float:
        """What share of a line, at most all of it, is free of scenery."""
        share = mujoco.mj_ray(
            self._model, self._data, np.array(start, np.float64), line, SCENERY_GROUPS, 1, -1, np.zeros(1, np.int32)
        )
        return 1.0 if share < 0.0 or share > 1.0 else max(0.9 * share, 0.0)

    def imu(self) -> tuple[Floats, Floats]:
        """
        The IMU, in the middle of the drone, axes as its own (x ahead, y left, z up).

        :returns: angular velocity, rad/s, (3,); specific force with gravity, m/s², (3,): +9.81 on z at rest
        """
        values, perturbation = self._data.sensordata, self._perturbation
        gyro, accel = values[self._gyro].copy(), values[self._accelerometer].copy()
        gyro[2] += perturbation.gyro_bias_rad_s
        accel[0] += perturbation.accel_bias_m_s2
        return gyro, accel

    def pose(self) -> tuple[float, float, float, float]:
        """
        The truth of where the drone is.

        :returns: x, y, z (m) of its middle, and yaw (rad, −π…π)
        """
        x, y, z, *turn = self._data.qpos[:7].tolist()
        return x, y, z, heading(turn)

    def odometry(self) -> Odometry:
        """
        Return where the drone is and how it moves, the twist along its own axes, which lean as it does.

        :returns: ground truth of its middle
        """
        qpos, qvel = self._data.qpos, self._data.qvel
        turn, linear = qpos[3:7] * (1.0, -1.0, -1.0, -1.0), np.zeros(3)
        mujoco.mju_rotVecQuat(linear, qvel[:3], turn)
        return Odometry(np.concatenate([qpos[:3], qpos[4:7], qpos[3:4]]), np.concatenate([linear, qvel[3:6]]))

    def close(self) -> None:
        """Free what pictures took; further calls do nothing. In the thread that made the world."""
        self._cameras.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
