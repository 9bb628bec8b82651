"""What online adaptation costs in a control tick: both adapters learning and acting, two channels, by neurons."""

import argparse
import platform
import time

import numpy as np
from summary import add

from lnn_controller.control import AdaptationSettings
from lnn_controller.control.adaptation.actuator import ActuatorModel
from lnn_controller.control.adaptation.imitation import Imitation

DT_S = 0.02


def measure(neurons: int, method: str, ticks: int) -> np.ndarray:
    """Time of each tick, µs."""
    settings = AdaptationSettings(mode='live', method=method, window_s=60.0)
    reach = np.array([2.0, 2.0])
    imitation, actuators = Imitation(reach, neurons, settings), [ActuatorModel(2.0, settings) for _ in reach]
    rng = np.random.default_rng(0)
    spent = np.empty(ticks)
    for tick in range(ticks):
        basis = rng.normal(0.0, 0.3, neurons).astype(np.float32)
        command, target = np.array([0.5, 0.1]), np.array([0.5 + 0.3 * basis[0], 0.1 + 0.4 * basis[1]], np.float64)
        measured = (0.6 * target + 0.1).tolist()
        started = time.perf_counter_ns()
        for actuator, sent, answer in zip(actuators, target.tolist(), measured, strict=True):
            actuator.learn(sent, answer, DT_S, moving=True)
        imitation.learn(basis, command, target, DT_S)
        wanted = command + imitation.correction(basis)
        for actuator, value in zip(actuators, wanted.tolist(), strict=True):
            actuator.invert(value)
        spent[tick] = (time.perf_counter_ns() - started) / 1e3
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--ticks', type=int, default=5000)
    arguments = parser.parse_args()
    machine = platform.processor() or platform.machine()
    print(f'{machine}, numpy {np.__version__}; µs a tick, of {arguments.ticks} at 50 Hz')
    print(f'{"neurons":>8}{"method":>8}{"p50":>9}{"p99":>9}')
    for neurons in (19, 64, 128):
        for method in ('rls', 'lms'):
            p50, p99 = np.percentile(measure(neurons, method, arguments.ticks), (50.0, 99.0))
            print(f'{neurons:>8}{method:>8}{p50:>9.1f}{p99:>9.1f}')
            add(f'adaptation in a tick, {neurons} neurons, {method}: p50 / p99', f'{p50:.0f} / {p99:.0f} µs')


if __name__ == '__main__':
    main()
