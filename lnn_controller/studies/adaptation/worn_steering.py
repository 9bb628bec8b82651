"""Worn steering: after 20 s the car does 0.6 of the yaw rate it is asked for, and pulls to the left by 0.15 rad/s."""

from collections.abc import Sequence

from lnn_controller.control import AdaptationSettings
from lnn_controller.policy import Policy
from lnn_controller.sim import read_scenario
from lnn_controller.studies.adaptation.result import Progress, Result
from lnn_controller.studies.adaptation.runner import FROZEN, Run, drive, pooled, recovery

__all__ = ['run']

SECONDS, CHANGED_S, JUDGED_S = 60.0, 20.0, 35.0
WEAR = {'steering_gain': 0.6, 'steering_trim_rad_s': 0.15}
RECOVERED = 1.5  # times the unworn car's error


def run(policy: Policy, seeds: Sequence[int], progress: Progress) -> Result:
    """
    Drive each road with a new car, a worn one that is frozen, and a worn one that adapts.

    :param policy: the policy
    :param seeds: of the roads
    :param progress: takes a line on what is done next
    :returns: figures from 15 s after the change on; recovered is who is within 1.5 × the new car's error for good
    """
    worn = read_scenario([{'at_s': CHANGED_S, **WEAR}])
    conditions = {
        'unworn': (FROZEN, None),
        'frozen': (FROZEN, worn),
        'adapted': (AdaptationSettings(mode='live', imitate=False), worn),
    }
    runs: dict[str, list[Run]] = {}
    for name, (adaptation, scenario) in conditions.items():
        runs[name] = []
        for seed in seeds:
            progress(f'{name}, seed {seed}')
            runs[name].append(drive(policy, seed, SECONDS, adaptation, scenario=scenario))
    allowed = [RECOVERED * new.rms(2.0) for new in runs['unworn']]
    summary = {
        name: pooled(
            each,
            JUDGED_S,
            []
            if name == 'unworn'
            else [recovery(one, CHANGED_S, most) for one, most in zip(each, allowed, strict=True)],
        )
        for name, each in runs.items()
    }
    ratios = [one.rms(JUDGED_S) / new.rms(JUDGED_S) for one, new in zip(runs['adapted'], runs['unworn'], strict=True)]
    return Result(
        name='worn-steering',
        policy=policy.spec.name,
        summary={
            'experiment': 'worn-steering',
            'policy': policy.spec.name,
            'seeds': list(seeds),
            **summary,
            'adapted_to_unworn': ratios,
        },
        runs=runs,
        marks={'worn': CHANGED_S},
    )
