"""
Where is the colour that tells the branch? Features and neurons of a policy read linearly, as the drive goes on.

    python benchmarks/cue_probe.py POLICY BAG…

The bags are demonstrations of the task ``cue``. Every 0.4 s on the way to the fork, which is crossed at 0 s: the share
of held-out demonstrations (five folds; those of one road in the same) whose branch a ridge regression tells, from the
encoder's features of that moment, and from the neurons' states. 0.5 is chance. The colour is in view until some 3 s
before the fork.
"""

import argparse
from pathlib import Path

import numpy as np

from lnn_controller.data import read_episode
from lnn_controller.data.align import latest_index, window_mean
from lnn_controller.data.bags.reader import Bag, find_bags
from lnn_controller.policy import Policy
from lnn_controller.sim.tasks.fork import GOAL_M, Fork

FOLDS, RIDGE = 5, 1e-2
MOMENTS_S = np.arange(-5.2, 1.3, 0.4)


def road_of(path: Path) -> Fork:
    """
    Find the road that a demonstration was driven on.

    :param path: of the bag, which says so
    :returns: the road
    """
    with Bag(path) as bag:
        return Fork(int(bag.custom_data['seed']))


def follow(policy: Policy, bag: Path) -> tuple[np.ndarray, np.ndarray]:
    """
    Drive along with a demonstration.

    :param policy: whose features and neurons
    :param bag: the demonstration
    :returns: both at each of the moments, (M, F) and (M, N)
    """
    spec = policy.spec
    episode = read_episode(bag, image=spec.image, channels=spec.channels, use_imu=spec.imu is not None)
    period_ns = round(spec.dt_min_s * 1e9)
    ticks = np.arange(episode.image_stamps_ns[0], episode.command_stamps_ns[-1], period_ns)
    before, ticks = ticks[:-1], ticks[1:]
    frames = np.maximum(latest_index(episode.image_stamps_ns, ticks), 0)
    imu = None
    if spec.imu is not None:
        imu = window_mean(episode.imu, episode.imu_stamps_ns, before, ticks).astype(np.float32)
    hx, features, neurons = policy.initial_state(), [], []
    for number, frame in enumerate(frames):
        features.append(policy.encode(episode.images[frame]))
        step = policy.step(features[-1], None if imu is None else imu[number], hx, period_ns * 1e-9)
        hx = step.hx
        neurons.append(step.basis)
    # A demonstration ends at its goal, so far behind the fork.
    speed = episode.commands[:, spec.channels.index('linear_x')]
    to_go_m = np.cumsum((speed[1:] * np.diff(episode.command_stamps_ns) * 1e-9)[::-1])[::-1]
    fork_ns = episode.command_stamps_ns[np.abs(to_go_m - GOAL_M).argmin()]
    at = np.clip(latest_index(ticks, (fork_ns + MOMENTS_S * 1e9).astype(np.int64)), 0, len(ticks) - 1)
    return np.array(features)[at], np.array(neurons)[at]


def told_right(seen: np.ndarray, told: np.ndarray, fold: np.ndarray) -> float:
    """
    Read the branch out of what is seen, by a regression on the other folds.

    :param seen: of each demonstration, (D, F)
    :param told: 1 or −1, (D,)
    :param fold: of each, (D,)
    :returns: share of the demonstrations whose branch is told
    """
    seen = np.column_stack([seen, np.ones(len(seen))])
    right = []
    for held_out in (fold == number for number in range(FOLDS)):
        known = seen[~held_out]
        weights = np.linalg.solve(known.T @ known + RIDGE * np.eye(known.shape[1]), known.T @ told[~held_out])
        right += (np.sign(seen[held_out] @ weights) == told[held_out]).tolist()
    return float(np.mean(right))


def main() -> None:
    """Read, fit and print a line for each moment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('policy')
    parser.add_argument('bags', nargs='+', type=Path)
    args = parser.parse_args()
    policy = Policy.load(args.policy, runtime='onnx')
    bags = [bag for path in args.bags for bag in find_bags(path)]
    roads = [road_of(bag) for bag in bags]
    told, fold = np.array([road.told for road in roads]), np.array([road.seed // 2 % FOLDS for road in roads])
    features, neurons = (np.array(each) for each in zip(*(follow(policy, bag) for bag in bags), strict=True))
    print('     from features, from neurons')
    for number, moment_s in enumerate(MOMENTS_S):
        shares = [told_right(each[:, number], told, fold) for each in (features, neurons)]
        print(f'{moment_s:4.1f} s  {shares[0]:.2f}  {shares[1]:.2f}')


if __name__ == '__main__':
    main()
