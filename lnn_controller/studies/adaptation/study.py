"""Does online adaptation help? The same drives, flights and recording, frozen and adapted."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lnn_controller.errors import InputError
from lnn_controller.evaluation.robot import check_channels
from lnn_controller.policy import find_policy, read_spec
from lnn_controller.studies.adaptation import flight, recording, road
from lnn_controller.studies.adaptation.page import page
from lnn_controller.studies.adaptation.plot import draw
from lnn_controller.studies.registry import EXPERIMENTS
from lnn_controller.studies.runner import NUMBER, Row, has_shape

__all__ = ['NAMED', 'conditions', 'draw', 'fits', 'page', 'run']

#: of a condition, for people; an experiment has some of them
NAMED = ('experiment', 'policy', 'attack', 'controller', 'change', 'variant', 'seed')
ROBOT = 'car'


def conditions(
    *,
    experiments: Sequence[str] | None,
    policies: Sequence[str],
    seeds: Sequence[int],
    bag: Path | None = None,
    bag_policy: str = 'real_car',
) -> list[dict[str, Any]]:
    """
    List what is run, experiment after experiment: a drive or flight each, or a recording's replay.

    :param experiments: keys of :data:`~lnn_controller.studies.registry.EXPERIMENTS`; ``None``: all
    :param policies: that drive on the roads
    :param seeds: of roads and flights
    :param bag: recording; ``None``: the real car's
    :param bag_policy: that predicts its commands
    :returns: plain values, with all that makes a drive what it is: where a constant is changed, it is another one
    :raises InputError: if an experiment is unknown, a policy or the bag cannot be read, or a policy does not drive the
        simulated car
    """
    found = []
    for experiment in dict.fromkeys(EXPERIMENTS if experiments is None else experiments):
        if experiment not in EXPERIMENTS:
            raise InputError(f'an experiment must be one of {", ".join(EXPERIMENTS)}. Got {experiment!r}')
        if experiment == 'flight':
            found += flight.list_flights(seeds)
        elif experiment == 'recording':
            found += recording.list_recording(bag_policy, _hash(bag_policy), bag)
        else:
            for policy in policies:
                check_channels(read_spec(find_policy(policy)), ROBOT)
            found += road.list_drives(experiment, {policy: _hash(policy) for policy in policies}, seeds)
    return found


def _hash(policy: str) -> str:
    """A policy that is trained anew is another one."""
    return hashlib.sha256((Path(find_policy(policy)) / 'weights.safetensors').read_bytes()).hexdigest()[:12]


def run(condition: Mapping[str, Any]) -> dict[str, Any]:
    """
    Run one.

    :param condition: one of :func:`conditions`
    :returns: what :func:`~.road.run_drive`, :func:`~.flight.run_flight` or :func:`~.recording.run_recording` gives
    """
    if condition['experiment'] == 'flight':
        return flight.run_flight(condition)
    if condition['experiment'] == 'recording':
        return recording.run_recording(condition)
    return road.run_drive(condition)


def fits(row: Row) -> bool:
    """
    Return whether a row has what its experiment gives.

    :param row: as it was read
    :returns: whether it does
    """
    shapes: dict[str, Mapping[str, Any]] = {'flight': flight.RESULT, 'recording': recording.RESULT}
    condition, result = row['condition'], row['result']
    if not has_shape(result, shapes.get(condition['experiment'], road.RESULT)):
        return False
    if condition['experiment'] == 'flight':
        lengths = {len(result[name]) for name in ('error', 'gain', 'trim')}
        whole = len(result['level_m_s']) == round(condition['seconds'] / condition['hold_s'])
        return whole and lengths == {len(flight.CHANNELS)} and min(result['error']) > 0.0
    if condition['experiment'] == 'recording':
        by_channel = {len(each) for each in result['mae_by_channel'].values()}
        series = {len(each) for name in ('command', 'error') for each in result[name].values()}
        return by_channel == {len(result['channels'])} and len(series) == 1 and result['mae']['frozen'] > 0.0
    seconds, learnt = round(condition['seconds']), result['learnt']
    return (
        len(result['error_m']) == seconds
        and learnt.keys() <= set(road.LEARNT)
        and all(has_shape(each, [NUMBER]) and len(each) == seconds for each in learnt.values())
        and result['rms_m'] > 0.0
    )
