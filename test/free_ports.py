"""Ports of this computer that nobody uses, for a page in the browser."""

import socket
from contextlib import suppress


def two_free_ports():
    """The first of two that follow each other: the page's, and its data's."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(('127.0.0.1', 0))
            number = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                second.bind(('127.0.0.1', number + 1))
                return number
