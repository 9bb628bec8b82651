"""What ROS 2 needs of the shell to start, checked in one line where ROS ends the process or reports too little."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from lnn_controller.errors import InputError, printable
from lnn_controller.share import find_share

__all__ = ['LAST_DOMAIN', 'check_domain', 'check_environment', 'dds_environment', 'dds_profile', 'refuse_other_ros']

USER_ERROR = 2
LAST_DOMAIN = 232
PROFILES_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
_LOGS_OFF = '--disable-external-lib-logs'


def refuse_other_ros() -> None:
    """
    End the process, in one line, where importing rclpy would end it in another way.

    That is where the sourced ROS 2 is for another Python, or ``RMW_IMPLEMENTATION`` names a middleware that is not
    there: rcl exits as it is loaded, so that nothing can be caught.
    """
    spec = importlib.util.find_spec('rclpy')
    if spec is None or not spec.submodule_search_locations:
        return  # whoever needs it says so
    folder = Path(spec.submodule_search_locations[0])
    if wrong := _other_python(folder) or _other_middleware():
        print(f'lnn_controller: error: {printable(wrong)}', file=sys.stderr)
        raise SystemExit(USER_ERROR)


def check_environment(args: Sequence[str] = ()) -> None:
    """
    Check what rcl reads from the environment as a node starts: the domain, and where logs go.

    :param args: the node's arguments
    :raises InputError: if ``ROS_DOMAIN_ID`` is no domain, or logs are wanted and their folder cannot be written
    """
    check_domain(os.environ.get('ROS_DOMAIN_ID', ''))
    if _LOGS_OFF in args:
        return
    # The order of rcl: each is used if it is set and not empty.
    named, home = os.environ.get('ROS_LOG_DIR'), os.environ.get('ROS_HOME')
    folder = named or (f'{home}/log' if home else '~/.ros/log')
    remedy = 'ROS_LOG_DIR to a folder that you may write to'
    if folder.startswith('~') and not os.environ.get('HOME'):
        raise InputError(f'the logs of ROS go to {folder}, and HOME is not set: set it, or {remedy}.')
    try:
        path = Path(folder).expanduser()
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK | os.X_OK)
        reason = 'Permission denied'
    except OSError as error:
        writable, reason = False, error.strerror or str(error)
    if not writable:
        raise InputError(f'the logs of ROS go to {folder}, which cannot be written: {reason}. Set {remedy}.')


def _other_python(folder: Path) -> str:
    if any((folder / f'_rclpy_pybind11{suffix}').exists() for suffix in EXTENSION_SUFFIXES):
        return ''
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    return (
        f'the ROS 2 that is sourced ({folder}) was built for another Python than this one, {version} '
        f'({sys.executable}): use the Python of that ROS 2, or a shell in which it is not sourced'
    )


def _other_middleware() -> str:
    name = os.environ.get('RMW_IMPLEMENTATION')
    if not name:
        return ''
    prefixes = [Path(each) for each in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if each]
    index = Path('share', 'ament_index', 'resource_index', 'rmw_typesupport', name)
    if any((prefix / index).exists() for prefix in prefixes):
        return ''
    # Packages without an index of resources: another process shows whether it loads.
    trial = subprocess.run([sys.executable, '-c', 'import rclpy'], capture_output=True, text=True, check=False)
    if not trial.returncode:
        return ''
    return (
        f'RMW_IMPLEMENTATION must name a middleware that is installed. Got {name}: install it for this ROS 2, or unset '
        'RMW_IMPLEMENTATION'
    )


def dds_profile() -> dict[str, str]:
    """
    Return the variable that names the package's Fast DDS profile.

    Without the profile a raw 640×480 image does not fit Fast DDS' shared memory segment and most are lost.

    :returns: path by name; empty where the user has set a profile
    """
    return {} if os.environ.get(PROFILES_VARIABLE) else {PROFILES_VARIABLE: str(find_share('config/fastdds.xml'))}


def dds_environment() -> dict[str, str]:
    """
    Return the environment for a node's process: this one's, with the package's Fast DDS profile unless one is set.

    :returns: a copy of the environment
    """
    return dict(os.environ) | dds_profile()


def check_domain(wanted: str) -> None:
    """
    Check a domain, as ``ROS_DOMAIN_ID`` names it.

    :param wanted: the variable's value; empty: not set
    :raises InputError: if it is none
    """
    if wanted and not (wanted.isascii() and wanted.isdigit() and int(wanted) <= LAST_DOMAIN):
        raise InputError(f'ROS_DOMAIN_ID must be a number from 0 to {LAST_DOMAIN}, or unset. Got "{wanted}"')
