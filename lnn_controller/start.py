"""
The start of each node's process: ``python -m lnn_controller.start lnn_controller.nodes.sim_node --ros-args …``.

To load the libraries takes a second. SIGINT or SIGTERM ends the process within it at once, with exit code 0 and
without a word, for nothing has begun that would have to be ended in order; afterwards the node takes them itself.
"""

import os
import runpy
import signal
import sys
from functools import partial
from importlib import import_module

__all__ = ['ackermann_node', 'controller_node', 'evaluate_node', 'play_node', 'record_node', 'sim_node']


def _end_at_once() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: os._exit(0))


def _run(module: str) -> int:
    _end_at_once()
    code: int = import_module(module).main()
    return code


ackermann_node = partial(_run, 'lnn_controller.nodes.ackermann_node')
controller_node = partial(_run, 'lnn_controller.nodes.controller_node')
evaluate_node = partial(_run, 'lnn_controller.nodes.evaluate_node')
play_node = partial(_run, 'lnn_controller.nodes.play_node')
record_node = partial(_run, 'lnn_controller.nodes.record_node')
sim_node = partial(_run, 'lnn_controller.nodes.sim_node')

if __name__ == '__main__':
    _end_at_once()
    runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)
