"""Do cells differ? The same encoder, frozen or learnt with each, windows and steps; then a drive in closed loop."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lnn_controller.control import ControlSettings
from lnn_controller.errors import InputError
from lnn_controller.evaluation.closed_loop import DEFAULT_RATE_HZ, run_trial
from lnn_controller.evaluation.conditions import Conditions
from lnn_controller.evaluation.trial import Trial
from lnn_controller.metrics.statistics import rms
from lnn_controller.policy import Policy, find_policy, read_spec
from lnn_controller.sim import Perturbation, Scenario
from lnn_controller.sim.collect import collect
from lnn_controller.sim.robots import find_robot
from lnn_controller.studies.cells_page import page
from lnn_controller.studies.cells_plot import draw
from lnn_controller.studies.cells_summary import JOINT
from lnn_controller.studies.runner import FIGURE, NUMBER, Row, has_shape

__all__ = ['CELLS', 'FAULTS', 'NAMED', 'conditions', 'draw', 'fits', 'page', 'run', 'with_fault']

#: label → cell, units, options of cell and training. Without a number: about the default cell's 1,024 weights. With
#: one: its 19 units.
CELLS: dict[str, tuple[str, int, dict[str, Any]]] = {
    'ncp_cfc': ('ncp_cfc', 19, {}),
    'ncp_cfc self_state': ('ncp_cfc', 19, {'self_state': True}),
    'ncp_cfc motor readout': ('ncp_cfc', 19, {'readout': 'motor'}),
    'ltc': ('ltc', 19, {'init_time_constant': 1.0}),
    'cfc': ('cfc', 6, {'backbone_layers': 0}),
    'dlinoss': ('dlinoss', 14, {}),
    'lstm': ('lstm', 6, {}),
    'gru': ('gru', 7, {}),
    'ctrnn': ('ctrnn', 18, {}),
    'none': ('none', 26, {}),
    'ncp_cfc mixed 19': ('ncp_cfc', 19, {'mixed_memory': True}),
    'cfc 19': ('cfc', 19, {'backbone_layers': 0}),
    'dlinoss 19': ('dlinoss', 19, {}),
    'lstm 19': ('lstm', 19, {}),
    'gru 19': ('gru', 19, {}),
    'ctrnn 19': ('ctrnn', 19, {}),
    'none 19': ('none', 19, {}),
}
# The tolerance of an MPU-6050's gyro at 25 °C, ±20 °/s, that nobody calibrated away (MPU-6000/MPU-6050 Product
# Specification, revision 3.4, 2013, section 6.1).
GYRO_BIAS_RAD_S = 0.35
#: label → what a drive has of it: of ``Conditions``, ``Perturbation`` and the control rate
FAULTS: dict[str, dict[str, float]] = {
    'none': {},
    'noise': {'image_noise': 51.0},
    # More would measure the controller's stops: where 0.8 are lost, it is 0.2 s without a frame at 3 ticks of 4.
    'frames_lost': {'drop_frames': 0.5},
    'imu_bias': {'gyro_bias_rad_s': GYRO_BIAS_RAD_S},
    'rate_5': {'rate_hz': 5.0},
    'rate_100': {'rate_hz': 100.0},
}
#: of a condition, for people
NAMED = ('encoder', 'cell', 'seed')
_DRIVE = {'scene': str, 'road': int, 'fault': str, 'error_m': FIGURE, 'success': int, 'roughness': FIGURE}
_RESULT = {'parameters': NUMBER, 'validation': NUMBER, 'train_cpu_s': NUMBER, 'drives': [_DRIVE]}
ROBOT, TASK = 'car', 'lane'
# Roads that no policy is tested on: to an encoder that knows none yet, more of them.
DEMONSTRATED, DEMONSTRATED_JOINTLY, DEMONSTRATED_S = range(101, 105), range(101, 113), 15.0
#: whose recipe trains encoder and cell together
RECIPE = 'car_lane'


def conditions(
    *,
    cells: Sequence[str] | None,
    seeds: Sequence[int],
    encoders: Sequence[str],
    scenes: Sequence[str],
    roads: Sequence[int],
    faults: Sequence[str],
    seconds: float,
    steps: int,
    learning_rates: Sequence[float] | None = None,
) -> list[dict[str, Any]]:
    """
    List what is run: a cell of a seed on an encoder each, with all its drives; seeds outermost, so that a part is fair.

    :param cells: keys of :data:`CELLS`; ``None``: all
    :param seeds: of weights, wiring and windows
    :param encoders: policies whose encoder is taken; ``joint``: learnt with each cell, from nothing
    :param scenes: to drive in
    :param roads: seeds of the worlds
    :param faults: keys of :data:`FAULTS`
    :param seconds: of each drive, s
    :param steps: of the optimiser
    :param learning_rates: of the cell, each tried; ``None``: the recipe's
    :returns: plain values
    :raises InputError: if a cell, fault, task or scene is unknown, or an encoder's policy cannot be read
    """
    cells = list(CELLS) if cells is None else cells
    for what, given, known in (('a cell', cells, CELLS), ('a fault', faults, FAULTS)):
        wrong = [each for each in given if each not in known]
        if wrong:
            raise InputError(f'{what} must be one of {", ".join(known)}. Got {wrong[0]!r}')
    for encoder in encoders:
        if encoder == JOINT:
            continue
        robot = read_spec(find_policy(encoder)).robot or ROBOT
        if robot != ROBOT:
            raise InputError(f'an encoder must be of a policy of the {ROBOT}. Got {encoder}, of the {robot}')
    for scene in scenes:
        find_robot(ROBOT).find_scene(scene)
    drives = {
        'scenes': list(scenes),
        'roads': list(roads),
        # With their values: where one is changed, its drives are others.
        'faults': {fault: dict(FAULTS[fault]) for fault in faults},
        'seconds': seconds,
    }
    tried = {} if learning_rates is None else {'learning_rates': list(learning_rates)}
    return [
        {'cell': cell, 'seed': seed, 'encoder': encoder, 'steps': steps, **tried, **drives}
        for seed, encoder, cell in product(seeds, encoders, cells)
    ]


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Train one cell and let it drive.

    With learning rates, it is trained with each; the one with the least error on the demonstrations that validate
    drives.

    :param condition: one of :func:`conditions`
    :returns: ``parameters``, ``validation``, ``train_cpu_s`` (of all tries), and ``drives``: scene, road, fault,
        ``error_m``, ``success`` and ``roughness`` (rms rate of the last channel's command, its unit/s); with learning
        rates ``tried``, the validation error of each
    """
    name, units, options = CELLS[condition['cell']]
    training = _training(condition['encoder'])
    rates = condition.get('learning_rates')
    tries = [{}] if rates is None else [{'cell_learning_rate': rate} for rate in rates]
    with tempfile.TemporaryDirectory() as folder:
        outs, started = [Path(folder) / f'policy_{number}' for number in range(len(tries))], time.process_time()
        trained = [
            training.train(
                out, cell=name, units=units, seed=condition['seed'], steps=condition['steps'], **options, **tried
            )
            for out, tried in zip(outs, tries, strict=True)
        ]
        errors = [each['validation'] for each in trained]
        best = errors.index(min(errors))
        result: dict[str, Any] = trained[best] | {'train_cpu_s': round(time.process_time() - started, 1)}
        if rates is not None:
            result['tried'] = errors
        policy = Policy.load(outs[best], runtime='onnx')
    result['drives'] = [
        {
            'scene': scene,
            'road': road,
            'fault': fault,
            **_figures(
                run_trial(
                    policy,
                    seed=road,
                    robot=ROBOT,
                    task=TASK,
                    scene=scene,
                    seconds=condition['seconds'],
                    settings=ControlSettings(tick_on_frame=False),
                    **with_fault(values),
                )
            ),
        }
        for scene, road, (fault, values) in product(
            condition['scenes'], condition['roads'], condition['faults'].items()
        )
    ]
    return result


def with_fault(values: Mapping[str, float]) -> dict[str, Any]:
    """
    Put a fault into a drive.

    :param values: one of :data:`FAULTS`
    :returns: arguments of :func:`~lnn_controller.evaluation.closed_loop.run_trial`
    """
    return {
        'conditions': Conditions(
            image_noise=values.get('image_noise', 0.0), drop_frames=values.get('drop_frames', 0.0)
        ),
        'scenario': Scenario(nominal=Perturbation(gyro_bias_rad_s=values.get('gyro_bias_rad_s', 0.0))),
        'rate_hz': values.get('rate_hz', DEFAULT_RATE_HZ),
    }


def _figures(trial: Trial) -> dict[str, Any]:
    seconds = np.diff(trial.command_stamp_ns) * 1e-9
    steering = np.diff(trial.command[:, -1]) / seconds
    return {
        'error_m': trial.figures['cross_track_error_rms_m'],
        'success': int(not trial.figures['departures']),
        'roughness': rms(steering),
    }


@cache
def _training(encoder: str) -> Any:
    """An encoder, or a recipe, and its demonstrations, made once in each process."""
    from lnn_controller.learning.frozen import FrozenEncoder  # PyTorch takes seconds to load
    from lnn_controller.learning.joint import JointTraining

    jointly = encoder == JOINT
    with tempfile.TemporaryDirectory() as folder:
        bags = collect(
            Path(folder) / 'demonstrations',
            seeds=DEMONSTRATED_JOINTLY if jointly else DEMONSTRATED,
            robot=ROBOT,
            tasks=[TASK],
            seconds=DEMONSTRATED_S,
            seed=5,
            progress=False,
        )
        return JointTraining(RECIPE, bags) if jointly else FrozenEncoder(encoder, bags)


def fits(row: Row) -> bool:
    """
    Return whether a row has what a training and its drives give, each drive once.

    :param row: as it was read
    :returns: whether it does
    """
    if not has_shape(row['result'], _RESULT):
        return False
    drives, condition = row['result']['drives'], row['condition']
    rates = condition.get('learning_rates', [])
    if rates and not (has_shape(row['result'], {'tried': [NUMBER]}) and len(row['result']['tried']) == len(rates)):
        return False
    driven = [(each['scene'], each['road'], each['fault']) for each in drives]
    asked = [*product(condition['scenes'], condition['roads'], condition['faults'])]
    return driven == asked and all(each['success'] in (0, 1) for each in drives)
