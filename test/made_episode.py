"""An episode whose every value says what it is."""

import numpy as np

from lnn_controller.data.episode import Episode

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


def make_episode(frames: int = 120, rate_hz: float = 30.0, imu: bool = True) -> Episode:
    """Frame i is filled with i; the command is the time in s since the start; the IMU's channels count its samples."""
    stamps = START_NS + np.rint(np.arange(frames) * 1e9 / rate_hz).astype(np.int64)
    imu_stamps = START_NS + np.arange(round(frames / rate_hz * 200)) * 5 * MS
    command_stamps = START_NS + np.arange(round(frames / rate_hz * 50)) * 20 * MS
    commands = np.stack([(command_stamps - START_NS) * 1e-9, -(command_stamps - START_NS) * 1e-9], axis=1)
    samples = np.arange(len(imu_stamps), dtype=np.float32)[:, None].repeat(6, axis=1)
    return Episode(
        name='made',
        images=np.arange(frames, dtype=np.uint8)[:, None, None, None].repeat(48, 1).repeat(48, 2).repeat(3, 3),
        image_stamps_ns=stamps,
        imu=samples if imu else None,
        imu_stamps_ns=imu_stamps if imu else None,
        commands=commands.astype(np.float32),
        command_stamps_ns=command_stamps,
        channels=('linear_x', 'angular_z'),
    )
