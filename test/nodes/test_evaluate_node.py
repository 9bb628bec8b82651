"""A bag is played to a running controller: what the evaluator says of it agrees with what a replay says."""

import json
import signal
from pathlib import Path

import pytest
from geometry_msgs.msg import Twist, TwistStamped
from ros_probe import one_line
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from lnn_controller.nodes.common.messages import stamp
from lnn_controller.policy import Policy
from lnn_controller.replay.bag import replay_bag
from lnn_controller.replay.result import summarise_replay

NODES = 'lnn_controller.nodes'
BAG = Path(__file__).parents[1] / 'data' / 'real_car_cut'
CAMERA, RATE_HZ = '/camera/image_raw', 20.0


def test_a_live_evaluation_agrees_with_the_replay(graph, probe, tiny_bundle_without_imu, tmp_path):
    out = tmp_path / 'report'
    sim_time = {'use_sim_time': True}
    evaluator = graph.start(
        'evaluator', f'{NODES}.evaluate_node', parameters=sim_time | {'out': str(out), 'recording': 'real car'}
    )
    graph.start(
        'controller',
        f'{NODES}.controller_node',
        parameters=sim_time
        | {'policy': str(tiny_bundle_without_imu), 'autostart': True, 'image_transport': 'compressed'}
        # As in the replay that it is compared with; and such that a busy machine hardly leaves out ticks.
        | {'tick_on_frame': False, 'control_rate_hz': RATE_HZ, 'image_timeout_s': 1.0},
        remappings={'image_raw/compressed': f'{CAMERA}/compressed'},
    )
    ready = lambda: probe.node.count_subscribers('/controller/ticks')  # noqa: E731
    probe.until(ready, 'the evaluator hears the controller')
    player = graph.start(
        'player',
        f'{NODES}.play_node',
        parameters={'bag': str(BAG), 'clock_hz': 200.0, 'paused': True},
        remappings={'/cmd_vel': '/recorded/cmd_vel'},
    )
    probe.until(lambda: probe.node.count_subscribers('/recorded/cmd_vel'), 'it hears the recording too')
    probe.until(lambda: probe.node.count_subscribers(f'{CAMERA}/compressed'), 'and the controller the camera')
    assert probe.call(Trigger, '/player/resume', Trigger.Request()).success
    probe.until(lambda: player.poll() is not None, 'the bag has been played', deadline_s=60.0)
    evaluator.send_signal(signal.SIGINT)
    probe.until(lambda: evaluator.poll() is not None, 'the evaluator ends', deadline_s=60.0)
    log = (tmp_path / 'logs' / 'evaluator.log').read_text()
    assert evaluator.returncode == 0, log
    live = json.loads((out / 'summary.json').read_text())
    assert (out / 'commands.png').exists()
    assert 'real car' in (out / 'report.html').read_text()
    policy = Policy.load(tiny_bundle_without_imu)
    replayed = summarise_replay(replay_bag(BAG, policy, rate_hz=RATE_HZ))
    assert (live['policy'], live['bag']) == (policy.spec.name, 'real car')
    assert 0.0 < live['control_rate_hz'] <= 1.1 * RATE_HZ
    assert live['step_latency_p50_us'] > 0.0
    # The same frames at ticks of another phase, and on a busy machine not all of them: the same but for a few per cent.
    assert live['compared'] >= 0.4 * replayed.compared
    for name, figures in replayed.channels.items():
        assert live['channels'][name]['mae'] == pytest.approx(figures.mae, rel=0.25, abs=0.02)
        assert live['channels'][name]['rmse'] == pytest.approx(figures.rmse, rel=0.25, abs=0.02)
    assert live['segments']


def tick(now_ns, k):
    """A tenth of a second by hand in two seconds, then a stop of a fifth, and 0.25 m/s off, now here and now there."""
    message = JointState(name=['override', 'latency_us', 'command_linear_x'])
    message.position = [float(k < 20), 100.0, 9.0 if k < 20 else 1.25 if k % 2 else 0.75]
    message.header.stamp, message.header.frame_id = stamp(now_ns), 'image_stale' if 40 <= k < 50 else ''
    return message


def command(kind, now_ns):
    message = kind()
    if kind is TwistStamped:
        message.header.stamp = stamp(now_ns)
    getattr(message, 'twist', message).linear.x = 1.0
    return message


@pytest.mark.parametrize('kind', [TwistStamped, Twist])
def test_the_figures_are_those_of_what_was_said(graph, probe, tmp_path, kind):
    """Against numbers worked out by hand: the operator's ticks and stops do not count, a second round begins anew."""
    out, log = tmp_path / 'report', tmp_path / 'logs' / 'evaluator.log'
    evaluator = graph.start('evaluator', f'{NODES}.evaluate_node', parameters={'out': str(out)})
    recorded = probe.node.create_publisher(kind, 'recorded/cmd_vel', 1000)
    ticks = probe.node.create_publisher(JointState, 'controller/ticks', 1000)
    heard = lambda: recorded.get_subscription_count() and ticks.get_subscription_count()  # noqa: E731
    probe.until(heard, 'it listens')
    # A Twist has no stamp: it is as old as its arrival.
    begin_ns = probe.node.get_clock().now().nanoseconds
    recorded.publish(command(kind, begin_ns))
    for k in range(30):  # the first round, of other figures: nothing of it may be left
        ticks.publish(tick(begin_ns + k, 0))
    ticks.publish(tick(begin_ns - 1_000_000_000, 0))
    probe.until(lambda: 'begins again' in log.read_text(), 'the second round is seen')
    recorded.publish(command(kind, begin_ns))
    recorded.wait_for_all_acked()
    for k in range(100):
        now_ns = begin_ns + k * 20_000_000
        if kind is Twist:  # of the time at which the evaluator takes it: at their pace, for it to be there by then
            probe.until(lambda now_ns=now_ns: probe.node.get_clock().now().nanoseconds >= now_ns, 'it is time')
        recorded.publish(command(kind, now_ns))
        ticks.publish(tick(now_ns, k))
    stands = tick(now_ns, 0)  # the clock stands, at the end of a bag
    stands.header.frame_id = 'clock_stopped'
    ticks.publish(stands)
    recorded.publish(command(kind, begin_ns + 2_000_000_000))
    recorded.wait_for_all_acked()
    ticks.wait_for_all_acked()
    evaluator.send_signal(signal.SIGINT)
    probe.until(lambda: evaluator.poll() is not None, 'it ends', deadline_s=60.0)
    assert evaluator.returncode == 0, log.read_text()
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['channels']['linear_x']['mae'] == pytest.approx(0.25)
    assert summary['compared'] == 70 if kind is TwistStamped else summary['compared'] > 0
    assert summary['stops'] == {'image_stale': 1}
    assert summary['step_latency_p50_us'] == 100.0


def test_nothing_to_compare_is_one_line(run_node, graph, probe, tmp_path):
    evaluator = graph.start('evaluator', f'{NODES}.evaluate_node', parameters={'out': str(tmp_path / 'report')})
    probe.until(lambda: probe.node.count_subscribers('/controller/ticks'), 'it listens')
    evaluator.send_signal(signal.SIGINT)
    probe.until(lambda: evaluator.poll() is not None, 'it ends')
    assert evaluator.returncode == 1
    told = (tmp_path / 'logs' / 'evaluator.log').read_text().strip().splitlines()
    assert len(told) == 1
    assert told[0].endswith('Got 0 ticks of the controller, 0 commands on /recorded/cmd_vel')
    assert not (tmp_path / 'report').exists()
    result = run_node('evaluate_node', '--ros-args', '-p', 'out:=3')
    assert result.returncode == 1
    assert 'out' in one_line(result)
