"""
Nodes in processes that are forked where the libraries are loaded already.

To load them takes most of a second of a processor, and the suite starts hundreds of nodes. Each is a process of its
own all the same: its own main function, middleware, signals and end. Where the start of the process or the
interpreter's end is what is tested, use ``real_graph``.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

from lnn_controller import start
from lnn_controller.live.graph import Graph
from lnn_controller.nodes.common.process import PARENT_VARIABLE

NODES = [f'lnn_controller.nodes.{name}_node' for name in ('controller', 'evaluate', 'play', 'record', 'sim')]
SERVER = multiprocessing.get_context('forkserver')
# multiprocessing loads in each new process what this one was started with: pytest.
SERVER.set_forkserver_preload(['pytest', *NODES])


class ForkedProcess:
    """
    A node's process, with what the tests use of ``subprocess.Popen``.

    :param module: of ``NODES``
    :param arguments: of its command line
    :param environment: the process's
    :param outputs: the files that its standard output and error go to
    """

    def __init__(self, module, arguments, environment, outputs):
        self.args = [module, *arguments]
        given = (module, arguments, environment, outputs)
        self._process = SERVER.Process(target=_become, args=given, daemon=True)
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class ForkedGraph(Graph):
    """A graph of such processes; its logs have to go to a folder."""

    def _spawn(self, command, environment, output):
        module, *arguments = command[3:]
        log = Path(f'/proc/self/fd/{output}').readlink()
        return ForkedProcess(module, arguments, environment, (log, log))


def run(module, arguments, environment, folder, timeout_s):
    """
    Run a node until it ends by itself.

    :param folder: where its output may lie
    :param timeout_s: when it is killed, and has failed
    :returns: as of ``subprocess.run``
    """
    outputs = [folder / name for name in ('stdout', 'stderr')]
    process = ForkedProcess(module, arguments, environment, outputs)
    try:
        process.wait(timeout_s)
    finally:
        process.kill()
    texts = (each.read_text(errors='replace') for each in outputs)
    return subprocess.CompletedProcess(process.args, process.returncode, *texts)


def _become(module, arguments, environment, outputs):
    os.setsid()
    os.environ.clear()
    os.environ.update(environment | {PARENT_VARIABLE: str(os.getppid())})
    for file, number in zip(outputs, (1, 2), strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    sys.argv = [module, *arguments]
    sys.exit(getattr(start, module.rpartition('.')[2])())
