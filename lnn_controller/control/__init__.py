"""One decision: the controller, which knows no ROS, its safety chain, and what it learns on the way. numpy only."""

from lnn_controller.control.adaptation.adaptation import Adaptation
from lnn_controller.control.controller import Controller
from lnn_controller.control.decision import STOP_REASONS, Decision, DriveState, Hold, TickInputs
from lnn_controller.control.inputs import Encoded
from lnn_controller.control.safety.limits import limit
from lnn_controller.control.settings.adaptation import AdaptationSettings
from lnn_controller.control.settings.control import ControlSettings, Limits
from lnn_controller.control.settings.guard import Footprint, GuardSettings
from lnn_controller.control.settings.height import HeightSettings
from lnn_controller.control.tick_times import TickTimes

__all__ = [
    'STOP_REASONS',
    'Adaptation',
    'AdaptationSettings',
    'ControlSettings',
    'Controller',
    'Decision',
    'DriveState',
    'Encoded',
    'Footprint',
    'GuardSettings',
    'HeightSettings',
    'Hold',
    'Limits',
    'TickInputs',
    'TickTimes',
    'limit',
]
