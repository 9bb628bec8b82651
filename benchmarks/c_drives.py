"""
How the exported C drives the simulated car, beside ONNX Runtime: bit for bit what a microcontroller computes.

    python benchmarks/c_drives.py [--roads 21 33 47] [--seconds 45] [--write docs/microcontroller.md]

The encoder in float32 and in int8, with the core, compiled for this computer without fused products, as the page says:
the same bits as on a board. int8 takes its scales from demonstrations on other roads, collected here.
"""

import argparse
import ctypes
import subprocess
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from resumed import write_between

from lnn_controller.data.sample import sample_frames
from lnn_controller.evaluation.many import Setup, run_setup
from lnn_controller.evaluation.trial import summarise
from lnn_controller.export.c import encoder_int8_source, encoder_source, project_files, read_network
from lnn_controller.policy import Bundle, Policy, PolicyStep, find_policy, read_bundle
from lnn_controller.sim.collect import collect

FLAGS = ('-std=c99', '-O2', '-ffp-contract=off', '-fPIC', '-shared')
PARTS = ('core', 'step', 'encoder')
CALIBRATION_ROADS, CALIBRATION_S, CALIBRATION_FRAMES = (1, 2), 20.0, 200
SCENES = ('summer', 'winter')


class InC(Policy):
    """
    A policy that the exported C computes, but for the fit of a picture, which is the same to the bit.

    :param bundle: of the policy
    :param encoder: its encoder as C
    :param folder: to compile in
    """

    def __init__(self, bundle: Bundle, encoder: Any, folder: Path) -> None:
        super().__init__(bundle, runtime='onnx')
        network = read_network(bundle)
        for file, text in project_files(network, encoder).items():
            (folder / file).write_text(text, encoding='utf-8')
        sources = [f'{network.name}_{part}.c' for part in PARTS]
        subprocess.run(['cc', *FLAGS, *sources, '-o', 'policy.so'], cwd=folder, check=True, timeout=300)
        library = ctypes.CDLL(str(folder / 'policy.so'))
        self._encode_c, self._step_c = (getattr(library, f'{network.name}_{name}') for name in ('encode', 'step'))
        self._scratch = np.zeros(encoder.scratch_bytes // 4 + 1, np.float32)

    def encode(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As :meth:`Policy.encode`."""
        features = np.empty(self.spec.network.features, np.float32)
        self._encode_c(*map(_pointer, (np.ascontiguousarray(image), features, self._scratch)))
        return features

    def step(
        self, features: NDArray[np.float32], imu: NDArray[np.float32] | None, hx: NDArray[np.float32], dt_s: float
    ) -> PolicyStep:
        """As :meth:`Policy.step`."""
        network = self.spec.network
        state = np.array(hx, np.float32)
        command, tau = np.empty(len(self.spec.outputs), np.float32), np.empty(network.units, np.float32)
        measured = None if imu is None else np.ascontiguousarray(imu, np.float32)
        taken = map(_pointer, (state, np.ascontiguousarray(features, np.float32), measured))
        if reason := self._step_c(*taken, ctypes.c_float(dt_s), _pointer(command), _pointer(tau)):
            raise SystemExit(f'{network.cell}: a step in C must be done. Got reason {reason}')
        return PolicyStep(command, state, state[: network.units], tau)


def _pointer(array: NDArray[Any] | None) -> ctypes.c_void_p | None:
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


def policies(name: str, folder: Path) -> dict[str, Policy]:
    """
    Compile both encoders, int8 with scales from the expert's drives in both scenes.

    :param name: of a policy that drives the car
    :param folder: to work in
    :returns: by what computes the policy
    """
    bundle = read_bundle(find_policy(name))
    network = read_network(bundle)
    bags = [
        bag
        for scene in SCENES
        for bag in collect(folder / 'bags', seeds=CALIBRATION_ROADS, scene=scene, seconds=CALIBRATION_S, progress=False)
    ]
    frames = sample_frames(bags, network.spec.image, CALIBRATION_FRAMES)
    made: dict[str, Policy] = {'ONNX Runtime': Policy(bundle, runtime='onnx')}
    for said, encoder in (
        ('C, encoder in float32', encoder_source(network)),
        ('C, encoder in int8', encoder_int8_source(network, frames)),
    ):
        place = folder / said.rpartition(' ')[2]
        place.mkdir()
        made[said] = InC(bundle, encoder, place)
    return made


def main() -> None:
    """Drive, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--policy', default='car_lane')
    parser.add_argument('--roads', nargs='+', type=int, default=[21, 33, 47])
    parser.add_argument('--seconds', type=float, default=45.0, help='of each drive')
    parser.add_argument('--write', type=Path, metavar='PAGE', help='put the table into it')
    args = parser.parse_args()
    lines = [f'| computed by | {" | ".join(SCENES)} |', f'| --- |{" --- |" * len(SCENES)}']
    with tempfile.TemporaryDirectory() as folder:
        made = policies(args.policy, Path(folder))
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for (said, policy), scene, road in product(made.items(), SCENES, args.roads):
            setup = Setup(robot='car', task='lane', scene=scene, seed=road, seconds=args.seconds)
            found.setdefault((said, scene), []).append(summarise(run_setup(setup, policy=policy)))
    for said in made:
        cells = []
        for scene in SCENES:
            drives = found[said, scene]
            errors = ', '.join(f'{100 * drive["cross_track_error_rms_m"]:.3f}' for drive in drives)
            cells.append(f'{sum(drive["departures"] for drive in drives)}; {errors}')
        lines.append(f'| {said} | {" | ".join(cells)} |')
    table = '\n'.join(lines)
    roads = ', '.join(map(str, args.roads))
    print(f'Lane departures on all roads; cross-track error on each of {roads}, rms, cm\n\n{table}')
    if args.write:
        write_between(args.write, 'drives', table)


if __name__ == '__main__':
    main()
