"""
How the car's policies keep their lane in each scene, and what its camera sees there.

    python benchmarks/scenes.py --picture docs/scenes/scenes.webp
    python benchmarks/scenes.py --scenes night --policies car_lane --roads 21 33 --seconds 15 --out out/scenes.json

A drive succeeds that does not leave the lane. What is in benchmarks/scenes.json is not driven again, unless the scene's
row or the policy's files have changed; after a change to the renderer remove the file. docs/scenes.md has the commands
of its tables.
"""

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from resumed import add_options, write_results

from lnn_controller.evaluation.many import Setup, run_setup
from lnn_controller.evaluation.trial import summarise
from lnn_controller.metrics.success import wilson_interval
from lnn_controller.policy.bundle import find_policy, read_spec
from lnn_controller.sim import SCENES, CarWorld
from lnn_controller.studies.runner import Row

POLICIES = ('car_lane', 'car_lane_lstm')
ROADS = range(3000, 3020)  # none of the policies has seen them
SHOWN_S_M = (22.0, 40.0, 61.0)  # places on the road of the picture


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Drive each road once.

    :param condition: policy, scene, roads, seconds
    :returns: of each road the departures, and the distance from the lane's centre, rms, m
    """
    keys = ('departures', 'cross_track_error_rms_m')
    found: dict[str, list[Any]] = {key: [] for key in keys}
    for road in condition['roads']:
        setup = Setup(
            robot='car',
            task='lane',
            scene=condition['scene'],
            seed=road,
            policy=condition['policy'],
            seconds=condition['seconds'],
        )
        summary = summarise(run_setup(setup))
        for key in keys:
            found[key].append(summary[key])
    return found


def digest(scene: str, policy: str) -> str:
    """
    Tell whether a result is still of this scene and policy.

    :param scene: its name
    :param policy: its name
    :returns: hexadecimal, of the scene's row and the policy's files
    """
    told = f'{SCENES[scene]} {sorted(read_spec(find_policy(policy)).files.items())}'
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def table(rows: Sequence[Row]) -> str:
    """
    Lay the results out.

    :param rows: of all conditions
    :returns: a line for each scene; a cell has the drives that kept the lane, Wilson's interval of 95 %, departures,
        and the mean error, cm
    """
    found = {(each['condition']['scene'], each['condition']['policy']): each['result'] for each in rows}
    scenes, policies = (list(dict.fromkeys(each['condition'][key] for each in rows)) for key in ('scene', 'policy'))
    lines = [f'| scene | {" | ".join(f"`{name}`" for name in policies)} |', f'| --- |{" --- |" * len(policies)}']
    for scene in scenes:
        cells = ' | '.join(_cell(found[scene, policy]) if (scene, policy) in found else '–' for policy in policies)
        lines.append(f'| `{scene}` | {cells} |')
    return '\n'.join(lines)


def _cell(result: Mapping[str, Any]) -> str:
    drives = len(result['departures'])
    kept = result['departures'].count(0)
    low, high = wilson_interval(kept, drives)
    share = f'{kept}/{drives}' if kept == drives else f'**{kept}/{drives}**'
    error_cm = 100 * mean(result['cross_track_error_rms_m'])
    return f'{share} [{low:.2f}, {high:.2f}]; {sum(result["departures"])}; {error_cm:.1f}'


def picture(scenes: Sequence[str]) -> Image.Image:
    """
    Show what the camera sees.

    :param scenes: names
    :returns: two columns of scenes, three places each
    """
    sheets = []
    for name in scenes:
        with CarWorld(21, name) as world:
            seen = []
            for s in SHOWN_S_M:
                world.set_pose(*world.track.at(s, world.track.lane_offset_m))
                world.advance(CarWorld.clock.camera)
                seen.append(world.camera())
        sheet = Image.fromarray(np.concatenate([np.full((14, 600, 3), 255, np.uint8), np.concatenate(seen, axis=1)]))
        ImageDraw.Draw(sheet).text((2, 1), name, fill=(0, 0, 0))
        sheets.append(sheet)
    whole = Image.new('RGB', (1206, 82 * -(-len(sheets) // 2)), 'white')
    for k, sheet in enumerate(sheets):
        whole.paste(sheet, (606 * (k % 2), 82 * (k // 2)))
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--scenes', nargs='+', choices=SCENES, default=list(SCENES), metavar='SCENE')
    parser.add_argument('--policies', nargs='+', default=list(POLICIES), metavar='POLICY')
    parser.add_argument('--roads', nargs='+', type=int, default=list(ROADS), metavar='ROAD')
    parser.add_argument('--seconds', type=float, default=10.0)
    add_options(parser, 'benchmarks/scenes.json')
    parser.add_argument('--mark', default='table', help="of the table in --table's page")
    parser.add_argument('--picture', type=Path, help='file for a picture of the scenes')
    args = parser.parse_args()
    if args.picture:
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        picture(args.scenes).save(args.picture, quality=80)
    conditions = [
        {
            'policy': policy,
            'scene': scene,
            'roads': args.roads,
            'seconds': args.seconds,
            'digest': digest(scene, policy),
        }
        for scene, policy in product(args.scenes, args.policies)
    ]
    write_results(run, conditions, table, args, mark=args.mark)


if __name__ == '__main__':
    main()
