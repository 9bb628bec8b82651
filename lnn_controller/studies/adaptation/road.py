"""The experiments on the road, as data: what happens to the car, who overrides, and how the controller learns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import AdaptationSettings, Controller, ControlSettings, Decision
from lnn_controller.evaluation.closed_loop import Operator, run_trial
from lnn_controller.metrics.lane import DEPARTURE_M
from lnn_controller.metrics.statistics import rms
from lnn_controller.policy import Policy
from lnn_controller.sim import CarWorld, PurePursuit, Track, read_scenario
from lnn_controller.sim.tasks.lane import cross_track_errors
from lnn_controller.studies.runner import FIGURE, NUMBER

__all__ = ['EXPERIMENTS', 'LEARNT', 'RESULT', 'list_drives', 'operator_of', 'run_drive']

FIRST_ROAD, ROADS_APART = 21, 12  # roads 1 to 12 are those that policies are trained on
FROZEN = {'mode': 'frozen'}
RESPONDS, IMITATES = {'mode': 'live', 'imitate': False}, {'mode': 'live', 'respond': False}
WORN = [{'at_s': 20.0, 'steering_gain': 0.6, 'steering_trim_rad_s': 0.15}]
TILTED = [{'at_s': 20.0, 'camera_pitch_deg': -5.0}]
ASIDE_M = 0.35
# Adversarial are the last two: one teaches to steer the wrong way, one, by careful driving, to leave the lane.
ATTACKS: dict[str, dict[str, Any]] = {
    # Held for a while: a command that changes at each tick would hardly move the car.
    'random': {'drives': 'random', 'hold_s': 0.5, 'linear_x': [0.0, 2.4], 'angular_z': [-2.0, 2.0]},
    'constant': {'drives': 'constant', 'linear_x': 1.5, 'angular_z': 1.0},
    'mirrored': {'drives': 'mirrored'},
    'edge': {'drives': 'line', 'aside_m': 0.55},
}


def _operator(from_s: float, to_s: float, aside_m: float = 0.0) -> dict[str, Any]:
    return {'from_s': from_s, 'to_s': to_s, 'drives': 'line', 'aside_m': aside_m}


def _drives(
    seconds: float,
    judged_s: float,
    variants: Mapping[str, tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]],
    operator: Sequence[Mapping[str, Any]] = (),
    line_m: float = 0.0,
    **control: Any,
) -> list[dict[str, Any]]:
    common = {'seconds': seconds, 'judged_s': judged_s, 'line_m': line_m, 'operator': list(operator)}
    return [
        {'variant': variant, **common, 'changes': list(changes), 'adaptation': dict(learns), 'control': control}
        for variant, (changes, learns) in variants.items()
    ]


#: name → its drives on each road. ``changes`` are a scenario's, ``operator`` says who overrides when, ``adaptation``
#: and ``control`` are settings other than the defaults; what comes from ``judged_s`` on counts, as the distance from
#: ``line_m``, m left of the lane's centre.
EXPERIMENTS: dict[str, list[dict[str, Any]]] = {
    'worn-steering': _drives(
        60.0, 35.0, {'unworn': ([], FROZEN), 'frozen': (WORN, FROZEN), 'adapted': (WORN, RESPONDS)}
    ),
    'new-driver': _drives(
        90.0,
        45.0,
        {'frozen': ([], FROZEN), 'adapted': ([], IMITATES)},
        [_operator(10.0, 40.0, ASIDE_M)],
        ASIDE_M,
        override_return_s=1.0,
    ),
    'tilted-camera': _drives(
        80.0,
        45.0,
        {'straight': ([], FROZEN), 'frozen': (TILTED, FROZEN), 'adapted': (TILTED, IMITATES)},
        [_operator(25.0, 40.0)],
    ),
    'malice': [
        {'attack': name, **drive}
        for name, attack in ATTACKS.items()
        for drive in _drives(
            75.0,
            31.0,
            {'frozen': ([], FROZEN), 'adapted': ([], IMITATES)},
            [{'from_s': 10.0, 'to_s': 30.0, **attack}, _operator(60.0, 65.0)],
        )
    ],
}
#: what may have been learnt, second by second
LEARNT = ('gain', 'trim', 'correction')
#: shape of a result
RESULT = {
    'rms_m': NUMBER,
    'largest_m': NUMBER,
    'departures': int,
    'rollbacks_s': [NUMBER],
    'correction_max': FIGURE,
    'error_m': [NUMBER],
    'learnt': {},
}


def list_drives(experiment: str, policies: Mapping[str, str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """
    List an experiment's drives; seeds outermost, so that a part is fair.

    :param experiment: a key of :data:`EXPERIMENTS`
    :param policies: name → hash of its weights
    :param seeds: of the roads, which no shipped policy has been trained on
    :returns: plain values
    """
    return [
        {
            'experiment': experiment,
            'policy': policy,
            'weights': weights,
            'seed': seed,
            'road': FIRST_ROAD + ROADS_APART * seed,
            **each,
        }
        for seed, (policy, weights), each in product(seeds, policies.items(), EXPERIMENTS[experiment])
    ]


def run_drive(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Drive once.

    :param condition: one of :func:`list_drives`
    :returns: of what counts ``rms_m``, ``largest_m`` and ``departures``; of the whole drive ``rollbacks_s`` (when),
        ``correction_max`` (the largest correction by imitation as a share of its bound; ``None``: it does not
        imitate), ``error_m`` (rms of each second) and ``learnt`` (mean of each second: ``gain`` and ``trim`` of the
        steering, or ``correction``)
    """
    settings = AdaptationSettings(**condition['adaptation'])
    policy = _load(condition['policy'])
    ticks_s: list[float] = []
    log: dict[str, list[float]] = {}
    rollbacks_s: list[float] = []

    def watch(controller: Controller, decision: Decision, at_s: float) -> None:
        learnt = controller.adaptation.figures()
        if settings.mode != 'frozen':
            ticks_s.append(at_s)
            for name, value in _learnt(controller, decision, settings, learnt, policy.spec.command_range).items():
                log.setdefault(name, []).append(value)
        if learnt['rollbacks'] > len(rollbacks_s):
            rollbacks_s.append(at_s)

    driven = run_trial(
        policy,
        seed=condition['road'],
        seconds=condition['seconds'],
        # At even ticks: all drives of a study, whatever they learn, learn at the same moments.
        settings=replace(ControlSettings(**condition['control']), adaptation=settings, tick_on_frame=False),
        scenario=read_scenario(condition['changes']),
        operator=operator_of(condition),
        watch=watch,
    )
    at_s = (driven.stamp_ns - driven.stamp_ns[0]) * 1e-9
    aside_m = cross_track_errors(Track(driven.seed), driven.pose)
    error_m, counts = aside_m - condition['line_m'], at_s >= condition['judged_s']
    return {
        'rms_m': rms(error_m[counts]),
        'largest_m': float(np.abs(error_m[counts]).max()),
        'departures': int(np.count_nonzero(np.abs(aside_m[counts]) > DEPARTURE_M)),
        'rollbacks_s': [round(each, 2) for each in rollbacks_s],
        'correction_max': max(log['correction']) if 'correction' in log else None,
        'error_m': [round(rms(each), 4) for each in _by_second(at_s, error_m)],
        'learnt': {
            name: [round(float(each.mean()), 3) for each in _by_second(np.array(ticks_s), np.array(values))]
            for name, values in log.items()
        },
    }


def operator_of(condition: Mapping[str, Any]) -> Operator:
    """
    Make who overrides.

    :param condition: one of :func:`list_drives`
    :returns: takes the world and the time (s), gives the command; ``None`` while nobody overrides
    """
    rng = np.random.default_rng(condition['seed'])
    held: dict[int, tuple[float, float]] = {}

    def operator(world: CarWorld, at_s: float) -> tuple[float, float] | None:
        part = next((each for each in condition['operator'] if each['from_s'] <= at_s < each['to_s']), None)
        if part is None:
            return None
        if part['drives'] == 'constant':
            return part['linear_x'], part['angular_z']
        if part['drives'] == 'random':
            stretch = int(at_s / part['hold_s'])
            if stretch not in held:
                held[stretch] = float(rng.uniform(*part['linear_x'])), float(rng.uniform(*part['angular_z']))
            return held[stretch]
        linear_x, angular_z = PurePursuit(world.track, aside_m=part.get('aside_m', 0.0)).command(*world.pose())
        return linear_x, -angular_z if part['drives'] == 'mirrored' else angular_z

    return operator


def _learnt(
    controller: Controller,
    decision: Decision,
    settings: AdaptationSettings,
    figures: Mapping[str, float],
    command_range: NDArray[Any],
) -> dict[str, float]:
    """What has been learnt by a tick: of the yaw rate's actuator, or how far the command is moved, by its bound."""
    if not settings.imitate:
        return {name: figures[f'angular_z.respond_{name}'] for name in ('gain', 'trim')}
    correction = controller.adaptation.imitation.correction(decision.neurons)
    return {'correction': float(np.abs(correction / command_range).max()) / settings.bound}


def _by_second(at_s: NDArray[np.float64], values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The values of each second; a moment at the very end, which begins another, goes to the last one."""
    seconds = max(1, round(float(at_s[-1])))
    return np.split(values, np.searchsorted(at_s, np.arange(1, seconds) - 1e-6))


@cache
def _load(policy: str) -> Policy:
    return Policy.load(policy, runtime='onnx')
