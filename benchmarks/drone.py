"""
How often the drone succeeds: policies and experts, by task, scene and condition, with Wilson's 95 % intervals.

    python benchmarks/drone.py [--policies drone_forest] [--trials 100] [--jobs 2] [--out out/drone] [--parts tasks]

Two parts: each task in each scene, *hidden* also without memory (the network's state wiped at each tick); and *fly* in
wind, under load, with a worn rotor, a bad camera and at other control rates. No shipped policy has seen the places,
seeds 5000 and on. Trials of *hidden* count even where the target found no free place to come down.

Each cell of the table is a file below ``out``: what is there already is not flown again, so a run may be interrupted,
and ``--trials`` raised. Remove the folder after a change to the simulator. ``table.json`` and ``table.md`` are written
anew after each cell.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lnn_controller.evaluation.conditions import Conditions
from lnn_controller.evaluation.many import Setup, run_setups
from lnn_controller.evaluation.trial import summarise
from lnn_controller.metrics.success import sum_up
from lnn_controller.parallel import cores
from lnn_controller.policy.bundle import find_policy, read_spec, shipped_policies
from lnn_controller.report.json import write_json
from lnn_controller.sim import Scenario, find_robot

DRONE = find_robot('drone')
FIRST_SEED = 5000
SCENES = ('summer', 'autumn', 'winter', 'urban')
PARTS = ('tasks', 'conditions')
EXPERTS = ('expert', 'blind')
KEPT = ('seed', 'success', 'time_s', 'outcome', 'collisions')  # of a trial


def _body(**changes: float) -> dict[str, Any]:
    assert DRONE.perturbation is not None
    return {'scenario': Scenario(((0.0, DRONE.perturbation(**changes)),), DRONE.perturbation())}


USUAL = 'as usual'
# What is different from the usual, for a pilot of each kind…
OF_THE_BODY: dict[str, dict[str, Any]] = {
    USUAL: {},
    **{f'wind {wind:g} m/s': _body(wind_m_s=wind) for wind in (0.0, 2.0, 4.0)},
    'load 0.2 kg': _body(payload_kg=0.2),
    'a rotor at 85 %': _body(rotor_gain=0.85),
}
# …and for a policy alone.
OF_A_POLICY: dict[str, dict[str, Any]] = {
    'noise 40 of 255': {'conditions': Conditions(image_noise=40.0)},
    '50% of frames lost': {'conditions': Conditions(drop_frames=0.5)},
    # Ticks at that rate alone: with those that frames bring, 5 Hz would be 10.
    **{f'control at {rate:g} Hz': {'rate_hz': rate, 'tick_on_frame': False} for rate in (5.0, 10.0, 25.0)},
}
NO_MEMORY = {'conditions': Conditions(memory=False)}


@dataclass(frozen=True)
class Cell:
    """
    One cell of the table: trials that differ by their seed alone.

    :param part: of the table
    :param condition: what is different
    :param pilot: a policy's or an expert's name
    :param setup: of its trials
    """

    part: str
    condition: str
    pilot: str
    setup: Setup

    @property
    def row(self) -> str:
        """What the row has to say beside the pilot."""
        if self.part == 'conditions':
            return self.condition
        return self.setup.task if self.condition == USUAL else f'{self.setup.task}, {self.condition}'

    @property
    def file(self) -> str:
        """Name of its file; what two parts have in common is one file."""
        words = f'{self.setup.task} {self.pilot} {self.setup.scene} {self.condition}'
        return f'{"".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in words)}.json'

    @property
    def key(self) -> str:
        """What must be the same for its trials to count: the setup, and the files of the policy."""
        files = read_spec(find_policy(self.setup.policy)).files if self.setup.policy else {}
        return f'{replace(self.setup, policy="", seed=0)} {json.dumps(files)}'


def cells(args: argparse.Namespace) -> Iterator[Cell]:
    """
    List the cells.

    :param args: the command line
    :returns: in the order of the table
    """
    pilots: dict[str, dict[str, Any]] = {Path(each).name: {'policy': each} for each in args.policies}
    experts: dict[str, dict[str, Any]] = {name: {'expert': name} for name in EXPERTS}

    def row(part: str, task: str, condition: str, pilot: str, change: dict[str, Any]) -> Iterator[Cell]:
        for scene in args.scenes:
            who = (pilots | experts)[pilot]
            yield Cell(part, condition, pilot, Setup(robot='drone', task=task, scene=scene, seed=0, **who, **change))

    for task in args.tasks if 'tasks' in args.parts else ():
        for pilot in (*pilots, *experts):
            yield from row('tasks', task, USUAL, pilot, {})
            if task == 'hidden' and pilot in pilots:
                yield from row('tasks', task, 'no memory', pilot, NO_MEMORY)
    for condition, change in (OF_THE_BODY | OF_A_POLICY).items() if 'conditions' in args.parts else ():
        for pilot in (*pilots, *(['expert'] if condition in OF_THE_BODY else [])):
            yield from row('conditions', 'fly', condition, pilot, change)


def flown(folder: Path, cell: Cell) -> list[dict[str, Any]]:
    """
    Read the trials of a cell that have been flown.

    :param folder: of the cells' files
    :param cell: one of them
    :returns: its trials, by seed from the first on; none if they were of another setup or policy
    """
    path = folder / cell.file
    stored = json.loads(path.read_text()) if path.exists() else {}
    return stored['trials'] if stored.get('key') == cell.key else []


def fly(asked: Sequence[Cell], folder: Path, trials: int, jobs: int) -> Iterator[None]:
    """
    Fly what has not been flown yet.

    :param asked: the cells
    :param folder: of their files
    :param trials: of each
    :param jobs: trials at once
    :returns: at each cell that is complete
    """
    once = {cell.file: cell for cell in asked}
    rows = {file: flown(folder, cell) for file, cell in once.items()}
    left = [(cell, FIRST_SEED + number) for file, cell in once.items() for number in range(len(rows[file]), trials)]
    results = run_setups([replace(cell.setup, seed=seed) for cell, seed in left], jobs=jobs)
    for (cell, _), trial in zip(left, tqdm(results, total=len(left), unit='trial', disable=None), strict=True):
        summary, there = summarise(trial), rows[cell.file]
        there.append({name: summary[name] for name in KEPT})
        write_json(folder / cell.file, {'key': cell.key, 'trials': there})
        if len(there) == trials:
            yield


def figures_of(cell: Cell, trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """
    Sum a cell up.

    :param cell: the cell
    :param trials: at least one
    :returns: figures by name
    """
    return {
        'part': cell.part,
        'row': cell.row,
        'pilot': cell.pilot,
        'scene': cell.setup.scene,
        **sum_up(trials),
    }


def markdown(figures: Sequence[dict[str, Any]]) -> str:
    """
    Lay the table out.

    :param figures: of each cell
    :returns: a table for each part; a cell has successes of trials, the interval in %, and how the others ended
    """
    blocks = []
    for part in dict.fromkeys(each['part'] for each in figures):
        mine = [each for each in figures if each['part'] == part]
        scenes = list(dict.fromkeys(each['scene'] for each in mine))
        lines = [f'| {part} | pilot | {" | ".join(scenes)} |', f'| {" | ".join(["---"] * (2 + len(scenes)))} |']
        for row, pilot in dict.fromkeys((each['row'], each['pilot']) for each in mine):
            texts = {each['scene']: _text(each) for each in mine if (each['row'], each['pilot']) == (row, pilot)}
            lines.append(f'| {row} | {pilot} | {" | ".join(texts.get(scene, "") for scene in scenes)} |')
        blocks.append('\n'.join(lines))
    return '\n\n'.join(blocks) + '\n'


def _text(figures: dict[str, Any]) -> str:
    low, high = (100 * end for end in figures['interval'])
    others = [f'{outcome} {count}' for outcome, count in figures['outcomes'].items() if outcome != 'success']
    text = f'**{figures["successes"]}**/{figures["trials"]} [{low:.0f}, {high:.0f}]'
    return '; '.join([text, *([', '.join(others)] if others else [])])


def main() -> None:
    """Fly and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shipped = [name for name in shipped_policies() if name.startswith('drone_')]
    parser.add_argument('--policies', nargs='*', default=shipped, metavar='POLICY')
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    parser.add_argument('--tasks', nargs='+', choices=tuple(DRONE.tasks), default=list(DRONE.tasks))
    parser.add_argument('--scenes', nargs='+', choices=tuple(DRONE.scenes), default=list(SCENES))
    parser.add_argument('--trials', type=int, default=100, help='of each cell')
    parser.add_argument('--jobs', type=int, default=cores(), help='trials at once')
    parser.add_argument('--out', type=Path, default=Path('out/drone'), metavar='DIR')
    args = parser.parse_args()
    asked = list(cells(args))
    folder = args.out / 'cells'

    def write_tables() -> str:
        there = [(cell, flown(folder, cell)) for cell in asked]
        figures = [figures_of(cell, trials) for cell, trials in there if trials]
        write_json(args.out / 'table.json', figures)
        (args.out / 'table.md').write_text(markdown(figures), encoding='utf-8')
        return markdown(figures)

    for _ in fly(asked, folder, args.trials, args.jobs):
        write_tables()
    print(write_tables())


if __name__ == '__main__':
    main()
