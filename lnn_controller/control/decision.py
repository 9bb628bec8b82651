"""What one control tick decided, and why."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ['FLICKERING', 'GUARD_STOPS', 'NETWORK_STOPS', 'STOP_REASONS', 'Decision', 'DriveState', 'Hold', 'Used']

# What Controller.step itself can stop for; callers of Controller.stop add their own.
STOP_REASONS = (
    *('no_image', 'image_stale', 'image_frozen', 'no_imu', 'imu_stale', 'no_scan', 'scan_stale'),
    *('not_finite', 'clock_jump', 'emergency_stop', 'obstacle', 'way_unseen'),
)
# Those by which the guard blocks one way: the network runs on, so that it can steer away.
GUARD_STOPS = ('obstacle', 'way_unseen')
# Those by which only the network cannot drive; the operator can.
NETWORK_STOPS = ('image_stale', 'image_frozen', 'imu_stale', 'not_finite')
# A cause at the edge of being one would stop and start the robot many times a second: it must have gone for a while.
FLICKERING = (*GUARD_STOPS, *NETWORK_STOPS, 'scan_stale', 'clock_jump', 'tick_late')


class Hold(NamedTuple):
    """
    A stop that lasts on.

    :param cause: why, one of :data:`FLICKERING`
    :param until_ns: until when, if the cause does not come again, ns
    """

    cause: str
    until_ns: int


class DriveState(NamedTuple):
    """
    What a controller carries from tick to tick, learning apart.

    :param hx: hidden state, (S,) float32
    :param ramp: the last command before its deadband, which accelerations count from, (C,)
    :param previous_ns: when the last tick was, ns; ``None`` at the start
    :param begins: whether the next step is the first after a start or a stop
    :param running: whether the network ran at the last tick
    :param returning: when the operator was last heard, ns, and their last command, (C,); ``None`` where there is
        nothing to go back from
    :param stopped_for: why the last tick stopped; empty where it did not
    :param hold: what holds the robot, whoever drives it; ``None``: nothing has, or it is over
    :param network_hold: what holds it while the network drives; ``None``: nothing has, or it is over
    """

    hx: NDArray[np.float32]
    ramp: tuple[float, ...]
    previous_ns: int | None
    begins: bool
    running: bool
    returning: tuple[int, tuple[float, ...]] | None
    stopped_for: str = ''
    hold: Hold | None = None
    network_hold: Hold | None = None


class Used(NamedTuple):
    """
    What a tick went by: with the frames it is enough to decide the same again.

    :param state: what the controller carried into it
    :param image_stamp_ns: of the newest frame, ns; ``None`` where there is none
    :param image_since_ns: what its age counts from, ns: its stamp, or its arrival if that was earlier
    :param imu_stamp_ns: of the newest IMU sample, ns; like the others below: its arrival if that was earlier
    :param imu: mean of the samples since the previous tick, gyro (rad/s) and accelerometer (m/s²), (6,) float32
    :param scan_stamp_ns: of the newest obstacles, ns
    :param odometry_stamp_ns: of the newest odometry, ns
    :param speed_m_s: that it told, m/s
    :param operator: the operator's command, (C,); ``None`` where nobody drives by hand
    :param emergency_stop: whether it was engaged
    :param guard_scale: what the obstacle guard left of the wanted command, 0 … 1
    :param ramp_scale: what it left of that after the ramp, 0 … 1
    :param resets: how often :meth:`Controller.reset` was called so far
    """

    state: DriveState
    image_stamp_ns: int | None
    image_since_ns: int | None
    imu_stamp_ns: int | None
    imu: NDArray[np.float32]
    scan_stamp_ns: int | None
    odometry_stamp_ns: int | None
    speed_m_s: float
    operator: tuple[float, ...] | None
    emergency_stop: bool
    guard_scale: float
    ramp_scale: float
    resets: int


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """
    One control tick's outcome.

    :param stamp_ns: when it was decided, ns
    :param command: what to publish, (C,) float64, in the units and order of the policy's outputs; zeros in a stop
    :param mode: 'policy', 'override' (the operator drives), or 'stop'
    :param reason: '' or why it stopped: one of :data:`STOP_REASONS`, or what :meth:`Controller.stop` was given, such
        as 'shutdown'
    :param dt_s: real time since the previous step, s; the control period after a start, reset or stop; 0 in a stop
    :param neurons: the neurons' states, (N,) float32; zeros where the network did not run, which resets them
    :param time_constants: effective time constants, s, (N,) float32; ``None`` where the network did not run or the
        cell has none
    :param image_age_s: age of the newest frame, s; ``None`` where there is none
    :param limited: which limits bit, such as 'linear_x_maximum', 'angular_z_acceleration' or 'obstacle_slow'
    :param encode_us: time that encoding the newest frame took, µs; 0 where no frame came since the previous tick
    :param step_us: time that the liquid core took, µs; 0 where it was not run
    :param used: what it went by
    """

    stamp_ns: int
    command: NDArray[np.float64]
    mode: Literal['policy', 'override', 'stop']
    reason: str
    dt_s: float
    neurons: NDArray[np.float32]
    time_constants: NDArray[np.float32] | None
    image_age_s: float | None
    limited: tuple[str, ...]
    encode_us: float
    step_us: float
    used: Used
