"""
Policies from demonstrations that are steered by keys: as they are, balanced, smoothed; each drives in closed loop.

    python benchmarks/keys.py --table docs/training.md                            # 20 minutes of a processor
    python benchmarks/keys.py --seeds 0 --steps 200 --trials 21 --out out/keys.json

The driver holds the left or the right key, or none, as a person at teleop_twist_keyboard does, whose turn is 1 rad/s;
the speed is the expert's. He presses when he would steer by more than a share of that, and lets go at less than
another, and not more often than every tenth of a second. What is in benchmarks/keys.json is not run again.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from resumed import add_options, write_results

from lnn_controller.data.episode import Episode
from lnn_controller.evaluation.closed_loop import run_trial
from lnn_controller.learning import fit
from lnn_controller.learning.build import build_network, measure_commands, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load
from lnn_controller.learning.train import train_network
from lnn_controller.learning.windows import Window, Windows
from lnn_controller.policy import Policy
from lnn_controller.sim.car.expert import LaneDriver
from lnn_controller.sim.collect import record_episode
from lnn_controller.sim.robots import ROBOTS
from lnn_controller.studies.runner import Row

TURN_RAD_S, PRESS, LET_GO = 1.0, 0.35, 0.15
DECIDES_EVERY = 5  # commands, at 50 Hz
SMOOTH_S = 0.2  # standard deviation of the window
EPISODES, EPISODE_S = 2, 30.0
SCENES = ('summer', 'winter')


class Keys:
    """
    The expert of the lane, at a keyboard.

    :param expert: whose turn a key stands for
    """

    def __init__(self, expert: LaneDriver) -> None:
        self._expert, self._key, self._count = expert, 0, 0

    def command(self) -> np.ndarray:
        """
        Decide from the pose.

        :returns: forward speed, m/s; yaw rate, rad/s: one of three; (2,)
        """
        speed, turn = self._expert.command()
        share = turn / TURN_RAD_S
        if self._count % DECIDES_EVERY == 0 and abs(share) > (PRESS if self._key != np.sign(share) else LET_GO):
            self._key = int(np.sign(share))
        elif self._count % DECIDES_EVERY == 0:
            self._key = 0
        self._count += 1
        return np.array([speed, TURN_RAD_S * self._key])


class Balanced(Windows):
    """Windows of which a third ends with the left key pressed, a third with the right one, a third with none."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ends: list[list[tuple[int, int, int]]] = [[], [], []]  # right, none, left
        for index, low, high in self.spans:
            episode = self.episodes[index]
            keys = np.sign(episode.commands[:, episode.channels.index('angular_z')]).astype(int)
            for stamp, key in zip(episode.command_stamps_ns.tolist(), keys, strict=True):
                if low + 1e9 < stamp <= high:
                    self._ends[key + 1].append((index, low, stamp))

    def _draw(self, _span: Any, rate_hz: float, rng: np.random.Generator, augment: Any) -> Window:
        ends = self._ends[int(rng.integers(3))]
        index, low, stamp = ends[int(rng.integers(len(ends)))]
        longest_ns = int(self.config.window_ticks / rate_hz * 1e9)
        return super()._draw((index, max(low, stamp - longest_ns), stamp), rate_hz, rng, augment)


def smoothed(episode: Episode) -> Episode:
    """
    Smooth what was steered, by a Gaussian window that does not delay it.

    :param episode: as recorded
    :returns: with other commands
    """
    period_s = float(np.median(np.diff(episode.command_stamps_ns))) * 1e-9
    reach = round(3 * SMOOTH_S / period_s)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) * period_s / SMOOTH_S) ** 2)
    commands, turn = episode.commands.copy(), episode.channels.index('angular_z')
    commands[:, turn] = np.convolve(np.pad(commands[:, turn], reach, 'edge'), window / window.sum(), 'valid')
    return replace(episode, commands=commands)


KINDS: dict[str, tuple[Callable[[Episode], Episode], type[Windows]]] = {
    'plain': (lambda episode: episode, Windows),
    'balanced': (lambda episode: episode, Balanced),
    'smoothed': (smoothed, Windows),
}


@cache
def demonstrate(roads: tuple[int, ...]) -> tuple[TemporaryDirectory[str], list[Path]]:
    """
    Drive roads by keys, and record it, once in each process.

    :param roads: in summer
    :returns: the folder, which is gone with the process, and the bags in it
    """
    folder, bags = TemporaryDirectory(), []
    for road in roads:
        task = ROBOTS['car'].make('lane', road, 'summer')
        with closing(task.world):
            for episode in range(EPISODES):
                bags.append(Path(folder.name) / f'keys_{road:03d}_{episode:02d}')
                task.begin(np.random.default_rng([road, episode]))
                keys = Keys(LaneDriver(task))
                record_episode(task, keys, lambda command: command, bags[-1], seconds=EPISODE_S)
    return folder, bags


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Train once, and drive.

    :param condition: kind, seed, steps, roads, trials (roads), seconds
    :returns: share of commands without a key; by scene departures, and the distance from the lane's centre by road,
        rms, m
    """
    of_episode, windows = KINDS[condition['kind']]
    config = TrainConfig(crop_top=0.2, steps=condition['steps'], epochs=4, seed=condition['seed'])
    with TemporaryDirectory() as folder:
        image, split = load(demonstrate(tuple(condition['roads']))[1], config)
        turns = np.concatenate([each.commands[:, 1] for each in (*split.train, *split.validation)])
        split = replace(
            split,
            train=tuple(of_episode(each) for each in split.train),
            validation=tuple(of_episode(each) for each in split.validation),
        )
        spec = new_spec('keys', config, image, split.train)
        network = build_network(spec, config.seed)
        measure_commands(network, split.train)
        out, log = Path(folder) / 'policy', Path(folder) / 'log'
        log.mkdir()
        with patch.object(fit, 'Windows', windows):
            train_network(network, spec, config, split, out, log, resume=False, progress=False)
        drive = partial(run_trial, Policy.load(out), seconds=condition['seconds'])
        figures = {scene: [drive(seed=road, scene=scene).figures for road in condition['trials']] for scene in SCENES}
    result: dict[str, Any] = {'none_pressed': float(np.mean(turns == 0))}
    for scene, drives in figures.items():
        result[f'{scene}_departures'] = sum(each['departures'] for each in drives)
        result[f'{scene}_rms_m'] = [each['cross_track_error_rms_m'] for each in drives]
    return result


def table(rows: Sequence[Row]) -> str:
    """
    Lay the results out.

    :param rows: of all conditions
    :returns: a line for each kind and seed
    """
    heads = ('labels', 'seed', *(f'{scene}: departures; rms by road, cm' for scene in SCENES))
    lines = [f'| {" | ".join(heads)} |', '| --- ' * len(heads) + '|']
    for row in rows:
        condition, result = row['condition'], row['result']
        cells = [condition['kind'], str(condition['seed'])]
        for scene in SCENES:
            errors = ', '.join(f'{100 * each:.1f}' for each in result[f'{scene}_rms_m'])
            cells.append(f'{result[f"{scene}_departures"]}; {errors}')
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=list(KINDS), metavar='KIND')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1])
    parser.add_argument('--steps', type=int, default=350)
    parser.add_argument('--roads', nargs='+', type=int, default=[1, 2, 3, 4], help='driven by keys, a minute each')
    parser.add_argument('--trials', nargs='+', type=int, default=[21, 33], help='roads that the policies drive')
    parser.add_argument('--seconds', type=float, default=30.0, help='on each of these')
    add_options(parser, 'benchmarks/keys.json')
    args = parser.parse_args()
    settings = {name: getattr(args, name) for name in ('steps', 'roads', 'trials', 'seconds')}
    conditions = [{'kind': kind, 'seed': seed, **settings} for seed, kind in product(args.seeds, args.kinds)]
    write_results(run, conditions, table, args, mark='keys')


if __name__ == '__main__':
    main()
