"""Does a drive need a memory? The same drives with the network's state kept, and wiped before every tick."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.evaluation.closed_loop import DEFAULT_RATE_HZ
from lnn_controller.evaluation.conditions import Conditions
from lnn_controller.evaluation.many import Setup, run_setup
from lnn_controller.evaluation.robot import check_channels, choose_robot
from lnn_controller.policy import PolicySpec, find_policy, read_spec
from lnn_controller.sim.robots import find_robot
from lnn_controller.studies.memory_page import page
from lnn_controller.studies.runner import FIGURE, NUMBER, Row, has_shape

__all__ = ['NAMED', 'conditions', 'fits', 'page', 'run']

#: of a condition, for people
NAMED = ('task', 'policy', 'seed', 'memory')
_RESULT = {'success': int, 'outcome': str, 'error_m': FIGURE, 'seconds': NUMBER}


def conditions(*, drives: Sequence[str], worlds: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """
    List what is run: a drive each, with its state kept and wiped; worlds outermost, so that a part is fair.

    :param drives: TASK=POLICY each: what is asked, and of whom
    :param worlds: seeds of the worlds, in lists
    :returns: plain values
    :raises InputError: if a drive is not of that form, its policy cannot be read, or its robot has no such task
    """
    asked = [_asked(each) for each in dict.fromkeys(drives)]
    return [
        {**each, 'seed': seed, 'memory': memory}
        for seed in dict.fromkeys(chain.from_iterable(worlds))
        for each in asked
        for memory in (True, False)
    ]


def _asked(drive: str) -> dict[str, Any]:
    task, equals, policy = drive.partition('=')
    if not (task and equals and policy):
        raise InputError(f'a drive must be TASK=POLICY, such as lane=car_lane. Got {drive!r}')
    folder = find_policy(policy)
    spec, name = read_spec(folder), choose_robot('', policy)
    robot = find_robot(name)
    robot.find_task(task)
    check_channels(spec, name)
    return {
        'robot': name,
        'task': task,
        'scene': next(iter(robot.scenes)),
        'policy': policy,
        'cell': _cell(spec),
        # A policy that is trained anew is another one.
        'weights': hashlib.sha256((Path(folder) / 'weights.safetensors').read_bytes()).hexdigest()[:12],
        'rate_hz': min(DEFAULT_RATE_HZ, round(1 / spec.dt_min_s, 3)),
    }


def _cell(spec: PolicySpec) -> str:
    options = [name for name in ('self_state', 'mixed_memory') if spec.network.options.get(name)]
    return ' '.join([spec.network.cell, str(spec.network.units), *options])


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Drive once.

    :param condition: one of :func:`conditions`
    :returns: ``success`` (0 or 1; of a lane whether it was never left), ``outcome``, ``error_m`` (rms from the lane's
        centre; ``None`` where there is no lane), ``seconds``
    """
    trial = run_setup(
        Setup(
            robot=condition['robot'],
            task=condition['task'],
            scene=condition['scene'],
            seed=condition['seed'],
            policy=condition['policy'],
            runtime='onnx',
            rate_hz=condition['rate_hz'],
            tick_on_frame=False,
            conditions=Conditions(memory=condition['memory']),
        )
    )
    figures = trial.figures
    return {
        'success': int(figures['success'] if 'success' in figures else not figures['departures']),
        'outcome': trial.outcome,
        'error_m': figures.get('cross_track_error_rms_m'),
        'seconds': round(trial.seconds, 2),
    }


def fits(row: Row) -> bool:
    """
    Return whether a row has what a drive gives.

    :param row: as it was read
    :returns: whether it does
    """
    return has_shape(row['result'], _RESULT) and row['result']['success'] in (0, 1)
