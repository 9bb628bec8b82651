"""Wear in MuJoCo's model: grip, load, and where the camera looks."""

import math
from typing import Any

import numpy as np

from lnn_controller.sim.render.gl import mujoco
from lnn_controller.sim.wear import Wear

__all__ = ['NewCar']


class NewCar:
    """
    The new car's numbers, which wear is reckoned from.

    :param model: MuJoCo's model of the world, as compiled
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._friction = model.geom_friction.copy()
        self._body, self._camera = model.body('car').id, model.camera('front').id
        self._mass, self._inertia = model.body_mass[self._body].copy(), model.body_inertia[self._body].copy()
        self._position = model.cam_pos[self._camera].copy()
        self._attitude = model.cam_quat[self._camera].copy()

    def wear(self, wear: Wear) -> None:
        """
        Write a worn car's numbers into the model.

        :param wear: how it differs from the new one
        """
        model = self._model
        model.geom_friction[:, 0] = self._friction[:, 0] * (1.0 - wear.slip)
        # Like the car itself, so that its attitude answers as a heavier car's does.
        heavier = (self._mass + wear.payload_kg) / self._mass
        model.body_mass[self._body] = self._mass * heavier
        model.body_inertia[self._body] = self._inertia * heavier
        mujoco.mj_setConst(model, mujoco.MjData(model))
        # MuJoCo's cameras look along −z, with x to the right and y up.
        attitude = self._attitude.copy()
        for axis, angle_deg in (((1.0, 0.0, 0.0), wear.camera_pitch_deg), ((0.0, 0.0, 1.0), wear.camera_roll_deg)):
            turn, turned = np.zeros(4), np.zeros(4)
            mujoco.mju_axisAngle2Quat(turn, np.array(axis), math.radians(angle_deg))
            mujoco.mju_mulQuat(turned, attitude, turn)
            attitude = turned
        model.cam_quat[self._camera] = attitude
        model.cam_pos[self._camera] = self._position + np.array([0.0, wear.camera_shift_m, 0.0])
