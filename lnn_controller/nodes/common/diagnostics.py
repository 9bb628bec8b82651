"""What a node publishes once a second on ``/diagnostics``, and the statistics behind it."""

from collections import deque
from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from lnn_controller.nodes.common.messages import stamp

__all__ = ['DIAGNOSTICS_PERIOD_S', 'Rate', 'WindowPercentiles', 'diagnostics']

DIAGNOSTICS_PERIOD_S = 1.0
# How a number is written, by the end of its key; the first that fits.
FORMATS = {'_wanted_hz': 'g', '_hz': '.2f', '_us': '.1f', '_ms': '.0f', '_s': '.1f', '': '.4g'}


class WindowPercentiles:
    """
    Median, 99th percentile and maximum of the newest values of a quantity.

    :param window: how many values count
    """

    def __init__(self, window: int = 1000) -> None:
        self._values: deque[float] = deque(maxlen=window)

    def add(self, value: float) -> None:
        """
        Take a value.

        :param value: in the quantity's unit
        """
        self._values.append(value)

    def figures(self, name: str, unit: str) -> dict[str, float]:
        """
        Return the figures.

        :param name: of the quantity
        :param unit: as it stands at the end of the keys
        :returns: figures by key, e.g. ``step_latency_p50_us``; empty while there is no value
        """
        if not self._values:
            return {}
        values = np.array(self._values)
        p50, p99 = np.percentile(values, (50, 99))
        figures = {'p50': p50, 'p99': p99, 'max': values.max()}
        return {f'{name}_{key}_{unit}': float(figure) for key, figure in figures.items()}


class Rate:
    """How often something happened between two measurements."""

    def __init__(self) -> None:
        self._count = 0
        self._since_ns: int | None = None

    def tick(self) -> None:
        """It happened."""
        self._count += 1

    def measure(self, now_ns: int) -> float | None:
        """
        Measure since the last call.

        :param now_ns: time now, ns
        :returns: Hz; ``None`` at the first call, or where no time has passed
        """
        since_ns, count = self._since_ns, self._count
        self._since_ns, self._count = now_ns, 0
        if since_ns is None or now_ns <= since_ns:
            return None
        return count * 1e9 / (now_ns - since_ns)


def diagnostics(
    node: Node, task: str, level: bytes, message: str, values: Mapping[str, str | float], *, hardware: str
) -> DiagnosticArray:
    """
    Make a message with one status, whose name begins with the node's: in a namespace ``robot1/controller: control``.

    :param node: the node
    :param task: what of it the status is about
    :param level: ``OK``, ``WARN`` or ``ERROR`` of diagnostic_msgs/DiagnosticStatus
    :param message: the state in words
    :param values: figures and texts by key; a number is written by the unit at the end of its key
    :param hardware: what it runs: the policy's or the world's name
    :returns: the message
    """
    name = f'{node.get_fully_qualified_name().lstrip("/")}: {task}'
    status = DiagnosticStatus(level=level, name=name, message=message, hardware_id=hardware)
    status.values = [KeyValue(key=key, value=_text(key, value)) for key, value in values.items()]
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp(node.get_clock().now().nanoseconds)
    return array


def _text(key: str, value: str | float) -> str:
    if isinstance(value, float):
        return format(value, next(form for end, form in FORMATS.items() if key.endswith(end)))
    return str(value)
