"""What diagnostics say, on the page: the controller's rates, times and troubles, and the simulator's map."""

import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import numpy as np

from lnn_controller.data.topic_names import CONTROLLER_NODE, SIMULATOR_NODE
from lnn_controller.errors import InputError
from lnn_controller.view.layout import RATES, TIMES
from lnn_controller.view.page import Page

__all__ = ['StatusLine', 'draw_place']

CONTROL, WORLD = 'control', 'world'  # parts of a node that have a status, as its name ends
LEVELS = ('INFO', 'WARN', 'ERROR', 'ERROR')  # OK, WARN, ERROR, STALE
RATE, P99_US = '_rate_hz', '_p99_us'
ACCURATE = 9  # digits of a seed at the most


class StatusLine:
    """
    Shows the diagnostics of one robot.

    :param page: where
    :param namespace: of its nodes; ``None``: of whichever
    """

    def __init__(self, page: Page, namespace: str | None = None) -> None:
        self._page = page
        self._namespace = None if namespace is None else namespace.strip('/')
        self._message = ''
        self._place: dict[str, str] = {}
        self.drawn = False  # whether there is a map

    def take(self, stamp_ns: int, statuses: Iterable[Any]) -> bool:
        """
        Take a message.

        :param stamp_ns: when it came, ns
        :param statuses: each a diagnostic_msgs/DiagnosticStatus, whoever decoded it
        :returns: whether the controller's was among them
        """
        control = False
        for status in statuses:
            values = {item.key: item.value for item in status.values}
            if self._is(status.name, CONTROLLER_NODE, CONTROL):
                control = True
                self._show(stamp_ns, _level(status.level), status.message, values)
            elif self._is(status.name, SIMULATOR_NODE, WORLD):
                self._draw(stamp_ns, values)
        return control

    def _is(self, name: str, node: str, part: str) -> bool:
        namespace, _, rest = name.rpartition('/')
        return rest == f'{node}: {part}' and self._namespace in (None, namespace)

    def _show(self, stamp_ns: int, level: int, message: str, values: Mapping[str, str]) -> None:
        at = np.array([stamp_ns], np.int64)
        rates = {key.removesuffix(RATE): _number(text) for key, text in values.items() if key.endswith(RATE)}
        times = {
            f'{key.removesuffix(P99_US)} (p99)': _number(text) for key, text in values.items() if key.endswith(P99_US)
        }
        self._page.figures(at, RATES, {name: np.array([value]) for name, value in rates.items()})
        self._page.figures(at, TIMES, {name: np.array([value * 1e-3]) for name, value in times.items()})
        gist = re.sub(r'[\d.]+', '', message)  # how late ticks are is another number each second
        if gist != self._message:
            self._message = gist
            self._page.say(stamp_ns, f'status: {message}', LEVELS[level])

    def _draw(self, stamp_ns: int, values: Mapping[str, str]) -> None:
        """Draw the map, when it is another: of a road by its number, else by robot, task and seed."""
        place = {key: values[key] for key in ('robot', 'task', 'scene', 'seed', 'track') if key in values}
        if place == self._place or 'scene' not in place:
            return
        self._place = place
        try:
            draw_place(self._page, place)
            self.drawn = True
        except (InputError, ModuleNotFoundError) as error:
            self._page.say(stamp_ns, f'no map of the simulated world: {error}', 'WARN')


def draw_place(page: Page, place: Mapping[str, str]) -> None:
    """
    Draw what lies below a simulated robot's path.

    :param page: where
    :param place: scene, and track or seed, as texts; of a robot that is no car, or a task that is not its first, those
    :raises InputError: if there is no such place
    :raises ModuleNotFoundError: if the simulator is not installed
    """
    from lnn_controller.sim import find_robot

    robot = find_robot(place.get('robot', 'car'))
    seed = place.get('seed', place.get('track', ''))
    if not (seed.isascii() and seed.isdigit() and len(seed) <= ACCURATE):
        raise InputError(f'the seed of a world must be a number of at most {ACCURATE} digits. Got "{seed}"')
    task = robot.begin(place.get('task', next(iter(robot.tasks))), int(seed), place['scene'], render=False)
    with closing(task.world):
        below = task.map()
    page.ground(below.lines, below.obstacles)


def _level(level: bytes | int) -> int:
    """Rclpy has a byte, rosbags a number."""
    number = level[0] if isinstance(level, bytes) else int(level)
    return min(max(number, 0), len(LEVELS) - 1)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float('nan')
