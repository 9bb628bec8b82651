"""A trial, however it came about: what the robot did, what it was commanded, and the figures that sum it up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.metrics.lane import distance
from lnn_controller.metrics.statistics import mean_rate

__all__ = ['Trial', 'summarise']

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """
    One trial of a task: ground truth at K moments, and the controller's T decisions.

    :param policy: name of the policy that drove
    :param robot: name of the robot
    :param task: name of the task
    :param scene: how the world looked
    :param seed: of the world: of the road, the forest, …
    :param channels: names of what was commanded, (C,)
    :param stamp_ns: moments of the ground truth, increasing, (K,), ns
    :param pose: where the robot was: x, y, z (m), quaternion x, y, z, w, (K, 7)
    :param twist: how it moved, in its own frame: linear (m/s), angular velocity (rad/s), (K, 6)
    :param command_stamp_ns: moments of the commands, increasing, (T,), ns
    :param command: by channel, (T, C), m/s and rad/s
    :param neuron_stamp_ns: moments of the neurons' states, (L,), ns
    :param neurons: their states, (L, N)
    :param target: where the target was at each moment of the ground truth, (K, 3), m; ``None``: there was none, or it
        was not recorded
    :param outcome: how it ended, in a word; empty if the time was up
    :param figures: by name, as the task sums it up
    :param step_latency_us: median and 99th percentile of the time to compute, encoder and core, a command, µs
    :param stops: how often the controller stopped the robot, by reason
    :param wall_s: how long it took in real time, s
    """

    policy: str
    robot: str
    task: str
    scene: str
    seed: int
    channels: tuple[str, ...]
    stamp_ns: NDArray[np.int64]
    pose: Floats
    twist: Floats
    command_stamp_ns: NDArray[np.int64]
    command: Floats
    neuron_stamp_ns: NDArray[np.int64]
    neurons: Floats
    target: Floats | None = None
    outcome: str = ''
    figures: Mapping[str, float | int] = field(default_factory=dict)
    step_latency_us: tuple[float, float] = (math.nan, math.nan)
    stops: Mapping[str, int] = field(default_factory=dict)
    wall_s: float = math.nan

    @property
    def seconds(self) -> float:
        """How long it lasted, in its own clock, s."""
        return float(self.stamp_ns[-1] - self.stamp_ns[0]) * 1e-9 if self.stamp_ns.size else 0.0

    @property
    def speed_m_s(self) -> Floats:
        """Speed at each moment of the ground truth, in whatever direction, (K,)."""
        return np.asarray(np.linalg.norm(self.twist[:, :3], axis=1))


def summarise(trial: Trial) -> dict[str, Any]:
    """
    Sum a trial up; the demo and ``lnn evaluate`` give these same keys.

    :param trial: the trial
    :returns: ``policy``, ``scene``, ``track`` (of a lane) or ``robot``, ``task``, ``seed`` and ``outcome`` (of any
        other task), ``seconds``, the task's figures, ``distance_m``, ``mean_speed_m_s``, ``realtime_factor``,
        ``control_rate_hz``, ``step_latency_p50_us``, ``step_latency_p99_us``, ``stops``; a number that the trial is
        too short for is NaN
    """
    p50, p99 = trial.step_latency_us
    seconds, driven = trial.seconds, distance(trial.speed_m_s, trial.stamp_ns)
    asked = {'robot': trial.robot, 'task': trial.task, 'seed': trial.seed, 'outcome': trial.outcome}
    return {
        'policy': trial.policy,
        'scene': trial.scene,
        **({'track': trial.seed} if trial.task == 'lane' else asked),
        'seconds': round(seconds, 3),
        **trial.figures,
        'distance_m': driven,
        'mean_speed_m_s': driven / seconds if seconds > 0 else math.nan,
        'realtime_factor': seconds / trial.wall_s if trial.wall_s > 0 else math.nan,
        'control_rate_hz': mean_rate(trial.command_stamp_ns),
        'step_latency_p50_us': p50,
        'step_latency_p99_us': p99,
        'stops': dict(trial.stops),
    }
