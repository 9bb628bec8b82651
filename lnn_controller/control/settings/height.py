"""Settings of floor and ceiling: between which heights a robot that flies may be sent."""

from dataclasses import dataclass

from lnn_controller.errors import InputError
from lnn_controller.settings import check_settings, setting

__all__ = ['HeightSettings']


@dataclass(frozen=True)
class HeightSettings:
    """
    Where a robot that flies may go up and down.

    :raises InputError: if a value is out of its range, or the floor is not below the ceiling
    """

    floor_m: float = setting(
        0.5, 'Nothing is sent that leads below this height above the origin of the odometry.', 'm', -10000.0, 10000.0
    )
    ceiling_m: float = setting(
        120.0, 'Nothing is sent that leads above this height above the origin of the odometry.', 'm', -10000.0, 10000.0
    )
    timeout_s: float = setting(0.3, 'Without a newer height for this long the robot stops.', 's', 0.02, 10.0)
    reaction_s: float = setting(0.3, 'From zeros on cmd_vel until its climb or descent slows.', 's', 0.0, 5.0)
    deceleration: float = setting(
        1.0, 'How hard its climb or descent slows: it is slowed so that it ends at the limit.', 'm/s²', 0.05, 100.0
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if not self.floor_m < self.ceiling_m:
            raise InputError(f'floor_m must be less than ceiling_m. Got {self.floor_m:g} and {self.ceiling_m:g}')
