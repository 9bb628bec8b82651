"""A process that ends when the one that started it does."""

import ctypes
import signal
import sys

__all__ = ['terminate_with_parent']

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def terminate_with_parent() -> None:
    """Arrange for SIGTERM to this process when the one that started it ends, however that ends; on Linux alone."""
    if sys.platform.startswith('linux'):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
