"""
What ``lnn doctor`` tries in processes of their own: ``python -m lnn_controller.doctor.probes NAME``, a line of JSON.

Each goes the way that driving, simulating and the nodes go. Loading a library can end a process (rcl, for a middleware
that is missing), crash it (GL) or hang it (DDS).
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from lnn_controller.errors import InputError

USER_ERROR = 2
POLICY = 'car_lane'


def _policy() -> dict[str, Any]:
    from lnn_controller.policy.runtime import Policy

    return {'name': Policy.load(POLICY).path.name}  # it runs once as it is loaded


def _ros() -> dict[str, Any]:
    from lnn_controller.nodes.controller.self_test import start_node

    return start_node()


def _camera() -> dict[str, Any]:
    from lnn_controller.sim import CarWorld
    from lnn_controller.sim.render.gl import choose_backend

    frame = CarWorld(1, 'summer').camera()
    if frame.min() == frame.max():
        raise InputError(f'the simulated camera must show the road. Got a frame of one colour by {choose_backend()}')
    return {'backend': choose_backend(), 'shape': frame.shape}


PROBES: dict[str, Callable[[], dict[str, Any]]] = {'policy': _policy, 'ros': _ros, 'camera': _camera}


def main() -> int:
    """Run the probe that the command line names."""
    try:
        print(json.dumps(PROBES[sys.argv[1]]()), flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return USER_ERROR
    return 0


if __name__ == '__main__':
    sys.exit(main())
