"""A node ends with the process that started it."""

import ctypes
import os
import signal
import sys

__all__ = ['PARENT_VARIABLE', 'orphaned']

PARENT_VARIABLE = 'LNN_CONTROLLER_PARENT'  # the process whose end a node shall not outlive
PR_SET_PDEATHSIG = 1


def orphaned() -> bool:
    """
    Arrange for SIGTERM when the process that started this one ends.

    :returns: whether it has ended already
    """
    parent = os.environ.get(PARENT_VARIABLE, '')
    if not parent.isdigit() or not sys.platform.startswith('linux'):
        return False
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() != int(parent)
