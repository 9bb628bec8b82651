"""Trials made by hand, for tests of what is computed and drawn from them."""

import numpy as np

from lnn_controller.evaluation.trial import Trial
from lnn_controller.metrics.lane import lane_figures
from lnn_controller.policy import ImageSpec
from lnn_controller.sim import LANE_OFFSET_M, Track
from lnn_controller.sim.tasks.lane import cross_track_errors

MS = 1_000_000
# What scripts read out of a summary of the lane: a key that exists stays.
LANE_KEYS = (
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
# A tiny policy that makes the car move, and leave its lane; its crop tells a frame from one cropped twice.
POLICY = {'image': ImageSpec(53, 200, crop_top=0.2), 'seed': 2}


def straight_trial(*, cross_track_error_m, speed_m_s=2.0, **changes):
    """Along x, ground truth at 50 Hz; the figures are of the errors given, wherever the road of that seed lies."""
    count = len(cross_track_error_m)
    stamps = 1_000_000_000 + 20 * MS * np.arange(count)
    pose, twist = np.zeros((count, 7)), np.zeros((count, 6))
    pose[:, 0], pose[:, 6] = 0.04 * np.arange(count), 1.0
    twist[:, 0] = speed_m_s
    given = {
        'policy': 'straight',
        'robot': 'car',
        'task': 'lane',
        'scene': 'summer',
        'seed': 21,
        'channels': ('linear_x', 'angular_z'),
        'stamp_ns': stamps,
        'pose': pose,
        'twist': twist,
        'command_stamp_ns': stamps,
        'command': np.tile([2.0, 0.1], (count, 1)),
        'neuron_stamp_ns': stamps[::2],
        'neurons': np.zeros((len(stamps[::2]), 3)),
        'figures': lane_figures(cross_track_error_m, 0),
        'step_latency_us': (80.0, 120.0),
    }
    return Trial(**(given | changes))


def road_trial(seconds, *, seed=21, cross_track_error_m=None, **changes):
    """2 m/s along the lane of a road, swaying a little, or with the errors given."""
    road, count = Track(seed), round(seconds * 50) + 1
    at_m = 0.04 * np.arange(count)
    error = 0.05 * np.sin(at_m) if cross_track_error_m is None else np.asarray(cross_track_error_m)
    x, y, yaw = np.array([road.at(s, LANE_OFFSET_M + e) for s, e in zip(at_m, error, strict=True)]).T
    level = np.zeros(count)
    pose = np.stack([x, y, level, level, level, np.sin(yaw / 2), np.cos(yaw / 2)], axis=1)
    stamps = 1_000_000_000 + 20 * MS * np.arange(count)
    neurons = np.sin(np.arange(count)[:, None] / 20 + np.arange(19))
    given = {'pose': pose, 'seed': seed, 'neuron_stamp_ns': stamps, 'neurons': neurons}
    return straight_trial(cross_track_error_m=cross_track_errors(road, pose), **(given | changes))


def flight_trial(seconds, **changes):
    """1 m/s to the left at a height of 1.5 m, nose along x; a target stands 3 m ahead of where it begins."""
    count = round(seconds * 50) + 1
    pose, twist = np.zeros((count, 7)), np.zeros((count, 6))
    pose[:, 1], pose[:, 2], pose[:, 6], twist[:, 1] = 0.02 * np.arange(count), 1.5, 1.0, 1.0
    given = {
        'robot': 'drone',
        'task': 'fly',
        'scene': 'summer',
        'seed': 5000,
        'channels': ('linear_x', 'linear_y', 'linear_z', 'angular_z'),
        'pose': pose,
        'twist': twist,
        'command': np.tile([-0.2, 1.0, 0.1, 0.0], (count, 1)),
        'target': np.tile([3.0, 0.0, 1.4], (count, 1)),
    }
    return straight_trial(cross_track_error_m=np.zeros(count), **(given | changes))
