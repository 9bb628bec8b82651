"""Trials that succeed or fail: what one comes to, how often they succeed, how they end."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist, median
from typing import Any

__all__ = ['count_outcomes', 'failure_ratio', 'flight_figures', 'outcome_figures', 'sum_up', 'wilson_interval']


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """
    Bound the probability of success by Wilson's score interval.

    Unlike successes / trials ± z·σ it holds for few trials and for none or all that succeed: E. B. Wilson (1927),
    *Probable Inference, the Law of Succession, and Statistical Inference*, J. Am. Stat. Assoc. 22, 209-212;
    recommended by Brown, Cai and DasGupta (2001), *Interval Estimation for a Binomial Proportion*.

    :param successes: how many succeeded
    :param trials: of how many
    :param confidence: of the interval, within 0…1
    :returns: lower and upper bound, each within 0…1; (0, 1) of no trials
    """
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, scale = successes / trials, 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z / scale * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def failure_ratio(failures: int, reference: int, trials: int) -> tuple[float, float, float]:
    """
    Compare how often two fail in as many trials.

    The logarithm of the ratio is nearly normal: D. Katz et al. (1978), *Obtaining Confidence Intervals for the Risk
    Ratio in Cohort Studies*, Biometrics 34, 469-474. Half a failure and half a trial are added to either, so that none
    may fail: S. D. Walter (1975), *The Distribution of Levin's Measure of Attributable Risk*, Biometrika 62, 371-372.

    :param failures: how many of the one failed
    :param reference: how many of the other
    :param trials: of how many each, at least 1
    :returns: the ratio of the one's share to the other's, and its interval of 95 %
    """
    n = trials + 0.5
    ours, theirs = failures + 0.5, reference + 0.5
    spread = NormalDist().inv_cdf(0.975) * (1 / ours - 1 / n + 1 / theirs - 1 / n) ** 0.5
    return ours / theirs, ours / theirs * math.exp(-spread), ours / theirs * math.exp(spread)


def count_outcomes(outcomes: Iterable[str]) -> dict[str, int]:
    """
    Count how trials ended.

    :param outcomes: a word a trial, empty where the time was up
    :returns: how many ended so, by outcome: the most frequent first, then by name
    """
    counts = Counter(outcomes)
    return {outcome: counts[outcome] for outcome in sorted(counts, key=lambda outcome: (-counts[outcome], outcome))}


def outcome_figures(outcome: str, seconds: float) -> dict[str, float | int]:
    """
    Sum one trial up that succeeds or not.

    :param outcome: how it ended, in a word: ``success``, ``crash``, …
    :param seconds: after what time, s
    :returns: ``success`` (0 or 1), ``time_s`` to it (NaN without), ``collisions``
    """
    success = outcome == 'success'
    return {
        'success': int(success),
        'time_s': seconds if success else math.nan,
        'collisions': int(outcome == 'crash'),
    }


def flight_figures(outcome: str, seconds: float, reached: int) -> dict[str, float | int]:
    """
    Sum one flight to a target up.

    :param outcome: how it ended, in a word: ``success``, ``crash``, …
    :param seconds: after what time, s
    :param reached: targets reached
    :returns: as :func:`outcome_figures`, and ``reached``
    """
    return outcome_figures(outcome, seconds) | {'reached': reached}


def sum_up(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """
    Sum trials up that differ by chance alone.

    :param trials: of each ``success`` (0 or 1), ``time_s`` to it and ``outcome``; at least one
    :returns: ``trials``, ``successes``: how many; ``interval``: Wilson's of 95 % of the probability of success;
        ``median_time_s`` of those that succeeded, ``None`` of none; ``outcomes``: how many ended so
    """
    successes = sum(trial['success'] for trial in trials)
    times_s = [trial['time_s'] for trial in trials if trial['success']]
    return {
        'trials': len(trials),
        'successes': successes,
        'interval': wilson_interval(successes, len(trials)),
        'median_time_s': median(times_s) if times_s else None,
        'outcomes': count_outcomes(trial['outcome'] for trial in trials),
    }
