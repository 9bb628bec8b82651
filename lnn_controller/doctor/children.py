"""Run probes in processes of their own, which may crash or hang."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ['run_probes']


def run_probes(names: Sequence[str], timeout_s: float) -> Mapping[str, dict[str, Any] | str]:
    """
    Run probes side by side.

    :param names: of ``PROBES`` in :mod:`lnn_controller.doctor.probes`
    :param timeout_s: after which those that have not answered are ended, s
    :returns: each one's answer, or in words why there is none
    """
    command = [sys.executable, '-m', 'lnn_controller.doctor.probes']
    started = {
        name: subprocess.Popen(
            [*command, name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors='replace',
            start_new_session=True,
        )
        for name in names
    }
    end_s = time.monotonic() + timeout_s
    try:
        return {name: _answer(process, end_s, timeout_s) for name, process in started.items()}
    finally:
        for process in started.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # and what it has started
                process.communicate()


def _answer(process: subprocess.Popen[str], end_s: float, timeout_s: float) -> dict[str, Any] | str:
    try:
        output, errors = process.communicate(timeout=max(0.0, end_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        return f'no answer within {timeout_s:g} s'
    if not process.returncode:
        answer: dict[str, Any] = json.loads(output.splitlines()[-1])
        return answer
    if process.returncode < 0:
        return f'the process crashed ({signal.Signals(-process.returncode).name})'
    last = (errors.strip().splitlines() or [f'exit status {process.returncode}'])[-1]
    return last.removeprefix('lnn_controller: error: ')
