"""Many serialised messages of one layout at once: an IMU sends hundreds a second, and only their numbers differ."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.messages.cdr import ACCEL, ACCEL_COVARIANCE, GYRO, GYRO_COVARIANCE, IMU_DOUBLES, Cdr
from lnn_controller.data.messages.types import IMU, TWIST, TWIST_STAMPED
from lnn_controller.errors import InputError

__all__ = ['RUN_TYPES', 'values_from_cdrs']

_ENCAPSULATION, _STAMP = 4, 8
#: how many numbers a message of each type holds, behind its header
RUN_TYPES = {IMU: IMU_DOUBLES, TWIST: 6, TWIST_STAMPED: 6}


def values_from_cdrs(buffers: Sequence[bytes], msgtype: str) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """
    Read what messages of one topic hold in one go, as :func:`.cdr.imu_from_cdr` and :func:`.cdr.twist_from_cdr` do.

    :param buffers: CDR with its encapsulation header of each, at least one
    :param msgtype: one of :data:`RUN_TYPES`
    :returns: header stamps, ns, 0 where the type has none, (N,); gyro and accelerometer, or the twist, (N, 6);
        ``None`` where they are not all little-endian, whole, of one frame_id and complete: read them one by one
    """
    doubles = RUN_TYPES[msgtype]
    try:
        first = Cdr(buffers[0], msgtype)
        if msgtype != TWIST:
            first.header()
        named = _ENCAPSULATION + first.offset
        first.numbers(f'{doubles}d', align=8)
        first.end()
    except InputError:
        return None
    end = _ENCAPSULATION + first.offset
    if first.order != '<' or any(len(each) != len(buffers[0]) for each in buffers):
        return None
    rows = np.frombuffer(b''.join(buffers), np.uint8).reshape(len(buffers), -1)
    behind_stamp = min(named, _ENCAPSULATION + _STAMP)
    alike = [rows[:, :2], rows[:, behind_stamp:named]]  # plain CDR, and the frame_id
    if any((each != each[0]).any() for each in alike):
        return None
    numbers = np.ascontiguousarray(rows[:, end - 8 * doubles : end]).view('<f8')
    if msgtype != IMU:
        values = numbers
    elif (numbers[:, [GYRO_COVARIANCE, ACCEL_COVARIANCE]] == -1.0).any():
        return None
    else:
        values = np.hstack([numbers[:, GYRO], numbers[:, ACCEL]])
    if msgtype == TWIST:
        return np.zeros(len(rows), np.int64), values
    sec = np.ascontiguousarray(rows[:, 4:8]).view('<i4')[:, 0].astype(np.int64)
    nanosec = np.ascontiguousarray(rows[:, 8:12]).view('<u4')[:, 0]
    return sec * 1_000_000_000 + nanosec, values
