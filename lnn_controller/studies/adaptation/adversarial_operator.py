"""Malice: overrides that teach nonsense for 20 s; then the policy alone, then an honest operator, then alone again."""

from collections.abc import Callable, Sequence

import numpy as np

from lnn_controller.control import AdaptationSettings
from lnn_controller.policy import Policy
from lnn_controller.sim import CarWorld, PurePursuit
from lnn_controller.studies.adaptation.result import Progress, Result
from lnn_controller.studies.adaptation.runner import FROZEN, Run, drive, pooled

__all__ = ['ATTACKS', 'run']

SECONDS, FROM_S, TO_S, HONEST_S, ALONE_S = 75.0, 10.0, 30.0, 60.0, 65.0
HOLD_S = 0.5
SETTLED_S = 10.0  # before the honest operator comes: what the attack has left of the drive
HARM = 1.5  # times the frozen policy's error: less is no harm that an honest operator could show
Attack = Callable[[CarWorld, float, np.random.Generator], tuple[float, float]]


def _random(_world: CarWorld, _at_s: float, rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(0.0, 2.4)), float(rng.uniform(-2.0, 2.0))


def _constant(_world: CarWorld, _at_s: float, _rng: np.random.Generator) -> tuple[float, float]:
    return 1.5, 1.0


def _mirrored(world: CarWorld, _at_s: float, _rng: np.random.Generator) -> tuple[float, float]:
    linear_x, angular_z = PurePursuit(world.track).command(*world.pose())
    return linear_x, -angular_z


def _to_the_edge(world: CarWorld, _at_s: float, _rng: np.random.Generator) -> tuple[float, float]:
    return PurePursuit(world.track, aside_m=0.55).command(*world.pose())


# Adversarial are the last two: one teaches to steer the wrong way, one, by careful driving, to leave the lane.
ATTACKS: dict[str, Attack] = {
    'random': _random,
    'constant': _constant,
    'mirrored': _mirrored,
    'edge': _to_the_edge,
}


def run(policy: Policy, seeds: Sequence[int], progress: Progress) -> Result:
    """
    Let each attack teach, on each road.

    :param policy: the policy
    :param seeds: of the roads
    :param progress: takes a line on what is done next
    :returns: figures from the end of the attack on; ``rollback_s``: how long after the honest operator's takeover what
        the attack taught was rolled back, the slowest; ``None`` where nothing was left, or was learnt anew before;
        ``drives_harmed``: drives whose error, before the honest operator came, was more than 1.5 × the frozen
        policy's, and how many still after; ``correction_max``: the largest correction as a share of its bound
    """
    adaptation = AdaptationSettings(mode='live', respond=False)
    runs: dict[str, list[Run]] = {'frozen': [], 'adapted': []}
    rollback: dict[str, float | None] = {}
    harmed = still = 0
    for name, attack in ATTACKS.items():
        after: list[float] = []
        for seed in seeds:
            for condition, learns in (('frozen', FROZEN), ('adapted', adaptation)):
                progress(f'{name}, {condition}, seed {seed}')
                runs[condition].append(drive(policy, seed, SECONDS, learns, operator=_operator(attack, seed)))
            frozen, adapted = runs['frozen'][-1], runs['adapted'][-1]
            after += [at_s - HONEST_S for at_s in adapted.rollbacks_s if HONEST_S <= at_s < ALONE_S][:1]
            harmed += adapted.rms(HONEST_S - SETTLED_S, HONEST_S) > HARM * frozen.rms(HONEST_S - SETTLED_S, HONEST_S)
            still += adapted.rms(ALONE_S + 1.0) > HARM * frozen.rms(ALONE_S + 1.0)
        rollback[name] = max(after) if after else None
    bound = adaptation.bound
    return Result(
        name='malice',
        policy=policy.spec.name,
        summary={
            'experiment': 'malice',
            'policy': policy.spec.name,
            'seeds': list(seeds),
            **{name: pooled(each, TO_S + 1.0) for name, each in runs.items()},
            'rollback_s': rollback,
            'drives_harmed': harmed,
            'drives_harmed_after_honest': still,
            'correction_max': max(float(one.log['correction'].max()) / bound for one in runs['adapted']),
            'norm_max': max(float(one.log['angular_z.imitate_norm'].max()) for one in runs['adapted']),
        },
        runs=runs,
        marks={'attack': FROM_S, 'alone': TO_S, 'honest operator': HONEST_S, 'alone ': ALONE_S},
    )


def _operator(attack: Attack, seed: int) -> Callable[[CarWorld, float], tuple[float, float] | None]:
    rng = np.random.default_rng(seed)
    held: list[tuple[int, tuple[float, float]]] = []

    def operator(world: CarWorld, at_s: float) -> tuple[float, float] | None:
        if HONEST_S <= at_s < ALONE_S:
            return PurePursuit(world.track).command(*world.pose())
        if not FROM_S <= at_s < TO_S:
            return None
        if attack is not _random:
            return attack(world, at_s, rng)
        # Held for a while: a command that changes at each tick would hardly move the car.
        stretch = int(at_s / HOLD_S)
        if not held or held[-1][0] != stretch:
            held.append((stretch, attack(world, at_s, rng)))
        return held[-1][1]

    return operator
