import math

import numpy as np
import pytest
from trials import MS, straight_trial

from lnn_controller.errors import InputError
from lnn_controller.evaluation.outage import camera_outage

START = 1_000_000_000


def braking_drive(*, stops=True):
    """50 ticks of 20 ms: 2 m/s; zeros are sent at 300 ms; it brakes 1 m/s a tick from 320 ms on; drives at 700 ms."""
    at_ms = 20 * np.arange(50)
    halted = (at_ms >= 300) & (at_ms < 700) & stops
    speed = np.where(halted, np.clip(2.0 - (at_ms - 310) / 20.0, 0.0, 2.0), 2.0)
    command = np.where(halted[:, None], 0.0, [2.0, 0.1])
    return straight_trial(cross_track_error_m=np.zeros(50), speed_m_s=speed, command=command)


def images(*at_ms):
    return START + MS * np.array(at_ms, np.int64)


def test_an_outage_by_hand():
    outage = camera_outage(images(0, 100, 200, 680, 780, 880), braking_drive())
    assert outage['lasted_s'] == pytest.approx(0.48)
    assert outage['stopped_after_s'] == pytest.approx(0.1)
    # 0.5 m/s at 340 ms, none at 360 ms: 0.02 m/s at 359.2 ms.
    assert outage['stood_after_s'] == pytest.approx(0.1592)
    assert outage['drove_again_after_s'] == pytest.approx(0.02)


def test_a_car_that_drives_on_blindly_never_stood():
    outage = camera_outage(images(0, 200, 680), braking_drive(stops=False))
    assert math.isnan(outage['stopped_after_s'])
    assert math.isnan(outage['stood_after_s'])


def test_without_images_there_is_no_outage():
    with pytest.raises(InputError, match='Got 1 images'):
        camera_outage(images(5, 3000), braking_drive())
