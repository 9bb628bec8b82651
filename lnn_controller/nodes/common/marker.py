"""Marks of episodes, set by whoever records: by a key in the terminal, or by a button of a joystick."""

from __future__ import annotations  # of rclpy's classes Jazzy's take no type parameters

import os
import select
import sys
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy

from lnn_controller.data.topic_names import DISCARD, JOY, KEEP, START
from lnn_controller.nodes.common.endpoint import find
from lnn_controller.nodes.common.topics import RECORDER

__all__ = ['Marker']

KEYS = {b's': START, b'k': KEEP, b'd': DISCARD}
LOOK_S = 0.05


class Marker:
    """
    Listens to keys and buttons.

    :param node: the node
    :param mark: called with the word of each mark: ``'start'``, ``'keep'``, ``'discard'``
    :param buttons: number of the button for each word; negative: none
    :param keys: whether to listen to keys, where standard input is a terminal and this process is in its foreground
    """

    def __init__(self, node: Node, mark: Callable[[str], None], buttons: Mapping[str, int], *, keys: bool) -> None:
        self._mark = mark
        self._buttons = {word: number for word, number in buttons.items() if number >= 0}
        self._pressed: set[str] = set()
        self._terminal: list[Any] | None = None
        if self._buttons:
            find(RECORDER, JOY).subscribe(node, self._on_joy)
        if keys and self._take_terminal():
            node.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
            node.get_logger().info('keys mark episodes: s starts one, k keeps it, d discards it')

    def close(self) -> None:
        """Give the terminal back as it was; further calls do nothing."""
        if self._terminal is not None:
            with suppress(termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._terminal)
            self._terminal = None

    def _take_terminal(self) -> bool:
        """Let keys come one by one and unseen; Ctrl-C stays what it is."""
        try:
            terminal = sys.stdin.fileno()
            # A process of the background would be stopped for touching it.
            if not os.isatty(terminal) or os.tcgetpgrp(terminal) != os.getpgrp():
                return False
            self._terminal = termios.tcgetattr(terminal)
            changed = termios.tcgetattr(terminal)
            changed[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(terminal, termios.TCSANOW, changed)
        except (OSError, ValueError, AttributeError, termios.error):  # closed, or none at all
            return False
        return True

    def _look(self) -> None:
        terminal = sys.stdin.fileno()
        while self._terminal is not None and select.select([terminal], [], [], 0.0)[0]:
            key = os.read(terminal, 1)
            if not key:  # the terminal has gone
                self._terminal = None
            elif key in KEYS:
                self._mark(KEYS[key])

    def _on_joy(self, message: Joy) -> None:
        pressed = {
            word for word, number in self._buttons.items() if number < len(message.buttons) and message.buttons[number]
        }
        for word in sorted(pressed - self._pressed):
            self._mark(word)
        self._pressed = pressed
