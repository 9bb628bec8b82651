"""
What *respond* is worth on a drone: how far its steady velocity is from the wanted one, frozen and adapted.

    python benchmarks/flight_adaptation.py [--seconds 120] [--seed 0] [--json]

The simulated drone is asked for another velocity every two seconds, on all four channels, high up and without pictures;
10 s after it set off the wind rises, a load is hung on, or a rotor wears. The error is that of the mean over the last
half second of each two, from 30 s on. The flight controller of the simulator integrates its errors away, as PX4's does;
*proportional* is the same one without its integrators, as simple ones are.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
from summary import add

from lnn_controller.control import Adaptation, AdaptationSettings
from lnn_controller.control.attitude import heading_frame
from lnn_controller.policy import ImageSpec, NetworkSpec, OutputSpec, PolicySpec
from lnn_controller.sim.drone import flight
from lnn_controller.sim.drone.perturbation import DronePerturbation
from lnn_controller.sim.drone.world import DroneWorld

CHANNELS = ('linear_x', 'linear_y', 'linear_z', 'angular_z')
MOST = (2.0, 1.5, 1.0, 1.5)
ASKED = (0.8, 0.6, 0.4, 0.4)  # at most, either way
CHANGES = {
    'nothing': DronePerturbation(),
    'wind, 4 m/s': DronePerturbation(wind_m_s=4.0),
    'load, 0.3 kg': DronePerturbation(payload_kg=0.3),
    'rotor at 0.8': DronePerturbation(rotor_gain=0.8),
}
INTEGRATORS = ('HORIZONTAL_I', 'VERTICAL_I', 'TILT_I', 'YAW_I')
CHANGES_AT_S, JUDGED_S = 10.0, 30.0
HOLD_S, STEADY_S = 2.0, 0.5
HEIGHT_M = 120.0  # one that sinks under its load shall not touch the ground


@contextmanager
def flight_controller(*, integrates: bool) -> Iterator[None]:
    """The simulator's, with or without its integrators."""
    kept = {name: getattr(flight, name) for name in INTEGRATORS}
    for name in INTEGRATORS:
        setattr(flight, name, kept[name] if integrates else 0.0)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(flight, name, value)


def fly(change: DronePerturbation, settings: AdaptationSettings, seconds: float, seed: int) -> dict[str, list[float]]:
    """One flight; its steady errors by channel, rms, and what was learnt at its end."""
    outputs = tuple(
        OutputSpec(name, 'rad/s' if name == 'angular_z' else 'm/s', -most, most)
        for name, most in zip(CHANNELS, MOST, strict=True)
    )
    network = NetworkSpec('cfc', 1, 1, 1, time_scale=1.0)
    spec = PolicySpec(
        name='nobody',
        image=ImageSpec(8, 8),
        imu=None,
        outputs=outputs,
        network=network,
        dt_min_s=0.001,
        dt_max_s=1.0,
    )
    adaptation = Adaptation(spec, settings)
    rng = np.random.default_rng(seed)
    with closing(DroneWorld(5000 + seed, render=False)) as world:
        world.perturbation = DronePerturbation(wind_m_s=0.0)
        world.set_pose(0.0, 0.0, HEIGHT_M, 0.0)
        period_s = world.clock.odometry / world.clock.steps_per_second
        sent, basis = [0.0] * 4, np.zeros(1, np.float32)
        steady, errors, wanted = [], [], np.zeros(4)
        for tick in range(round(seconds / period_s)):
            at_s = tick * period_s
            if tick == round(CHANGES_AT_S / period_s):
                world.perturbation = change
            pose, twist = world.odometry()
            frame = heading_frame(pose[3:].tolist())
            assert frame is not None
            measured = frame.velocity(twist[:3].tolist(), twist[3:].tolist())
            if tick % round(HOLD_S / period_s) == 0:
                if steady and at_s > JUDGED_S:
                    errors.append(np.mean(steady, axis=0) - wanted)
                steady, wanted = [], rng.uniform(-1.0, 1.0, 4) * ASKED
                wanted[2] = abs(wanted[2]) * (1.0 if pose[2] < HEIGHT_M else -1.0)  # it stays about there
            elif at_s % HOLD_S >= HOLD_S - STEADY_S:
                steady.append(measured)
            adaptation.learn(period_s, measured=dict(zip(CHANNELS, measured, strict=True)), sent=sent, basis=basis)
            sent = adaptation.invert(wanted.tolist())
            world.apply(sent)
            world.advance(world.clock.odometry)
    learnt = adaptation.actuators.values()
    return {
        'error': np.sqrt(np.mean(np.square(errors), axis=0)).tolist(),
        'gain': [each.gain for each in learnt],
        'trim': [each.offset for each in learnt],
        'rollbacks': [each.rollbacks for each in learnt],
    }


def main() -> None:
    """Fly, frozen and adapting, with either flight controller, through each change."""
    parser = argparse.ArgumentParser(description='What respond is worth on a drone.')
    parser.add_argument('--seconds', type=float, default=120.0, help='of each flight')
    parser.add_argument('--seed', type=int, default=0, help='of place, wind and what is asked')
    parser.add_argument('--json', action='store_true', help='print JSON')
    chosen = parser.parse_args()
    rows = []
    for integrates in (True, False):
        for name, change in CHANGES.items():
            for mode in ('frozen', 'live'):
                settings = AdaptationSettings(mode=mode, imitate=False, lag_s=0.3)
                with flight_controller(integrates=integrates):
                    figures = fly(change, settings, chosen.seconds, chosen.seed)
                rows.append({'integrates': integrates, 'change': name, 'mode': mode, **figures})
    for frozen, live in zip(rows[::2], rows[1::2], strict=True):
        kind = 'integrating' if frozen['integrates'] else 'proportional'
        errors = [' '.join(f'{value:.2f}' for value in row['error']) for row in (frozen, live)]
        add(
            f'a drone, {kind} flight controller, {frozen["change"]}: steady error ahead, left, up, turning',
            f'frozen {errors[0]}, adapted {errors[1]} m/s, rad/s',
        )
    if chosen.json:
        print(json.dumps(rows))
        return
    print('steady error, rms: ahead, left, up (m/s), turning (rad/s); trim likewise')
    for row in rows:
        error, trim = (' '.join(f'{value:6.3f}' for value in row[name]) for name in ('error', 'trim'))
        kind = 'integrating' if row['integrates'] else 'proportional'
        learnt = f'   trim {trim}' if row['mode'] == 'live' else ''
        print(f'{kind:13}{row["change"]:14}{row["mode"]:8}{error}{learnt}')


if __name__ == '__main__':
    main()
