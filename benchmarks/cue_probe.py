"""
Does the encoder of a policy see the post that tells the branch? Its features read linearly, as the drive goes on.

    python benchmarks/cue_probe.py POLICY BAG…

Every 0.4 s: the share of held-out demonstrations of the task ``cue`` (five folds) whose branch a ridge
regression tells from the features of the frame of that moment. 0.5 is chance.
"""

import argparse
from pathlib import Path

import numpy as np

from lnn_controller.data import read_episode
from lnn_controller.data.bags.reader import find_bags
from lnn_controller.policy import Policy

FOLDS, RIDGE, PERIOD_S = 5, 1e-2, 0.4


def main() -> None:
    """Read, fit and print a line for each moment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('policy')
    parser.add_argument('bags', nargs='+', type=Path)
    args = parser.parse_args()
    policy = Policy.load(args.policy, runtime='onnx')
    spec, features, told = policy.spec, [], []
    for bag in [each for path in args.bags for each in find_bags(path)]:
        episode = read_episode(bag, image=spec.image, channels=spec.channels, use_imu=False)
        at_s = (episode.image_stamps_ns - episode.image_stamps_ns[0]) * 1e-9
        frames = np.searchsorted(at_s, np.arange(0.0, at_s[-1], PERIOD_S))
        features.append([policy.encode(episode.images[frame]) for frame in frames])
        turn = episode.commands[:, spec.channels.index('angular_z')]
        told.append(np.sign(turn[np.abs(turn).argmax()]))  # the branch bends more than anything before it
    signs, fold = np.array(told), np.arange(len(told)) % FOLDS
    for moment in range(min(map(len, features))):
        seen = np.array([[*each[moment], 1.0] for each in features])
        right = []
        for held_out in (fold == number for number in range(FOLDS)):
            known = seen[~held_out]
            weights = np.linalg.solve(known.T @ known + RIDGE * np.eye(known.shape[1]), known.T @ signs[~held_out])
            right += (np.sign(seen[held_out] @ weights) == signs[held_out]).tolist()
        print(f'{moment * PERIOD_S:4.1f} s  {np.mean(right):.2f}')


if __name__ == '__main__':
    main()
