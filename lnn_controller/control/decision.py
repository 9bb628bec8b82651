"""What one control tick is computed from, what it decides, and what it leaves for the next: plain data."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.safety.chain import GuardVerdict, Obstacles
from lnn_controller.control.safety.override import Returning
from lnn_controller.control.safety.travel import Paces
from lnn_controller.control.sensors import Reading, StillImage

__all__ = ['FLICKERING', 'GUARD_STOPS', 'NETWORK_STOPS', 'STOP_REASONS', 'Decision', 'DriveState', 'Hold', 'TickInputs']

#: in the heading frame: ahead, left and up, m/s, and how fast the heading turns, rad/s
Velocity = tuple[float, float, float, float]
# What a tick itself can stop for; callers of Controller.stop add their own.
STOP_REASONS = (
    *('no_image', 'image_stale', 'image_frozen', 'no_imu', 'imu_stale', 'no_scan', 'scan_stale'),
    *('no_height', 'height_stale', 'not_finite', 'clock_jump', 'emergency_stop', 'obstacle', 'way_unseen'),
)
# Those by which the guard blocks one way: the network runs on, so that it can steer away.
GUARD_STOPS = ('obstacle', 'way_unseen')
# Those by which only the network cannot drive; the operator can.
NETWORK_STOPS = ('image_stale', 'image_frozen', 'imu_stale', 'not_finite')
# A cause at the edge of being one would stop and start the robot many times a second: it must have gone for a while.
FLICKERING = (*GUARD_STOPS, *NETWORK_STOPS, 'scan_stale', 'height_stale', 'clock_jump', 'tick_late')


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
    :param sent: the last command, (C,)
    :param previous_ns: when the last tick was, ns; ``None`` at the start
    :param is_first_step: whether the next step is the first after a start or a stop
    :param network_ran: whether the network ran at the last tick
    :param returning: when the operator was last heard, ns, and their last command, (C,); ``None`` where there is
        nothing to go back from
    :param stopped_for: why the last tick stopped; empty where it did not
    :param hold: what holds the robot, whoever drives it; ``None``: nothing has, or it is over
    :param network_hold: what holds it while the network drives; ``None``: nothing has, or it is over
    :param still_image: whether the camera is frozen
    :param paces: of the last commands, with a guard
    :param resets: how often the drive was begun anew
    """

    hx: NDArray[np.float32]
    ramp: tuple[float, ...]
    sent: tuple[float, ...]
    previous_ns: int | None = None
    is_first_step: bool = True
    network_ran: bool = False
    returning: Returning | None = None
    stopped_for: str = ''
    hold: Hold | None = None
    network_hold: Hold | None = None
    still_image: StillImage = StillImage()
    paces: Paces = ()
    resets: int = 0

    @property
    def moving(self) -> bool:
        """Whether the robot was last commanded to move."""
        return any(self.ramp)

    def begin(self) -> 'DriveState':
        """
        Begin anew: hidden state and last command zero, no previous tick. What concerns the sensors stays.

        :returns: the state at rest
        """
        zeros = (0.0,) * len(self.ramp)
        hx = np.zeros_like(self.hx)
        return DriveState(hx, zeros, zeros, still_image=self.still_image, paces=self.paces, resets=self.resets)


class TickInputs(NamedTuple):
    """
    The inputs that a control tick is computed from.

    :param stamp_ns: when the tick is, ns
    :param features: of the newest frame, (F,) float32
    :param image: stamps of the newest frame; like the others below, ``None`` where there is none
    :param image_changed_ns: when the picture that it shows was new, ns
    :param imu_mean: mean of the samples since the previous tick, gyro (rad/s) and accelerometer (m/s²), (6,) float32
    :param imu: stamps of the newest IMU sample
    :param scan: stamps of the newest obstacles
    :param odometry: stamps of the newest odometry
    :param velocity: that it measured, in the heading frame: ahead, left and up, m/s, and how fast the heading turns,
        rad/s; NaN where a recording does not have it
    :param height_m: that it measured, above its origin, m; NaN where there is none
    :param operator: the operator's command, (C,); ``None`` where nobody drives by hand
    :param emergency_stop: whether it is engaged
    :param view: the obstacles, or what the guard made of them
    :param stop: why the caller stops the robot; empty where it does not
    :param encode_us: time that encoding the newest frame took, µs; 0 where no frame came since the previous tick
    """

    stamp_ns: int
    features: NDArray[np.float32]
    image: Reading | None
    image_changed_ns: int
    imu_mean: NDArray[np.float32]
    imu: Reading | None
    scan: Reading | None
    odometry: Reading | None
    velocity: Velocity
    height_m: float
    operator: tuple[float, ...] | None
    emergency_stop: bool
    view: Obstacles | GuardVerdict
    stop: str
    encode_us: float


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """
    One control tick's outcome.

    :param command: what to publish, (C,) float64, in the units and order of the policy's outputs; zeros in a stop
    :param mode: 'policy', 'override' (the operator drives), or 'stop'
    :param reason: '' or why it stopped: one of :data:`STOP_REASONS`, or what :meth:`Controller.stop` was given, such
        as 'shutdown'
    :param dt_s: real time since the previous step, s; the control period after a start, reset or stop; 0 in a stop
    :param dt_outside_training: whether the network was given the nearest Δt that it knows
    :param neurons: the neurons' states, (N,) float32; zeros where the network did not run, which resets them
    :param time_constants: effective time constants, s, (N,) float32; ``None`` where the network did not run or the
        cell has none
    :param limited: the active limits, such as 'linear_x_maximum', 'angular_z_acceleration' or 'obstacle_slow'
    :param step_us: time that the liquid core took, µs; 0 where it was not run
    :param verdict: what the guard made of the command
    :param inputs: what it was computed from
    :param state: what was carried into it
    """

    command: NDArray[np.float64]
    mode: Literal['policy', 'override', 'stop']
    reason: str
    dt_s: float
    dt_outside_training: bool
    neurons: NDArray[np.float32]
    time_constants: NDArray[np.float32] | None
    limited: tuple[str, ...]
    step_us: float
    verdict: GuardVerdict
    inputs: TickInputs
    state: DriveState

    @property
    def stamp_ns(self) -> int:
        """When it was decided, ns."""
        return self.inputs.stamp_ns

    @property
    def encode_us(self) -> float:
        """Time that encoding the newest frame took, µs; 0 where no frame came since the previous tick."""
        return self.inputs.encode_us

    @property
    def image_age_s(self) -> float | None:
        """Age of the newest frame, s; ``None`` where there is none."""
        image = self.inputs.image
        return None if image is None else (self.stamp_ns - image.since_ns) / 1e9
