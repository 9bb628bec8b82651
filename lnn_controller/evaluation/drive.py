"""A drive, however it came about: what the car did, what it was told, and the figures that sum it up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.metrics.lane import count_departures, distance
from lnn_controller.metrics.statistics import mean_rate, rms

__all__ = ['SUMMARY_KEYS', 'Drive', 'summarise']

Floats = NDArray[np.float64]

SUMMARY_KEYS = (
    'policy',
    'scene',
    'track',
    'seconds',
    'departures',
    'cross_track_error_rms_m',
    'cross_track_error_max_m',
    'distance_m',
    'mean_speed_m_s',
    'realtime_factor',
    'control_rate_hz',
    'step_latency_p50_us',
    'step_latency_p99_us',
    'stops',
)


@dataclass(frozen=True, kw_only=True)
class Drive:
    """
    One drive on a road: the truth of the car at K moments, and the controller's T decisions.

    :param policy: name of the policy that drove
    :param scene: how the world looked
    :param track: seed of the road
    :param stamp_ns: moments of the truth, increasing, (K,), ns
    :param pose: x (m), y (m), yaw (rad) at each, (K, 3)
    :param speed_m_s: forward speed, (K,)
    :param cross_track_error_m: signed distance from the lane's centre, positive left, (K,)
    :param command_stamp_ns: moments of the commands, increasing, (T,), ns
    :param command: forward speed (m/s) and yaw rate (rad/s) commanded, (T, 2)
    :param neuron_stamp_ns: moments of the neurons' states, (L,), ns
    :param neurons: their states, (L, N)
    :param step_latency_us: median and 99th percentile of the time to compute, encoder and core, a command, µs
    :param stops: how often the controller stopped the car, by reason
    :param put_back: how often the car was put back on the lane
    :param wall_s: how long it took in real time, s
    """

    policy: str
    scene: str
    track: int
    stamp_ns: NDArray[np.int64]
    pose: Floats
    speed_m_s: Floats
    cross_track_error_m: Floats
    command_stamp_ns: NDArray[np.int64]
    command: Floats
    neuron_stamp_ns: NDArray[np.int64]
    neurons: Floats
    step_latency_us: tuple[float, float] = (math.nan, math.nan)
    stops: Mapping[str, int] = field(default_factory=dict)
    put_back: int = 0
    wall_s: float = math.nan

    @property
    def seconds(self) -> float:
        """Time on the road, in the drive's own clock, s."""
        return float(self.stamp_ns[-1] - self.stamp_ns[0]) * 1e-9 if self.stamp_ns.size else 0.0


def summarise(drive: Drive) -> dict[str, Any]:
    """
    Sum a drive up; the demo and ``lnn evaluate`` give these same keys.

    :param drive: the drive
    :returns: value by :data:`SUMMARY_KEYS`; a number that the drive is too short for is NaN
    """
    error = drive.cross_track_error_m
    p50, p99 = drive.step_latency_us
    seconds, driven = drive.seconds, distance(drive.speed_m_s, drive.stamp_ns)
    return {
        'policy': drive.policy,
        'scene': drive.scene,
        'track': drive.track,
        'seconds': round(seconds, 3),
        # A car that is put back at once may never be seen outside at a moment of the truth, and the other way round.
        'departures': max(count_departures(error), drive.put_back),
        'cross_track_error_rms_m': rms(error),
        'cross_track_error_max_m': float(np.max(np.abs(error))) if error.size else math.nan,
        'distance_m': driven,
        'mean_speed_m_s': driven / seconds if seconds > 0 else math.nan,
        'realtime_factor': seconds / drive.wall_s if drive.wall_s > 0 else math.nan,
        'control_rate_hz': mean_rate(drive.command_stamp_ns),
        'step_latency_p50_us': p50,
        'step_latency_p99_us': p99,
        'stops': dict(drive.stops),
    }
