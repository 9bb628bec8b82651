"""A graph of nodes as processes of this machine, without ``ros2 launch``: start, watch, and end them all, always."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lnn_controller.errors import InputError
from lnn_controller.libraries import HOW_BY_PART
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.nodes.common.process import PARENT_VARIABLE

__all__ = ['Graph']


class Graph:
    """
    Nodes of this package, each a process of its own and in its own process group.

    A context manager: however its block ends, every process has ended too. Ctrl-C reaches this process alone, which
    then ends the others in order; should this process be killed, the kernel sends them SIGTERM. Start nodes from
    a thread that lives as long as the graph: the kernel's signal comes with the end of that thread.

    :param log_folder: where each node's output goes, as ``<name>.log``; ``None``: to this process's streams
    :param environment: added to (or, with an empty text, removed from) the nodes' environment
    """

    def __init__(self, *, log_folder: str | Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._logs = None if log_folder is None else Path(log_folder)
        self._environment = dds_environment() | dict(environment or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def processes(self) -> dict[str, subprocess.Popen[bytes]]:
        """The processes by name, in the order of their start; ended ones included until :meth:`stop`."""
        return dict(self._processes)

    def start(
        self,
        name: str,
        module: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        remappings: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """
        Start a node.

        :param name: names the process here and its log; the node keeps the name that it gives itself
        :param module: the module to run, e.g. ``lnn_controller.nodes.sim_node``
        :param parameters: ROS parameters by name: truth values, numbers, texts, lists of texts
        :param remappings: topics, ``from: to``
        :param arguments: further ROS arguments, e.g. ``('--log-level', 'warn')``
        :returns: the process
        :raises InputError: if there is no rclpy, or the log cannot be written
        :raises ValueError: if a process of this name was started already
        """
        if name in self._processes:
            raise ValueError(f'every process needs a name of its own. Got {name!r} again')
        if importlib.util.find_spec('rclpy') is None:
            raise InputError(f'driving needs ROS 2 (rclpy). Got a Python without it: {HOW_BY_PART["ros"]}')
        command = [sys.executable, '-m', 'lnn_controller.start', module, '--ros-args']
        for key, value in (parameters or {}).items():
            # JSON is YAML, and quotes what YAML would take for a number or a truth value.
            command += ['-p', f'{key}:={json.dumps(value, ensure_ascii=False)}']
        for source, target in (remappings or {}).items():
            command += ['-r', f'{source}:={target}']
        environment = {key: value for key, value in self._environment.items() if value}
        environment[PARENT_VARIABLE] = str(os.getpid())
        output = self._open_log(name)
        try:
            process = self._spawn([*command, *arguments], environment, output)
        finally:
            if output is not None:
                os.close(output)
        self._processes[name] = process
        return process

    def check(self) -> None:
        """
        Make sure that every node is running.

        :raises InputError: if one has ended; the message gives the last line that it wrote
        """
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise InputError(f'{name} must keep running. Got exit code {code}{self._last_line(name)}')

    def stop(self, name: str | None = None, *, timeout_s: float = 8.0) -> dict[str, int]:
        """
        End nodes in the reverse order of their start: SIGINT, and SIGKILL for what has not ended in time.

        :param name: the one to end; ``None``: all
        :param timeout_s: what each is given to end by itself, s
        :returns: exit code by name
        """
        names = list(reversed(self._processes)) if name is None else [name]
        codes = {}
        try:
            for each in names:
                process = self._processes[each]
                _signal_group(process, signal.SIGINT)
                try:
                    codes[each] = process.wait(timeout_s)
                except subprocess.TimeoutExpired:
                    _signal_group(process, signal.SIGKILL)
                    codes[each] = process.wait()
                self._processes.pop(each)
        finally:
            # A second Ctrl-C lands in a wait above: what is left then ends at once.
            if name is None:
                for process in self._processes.values():
                    _signal_group(process, signal.SIGKILL)
        return codes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(
        self, command: Sequence[str], environment: Mapping[str, str], output: int | None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )

    def _open_log(self, name: str) -> int | None:
        if self._logs is None:
            return None
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            return os.open(self._logs / f'{name}.log', os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            msg = f'the folder of the log files must be writable. Got {self._logs}: {error.strerror}'
            raise InputError(msg) from None

    def _last_line(self, name: str) -> str:
        if self._logs is None:
            return ''
        lines = (self._logs / f'{name}.log').read_text(errors='replace').strip().splitlines()
        return f': {lines[-1]}' if lines else ''


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
