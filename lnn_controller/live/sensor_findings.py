"""What ``lnn check`` says of a camera, an IMU and a clock that it has listened to."""

import math
from collections.abc import Sequence

import numpy as np

from lnn_controller.doctor.findings import Finding
from lnn_controller.policy.spec import PolicySpec

__all__ = ['judge_camera', 'judge_clock', 'judge_imu']

LEAST_RATE_HZ = 5.0  # of a camera, by the controller's image_timeout_s
OFTEN_HZ = 50.0  # of an IMU
GRAVITY_M_S2, GRAVITY_WITHIN, TILT_WITHIN = 9.81, 1.0, 2.0
AT_REST_RAD_S = 0.1
LATE_S, AHEAD_S = 0.2, 0.05  # the controller's image_timeout_s, and what it lets a stamp be ahead
SAME_ASPECT = 0.05


def judge_camera(
    topic: str, rate_hz: float, size: tuple[int, int], policy: PolicySpec | None, *, compressed: bool
) -> Finding:
    """
    Judge a camera against what the policy was trained with.

    :param topic: of the camera
    :param rate_hz: at which frames came
    :param size: height and width of its frames, px
    :param policy: the policy; ``None``: not known yet
    :param compressed: whether they are JPEG or PNG
    :returns: the finding
    """
    height, width = size
    text = f'{topic}: {width}×{height} px at {rate_hz:.0f} Hz'
    if compressed:
        text += '; start the controller with image_transport:=compressed'
    wrong = []
    if round(rate_hz) < LEAST_RATE_HZ:
        wrong.append(f'below {LEAST_RATE_HZ:g} Hz the controller stops: raise the rate, or send JPEG over a network')
    if policy is not None:
        image = policy.image
        seen = height * (1 - image.crop_top - image.crop_bottom)
        squeezed = (width / seen) / (image.width / image.height)
        trained = policy.provenance.get('camera')
        shape = f'{trained["width"]}×{trained["height"]} px' if isinstance(trained, dict) else 'another shape'
        if abs(squeezed - 1.0) > SAME_ASPECT:
            wrong.append(f'the policy was trained with {shape}: set the camera to the same, or the view is squeezed')
        elif isinstance(trained, dict) and trained.get('rate_hz', 0.0) > 2.0 * rate_hz:
            wrong.append(f'it was {trained["rate_hz"]:g} Hz in training: raise the rate')
    return Finding('camera', '. '.join([text, *wrong]), not wrong, True)


def judge_imu(topic: str, rate_hz: float, samples: np.ndarray) -> Finding:
    """
    Judge an IMU of a robot that stands level.

    :param topic: of the IMU
    :param rate_hz: at which samples came
    :param samples: gyro, rad/s, and accelerometer, m/s², (N, 6)
    :returns: the finding
    """
    gyro, accel = samples[:, :3].mean(axis=0), samples[:, 3:].mean(axis=0)
    shown = ', '.join(f'{value:+.2f}' for value in accel)
    text = f'{topic}: {rate_hz:.0f} Hz, accelerometer x, y, z {shown} m/s²'
    wrong = []
    if abs(float(np.linalg.norm(accel)) - GRAVITY_M_S2) > GRAVITY_WITHIN:
        wrong.append('at rest all three together must be 9.81: m/s², not g, and gravity not taken out')
    elif abs(accel[2] - GRAVITY_M_S2) > GRAVITY_WITHIN or np.abs(accel[:2]).max() > TILT_WITHIN:
        axis = int(np.abs(accel).argmax())
        up = f'{"+" if accel[axis] > 0 else "−"}{"xyz"[axis]}'
        wrong.append(f'level and at rest +9.81 must be on z. Got up on {up}: turn the axes to x forward, y left, z up')
    if float(np.linalg.norm(gyro)) > AT_REST_RAD_S:
        wrong.append(
            f'it turns at {np.linalg.norm(gyro):.2f} rad/s: let the robot stand, and check again (rad/s, not °/s)'
        )
    if round(rate_hz) < OFTEN_HZ:
        wrong.append(f'below {OFTEN_HZ:g} Hz: raise its rate to 100 Hz')
    return Finding('IMU', '. '.join([text, *wrong]), not wrong, True)


def judge_clock(topic: str, lag_s: Sequence[float], *, simulated: bool) -> Finding:
    """
    Judge the stamps of a sensor.

    :param topic: of the sensor
    :param lag_s: how old each stamp was when its message came, s
    :param simulated: whether time is that of ``/clock``
    :returns: the finding
    """
    subject, clock = f'clock of {topic}', '/clock' if simulated else 'the clock here'
    if not lag_s:
        return Finding(subject, 'no stamps: the time of arrival is taken. Let the driver stamp its messages', False)
    usual_s = float(np.median(lag_s))
    text = f'stamps are {abs(usual_s) * 1e3:.0f} ms {"behind" if usual_s >= 0 else "ahead of"} {clock}'
    if not -AHEAD_S <= usual_s <= LATE_S or not math.isfinite(usual_s):
        text += ': such messages are refused. Set the clocks of both computers (chrony), or look for what delays them'
        return Finding(subject, text, False, True)
    return Finding(subject, text, essential=True)
