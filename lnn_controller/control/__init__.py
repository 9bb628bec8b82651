"""One decision: the controller, which knows no ROS, and its safety chain of pure functions. numpy only."""

from lnn_controller.control.controller import Controller, Encoded
from lnn_controller.control.decision import STOP_REASONS, Decision
from lnn_controller.control.guard import Footprint, GuardSettings
from lnn_controller.control.safety import limit
from lnn_controller.control.settings import ControlSettings, Limits

__all__ = [
    'STOP_REASONS',
    'ControlSettings',
    'Controller',
    'Decision',
    'Encoded',
    'Footprint',
    'GuardSettings',
    'Limits',
    'limit',
]
