"""
What *respond* is worth on a drone: how far its steady velocity is from the wanted one, frozen and adapted.

Nobody's network flies: the simulated drone is asked for another velocity every two seconds, on all four channels, high
up and without pictures, and then the wind rises, a load is hung on, or a rotor wears. Its flight controller integrates
its errors away, as PX4's does; *proportional* is the same one without its integrators, as simple ones are.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import product
from typing import Any

import numpy as np

from lnn_controller.control import Adaptation, AdaptationSettings
from lnn_controller.control.attitude import heading_frame
from lnn_controller.metrics.statistics import rms
from lnn_controller.policy import ImageSpec, NetworkSpec, OutputSpec, PolicySpec
from lnn_controller.sim.drone import flight
from lnn_controller.sim.drone.perturbation import DronePerturbation
from lnn_controller.sim.drone.world import DroneWorld
from lnn_controller.studies.runner import NUMBER

__all__ = ['CHANGES', 'CHANNELS', 'RESULT', 'list_flights', 'run_flight']

CHANNELS = ('linear_x', 'linear_y', 'linear_z', 'angular_z')
MOST = (2.0, 1.5, 1.0, 1.5)
CHANGES: dict[str, dict[str, float]] = {
    'nothing': {},
    'wind': {'wind_m_s': 4.0},
    'load': {'payload_kg': 0.3},
    'rotor': {'rotor_gain': 0.8},
}
#: of every flight: how long, s; when the change comes; from when on errors count; how long each velocity is asked for,
#: over how much of its end the mean is taken; up to what it is drawn, either way, m/s and rad/s
FLOWN: dict[str, Any] = {
    'seconds': 120.0,
    'changed_s': 10.0,
    'judged_s': 30.0,
    'hold_s': 2.0,
    'steady_s': 0.5,
    'asked': [0.8, 0.6, 0.4, 0.4],
}
ADAPTATION = {
    'frozen': {'mode': 'frozen', 'imitate': False, 'lag_s': 0.3},
    'adapted': {'mode': 'live', 'imitate': False, 'lag_s': 0.3},
}
CONTROLLERS = {'integrating': True, 'proportional': False}
INTEGRATORS = ('HORIZONTAL_I', 'VERTICAL_I', 'TILT_I', 'YAW_I')
FIRST_PLACE = 5000
HEIGHT_M = 120.0  # one that sinks under its load shall not touch the ground
#: shape of a result
RESULT = {'error': [NUMBER], 'gain': [NUMBER], 'trim': [NUMBER], 'rollbacks': int, 'level_m_s': [NUMBER]}


def list_flights(seeds: Sequence[int]) -> list[dict[str, Any]]:
    """
    List the flights, each through a change with a flight controller; seeds outermost, so that a part is fair.

    :param seeds: of place, wind and what is asked
    :returns: plain values
    """
    return [
        {
            'experiment': 'flight',
            'seed': seed,
            'controller': controller,
            'change': change,
            'variant': variant,
            'integrates': CONTROLLERS[controller],
            'perturbation': dict(CHANGES[change]),
            'adaptation': dict(ADAPTATION[variant]),
            **FLOWN,
        }
        for seed, controller, change, variant in product(seeds, CONTROLLERS, CHANGES, ADAPTATION)
    ]


def run_flight(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Fly once.

    :param condition: one of :func:`list_flights`
    :returns: by channel ``error`` (rms of the steady ones that count, m/s, rad/s), ``gain`` and ``trim`` at the end;
        ``rollbacks``; ``level_m_s``: the steady error ahead and to the left together, one a velocity that was asked for
    """
    adaptation = Adaptation(_nobody(), AdaptationSettings(**condition['adaptation']))
    rng = np.random.default_rng(condition['seed'])
    errors: list[np.ndarray[Any, Any]] = []
    with (
        _flight_controller(integrates=condition['integrates']),
        closing(DroneWorld(FIRST_PLACE + condition['seed'], render=False)) as world,
    ):
        world.perturbation = DronePerturbation(wind_m_s=0.0)
        world.set_pose(0.0, 0.0, HEIGHT_M, 0.0)
        period_s = world.clock.odometry / world.clock.steps_per_second
        hold = round(condition['hold_s'] / period_s)
        sent, basis = [0.0] * 4, np.zeros(1, np.float32)
        steady: list[Sequence[float]] = []
        wanted = np.zeros(4)
        for tick in range(round(condition['seconds'] / period_s) + 1):
            if tick == round(condition['changed_s'] / period_s):
                world.perturbation = DronePerturbation(**condition['perturbation'])
            pose, twist = world.odometry()
            frame = heading_frame(pose[3:].tolist())
            assert frame is not None  # of the simulator's own attitude
            measured = frame.velocity(twist[:3].tolist(), twist[3:].tolist())
            if tick % hold == 0:
                if steady:
                    errors.append(np.mean(steady, axis=0) - wanted)
                steady, wanted = [], rng.uniform(-1.0, 1.0, 4) * condition['asked']
                wanted[2] = abs(wanted[2]) * (1.0 if pose[2] < HEIGHT_M else -1.0)  # it stays about there
            elif tick % hold * period_s >= condition['hold_s'] - condition['steady_s']:
                steady.append(measured)
            adaptation.learn(period_s, measured=dict(zip(CHANNELS, measured, strict=True)), sent=sent, basis=basis)
            sent = adaptation.invert(wanted.tolist())
            world.apply(sent)
            world.advance(world.clock.odometry)
    ended_s = condition['hold_s'] * np.arange(1, len(errors) + 1)
    counts = np.array(errors)[ended_s > condition['judged_s']]
    learnt = adaptation.actuators.values()
    return {
        'error': [rms(each) for each in counts.T],
        'gain': [each.gain for each in learnt],
        'trim': [each.offset for each in learnt],
        'rollbacks': sum(each.rollbacks for each in learnt),
        'level_m_s': [round(float(np.hypot(*each[:2])), 3) for each in errors],
    }


def _nobody() -> PolicySpec:
    """A policy of the drone's channels; no network stands behind it."""
    outputs = tuple(
        OutputSpec(name, 'rad/s' if name == 'angular_z' else 'm/s', -most, most)
        for name, most in zip(CHANNELS, MOST, strict=True)
    )
    return PolicySpec(
        name='nobody',
        image=ImageSpec(8, 8),
        imu=None,
        outputs=outputs,
        network=NetworkSpec('cfc', 1, 1, 1, time_scale=1.0),
        dt_min_s=0.001,
        dt_max_s=1.0,
    )


@contextmanager
def _flight_controller(*, integrates: bool) -> Iterator[None]:
    """The simulator's, with or without its integrators."""
    kept = {name: getattr(flight, name) for name in INTEGRATORS}
    for name in INTEGRATORS:
        setattr(flight, name, kept[name] if integrates else 0.0)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(flight, name, value)
