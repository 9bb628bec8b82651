"""The car's world: advance it, command it, look through its sensors, ask for the truth."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.sim.car.body import CAR_LOOK_GROUP, TIMESTEP_S, TRACK_WIDTH_M, WHEEL_RADIUS_M, WHEELBASE_M
from lnn_controller.sim.car.eyes import GOOD, Darkness, Eyes, dark_picture
from lnn_controller.sim.car.model import build_model
from lnn_controller.sim.car.nominal_model import NominalModel
from lnn_controller.sim.delay import Delay
from lnn_controller.sim.interface import Clock, Odometry, check_seed
from lnn_controller.sim.perturbation import Perturbation
from lnn_controller.sim.render.cameras import Cameras
from lnn_controller.sim.render.gl import mujoco
from lnn_controller.sim.render.lens import Lens
from lnn_controller.sim.render.mjcf import heading
from lnn_controller.sim.render.scenes import find_scene
from lnn_controller.sim.tasks.track import Track

__all__ = ['CarWorld']

CAMERA_SIZE = (200, 66)  # width, height
MAX_STEERING_RAD = 0.5
STEERING_FLOOR_M_S = 0.3  # below this speed ω / v is no usable curvature
SETTLE_STEPS = 240
BRAKE_N_M = 5.0  # at each wheel: as much as the tyres hold


class CarWorld:
    """
    A car with rear drive and Ackermann steering on a road.

    The car's reference point, of which pose and speed speak, is the middle of its rear axle, on the ground. The world
    frame is x east, y north, yaw counter-clockwise (REP-103). The same arguments and the same calls give bit-identical
    states and pictures. With pictures, a world belongs to the thread that made it.

    :param seed: of the road, ≥ 0
    :param scene: how it looks: a key of :data:`~lnn_controller.sim.render.scenes.SCENES`
    :param scenery_seed: of what stands beside the road, ≥ 0
    :param render: False for a world without pictures, which needs no OpenGL
    :param road: makes the road from its seed
    :param eyes: when the camera sees
    :raises InputError: if the scene is unknown, a seed is not an integer ≥ 0, or OpenGL is missing
    """

    channels = ('linear_x', 'angular_z')
    clock = Clock(round(1 / TIMESTEP_S), camera=20, imu=3, odometry=12)  # 30, 200 and 50 Hz

    def __init__(
        self,
        seed: int,
        scene: str = 'summer',
        *,
        scenery_seed: int = 0,
        render: bool = True,
        road: Callable[[int], Track] = Track,
        eyes: Eyes = GOOD,
    ) -> None:
        self.scene = find_scene(scene)
        self.scenery_seed = check_seed(scenery_seed, 'the scenery')
        self.track = road(seed)
        self._model = build_model(self.track, self.scene, self.scenery_seed)
        self._data = mujoco.MjData(self._model)
        self._steps = 0
        self._eyes = eyes
        self.clock = replace(CarWorld.clock, camera=eyes.period)
        self._darkness = Darkness(self.track, eyes.dark_s, self.clock.steps_per_second) if eyes.dark_s else None
        self._past: deque[tuple[int, NDArray[np.float64], NDArray[np.float64]]] = deque()
        self._seen = mujoco.MjData(self._model) if eyes.late else self._data
        wheels = [f'{end}_{side}' for end in ('front', 'rear') for side in ('left', 'right')]
        self._axles = [int(self._model.joint(name).dofadr[0]) for name in wheels]
        self._gyro = self._sensor('gyro')
        self._accelerometer = self._sensor('accelerometer')
        self._nominal = NominalModel(self._model)
        self._perturbation = Perturbation()
        self._delay = Delay()
        self._cameras = Cameras(self._model, CAMERA_SIZE, hidden_group=CAR_LOOK_GROUP, render=render)
        self._lens = self._find_lens()
        self._settled = self._settle()
        self.set_pose(*self.track.at(0.0, self.track.lane_offset_m))

    def _sensor(self, name: str) -> slice:
        start = int(self._model.sensor(name).adr[0])
        return slice(start, start + 3)

    def _find_lens(self) -> Lens | None:
        if self.scene.optics is None:
            return None
        camera = self._model.camera('front')
        return Lens(
            self.scene.optics,
            CAMERA_SIZE,
            fovy_deg=float(camera.fovy[0]),
            seed=self.track.seed,
            sun=-self._model.light('sun').dir,
            ground_m=float(camera.pos[2]) + WHEEL_RADIUS_M,
            step_s=TIMESTEP_S,
        )

    def _settle(self) -> NDArray[np.float64]:
        """Let the car sink onto its wheels once: the pose (qpos) at rest at the origin."""
        for _ in range(SETTLE_STEPS):
            mujoco.mj_step(self._model, self._data)
        rest: NDArray[np.float64] = self._data.qpos.copy()
        rest[:2] = 0.0
        return rest

    def set_pose(self, x: float, y: float, yaw: float, *, steering_rad: float = 0.0) -> None:
        """
        Put the car anywhere, at rest. Simulated time runs on: it never goes back.

        :param x: m
        :param y: m
        :param yaw: rad
        :param steering_rad: angle of the front wheels, rad, positive left
        """
        self._delay.forget()
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:] = self._settled
        self._data.qpos[:2] = x, y
        # The settled car leans by a hair; turn that attitude as a whole about the vertical.
        turn = np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
        mujoco.mju_mulQuat(self._data.qpos[3:7], turn, self._settled[3:7])
        for side in ('left', 'right'):
            self._data.joint(f'steer_{side}').qpos[0] = steering_rad
        self._data.qvel[:] = 0.0
        self._data.act[:] = steering_rad
        self._data.ctrl[:2] = steering_rad
        self._data.ctrl[2] = 0.0
        mujoco.mj_forward(self._model, self._data)
        self._past.clear()
        self._remember()

    def show(self, pose: NDArray[np.float64], command: NDArray[np.float64]) -> None:
        """
        Put the car where it was once, level and at rest, for a picture.

        :param pose: x, y, z (m) and the quaternion x, y, z, w, (7,)
        :param command: what it was commanded then: speed (m/s), yaw rate (rad/s), which turns the front wheels; (2,)
        """
        x, y, _, _, _, sin, cos = pose.tolist()
        speed, turn = command.tolist()
        steering = math.atan(WHEELBASE_M * turn / max(abs(speed), STEERING_FLOOR_M_S))
        limit = MAX_STEERING_RAD
        self.set_pose(x, y, 2.0 * math.atan2(sin, cos), steering_rad=min(max(steering, -limit), limit))

    @property
    def perturbation(self) -> Perturbation:
        """How the car differs from the nominal one; may be set at any time. Commands under way keep their delay."""
        return self._perturbation

    @perturbation.setter
    def perturbation(self, perturbation: Perturbation) -> None:
        self._perturbation = perturbation
        self._nominal.apply(perturbation)

    def apply(self, command: ArrayLike) -> None:
        """
        Set the velocity command; it holds until the next.

        The curvature ω / v becomes a steering angle δ = atan(wheelbase · ω / v), at most 0.5 rad, shared between
        the front wheels after Ackermann; the rear wheels are driven at v. Below 0.3 m/s the curvature is that of
        0.3 m/s, so the wheels stand straight while the command is zero. Motor and steering servo answer with a
        limited force and a lag of some 50 ms. At a speed of exactly zero the brakes of all wheels come on.

        :param command: forward speed, m/s, 0 brakes and holds; yaw rate, rad/s, positive left; (2,)
        :raises ValueError: if one of them is not finite
        """
        linear_x, angular_z = np.asarray(command, np.float64).tolist()
        if not (math.isfinite(linear_x) and math.isfinite(angular_z)):
            msg = f'a velocity command must be finite. Got linear_x {linear_x}, angular_z {angular_z}'
            raise ValueError(msg)
        delay = round(self._perturbation.latency_s * self.clock.steps_per_second)
        self._delay.send((linear_x, angular_z), self._steps, delay)
        self._take_command()

    def _take_command(self) -> None:
        command = self._delay.arrived(self._steps)
        if command is not None:
            self._steer(*command)

    def _steer(self, linear_x: float, angular_z: float) -> None:
        perturbation = self._perturbation
        angular_z = perturbation.steering_gain * angular_z + perturbation.steering_trim_rad_s
        curvature = angular_z / math.copysign(max(abs(linear_x), STEERING_FLOOR_M_S), linear_x)
        limit = math.tan(MAX_STEERING_RAD) / WHEELBASE_M
        curvature = min(max(curvature, -limit), limit)
        half = TRACK_WIDTH_M / 2
        self._data.ctrl[0] = math.atan(WHEELBASE_M * curvature / (1 - half * curvature))
        self._data.ctrl[1] = math.atan(WHEELBASE_M * curvature / (1 + half * curvature))
        self._data.ctrl[2] = perturbation.speed_gain * linear_x / WHEEL_RADIUS_M
        self._model.dof_frictionloss[self._axles] = 0.0 if linear_x else BRAKE_N_M

    def advance(self, steps: int) -> None:
        """
        Let simulated time pass.

        :param steps: of 1/600 s
        """
        end = self._steps + steps
        while self._steps < end:
            self._take_command()
            ahead = self._delay.next_step(end)
            mujoco.mj_step(self._model, self._data, nstep=ahead - self._steps)
            self._steps = ahead
        self._remember()

    def _remember(self) -> None:
        """Keep what a late picture will show."""
        if not self._eyes.late:
            return
        self._past.append((self._steps, self._data.qpos.copy(), self._data.qvel.copy()))
        while len(self._past) > 1 and self._past[1][0] <= self._steps - self._eyes.late:
            self._past.popleft()

    @property
    def time_ns(self) -> int:
        """Simulated time, ns; starts at one second."""
        return self.clock.time_ns(self._steps)

    def camera(self) -> NDArray[np.uint8]:
        """
        What comes from the front camera.

        :returns: rgb8, (66, 200, 3)
        :raises RuntimeError: if the world was made with ``render=False``, or in another thread
        """
        if self._darkness is not None:
            x, y, _ = self.pose()
            if self._darkness(self._steps, self.track.project(x, y)[0]):
                width, height = CAMERA_SIZE
                return dark_picture(height, width, self.track.seed, self._steps)
        if self._eyes.late:
            _, self._seen.qpos[:], self._seen.qvel[:] = self._past[0]
            mujoco.mj_forward(self._model, self._seen)
        picture = self._cameras.front(self._seen)
        if self._lens is None:
            return picture
        velocity, turning = self._camera_motion()
        attitude = self._seen.camera('front').xmat.reshape(3, 3)
        return self._lens(picture, self._steps, attitude, velocity=velocity, turning=turning)

    def _camera_motion(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Velocity (m/s) and angular velocity (rad/s) of the front camera in the world, (3,) each."""
        # A free joint's velocity is of the body's frame: linear in the world's axes, angular in its own.
        car = self._seen.body('car')
        turning = car.xmat.reshape(3, 3) @ self._seen.qvel[3:6]
        arm = self._seen.camera('front').xpos - car.xpos
        return self._seen.qvel[:3] + np.cross(turning, arm), turning

    def chase(self, width: int = 640, height: int = 360) -> NDArray[np.uint8]:
        """
        The car seen from behind and above, for people.

        :param width: pixels
        :param height: pixels
        :returns: rgb8, (height, width, 3)
        :raises InputError: if OpenGL is missing
        :raises RuntimeError: in another thread than the one that made the world's first picture of this size
        """
        return self._cameras.chase(self._data, width, height)

    def imu(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """
        The IMU, amidships, axes as the car's (x ahead, y left, z up).

        :returns: angular velocity, rad/s, (3,); specific force with gravity, m/s², (3,): +9.81 on z at rest
        """
        values, perturbation = self._data.sensordata, self._perturbation
        gyro, accel = values[self._gyro].copy(), values[self._accelerometer].copy()
        gyro[2] += perturbation.gyro_bias_rad_s
        accel[0] += perturbation.accel_bias_m_s2
        return gyro, accel

    def pose(self) -> tuple[float, float, float]:
        """
        The truth of where the car is.

        :returns: x (m), y (m), yaw (rad, −π…π) of the middle of the rear axle
        """
        x, y, _, *turn = self._data.qpos[:7].tolist()
        return x, y, heading(turn)

    @property
    def speed_m_s(self) -> float:
        """Forward speed of the reference point, m/s."""
        yaw = self.pose()[2]
        return float(self._data.qvel[0] * math.cos(yaw) + self._data.qvel[1] * math.sin(yaw))

    @property
    def yaw_rate_rad_s(self) -> float:
        """Rate of turn about the car's vertical, rad/s, positive left."""
        return float(self._data.qvel[5])

    def odometry(self) -> Odometry:
        """
        Return where the car is and how it moves, as a car that stays level.

        :returns: ground truth of the reference point
        """
        x, y, yaw = self.pose()
        pose = np.array([x, y, 0.0, 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])
        return Odometry(pose, np.array([self.speed_m_s, 0.0, 0.0, 0.0, 0.0, self.yaw_rate_rad_s]))

    def close(self) -> None:
        """Free what pictures took; further calls do nothing. In the thread that made the world."""
        self._cameras.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
