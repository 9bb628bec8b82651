"""A disk that takes no more: writes fail as on a full one, with another number."""

import resource
from contextlib import contextmanager


@contextmanager
def files_of_at_most(size):
    """No file of this process grows beyond so many bytes; Python has the signal ignored, so writes fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
