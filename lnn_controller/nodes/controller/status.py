"""The controller's status on ``/diagnostics``: what it does, how well, and how bad that is."""

from collections.abc import Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from lnn_controller.nodes.controller.event_log import EXPECTED, REASONS
from lnn_controller.nodes.controller.session import Driving

__all__ = ['control_status']

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
# What a sensor that measures never does; and for how long it is borne, s.
REPEATED = {
    'image_repeated_s': 'for {} s the camera has shown nothing but pictures that it had shown before',
    'imu_repeated_s': 'for {} s the IMU has sent the very same sample',
}
REPEATED_S = 1.0
# A stop that somebody asked for, or that the world does, is no fault of the robot. A way that the guard's sensor has
# not seen is not among them: nobody wants that, and where a sensor sees too little it does not pass by itself.
NO_FAULT = (*EXPECTED, 'emergency_stop', 'obstacle')


def control_status(
    driving: Driving | None, holders: Sequence[str], state: str, now_ns: int
) -> tuple[bytes, str, dict[str, str]]:
    """
    Sum up.

    :param driving: what drives; ``None`` while unconfigured
    :param holders: who holds the emergency stop
    :param state: of the lifecycle, e.g. ``active``
    :param now_ns: now, ns
    :returns: level; the state in words; figures by key, of which those not known yet are left out
    """
    if driving is None:
        return WARN, state, {'state': state, 'mode': 'stop', 'reason': state}
    loop, decision, parameters = driving.loop, driving.decision, driving.values
    values = {
        'state': state,
        'mode': 'waiting' if decision is None else decision.mode,
        'reason': ('no_clock' if loop else state) if decision is None else decision.reason,
        'policy': driving.policy.spec.name,
        'policy_hash': driving.policy.spec.files.get('weights.safetensors', '')[:12],
        'control_rate_wanted_hz': f'{parameters["control_rate_hz"]:g}',
    }
    used = {'image': True, 'imu': driving.policy.spec.imu is not None, 'scan': parameters['guard.source'] != 'none'}
    rates = {name: rate for name, rate in driving.rates.items() if used[name]}
    spreads = dict(driving.spreads)
    if loop is not None:
        rates['control'] = loop.rate
        spreads |= {'tick_lateness': loop.lateness, 'tick_work': loop.work}
        values['missed_ticks'] = str(loop.missed)
    for name, rate in rates.items():
        measured = rate.measure(now_ns)
        values |= {} if measured is None else {f'{name}_rate_hz': f'{measured:.2f}'}
    for name, spread in spreads.items():
        values |= spread.summary(name, 'us')
    # Without taking a turn: a tick may have it for long, and each of these is read as a whole.
    ages = driving.controller.ages_s(now_ns)
    counters = dict(driving.controller.counters)
    learnt = driving.controller.adaptation.figures()
    values |= {f'{name}_age_ms': f'{1e3 * age:.0f}' for name, age in ages.items()}
    values |= {f'{name}_repeated_s': f'{each:.1f}' for name, each in driving.controller.repeated_s().items()}
    values['image_dropped'] = str(driving.encoder.dropped)
    mode = values['adaptation_mode'] = parameters['adaptation.mode']
    values |= {} if mode == 'frozen' else {f'adaptation.{name}': f'{value:.4g}' for name, value in learnt.items()}
    values['emergency_stop'] = ', '.join(holders) or 'released'
    values['graph_errors'] = str(len(driving.qos.errors))
    values |= {name: str(count) for name, count in sorted((counters | dict(driving.undecodable)).items())}
    level, message = _judge(values, parameters, driving.qos.errors)
    return level, message, values


def _judge(values: Mapping[str, str], parameters: Mapping[str, Any], errors: Sequence[str]) -> tuple[bytes, str]:
    """The worst of all that is to be said, and all that is as bad."""
    told = [(ERROR, text) for text in errors]
    reason = values['reason']
    if values['mode'] == 'stop':
        told.append((WARN if reason in NO_FAULT else ERROR, f'stopped: {REASONS.get(reason, reason)}'))
    elif values['mode'] == 'waiting':
        told.append((WARN, reason))

    def share(key: str, below: bool, name: str, text: str, scale: float = 1.0) -> None:
        if key not in values:
            return
        value = float(values[key]) * scale
        for level, word in ((ERROR, 'error'), (WARN, 'warn')):
            threshold = parameters[f'diagnostics.{word}_{name}']
            if value < threshold if below else value > threshold:
                told.append((level, text.format(value)))
                return

    for key, text in REPEATED.items():
        if float(values.get(key, 0.0)) > REPEATED_S:
            told.append((WARN, text.format(values[key])))
    wanted_hz = parameters['control_rate_hz']
    share('control_rate_hz', True, 'rate', 'control rate is {:.2f} of what is wanted', 1.0 / wanted_hz)
    share('tick_lateness_p99_us', False, 'lateness_ms', 'ticks are up to {:.1f} ms late', 1e-3)
    share('tick_work_p99_us', False, 'work', 'a tick takes {:.2f} of its period', 1e-6 * wanted_hz)
    if not told:
        return OK, 'driving' if values['mode'] == 'policy' else 'the operator drives'
    worst = max(told)[0]
    return worst, '; '.join(text for level, text in told if level == worst)
