"""
The flight controller: velocity commands into thrusts, as an autopilot's cascade does it.

Velocity → specific force, of limited tilt → attitude → torques → mixer. Integrators find what velocities and attitude
need against wind, load and worn rotors. It works on plain numbers: on vectors of three, numpy takes five times as long.
"""

import math
from collections.abc import Sequence

import numpy as np

from lnn_controller.sim.drone.body import DRAG_TORQUE_M, INERTIA_KG_M2, MASS_KG, MAX_THRUST_N, ROTORS

__all__ = ['GRAVITY_M_S2', 'LIMITS', 'FlightController']

GRAVITY_M_S2 = 9.81
# What it accepts at most, either way: ahead, aside, up (m/s) and turning (rad/s).
LIMITS = (2.5, 1.5, 1.0, 1.5)

HORIZONTAL_P, HORIZONTAL_I = 3.5, 2.4  # 1/s, 1/s²
VERTICAL_P, VERTICAL_I = 6.0, 6.0
MAX_HORIZONTAL_M_S2 = 4.5  # a tilt of 25°
MAX_VERTICAL_M_S2 = 4.0
LEAST_UP_M_S2 = 2.0  # so that it never turns over
INTEGRAL_UP_M_S2 = (-2.0, 9.0)  # upwards what the heaviest load needs, and some more
TILT_P, TILT_I, TILT_D = 150.0, 200.0, 22.0  # 1/s², 1/s³, 1/s
YAW_P, YAW_I, YAW_D = 15.0, 10.0, 12.0
MAX_YAW_ERROR_RAD = 0.5
MAX_TORQUE_INTEGRAL_N_M = 0.2

# Total thrust, roll, pitch and yaw torque from thrusts; and thrusts from those.
WRENCH = np.array(
    [[1.0] * 4, [y for _, y, _ in ROTORS], [-x for x, _, _ in ROTORS], [spin * DRAG_TORQUE_M for *_, spin in ROTORS]]
)
MIXER = np.linalg.inv(WRENCH).tolist()

Vector = tuple[float, float, float]


class FlightController:
    """
    Holds the velocity that it is commanded, and the heading while the yaw rate is zero.

    :param period_s: between two calls of :meth:`thrusts`, s
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self.hover(0.0, (0.0, 0.0, GRAVITY_M_S2), [MASS_KG * GRAVITY_M_S2 / 4] * 4)

    def hover(self, yaw: float, up: Vector, thrusts: Sequence[float]) -> None:
        """
        Begin anew, hovering as one that has long found out what that takes.

        :param yaw: heading to hold, rad
        :param up: where the thrust must point in the world, of any length, (3,)
        :param thrusts: what must be demanded of the rotors, N, (4,)
        """
        self.take((0.0, 0.0, 0.0, 0.0))
        self._yaw = yaw
        total, roll, pitch, yaw_torque = (WRENCH @ thrusts).tolist()
        size = MASS_KG * math.hypot(*up) / total
        self._force_integral = (up[0] / size, up[1] / size, up[2] / size - GRAVITY_M_S2)
        self._torque_integral = (roll, pitch, yaw_torque)

    def take(self, command: Sequence[float]) -> None:
        """
        Take a command; it holds until the next.

        :param command: velocity ahead, left and up, m/s; yaw rate, rad/s; (4,); more than ``LIMITS`` is not flown
        """
        ahead, left, up, turn = (_within(value, most) for value, most in zip(command, LIMITS, strict=True))
        self._command = ahead, left, up, turn

    def thrusts(self, rotation: Sequence[float], velocity: Sequence[float], rates: Sequence[float]) -> list[float]:
        """
        Decide for one period.

        :param rotation: matrix from the body's frame into the world's, by rows, (9,)
        :param velocity: in the world, m/s, (3,)
        :param rates: angular velocity in the body's frame, rad/s, (3,)
        :returns: of the rotors, N, (4,), in the order of ``ROTORS``; 0…MAX_THRUST_N
        """
        ahead, left, up, turn = self._command
        yaw = math.atan2(rotation[3], rotation[0])
        error = math.remainder(self._yaw + turn * self._period_s - yaw, math.tau)
        self._yaw = yaw + _within(error, MAX_YAW_ERROR_RAD)

        # Commands are in the heading frame: level, its x along the nose.
        cos, sin = math.cos(yaw), math.sin(yaw)
        force = self._specific_force(
            cos * ahead - sin * left - velocity[0], sin * ahead + cos * left - velocity[1], up - velocity[2]
        )
        roll, pitch, yaw_torque = self._torques(rotation, rates, force, turn)
        thrust = MASS_KG * (force[0] * rotation[2] + force[1] * rotation[5] + force[2] * rotation[8])
        return [min(max(a * thrust + b * roll + c * pitch + d * yaw_torque, 0.0), MAX_THRUST_N) for a, b, c, d in MIXER]

    def _specific_force(self, error_x: float, error_y: float, error_z: float) -> Vector:
        """What velocity errors ask for, against gravity; against wind-up, integrators rest beyond what is allowed."""
        integral_x, integral_y, integral_z = self._force_integral
        x, y, z = HORIZONTAL_P * error_x + integral_x, HORIZONTAL_P * error_y + integral_y, VERTICAL_P * error_z
        over = math.hypot(x, y) / MAX_HORIZONTAL_M_S2
        if over > 1.0:
            x, y = x / over, y / over
        else:
            integral_x += HORIZONTAL_I * self._period_s * error_x
            integral_y += HORIZONTAL_I * self._period_s * error_y
        if abs(z) > MAX_VERTICAL_M_S2:
            z = math.copysign(MAX_VERTICAL_M_S2, z)
        else:
            low, high = INTEGRAL_UP_M_S2
            integral_z = min(max(integral_z + VERTICAL_I * self._period_s * error_z, low), high)
        z += integral_z + GRAVITY_M_S2
        self._force_integral = integral_x, integral_y, integral_z
        return x, y, max(z, LEAST_UP_M_S2)

    def _torques(self, rotation: Sequence[float], rates: Sequence[float], force: Vector, turn: float) -> Vector:
        """Turn the body's z axis along the force, its nose towards the heading."""
        size = math.hypot(*force)
        up = (force[0] / size, force[1] / size, force[2] / size)
        nose_x, nose_y = math.cos(self._yaw), math.sin(self._yaw)
        left = (-up[2] * nose_y, up[2] * nose_x, up[0] * nose_y - up[1] * nose_x)
        size = math.hypot(*left)
        left = (left[0] / size, left[1] / size, left[2] / size)
        nose = (
            left[1] * up[2] - left[2] * up[1],
            left[2] * up[0] - left[0] * up[2],
            left[0] * up[1] - left[1] * up[0],
        )

        def along(axis: Vector, k: int) -> float:
            return axis[0] * rotation[k] + axis[1] * rotation[3 + k] + axis[2] * rotation[6 + k]

        # The rotation's error is half of what the matrices' skew part says.
        roll = 0.5 * (along(left, 2) - along(up, 1))
        pitch = 0.5 * (along(up, 0) - along(nose, 2))
        yaw = 0.5 * (along(nose, 1) - along(left, 0))
        wanted = (
            TILT_P * roll - TILT_D * rates[0],
            TILT_P * pitch - TILT_D * rates[1],
            YAW_P * yaw + YAW_D * (turn - rates[2]),
        )
        integral_roll, integral_pitch, integral_yaw = self._torque_integral
        tilt_i, yaw_i = TILT_I * self._period_s, YAW_I * self._period_s
        self._torque_integral = (
            _within(integral_roll + INERTIA_KG_M2[0] * tilt_i * roll, MAX_TORQUE_INTEGRAL_N_M),
            _within(integral_pitch + INERTIA_KG_M2[1] * tilt_i * pitch, MAX_TORQUE_INTEGRAL_N_M),
            _within(integral_yaw + INERTIA_KG_M2[2] * yaw_i * yaw, MAX_TORQUE_INTEGRAL_N_M),
        )
        return (
            INERTIA_KG_M2[0] * wanted[0] + integral_roll,
            INERTIA_KG_M2[1] * wanted[1] + integral_pitch,
            INERTIA_KG_M2[2] * wanted[2] + integral_yaw,
        )


def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)
