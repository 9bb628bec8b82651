"""The server of the page: rerun's web viewer and the data that it shows, as a process of its own."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from lnn_controller.errors import InputError
from lnn_controller.parent import terminate_with_parent
from lnn_controller.settings import check_number

__all__ = ['DEFAULT_PORT', 'HERE', 'Server', 'find_viewer']

HERE, DEFAULT_PORT = '127.0.0.1', 9090
LAST_PORT = 65534  # the data's is the next
START_TIMEOUT_S, END_TIMEOUT_S = 60.0, 5.0


class Server:
    """
    Serves the page at one port, and its data at the next.

    A context manager. The process ends with this one, however that ends.

    :param port: of the page
    :param bind: address to listen at; anything but this computer's own lets others look in
    :param memory: how much of the data it keeps for browsers that connect later, such as ``256MB``; the oldest goes
    :raises InputError: if the address is none, a port is taken, or the server does not start
    """

    def __init__(self, *, port: int = DEFAULT_PORT, bind: str = HERE, memory: str) -> None:
        check_number('port', port, whole=True, minimum=1, maximum=LAST_PORT)
        self._port, self._bind = port, bind
        for each in (port, port + 1):
            _check_free(bind, each)
        # Its usage statistics, which would go to its makers, are off where it believes to run in a CI.
        environment = os.environ | {'CI': 'true'}
        command = [str(find_viewer()), '--serve-web', '--bind', bind, '--web-viewer-port', str(port)]
        command += ['--port', str(port + 1), '--server-memory-limit', memory]
        # Browsers give the data to pages of this address alone.
        command += ['--cors-allow-origin', self._origin]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for this process, which then ends it
            preexec_fn=terminate_with_parent,
        )
        self._wait()

    @property
    def uri(self) -> str:
        """Where data is sent to."""
        return f'rerun+http://{_reached_at(self._bind)}:{self._port + 1}/proxy'

    @property
    def url(self) -> str:
        """The page's address, for a browser."""
        return f'{self._origin}/?url={quote(f"rerun+http://{self._host}:{self._port + 1}/proxy", safe="")}'

    @property
    def _host(self) -> str:
        host = self._bind if self._bind not in ('0.0.0.0', '::') else socket.gethostname()
        return f'[{host}]' if ':' in host else host

    @property
    def _origin(self) -> str:
        return f'http://{self._host}:{self._port}'

    def check(self) -> None:
        """
        Make sure that it is running.

        :raises InputError: if it has ended
        """
        code = self._process.poll()
        if code is not None:
            raise InputError(f"the page's server must keep running. Got exit code {code}")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self) -> None:
        """Until it listens at both ports."""
        begun_s = time.monotonic()
        for port in (self._port, self._port + 1):
            while not _listens(_reached_at(self._bind), port):
                try:
                    self.check()
                    if time.monotonic() - begun_s > START_TIMEOUT_S:
                        raise InputError(f"the page's server must start within {START_TIMEOUT_S:g} s. Got no answer")
                except InputError:
                    self.close()
                    raise
                time.sleep(0.02)


def find_viewer() -> Path:
    """
    Find rerun's program itself: its Python start would be a process between, which does not hand on signals.

    :returns: its path
    :raises ModuleNotFoundError: if the extra is not installed
    """
    import rerun_cli

    return Path(rerun_cli.__file__).parent / ('rerun.exe' if sys.platform == 'win32' else 'rerun')


def _check_free(bind: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((bind, port))
    except socket.gaierror:
        raise InputError(f'an address of this computer is needed, such as {HERE} or 0.0.0.0. Got {bind}') from None
    except OSError as error:
        raise InputError(
            f'the page needs ports {port} … of {bind} free. Got {error.strerror}: choose another --port'
        ) from None


def _reached_at(bind: str) -> str:
    return {'0.0.0.0': HERE, '::': 'localhost'}.get(bind, bind)


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
