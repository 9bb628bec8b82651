import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bundles import make_tiny_bundle
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist
from rcl_interfaces.srv import DescribeParameters
from ros_probe import one_line, stands, status, values
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState

from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.nodes.common.messages import stamp
from lnn_controller.policy import Policy

CONTROLLER = 'lnn_controller.nodes.controller_node'
MS = 1_000_000


def start(graph, policy, **parameters):
    return graph.start('controller', CONTROLLER, parameters={'policy': str(policy), 'autostart': True} | parameters)


def driving(commands):
    return lambda: commands and not stands(commands[-1])


def standing(commands):
    return lambda: commands and stands(commands[-1])


def test_drives_stops_when_a_sensor_is_silent_and_drives_again(graph, probe, tiny_bundle, tmp_path):
    start(graph, tiny_bundle, control_rate_hz=50, tick_on_frame=False)
    commands, told = probe.commands(), probe.collect(DiagnosticArray, '/diagnostics')
    probe.until(standing(commands), 'zeros before the first image')
    camera_silent = [('camera', probe.camera, 'image_stale'), ('imu', probe.imu, 'imu_stale')]
    for _, feed, _ in camera_silent:
        feed()
    probe.until(driving(commands), 'commands flow')
    first = len(commands)
    probe.until(lambda: len(commands) >= first + 100, 'they keep flowing')
    period_ms = np.diff([stamp_ns_of(command) for command in commands[first:]]) / MS
    assert np.median(period_ms) == pytest.approx(20.0, rel=0.1)
    for name, feed, reason in camera_silent:
        probe.silence(name)
        probe.until(standing(commands), f'zeros without {name}')
        probe.until(lambda r=reason: status(told, 'controller: control').get('reason') == r, f'{reason} is told')
        assert stands(commands[-1])
        feed()
        probe.until(driving(commands), f'drives again with {name}')
    assert all(np.diff([stamp_ns_of(command) for command in commands]) > 0)
    assert all(command.header.frame_id == 'base_link' for command in commands)
    graph.stop('controller')
    log = (tmp_path / 'logs' / 'controller.log').read_text()
    assert log.count('robot stopped (image_stale)') == 1
    assert log.count('robot stopped (imu_stale)') == 1
    assert 'the robot drives again' in log


def test_a_frame_brings_the_tick_forward(graph, probe, tiny_bundle):
    start(graph, tiny_bundle, control_rate_hz=2.0)
    commands = probe.commands()
    probe.camera()
    probe.imu()
    probe.until(driving(commands), 'commands flow')
    gaps_s = lambda: np.diff([stamp_ns_of(command) for command in commands]) / 1e9  # noqa: E731
    probe.until(lambda: np.count_nonzero(gaps_s() < 0.45) > 2, 'frames bring ticks')
    assert gaps_s().min() > 0.249, 'at most twice the rate'
    assert probe.set_parameters({'tick_on_frame': False})[0].successful
    del commands[:]
    probe.until(lambda: len(commands) > 3 and gaps_s()[-2:].min() > 0.45, 'frames bring none any more')


def test_twist_neurons_and_what_it_tells(graph, probe, tiny_bundle):
    start(graph, tiny_bundle, enable_stamped_cmd_vel=False, control_rate_hz=100.0)
    commands, neurons = probe.commands(Twist), probe.collect(JointState, '/controller/neurons')
    told = probe.collect(DiagnosticArray, '/diagnostics')
    probe.camera()
    probe.imu()
    probe.until(driving(commands), 'commands flow as Twist')
    channels = np.array([values(command) for command in commands if not stands(command)])
    assert np.all(channels[:, 1:5] == 0.0)  # the tiny policy commands linear x and angular z
    assert np.all((channels[:, 0] >= 0.0) & (channels[:, 0] <= 2.0))
    probe.until(lambda: any(any(message.position) for message in neurons), 'neurons are active')
    assert neurons[-1].name == [f'neuron_{index}' for index in range(5)]
    assert list(neurons[-1].effort) == pytest.approx([0.25] * 5)
    told_of = lambda: status(told, 'controller: control')  # noqa: E731
    probe.until(lambda: float(told_of().get('control_rate_hz', 0)) > 0, 'figures are told')
    assert told_of()['mode'] == 'policy'
    assert told_of()['policy'] == 'tiny'
    assert 'beats_constant' not in told_of(), 'its bundle does not say'
    assert 0 < float(told_of()['step_latency_p50_us']) <= float(told_of()['step_latency_p99_us'])
    assert len(neurons) < len(commands)


def test_attention_is_shown_to_who_subscribes(graph, probe, tmp_path):
    start(graph, make_tiny_bundle(tmp_path / 'tiny', attention=True), attention_rate_hz=60.0)
    commands, seen = probe.commands(), probe.collect(Image, '/controller/attention')
    pictures = {}

    def picture(now_ns):
        pictures[now_ns] = probe.picture(now_ns)
        return pictures[now_ns]

    probe.feed('camera', probe.camera_out(), 30.0, picture)
    probe.imu()
    probe.until(driving(commands), 'commands flow')
    probe.until(lambda: len(seen) > 3, 'maps come')
    message = seen[-1]
    taken = pictures[stamp_ns_of(message)]
    assert message.header.frame_id == taken.header.frame_id
    assert (message.encoding, message.height, message.width, message.step) == ('mono8', 12, 16, 16)
    frame = Policy.load(tmp_path / 'tiny').fit(np.array(taken.data, np.uint8).reshape(taken.height, taken.width, 3))
    shades = np.array(message.data, np.int16).reshape(12, 16)
    np.testing.assert_allclose(shades, frame[..., 1], atol=1)  # the tiny map is the frame's green
    assert probe.set_parameters({'attention_rate_hz': 0.0})[0].successful
    before = len(commands)
    probe.until(lambda: len(commands) > before + 20, 'it drives on without')


def test_ticks_follow_simulated_time(graph, probe, tiny_bundle):
    start(graph, tiny_bundle, use_sim_time=True, control_rate_hz=50.0)
    commands, clock = probe.commands(), probe.node.create_publisher(Clock, '/clock', 1)
    camera, imu = probe.camera_out(), probe.imu_out()
    now_ns = 5_000_000_000

    def set_time(time_ns):
        nonlocal now_ns
        now_ns = time_ns
        camera.publish(probe.picture(now_ns))
        imu.publish(probe.sample(now_ns))
        clock.publish(Clock(clock=stamp(now_ns)))

    def step(milliseconds):
        """Let simulated time pass at once and wait for the command of that moment."""
        before = len(commands)
        set_time(now_ns + milliseconds * MS)
        probe.until(lambda: len(commands) > before, f'a command at {now_ns} ns')

    probe.until(lambda: set_time(now_ns + 20 * MS) or commands, 'it ticks')
    probe.until(lambda: stamp_ns_of(commands[-1]) == now_ns, 'the last of these ticks is answered')
    del commands[:]
    for _ in range(50):
        step(20)
    assert [stamp_ns_of(command) for command in commands] == list(range(now_ns - 49 * 20 * MS, now_ns + 1, 20 * MS))
    probe.until(driving(commands), 'commands flow')
    for milliseconds in (60, 20, 20):  # late ticks are left out, the schedule stays
        step(milliseconds)
    assert [now_ns - stamp_ns_of(command) for command in commands[-3:]] == [40 * MS, 20 * MS, 0]
    # Time goes back, as when a simulator or a bag starts anew: a stop, then the drive goes on.
    set_time(now_ns - 3_000 * MS)
    before = len(commands)
    probe.until(lambda: set_time(now_ns + 20 * MS) or driving(commands[before:])(), 'drives in the new time')
    assert stands(commands[before])
    stamps = [stamp_ns_of(command) for command in commands[before:]]
    assert all(np.diff(stamps) > 0)
    assert stamps[-1] <= now_ns


def test_parameters_change_what_it_does_and_wrong_ones_change_nothing(graph, probe, tiny_bundle):
    start(graph, tiny_bundle)
    commands = probe.commands()
    probe.camera()
    probe.imu()
    probe.until(driving(commands), 'commands flow')
    assert probe.set_parameters({'speed_scale': 0.0})[0].successful
    probe.until(standing(commands), 'the scale holds')
    assert probe.set_parameters({'speed_scale': 1.0})[0].successful
    probe.until(driving(commands), 'and is taken back')
    for name, value, reason in [
        ('control_rate_hz', 0.0, 'from 1 to 500'),
        ('control_rate_hz', float('nan'), 'from 1 to 500'),
        ('policy', 'another', 'not active'),
        ('speed_scale', 'fast', 'from 0 to 1'),
    ]:
        result = probe.set_parameters({name: value})[0]
        assert not result.successful
        assert result.reason
        if name != 'policy' and not isinstance(value, str):
            assert 'control_rate_hz' in result.reason or reason in result.reason
    assert probe.set_parameters({'control_rate_hz': 200.0})[0].successful
    del commands[:]
    probe.until(lambda: len(commands) > 100, 'commands flow at the new rate')
    periods_ms = np.diff([stamp_ns_of(command) for command in commands[20:]]) / MS
    assert np.median(periods_ms) == pytest.approx(5.0, rel=0.2)
    names = ['control_rate_hz', 'policy']
    request = DescribeParameters.Request(names=names)
    rate, policy = probe.call(DescribeParameters, '/controller/describe_parameters', request).descriptors
    assert rate.description == 'Commands per second, at least. [Hz]'
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (1.0, 500.0)
    assert not policy.read_only


def test_compressed_images(graph, probe, tiny_bundle):
    import cv2

    start(graph, tiny_bundle, image_transport='compressed')
    commands = probe.commands()
    publisher = probe.node.create_publisher(CompressedImage, 'image_raw/compressed', 5)

    def jpeg(now_ns):
        message = CompressedImage(
            format='jpeg', data=cv2.imencode('.jpg', probe.image + np.uint8(now_ns // 10_000_000 % 100))[1].tobytes()
        )
        message.header.stamp = stamp(now_ns)
        return message

    probe.feed('camera', publisher, 30.0, jpeg)
    probe.imu()
    probe.until(driving(commands), 'commands flow')
    png = cv2.imencode('.png', probe.image)[1].tobytes()
    size, data = png.index(b'IHDR') + 4, png.index(b'IDAT') - 4
    hostile = [
        png[:data] + b'\xff\xff\xff\xf0' + png[data + 4 :],  # 4 GB are announced
        png[:size] + (100_000).to_bytes(4) * 2 + png[size + 8 :],
        b'RIFF\x00\x01\x00\x00WEBPVP8 ',
        b'\xff\xd8' + b'\xff' * 1000,
    ]
    told = probe.collect(DiagnosticArray, '/diagnostics')

    def refused():
        for each in hostile:
            message = CompressedImage(format='jpeg', data=each)
            message.header.stamp = stamp(probe.node.get_clock().now().nanoseconds)
            publisher.publish(message)
        return int(status(told, 'controller: control').get('image_undecodable', 0)) >= len(hostile)

    probe.until(refused, 'each is refused, or as many of them')
    before = len(commands)
    probe.until(lambda: not all(map(stands, commands[before:])), 'it drives on')


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['-p', 'control_rate_hz:=0'], 'control_rate_hz must be a number from 1 to 500 Hz. Got 0.0'),
        (['-p', 'policy:=nowhere', '-p', 'autostart:=true'], 'a policy must be a folder or one of the shipped names'),
        (['-p', 'policy:=~no-such-user/x', '-p', 'autostart:=true'], 'must name a user of this machine'),
        (['-p', 'adaptation.snapshot:=/dev/zero', '-p', 'autostart:=true'], 'must be a file. Got /dev/zero, which is'),
        (['--params-file', 'no_such.yaml'], 'a parameters file must be a file that can be read'),
    ],
)
def test_a_mistake_is_one_line(run_node, arguments, said):
    result = run_node('controller_node', '--ros-args', *arguments)
    assert result.returncode == 1
    assert said in one_line(result)


def test_help_lists_the_parameters(run_node):
    result = run_node('controller_node', '--help')
    assert result.returncode == 0
    assert 'control_rate_hz (default 50.0; a number from 1 to 500 Hz; set it at any time)' in result.stdout


def test_the_process_that_drives_is_small(probe, domain_id, tiny_bundle):
    code = (
        'import atexit, sys; atexit.register(lambda: print(*sys.modules)); '
        f'from {CONTROLLER} import main; sys.exit(main(sys.argv[1:]))'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code, '--ros-args', '-p', f'policy:={tiny_bundle}', '-p', 'autostart:=true'],
        env=dds_environment() | {'ROS_DOMAIN_ID': str(domain_id)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        commands = probe.commands()
        probe.camera()
        probe.imu()
        probe.until(driving(commands), 'commands flow')
        lines = Path(f'/proc/{process.pid}/status').read_text().splitlines()
        resident_mib = next(int(line.split()[1]) for line in lines if line.startswith('VmRSS')) / 1024
    finally:
        process.send_signal(signal.SIGINT)
        modules = process.communicate(timeout=30)[0].split()
    print(f'resident: {resident_mib:.0f} MiB')
    assert resident_mib * 1.048576 <= 180  # MB
    assert 'onnxruntime' in modules
    unwanted = {'torch', 'mujoco', 'lightning', 'matplotlib', 'rosbags.rosbag2', 'rosbags.highlevel', 'rosbags.typesys'}
    assert not unwanted & set(modules)
