"""Where the files that ship with the package may lie: source tree, ROS workspace, or Python environment."""

import os
import sys
from pathlib import Path

from lnn_controller.errors import InputError

__all__ = ['find_share', 'share_folders']

PACKAGE = 'lnn_controller'


def share_folders() -> list[Path]:
    """
    List the folders that may hold ``config/``, ``launch/`` and ``policies/``, nearest first.

    :returns: the source tree where this is one, then share/lnn_controller of every sourced ROS workspace, of the
        prefix that the package is installed under, and of the Python environment
    """
    here = Path(__file__).resolve().parents
    # An ament index is this variable: a list of prefixes with share/<package> below each.
    prefixes = [Path(entry) for entry in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if entry]
    # here[4] is the prefix of <prefix>/lib/python3.x/site-packages/lnn_controller/share.py.
    prefixes += [*here[4:5], Path(sys.prefix)]
    source = [here[1]] if (here[1] / 'resource' / PACKAGE).is_file() else []
    return source + [prefix / 'share' / PACKAGE for prefix in prefixes]


def find_share(relative: str) -> Path:
    """
    Find a file that ships with the package: in the source tree, the sourced ROS workspace, or the environment.

    :param relative: path below share/lnn_controller, e.g. ``config/fastdds.xml``
    :returns: the file
    :raises InputError: if it is in none of them
    """
    for root in share_folders():
        if (root / relative).is_file():
            return root / relative
    raise InputError(f'{relative} must be installed with lnn_controller. Got no such file: install the package again')
