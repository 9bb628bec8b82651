"""ROS domains for tests: each at most once at a time, whichever process of the machine runs the test."""

import fcntl
import tempfile
from contextlib import contextmanager
from pathlib import Path

from lnn_controller.live.domain import DOMAINS, is_free


@contextmanager
def own_domain():
    """Hold a domain that nobody else uses now."""
    folder = Path(tempfile.gettempdir()) / 'lnn_controller_ros_domains'
    folder.mkdir(exist_ok=True)
    for number in DOMAINS:
        with (folder / str(number)).open('w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if is_free(number):
                yield number
                return
    raise RuntimeError('every ROS domain is in use')
