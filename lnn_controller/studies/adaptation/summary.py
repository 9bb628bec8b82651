"""What the study of adaptation found, as figures: over the seeds that all variants of an experiment have."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lnn_controller.metrics.comparison import paired_bootstrap
from lnn_controller.metrics.statistics import rms
from lnn_controller.studies.runner import Row

__all__ = ['HARM', 'RECOVERED', 'ratio', 'recovery', 'sum_up_attacks', 'sum_up_drives', 'sum_up_flights', 'whole_seeds']

SMOOTH_S = 5
RECOVERED = 1.5  # times the error of the car before it wore, from BEGUN_S on
BEGUN_S = 2
SETTLED_S = 10  # before the honest operator comes: what the attack has left of the drive
HARM = 1.5  # times the frozen policy's error: less is no harm that an honest operator could show

BySeed = dict[str, dict[int, Row]]


def whole_seeds(rows: Sequence[Row], *keys: str) -> dict[tuple[str, ...], BySeed]:
    """
    Group rows.

    :param rows: of one experiment
    :param keys: of a condition, that make a group
    :returns: by group and variant the rows by seed; seeds that not all of a group's variants have are left out, and
        groups without a seed
    """
    groups: dict[tuple[str, ...], BySeed] = {}
    for row in rows:
        condition = row['condition']
        variants = groups.setdefault(tuple(condition[key] for key in keys), {})
        variants.setdefault(condition['variant'], {})[condition['seed']] = row
    found = {}
    for group, variants in groups.items():
        seeds = sorted(set.intersection(*(set(each) for each in variants.values())))
        if seeds and {'frozen', 'adapted'} <= variants.keys():
            found[group] = {name: {seed: each[seed] for seed in seeds} for name, each in variants.items()}
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float] | None:
    """
    Compare errors of the same seeds.

    :param ours: one a seed, above zero
    :param theirs: likewise
    :returns: geometric mean of ours / theirs and the ends of its interval of 95 % (bootstrap over seeds); ``None`` of
        less than two seeds
    """
    if len(ours) < 2:
        return None
    logarithms = (np.log(np.asarray(each, np.float64))[:, None] for each in (ours, theirs))
    mean, low, high = np.exp(paired_bootstrap(*logarithms)).tolist()
    return mean, low, high


def recovery(error_m: Sequence[float], changed_s: int, allowed_m: float) -> int | None:
    """
    Return how long it took until the error was small again, for good.

    :param error_m: rms of each second
    :param changed_s: when something changed, s
    :param allowed_m: what counts as small: the rms over the 5 s that follow a moment, m
    :returns: s from the change on; ``None``: never
    """
    large = [
        start
        for start in range(changed_s, len(error_m) - SMOOTH_S + 1)
        if rms(error_m[start : start + SMOOTH_S]) > allowed_m
    ]
    if not large:
        return 0
    return None if large[-1] == len(error_m) - SMOOTH_S else large[-1] + 1 - changed_s


def sum_up_drives(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Sum the drives of one experiment up, by policy and variant.

    :param rows: of one experiment
    :returns: of each policy and variant: ``seeds``, ``rms_m`` over all drives, ``largest_m``, ``departures``,
        ``rollbacks``, ``recovery_s`` of the slowest (``None``: not all did, or nothing to recover from), and
        ``against``: the variants whose error it is compared with → :func:`ratio`
    """
    found = []
    for (policy,), variants in whole_seeds(rows, 'policy').items():
        first = next(iter(variants))
        for name, drives in variants.items():
            results = [row['result'] for row in drives.values()]
            compared = [other for other in ('frozen', first) if other != name and name == 'adapted']
            found.append(
                {
                    'policy': policy,
                    'variant': name,
                    'seeds': len(drives),
                    **_pooled(results),
                    'recovery_s': None if name == first else _recoveries(drives, variants[first]),
                    'against': {
                        other: ratio(_errors(drives), _errors(variants[other])) for other in dict.fromkeys(compared)
                    },
                }
            )
    return found


def _pooled(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        'rms_m': rms([each['rms_m'] for each in results]),  # drives are equally long
        'largest_m': max(each['largest_m'] for each in results),
        'departures': sum(each['departures'] for each in results),
        'rollbacks': sum(len(each['rollbacks_s']) for each in results),
    }


def _errors(drives: Mapping[int, Row]) -> list[float]:
    return [row['result']['rms_m'] for row in drives.values()]


def _recoveries(drives: Mapping[int, Row], before: Mapping[int, Row]) -> int | None:
    """The slowest recovery from a change, where there was one and nobody helped; ``None``: one did not recover."""
    slowest: int | None = 0
    for seed, row in drives.items():
        changes = row['condition']['changes']
        if not changes or row['condition']['operator']:
            return None
        allowed_m = RECOVERED * rms(before[seed]['result']['error_m'][BEGUN_S:])
        took_s = recovery(row['result']['error_m'], round(changes[0]['at_s']), allowed_m)
        slowest = None if took_s is None or slowest is None else max(slowest, took_s)
    return slowest


def sum_up_attacks(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Sum the attacks up, by policy.

    :param rows: of malice
    :returns: of each policy and attack: ``seeds``; ``frozen`` and ``adapted``, each as a drive's figures from the end
        of the attack on; ``against``: :func:`ratio` of the adapted error to the frozen one; ``harmed``: drives whose
        error, before the honest operator came, was more than 1.5 × the frozen policy's, and ``still`` after them;
        ``rolled_back_s``: how long after the honest operator's takeover something was, by drive; ``correction_max``
    """
    found = []
    for (policy, attack), variants in whole_seeds(rows, 'policy', 'attack').items():
        frozen, adapted = variants['frozen'], variants['adapted']
        harmed = still = 0
        rolled_back_s = []
        for seed, row in adapted.items():
            *_, honest = row['condition']['operator']
            from_s, to_s = round(honest['from_s']), round(honest['to_s'])
            ours, theirs = row['result']['error_m'], frozen[seed]['result']['error_m']
            harmed += rms(ours[from_s - SETTLED_S : from_s]) > HARM * rms(theirs[from_s - SETTLED_S : from_s])
            still += rms(ours[to_s + 1 :]) > HARM * rms(theirs[to_s + 1 :])
            rolled_back_s += [at_s - from_s for at_s in row['result']['rollbacks_s'] if from_s <= at_s < to_s][:1]
        found.append(
            {
                'policy': policy,
                'attack': attack,
                'seeds': len(adapted),
                'frozen': _pooled([row['result'] for row in frozen.values()]),
                'adapted': _pooled([row['result'] for row in adapted.values()]),
                'against': ratio(_errors(adapted), _errors(frozen)),
                'harmed': harmed,
                'still': still,
                'rolled_back_s': rolled_back_s,
                'correction_max': max(row['result']['correction_max'] or 0.0 for row in adapted.values()),
            }
        )
    return found


def sum_up_flights(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Sum the flights up.

    :param rows: of the flights
    :returns: of each flight controller and change: ``seeds``; ``frozen`` and ``adapted``: steady error by channel, rms
        over the flights; ``against``: by channel :func:`ratio` of the adapted error to the frozen one; ``rollbacks``
    """
    found = []
    for (controller, change), variants in whole_seeds(rows, 'controller', 'change').items():
        errors = {
            name: np.array([row['result']['error'] for row in variants[name].values()])
            for name in ('frozen', 'adapted')
        }
        found.append(
            {
                'controller': controller,
                'change': change,
                'seeds': len(errors['frozen']),
                **{name: [rms(each) for each in error.T] for name, error in errors.items()},
                'against': [
                    ratio(ours.tolist(), theirs.tolist())
                    for ours, theirs in zip(errors['adapted'].T, errors['frozen'].T, strict=True)
                ],
                'rollbacks': sum(row['result']['rollbacks'] for row in variants['adapted'].values()),
            }
        )
    return found
