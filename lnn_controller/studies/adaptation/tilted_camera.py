"""Tilted camera: after 20 s it looks 5° further down; the operator helps for 15 s; then the policy drives alone."""

from collections.abc import Sequence

from lnn_controller.control import AdaptationSettings
from lnn_controller.policy import Policy
from lnn_controller.sim import CarWorld, PurePursuit, read_scenario
from lnn_controller.studies.adaptation.result import Progress, Result
from lnn_controller.studies.adaptation.runner import FROZEN, Run, drive, pooled

__all__ = ['run']

SECONDS, CHANGED_S, FROM_S, TO_S, JUDGED_S = 80.0, 20.0, 25.0, 40.0, 45.0
TILT_DEG = -5.0


def run(policy: Policy, seeds: Sequence[int], progress: Progress) -> Result:
    """
    Drive each road with a straight camera, and with a tilted one frozen and adapting.

    :param policy: the policy
    :param seeds: of the roads
    :param progress: takes a line on what is done next
    :returns: figures from 5 s after the operator has let go on
    """

    def operator(world: CarWorld, at_s: float) -> tuple[float, float] | None:
        return PurePursuit(world.track).command(*world.pose()) if FROM_S <= at_s < TO_S else None

    tilted = read_scenario([{'at_s': CHANGED_S, 'camera_pitch_deg': TILT_DEG}])
    learns = AdaptationSettings(mode='live', respond=False)
    conditions = {'straight': (FROZEN, None), 'frozen': (FROZEN, tilted), 'adapted': (learns, tilted)}
    runs: dict[str, list[Run]] = {}
    for name, (adaptation, scenario) in conditions.items():
        runs[name] = []
        for seed in seeds:
            progress(f'{name}, seed {seed}')
            runs[name].append(drive(policy, seed, SECONDS, adaptation, scenario=scenario, operator=operator))
    return Result(
        name='tilted-camera',
        policy=policy.spec.name,
        summary={
            'experiment': 'tilted-camera',
            'policy': policy.spec.name,
            'seeds': list(seeds),
            **{name: pooled(each, JUDGED_S) for name, each in runs.items()},
        },
        runs=runs,
        marks={'tilted': CHANGED_S, 'operator': FROM_S, 'alone': TO_S},
    )
