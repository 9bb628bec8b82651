"""Drives made by hand, for tests of what is computed and drawn from them."""

import numpy as np

from lnn_controller.evaluation.drive import Drive
from lnn_controller.policy import ImageSpec
from lnn_controller.sim import LANE_OFFSET_M, Track

MS = 1_000_000
# A tiny policy that makes the car move, and leave its lane; its crop tells a frame from one cropped twice.
POLICY = {'image': ImageSpec(53, 200, crop_top=0.2), 'seed': 2}


def straight_drive(*, cross_track_error_m, **changes):
    """2 m/s along x, the truth at 50 Hz."""
    count = len(cross_track_error_m)
    stamps = 1_000_000_000 + 20 * MS * np.arange(count)
    given = {
        'policy': 'straight',
        'scene': 'summer',
        'track': 21,
        'stamp_ns': stamps,
        'pose': np.stack([0.04 * np.arange(count), np.zeros(count), np.zeros(count)], axis=1),
        'speed_m_s': np.full(count, 2.0),
        'cross_track_error_m': np.array(cross_track_error_m, float),
        'command_stamp_ns': stamps,
        'command': np.tile([2.0, 0.1], (count, 1)),
        'neuron_stamp_ns': stamps[::2],
        'neurons': np.zeros((len(stamps[::2]), 3)),
        'step_latency_us': (80.0, 120.0),
    }
    return Drive(**(given | changes))


def road_drive(seconds, *, track=21, aside_m=0.05, **changes):
    """2 m/s along the lane of a road, swaying a little."""
    road, count = Track(track), round(seconds * 50) + 1
    at_m = 0.04 * np.arange(count)
    error = aside_m * np.sin(at_m)
    pose = np.array([road.at(s, LANE_OFFSET_M + e) for s, e in zip(at_m, error, strict=True)])
    stamps = 1_000_000_000 + 20 * MS * np.arange(count)
    neurons = np.sin(np.arange(count)[:, None] / 20 + np.arange(19))
    given = {'cross_track_error_m': error, 'pose': pose, 'track': track, 'neuron_stamp_ns': stamps, 'neurons': neurons}
    return straight_drive(**(given | changes))
