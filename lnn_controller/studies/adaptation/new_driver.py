"""A new driver: the operator keeps 0.35 m further left for 30 s by override; then the policy drives alone."""

from collections.abc import Sequence

from lnn_controller.control import AdaptationSettings, ControlSettings
from lnn_controller.policy import Policy
from lnn_controller.sim import CarWorld, PurePursuit
from lnn_controller.studies.adaptation.result import Progress, Result
from lnn_controller.studies.adaptation.runner import FROZEN, Run, drive, pooled

__all__ = ['ASIDE_M', 'run']

SECONDS, FROM_S, TO_S, JUDGED_S = 90.0, 10.0, 40.0, 45.0
ASIDE_M = 0.35


def run(policy: Policy, seeds: Sequence[int], progress: Progress, *, aside_m: float = ASIDE_M) -> Result:
    """
    Drive each road frozen and adapting, with the same operator in between.

    :param policy: the policy
    :param seeds: of the roads
    :param progress: takes a line on what is done next
    :param aside_m: the operator's line, from the lane's centre, m, positive left
    :returns: figures against the operator's line, from 5 s after they let go on
    """

    def operator(world: CarWorld, at_s: float) -> tuple[float, float] | None:
        if not FROM_S <= at_s < TO_S:
            return None
        return PurePursuit(world.track, aside_m=aside_m).command(*world.pose())

    conditions = {'frozen': FROZEN, 'adapted': AdaptationSettings(mode='live', respond=False)}
    runs: dict[str, list[Run]] = {}
    for name, adaptation in conditions.items():
        runs[name] = []
        for seed in seeds:
            progress(f'{name}, seed {seed}')
            runs[name].append(
                drive(
                    policy,
                    seed,
                    SECONDS,
                    adaptation,
                    operator=operator,
                    line_m=aside_m,
                    settings=ControlSettings(override_return_s=1.0),
                )
            )
    summary = {name: pooled(each, JUDGED_S) for name, each in runs.items()}
    ratios = [one.rms(JUDGED_S) / old.rms(JUDGED_S) for one, old in zip(runs['adapted'], runs['frozen'], strict=True)]
    return Result(
        name='new-driver',
        policy=policy.spec.name,
        summary={
            'experiment': 'new-driver',
            'policy': policy.spec.name,
            'seeds': list(seeds),
            **summary,
            'line_m': aside_m,
            'adapted_to_frozen': ratios,
        },
        runs=runs,
        marks={'operator': FROM_S, 'alone': TO_S},
    )
