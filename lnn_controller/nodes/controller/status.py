"""The controller's status on ``/diagnostics``: what it does, how well, and how bad that is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticStatus

from lnn_controller.nodes.controller.event_log import EXPECTED, REASONS
from lnn_controller.nodes.controller.session import Session
from lnn_controller.policy.verdict import judge_metrics

__all__ = ['Status', 'control_status', 'judge']

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
# What a sensor that measures never does; and for how long it is borne, s.
REPEATED = {
    'image_repeated_s': 'for {:.1f} s the camera has shown nothing but pictures that it had shown before',
    'imu_repeated_s': 'for {:.1f} s the IMU has sent the very same sample',
}
REPEATED_S = 1.0
# A stop that somebody asked for, or that the world does, is no fault of the robot. A way that the guard's sensor has
# not seen is not among them: nobody wants that, and where a sensor sees too little it does not pass by itself.
NO_FAULT = (*EXPECTED, 'emergency_stop', 'obstacle')


class Status(NamedTuple):
    """
    What is published.

    :param level: ``OK``, ``WARN`` or ``ERROR`` of diagnostic_msgs/DiagnosticStatus
    :param message: the state in words
    :param values: figures and texts by key, of which those not known yet are left out
    """

    level: bytes
    message: str
    values: dict[str, str | float]


def control_status(session: Session | None, holders: Sequence[str], state: str, now_ns: int) -> Status:
    """
    Sum up.

    :param session: what drives; ``None`` while unconfigured
    :param holders: who holds the emergency stop
    :param state: of the lifecycle, e.g. ``active``
    :param now_ns: now, ns
    :returns: the status
    """
    if session is None:
        return Status(WARN, state, {'state': state, 'mode': 'stop', 'reason': state})
    decision, parameters, figures = session.decision, session.values, session.figures(now_ns)
    if decision is None:
        mode, reason = 'waiting', 'no_clock' if session.active else state
    else:
        mode, reason = decision.mode, decision.reason
    values: dict[str, str | float] = {
        'state': state,
        'mode': mode,
        'reason': reason,
        'policy': session.spec.name,
        'policy_hash': session.spec.files.get('weights.safetensors', '')[:12],
        'runtime': session.runtime,
        'control_rate_wanted_hz': parameters['control_rate_hz'],
        'adaptation_mode': parameters['adaptation.mode'],
        'emergency_stop': ', '.join(holders) or 'released',
        'graph_errors': len(session.graph_errors),
    }
    if (verdict := judge_metrics(session.spec.provenance.get('metrics'))) is not None:
        values['beats_constant'] = ', '.join(verdict.better) or 'nowhere'
    level, message = judge(mode, reason, figures, parameters, session.graph_errors)
    return Status(level, message, {**values, **figures})


def judge(
    mode: str, reason: str, figures: Mapping[str, float], parameters: Mapping[str, Any], errors: Sequence[str]
) -> tuple[bytes, str]:
    """
    Return the highest level, and every message at that level.

    :param mode: of the newest decision, or ``waiting``
    :param reason: of the stop, or of the wait
    :param figures: as :meth:`Session.figures` returns them
    :param parameters: of the node, thresholds among them
    :param errors: what does not fit in the graph
    :returns: level and message
    """
    found = [(ERROR, text) for text in errors]
    if mode == 'stop':
        found.append((WARN if reason in NO_FAULT else ERROR, f'stopped: {REASONS.get(reason, reason)}'))
    elif mode == 'waiting':
        found.append((WARN, reason))

    def compare(value: float | None, name: str, text: str, *, bad_below: bool = False) -> None:
        if value is None:
            return
        for level, word in ((ERROR, 'error'), (WARN, 'warn')):
            threshold = parameters[f'diagnostics.{word}_{name}']
            if value < threshold if bad_below else value > threshold:
                found.append((level, text.format(value)))
                return

    def scaled(key: str, factor: float) -> float | None:
        return figures[key] * factor if key in figures else None

    for key, text in REPEATED.items():
        if figures.get(key, 0.0) > REPEATED_S:
            found.append((WARN, text.format(figures[key])))
    wanted_hz = parameters['control_rate_hz']
    share = scaled('control_rate_hz', 1.0 / wanted_hz)
    compare(share, 'rate', 'control rate is {:.2f} of what is wanted', bad_below=True)
    compare(scaled('tick_lateness_p99_us', 1e-3), 'lateness_ms', 'ticks are up to {:.1f} ms late')
    compare(scaled('tick_work_p99_us', 1e-6 * wanted_hz), 'work', 'a tick takes {:.2f} of its period')
    if not found:
        return OK, 'driving' if mode == 'policy' else 'the operator drives'
    highest = max(level for level, _ in found)
    return highest, '; '.join(text for level, text in found if level == highest)
