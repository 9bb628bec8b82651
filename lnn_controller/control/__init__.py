"""One decision: the controller, which knows no ROS, and its safety chain of pure functions. numpy only."""

from lnn_controller.control.controller import Controller
from lnn_controller.control.decision import STOP_REASONS, Decision
from lnn_controller.control.safety import limit
from lnn_controller.control.settings import ControlSettings, Limits

__all__ = ['STOP_REASONS', 'ControlSettings', 'Controller', 'Decision', 'Limits', 'limit']
