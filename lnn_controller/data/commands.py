"""Commands out of messages of every type that a demonstrator drives with, as one twist."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.messages.cdr import ackermann_from_cdr, twist_from_cdr
from lnn_controller.data.messages.types import ACKERMANN, ACKERMANN_STAMPED
from lnn_controller.errors import InputError

__all__ = ['LONGEST_WHEELBASE_M', 'check_wheelbase', 'command_from_cdr', 'needs_wheelbase']

LONGEST_WHEELBASE_M = 20.0


def needs_wheelbase(msgtype: str) -> bool:
    """
    Return whether commands of a type steer by an angle, and so turn a robot by how long it is.

    :param msgtype: e.g. ``ackermann_msgs/msg/AckermannDriveStamped``
    :returns: whether a wheelbase is needed to read them
    """
    return msgtype in (ACKERMANN, ACKERMANN_STAMPED)


def check_wheelbase(wheelbase_m: float | None) -> None:
    """
    Refuse what is no wheelbase.

    :param wheelbase_m: from axle to axle, m; none: not given
    :raises InputError: if it is not above 0 m and at most 20 m
    """
    if wheelbase_m is not None and not 0.0 < wheelbase_m <= LONGEST_WHEELBASE_M:
        raise InputError(f'--wheelbase must be above 0 m and at most {LONGEST_WHEELBASE_M:g} m. Got {wheelbase_m:g}')


def command_from_cdr(buffer: Any, msgtype: str, *, wheelbase_m: float | None = None) -> tuple[int, NDArray[np.float64]]:
    """
    Read a command from its serialised bytes.

    An Ackermann command drives its rear axle's middle on a circle: the yaw rate is speed · tan(angle) / wheelbase. At
    and beyond 90° there is no such circle, and the yaw rate is NaN.

    :param buffer: CDR with its encapsulation header, bytes-like
    :param msgtype: of Twist, TwistStamped, Odometry, AckermannDrive or AckermannDriveStamped
    :param wheelbase_m: from axle to axle, m, for Ackermann commands
    :returns: header stamp, ns, 0 where the type has none; linear x, y, z, m/s, then angular x, y, z, rad/s, (6,)
    :raises InputError: if the bytes are not such a message, or an Ackermann command comes without a wheelbase
    """
    if not needs_wheelbase(msgtype):
        return twist_from_cdr(buffer, msgtype)
    if wheelbase_m is None:
        raise InputError(
            f'a command of {msgtype} needs the wheelbase to be a yaw rate. Got none: give it with --wheelbase METRES'
        )
    stamp_ns, speed, angle = ackermann_from_cdr(buffer, msgtype)
    # 0.0: what stands does not turn, and not with a sign either.
    turn = speed * math.tan(angle) / wheelbase_m + 0.0 if abs(angle) < math.pi / 2 else math.nan
    return stamp_ns, np.array([speed, 0.0, 0.0, 0.0, 0.0, turn])
