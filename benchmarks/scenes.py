"""
How the car's policies keep their lane in each scene, and what its camera sees there.

    python benchmarks/scenes.py --table docs/scenes.md --picture docs/scenes/scenes.webp
    python benchmarks/scenes.py --scenes night --policies car_lane --roads 21 --seconds 15 --out out/scenes.json

What is in benchmarks/scenes.json is not driven again, unless the scene's row or the policy's files have changed;
after a change to the renderer remove the file.
"""

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from resumed import add_options, write_results

from lnn_controller.evaluation.many import Setup, run_setup
from lnn_controller.evaluation.trial import summarise
from lnn_controller.policy.bundle import find_policy, read_spec
from lnn_controller.sim import SCENES, CarWorld
from lnn_controller.studies.runner import Row

POLICIES = ('car_lane', 'car_lane_lstm', 'car_lane_gru')
ROADS = (21, 33, 47)  # none of the policies has seen them
SHOWN_S_M = (22.0, 40.0, 61.0)  # places on the road of the picture


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Drive once.

    :param condition: policy, scene, road, seconds
    :returns: departures, and the distance from the lane's centre, rms, m
    """
    setup = Setup(
        robot='car',
        task='lane',
        scene=condition['scene'],
        seed=condition['road'],
        policy=condition['policy'],
        seconds=condition['seconds'],
    )
    summary = summarise(run_setup(setup))
    return {name: summary[name] for name in ('departures', 'cross_track_error_rms_m')}


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
    :returns: a line for each scene; a cell has departures, and rms by road, cm
    """
    found = {
        (each['condition']['scene'], each['condition']['policy'], each['condition']['road']): each['result']
        for each in rows
    }
    scenes, policies, roads = (
        list(dict.fromkeys(each['condition'][key] for each in rows)) for key in ('scene', 'policy', 'road')
    )
    lines = [f'| scene | {" | ".join(f"`{name}`" for name in policies)} |', f'| --- |{" --- |" * len(policies)}']
    for scene in scenes:
        cells = []
        for policy in policies:
            drives = [found[scene, policy, road] for road in roads]
            errors = ', '.join(f'{100 * drive["cross_track_error_rms_m"]:.1f}' for drive in drives)
            departures = sum(drive['departures'] for drive in drives)
            cells.append(f'{f"**{departures}**" if departures else 0}; {errors}')
        lines.append(f'| `{scene}` | {" | ".join(cells)} |')
    return '\n'.join(lines)


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
    parser.add_argument('--roads', nargs='+', type=int, default=list(ROADS))
    parser.add_argument('--seconds', type=float, default=60.0)
    add_options(parser, 'benchmarks/scenes.json')
    parser.add_argument('--picture', type=Path, help='file for a picture of the scenes')
    args = parser.parse_args()
    if args.picture:
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        picture(args.scenes).save(args.picture, quality=80)
    conditions = [
        {'policy': policy, 'scene': scene, 'road': road, 'seconds': args.seconds, 'digest': digest(scene, policy)}
        for scene, policy, road in product(args.scenes, args.policies, args.roads)
    ]
    write_results(run, conditions, table, args)


if __name__ == '__main__':
    main()
