"""Where the files that ship with the package may lie: source tree, ROS workspace, or Python environment."""

import os
import sys
from pathlib import Path

__all__ = ['share_folders']

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
    # here[5] is the prefix of <prefix>/lib/python3.x/site-packages/lnn_controller/policy/share.py.
    prefixes += [*here[5:6], Path(sys.prefix)]
    source = [here[2]] if (here[2] / 'resource' / PACKAGE).is_file() else []
    return source + [prefix / 'share' / PACKAGE for prefix in prefixes]
