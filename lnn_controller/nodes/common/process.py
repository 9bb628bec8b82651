"""The process of a node: it ends with the one that started it, and at once where it must."""

import os
import sys
from typing import NoReturn

from lnn_controller.parent import terminate_with_parent

__all__ = ['PARENT_VARIABLE', 'end_process', 'orphaned']

PARENT_VARIABLE = 'LNN_CONTROLLER_PARENT'  # the process whose end a node shall not outlive


def orphaned() -> bool:
    """
    Arrange for SIGTERM when the process that started this one ends.

    :returns: whether it has ended already
    """
    parent = os.environ.get(PARENT_VARIABLE, '')
    if not parent.isdigit() or not sys.platform.startswith('linux'):
        return False
    terminate_with_parent()
    return os.getppid() != int(parent)


def end_process(reason: str = '', code: int = 1) -> NoReturn:
    """
    End the process now, whatever its other threads do.

    :param reason: a line for standard error; empty: none
    :param code: its exit code
    """
    if reason:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f'{reason}\n'.encode())
    os._exit(code)
