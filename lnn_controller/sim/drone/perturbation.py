"""Perturbations of a drone: wind, load, a worn rotor, camera pose, IMU bias, latency."""

from dataclasses import dataclass

from lnn_controller.settings import check_settings, setting

__all__ = ['DronePerturbation']


@dataclass(frozen=True)
class DronePerturbation:
    """
    What makes flying harder or easier than usual; without arguments a drone as built, in a breeze.

    :raises InputError: if a value is out of its range
    """

    wind_m_s: float = setting(1.0, "Mean wind; its direction is the seed's.", 'm/s', 0.0, 10.0)
    gusts: float = setting(0.2, 'Standard deviation of the gusts, as a share of the mean wind.', '', 0.0, 1.0)
    payload_kg: float = setting(0.0, 'Load amidships.', 'kg', 0.0, 0.6)
    rotor_gain: float = setting(1.0, 'Thrust of the front left rotor: achieved / commanded.', '', 0.6, 1.2)
    camera_pitch_deg: float = setting(0.0, 'The camera turned, positive up.', '°', -45.0, 45.0)
    camera_roll_deg: float = setting(0.0, 'The camera turned about its view, positive to the left.', '°', -90.0, 90.0)
    gyro_bias_rad_s: float = setting(0.0, "Offset of the IMU's yaw rate.", 'rad/s', -1.0, 1.0)
    accel_bias_m_s2: float = setting(0.0, "Offset of the IMU's forward acceleration.", 'm/s²', -5.0, 5.0)
    latency_s: float = setting(0.0, 'Commands act so much later.', 's', 0.0, 1.0)

    def __post_init__(self) -> None:
        check_settings(self)
