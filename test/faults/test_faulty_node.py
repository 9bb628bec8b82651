"""What runs inside the controller hangs or throws: the robot stands, and the process ends for its supervisor."""

import signal

import numpy as np
import pytest
from bundles import make_tiny_bundle, tiny_core, tiny_encoder, tiny_spec
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rig import PERIOD_S, moves
from ros_probe import status
from rosgraph_msgs.msg import Clock

WATCHDOG_S = 0.1
ENDS_S = 1.0


def make_trouble(rig):
    """From the next picture on; and when that was."""
    rig.probe.image = np.full_like(rig.probe.image, 253)
    return rig.now_ns()


def zeros_come_last(rig, outcome, since_ns):
    """Wait for the process's end; the last command before it are zeros."""
    rig.probe.until(lambda: rig.process.poll() is not None, 'it ends')
    rig.probe.until(lambda: not moves(rig.commands[-1]), 'zeros are the last command')
    driving = max(index for index, each in enumerate(rig.commands) if moves(each))
    outcome.stopped_s = (rig.commands[driving + 1].received_ns - max(since_ns, rig.commands[driving].stamp_ns)) / 1e9


@pytest.mark.fault('tick hangs')
def test_a_tick_that_never_ends(make_rig, outcome, tmp_path):
    rig = make_rig(make_tiny_bundle(tmp_path / 'policy', core=tiny_core(tiny_spec(), trouble='hangs')))
    rig.start(image_timeout_s=5.0, imu_timeout_s=5.0)
    zeros_come_last(rig, outcome, make_trouble(rig))
    assert rig.process.returncode == 1
    outcome.limit_s = WATCHDOG_S + PERIOD_S
    outcome.said = rig.says('the control tick has not ended for .* zeros')
    outcome.note = 'from its last command on; the process ends a second later, for its supervisor to start it again'


@pytest.mark.fault('tick throws')
def test_a_tick_that_throws(make_rig, outcome, tmp_path):
    rig = make_rig(make_tiny_bundle(tmp_path / 'policy', core=tiny_core(tiny_spec(), trouble='throws')))
    rig.start(image_timeout_s=5.0, imu_timeout_s=5.0)
    zeros_come_last(rig, outcome, make_trouble(rig))
    assert rig.process.returncode == 1
    outcome.limit_s = 2 * PERIOD_S
    outcome.said = rig.says('the robot stands, the node ends: InvalidArgument')
    outcome.note = 'zeros in place of the command; then the process ends, for its supervisor to start it again'


@pytest.mark.fault('encoder hangs')
def test_an_encoder_that_never_ends(make_rig, outcome, tmp_path):
    rig = make_rig(make_tiny_bundle(tmp_path / 'policy', encoder=tiny_encoder(tiny_spec(), trouble='hangs')))
    rig.start()
    rig.stops(outcome, reason='image_stale', since_ns=make_trouble(rig), timeout_s=0.0)
    outcome.limit_s = 0.2 + 2 * PERIOD_S
    rig.process.send_signal(signal.SIGTERM)
    rig.probe.until(lambda: rig.process.poll() is not None, 'it ends')
    assert rig.process.returncode == 0
    outcome.note = 'SIGTERM ends the process all the same'


@pytest.mark.fault('malformed parameter call')
def test_a_parameter_of_no_type(rig, outcome):
    told, value = rig.statuses(), ParameterValue(type=255)
    request = SetParameters.Request(parameters=[ParameterMessage(name='speed_scale', value=value)])
    client = rig.probe.node.create_client(SetParameters, '/controller/set_parameters')
    rig.probe.until(client.service_is_ready, 'the service is there')
    for _ in range(3):
        client.call_async(request)
    outcome.said = rig.says('a callback failed')
    rig.probe.until(lambda: status(told, 'controller: control').get('callback_failures') == '3', 'each is counted')
    good = Parameter('speed_scale', value=0.5).to_parameter_msg()
    answer = rig.probe.call(SetParameters, '/controller/set_parameters', SetParameters.Request(parameters=[good]))
    assert answer.results[0].successful, 'the next call is answered'
    rig.drives_on()
    outcome.note = 'that call has no answer; the next one has'


@pytest.mark.fault('clock negative')
def test_a_clock_before_all_time(make_rig, outcome):
    rig = make_rig(simulated=True)
    rig.start()
    message = Clock()
    message.clock.sec = -5
    # The controller keeps the newest time alone: the next good one may overtake one that is bad.
    rig.probe.feed('bad times', rig.clock_out, 50.0, lambda _: message)
    outcome.said = rig.says('a callback failed')
    rig.probe.silence('bad times')
    rig.recovers(outcome)


@pytest.mark.fault('process stopped')
def test_a_process_that_stood_still_is_not_taken_for_one_that_hangs(rig, outcome):
    stopped_ns = rig.now_ns()
    rig.process.send_signal(signal.SIGSTOP)
    rig.probe.until(lambda: rig.now_ns() > stopped_ns + 1_000_000_000, 'a second passes')
    count = len(rig.commands)
    rig.process.send_signal(signal.SIGCONT)
    rig.probe.until(lambda: len(rig.commands) > count + 1, 'it goes on')
    first = next(each for each in rig.commands[count:] if each.stamp_ns > stopped_ns + 500_000_000)
    assert not moves(first), 'zeros first'
    rig.recovers(outcome)
    outcome.said = rig.says('robot stopped')
    assert 'has not ended' not in rig.log.read_text()
    outcome.kept = 'zeros first, then drives on'
