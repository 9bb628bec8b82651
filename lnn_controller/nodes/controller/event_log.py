"""What the controller logs: each change of what it does, and each kind of trouble now and then."""

import math
import time
from typing import Any

from lnn_controller.control import Decision

__all__ = ['EXPECTED', 'REASONS', 'EventLog']

LOG_AGAIN_S = 5.0
WAITING_AGAIN_S = 30.0
REASONS = {
    'no_image': 'no camera image has arrived yet',
    'image_stale': 'no usable camera image has come in time',
    'image_frozen': 'the camera shows the very same picture again and again while the robot is commanded to move',
    'no_imu': 'no IMU sample has arrived yet',
    'imu_stale': 'no usable IMU sample has come in time',
    'no_scan': 'nothing has arrived yet from the sensor of the obstacle guard',
    'scan_stale': 'nothing usable has come in time from the sensor of the obstacle guard',
    'no_height': 'no odometry has arrived yet, and floor and ceiling need a height',
    'height_stale': 'no usable odometry has come in time, and floor and ceiling need a height',
    'not_finite': "the policy's command is not finite",
    'tick_late': 'the control tick took too long',
    'clock_jump': 'the clock jumped',
    'clock_stopped': 'the simulated clock stands still',
    'emergency_stop': 'the emergency stop is engaged',
    'unheard_publisher': 'somebody sends stops or commands that cannot be heard (an error above says who)',
    'obstacle': 'an obstacle is in the way',
    'way_unseen': 'the sensor of the obstacle guard has not measured along the way (guard.min_valid)',
    'inactive': 'the node was deactivated',
    'shutdown': 'shutting down',
}
EXPECTED = ('no_image', 'no_imu', 'no_scan', 'no_height', 'inactive', 'shutdown')  # of a start and an end: no warning


class EventLog:
    """
    Log what changes, and each kind of trouble at most once in five seconds.

    :param logger: the node's logger
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._logged_s: dict[str, float] = {}
        self._last: tuple[str, str] | None = None
        self._stop_logged = self._has_driven = False
        self._limits: tuple[str, ...] = ()

    def note(self, decision: Decision) -> None:
        """
        Log a decision that is another than the last.

        :param decision: that was published
        """
        if decision.limited and self._due('limits'):
            self._logger.info(f'limited: {", ".join(decision.limited)}')
        if (decision.mode, decision.reason) == self._last:
            return
        before, self._last = self._last, (decision.mode, decision.reason)
        if decision.mode == 'stop':
            self._stopped(decision.reason)
        elif decision.mode == 'override':
            if self._due('override'):
                self._logger.info('the operator drives (cmd_vel_override)')
        else:
            if self._stop_logged:
                self._logger.info('the robot drives again' if self._has_driven else 'the robot drives')
            elif before == ('override', '') and self._due('return'):
                self._logger.info('the policy drives')
            self._stop_logged, self._has_driven = False, True

    def info(self, text: str) -> None:
        """
        Log what is worth knowing once.

        :param text: the line
        """
        self._logger.info(text)

    def error(self, text: str) -> None:
        """
        Log what is wrong with the graph.

        :param text: the line
        """
        self._logger.error(text)

    def warn(self, kind: str, text: str) -> None:
        """
        Warn, unless this kind was warned of a moment ago.

        :param kind: of trouble
        :param text: the line
        """
        if self._due(f'trouble {kind}'):
            self._logger.warning(text)

    def waiting(self, text: str) -> None:
        """
        Log what is waited for, unless that was logged less than half a minute ago.

        :param text: the line
        """
        if self._due(text, WAITING_AGAIN_S):
            self._logger.info(text)

    def _stopped(self, reason: str) -> None:
        if not self._due(f'stop {reason}'):
            return
        self._stop_logged = True
        text = f'robot stopped ({reason}): {REASONS[reason]}'
        # Two calls: rclpy's logger keeps one severity for each line of code.
        if reason in EXPECTED:
            self._logger.info(text)
        else:
            self._logger.warning(text)

    def _due(self, kind: str, again_s: float = LOG_AGAIN_S) -> bool:
        now_s = time.monotonic()
        if now_s - self._logged_s.get(kind, -math.inf) < again_s:
            return False
        self._logged_s[kind] = now_s
        return True
