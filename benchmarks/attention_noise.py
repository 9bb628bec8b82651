"""
How like itself the map of attention stays under noise, by SSIM, policy by policy, on the same frames.

    python benchmarks/attention_noise.py [--policies car_lane car_lane_lstm car_lane_gru] [--roads 12]

Frames are the first of as many roads that no policy was trained on. For each, noise is drawn once and seen by all.
Printed: the mean over frames with its interval of 95 % (Student's t), and the difference from the first policy.
"""

import argparse

import numpy as np
from resumed import half_width
from summary import add

from lnn_controller.data.noise import add_noise
from lnn_controller.evaluation.truth import begun
from lnn_controller.metrics.ssim import ssim
from lnn_controller.policy import Policy
from lnn_controller.sim import find_robot

FIRST_ROAD, SIGMAS = 3000, (26.0, 51.0, 81.0)


def interval(values: np.ndarray, sign: str = '') -> str:
    """Mean over frames, and half the width of its interval where Student's t is known for so many."""
    return f'{values.mean():{sign}.3f} ± {half_width(values):.3f}'


def main() -> None:
    """Look, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--policies', nargs='+', default=['car_lane', 'car_lane_lstm', 'car_lane_gru'])
    parser.add_argument('--scenes', nargs='+', default=['summer', 'winter'])
    parser.add_argument('--roads', type=int, default=12, choices=range(2, 13), metavar='2…12')
    args = parser.parse_args()
    policies = {name: Policy.load(name, runtime='onnx') for name in args.policies}
    robot = next(iter(policies.values())).spec.robot or 'car'
    task = next(iter(find_robot(robot).tasks))
    print('| policy | scene |' + ''.join(f' σ = {sigma:.0f} | against the first |' for sigma in SIGMAS))
    print('| --- | --- |' + ' --- | --- |' * len(SIGMAS))
    for scene in args.scenes:
        frames = []
        for seed in range(FIRST_ROAD, FIRST_ROAD + args.roads):
            with begun(robot, task, scene, seed, None) as asked:
                frames.append(asked.world.camera().copy())
        first = None
        for name, policy in policies.items():
            chance = np.random.default_rng(0)
            alike = np.zeros((len(SIGMAS), len(frames)))
            for number, frame in enumerate(map(policy.fit, frames)):
                clean = policy.attention(frame)
                for row, sigma in enumerate(SIGMAS):
                    alike[row, number] = ssim(clean, policy.attention(add_noise(frame, sigma, chance)))
            others = [None] * len(SIGMAS) if first is None else first
            cells = [
                f' {interval(row)} | {"–" if other is None else interval(row - other, sign="+")}'
                for row, other in zip(alike, others, strict=True)
            ]
            print(f'| `{name}` | {scene} |{" |".join(cells)} |', flush=True)
            first = alike if first is None else first
            figures = ', '.join(interval(row) for row in alike)
            add(
                f'attention of {name} under noise, {scene}: SSIM at σ = {", ".join(map("{:.0f}".format, SIGMAS))}',
                figures,
            )


if __name__ == '__main__':
    main()
