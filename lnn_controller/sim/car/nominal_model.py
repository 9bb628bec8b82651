"""Perturbations of MuJoCo's model: grip, load, and where the camera looks."""

from typing import Any

import numpy as np

from lnn_controller.sim.perturbation import Perturbation
from lnn_controller.sim.render.gl import mujoco
from lnn_controller.sim.render.mjcf import turned_camera

__all__ = ['NominalModel']


class NominalModel:
    """
    The nominal car's numbers, which perturbations are relative to.

    :param model: MuJoCo's model of the world, as compiled
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._friction = model.geom_friction.copy()
        self._body, self._camera = model.body('car').id, model.camera('front').id
        self._mass, self._inertia = model.body_mass[self._body].copy(), model.body_inertia[self._body].copy()
        self._position = model.cam_pos[self._camera].copy()
        self._attitude = model.cam_quat[self._camera].copy()

    def apply(self, perturbation: Perturbation) -> None:
        """
        Write a perturbed car's numbers into the model.

        :param perturbation: how it differs from the nominal car
        """
        model = self._model
        model.geom_friction[:, 0] = self._friction[:, 0] * (1.0 - perturbation.slip)
        # Like the car itself, so that its attitude answers as a heavier car's does.
        heavier = (self._mass + perturbation.payload_kg) / self._mass
        model.body_mass[self._body] = self._mass * heavier
        model.body_inertia[self._body] = self._inertia * heavier
        mujoco.mj_setConst(model, mujoco.MjData(model))
        model.cam_quat[self._camera] = turned_camera(
            self._attitude, perturbation.camera_pitch_deg, perturbation.camera_roll_deg
        )
        model.cam_pos[self._camera] = self._position + np.array([0.0, perturbation.camera_shift_m, 0.0])
