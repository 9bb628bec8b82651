import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from ros_probe import DEADLINE_S, one_line, stands, status

from lnn_controller.data import Bag
from lnn_controller.errors import InputError
from lnn_controller.live.graph import Graph
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.share import find_share

NODES = 'lnn_controller.nodes'


@pytest.fixture
def graph(real_graph):
    """What is tested is how it starts and ends processes."""
    return real_graph


def ended(pid_descriptor):
    return bool(select.select([pid_descriptor], [], [], DEADLINE_S)[0])


def test_simulator_controller_and_recorder_together(graph, probe, tmp_path):
    bag = tmp_path / 'bag'
    graph.start('record', f'{NODES}.record_node', parameters={'bag': str(bag), 'use_sim_time': True})
    graph.start('sim', f'{NODES}.sim_node', parameters={'track': 3, 'scene': 'winter'})
    # A policy that can drive: one that stands and steers would see the same picture for ever, and be stopped for it.
    parameters = {'policy': 'car_lane', 'use_sim_time': True, 'autostart': True}
    graph.start('controller', f'{NODES}.controller_node', parameters=parameters)
    commands, told = probe.commands(), probe.collect(DiagnosticArray, '/diagnostics')
    driven = lambda: len([each for each in commands if not stands(each)])  # noqa: E731
    probe.until(lambda: driven() >= 100, 'two seconds of driving', deadline_s=3 * DEADLINE_S)
    probe.until(lambda: 'control_rate_hz' in status(told, 'controller: control'), 'the controller tells')
    probe.until(lambda: 'realtime_factor' in status(told, 'sim: world'), 'the simulator tells')
    graph.check()
    assert graph.stop() == {'controller': 0, 'sim': 0, 'record': 0}
    assert graph.processes == {}
    with Bag(bag) as recorded:
        assert set(recorded.topics) == {
            *('/image_raw', '/imu/data', '/odom', '/cmd_vel', '/controller/neurons', '/diagnostics'),
            *(
                '/sim/cross_track_error',
                '/sim/departures',
                '/sim/outcome',
                '/controller/ticks',
                '/controller/configuration',
            ),
            '/controller/adaptation',
        }
        last = None
        for message in recorded.messages(['/cmd_vel']):
            last = recorded.deserialize(message)
        # Stopped in the reverse order of the start, so the recorder has seen the robot being stopped.
        assert last.twist.linear.x == last.twist.angular.z == 0.0


def test_a_node_that_ended_is_told_with_its_last_line(graph, probe):
    process = graph.start('sim', f'{NODES}.sim_node', parameters={'scene': 'mars'})
    probe.until(lambda: process.poll() is not None, 'it ends')
    with pytest.raises(
        InputError, match=r"sim must keep running. Got exit code 1: .*one of summer, winter, .*Got 'mars'"
    ):
        graph.check()


def test_what_does_not_end_is_ended(tmp_path):
    ready = tmp_path / 'ready'
    os.mkfifo(ready)
    (tmp_path / 'stubborn.py').write_text(
        'import pathlib, signal, sys\n'
        'signal.signal(signal.SIGINT, signal.SIG_IGN)\n'
        f'pathlib.Path({str(ready)!r}).write_text("ready")\n'
        'signal.pause()\n'
    )
    with Graph(environment={'PYTHONPATH': str(tmp_path)}) as graph:
        graph.start('stubborn', 'stubborn')
        ready.read_text()
        assert graph.stop('stubborn', timeout_s=0.2) == {'stubborn': -signal.SIGKILL}


def test_the_nodes_end_with_the_process_that_started_them(domain_id, tmp_path):
    (tmp_path / 'starter.py').write_text(
        'import sys\n'
        'from lnn_controller.live.graph import Graph\n'
        f'graph = Graph(log_folder={str(tmp_path)!r})\n'
        f'node = graph.start("record", "{NODES}.record_node", parameters={{"bag": {str(tmp_path / "bag")!r}}})\n'
        'print(node.pid, flush=True)\n'
        'sys.stdin.read()\n'
    )
    starter = subprocess.Popen(
        [sys.executable, tmp_path / 'starter.py'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ, ROS_DOMAIN_ID=str(domain_id)),
    )
    node = os.pidfd_open(int(starter.stdout.readline()))
    starter.kill()
    starter.wait()
    assert ended(node)


def test_parameters_keep_their_type(graph, tmp_path):
    (tmp_path / 'show.py').write_text('import json, sys; print(json.dumps(sys.argv[1:]))')
    with Graph(log_folder=tmp_path, environment={'PYTHONPATH': str(tmp_path)}) as graph:
        parameters = {'text': '12', 'truth': True, 'number': 0.5, 'texts': ['a b', 'true']}
        graph.start('show', 'show', parameters=parameters, remappings={'cmd_vel': 'base/cmd_vel'})
        graph.processes['show'].wait(DEADLINE_S)
        with pytest.raises(ValueError, match=r"a name of its own. Got 'show' again"):
            graph.start('show', 'show')
    given = json.loads((tmp_path / 'show.log').read_text())
    wanted = ['text:="12"', 'truth:=true', 'number:=0.5', 'texts:=["a b", "true"]']
    assert [each for each in given if ':=' in each] == [*wanted, 'cmd_vel:=base/cmd_vel']


def test_a_log_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    graph = Graph(log_folder=tmp_path / 'file' / 'logs')
    with pytest.raises(InputError, match=r'the folder of the log files must be writable. Got'):
        graph.start('sim', f'{NODES}.sim_node')


def test_a_python_without_ros_is_told_so(monkeypatch):
    monkeypatch.setitem(sys.modules, 'rclpy', None)  # as the import system marks what cannot be imported
    with pytest.raises(InputError, match=r'driving needs ROS 2 \(rclpy\). Got a Python without it'):
        Graph().start('sim', f'{NODES}.sim_node')


def test_the_profile_is_set_unless_the_user_has_one(monkeypatch):
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    assert Path(dds_environment()['FASTDDS_DEFAULT_PROFILES_FILE']) == find_share('config/fastdds.xml')
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/mine.xml')
    assert dds_environment()['FASTDDS_DEFAULT_PROFILES_FILE'] == '/mine.xml'
    with pytest.raises(InputError, match=r'config/none.xml must be installed with lnn_controller. Got no such file'):
        find_share('config/none.xml')


def test_starting_nodes_loads_no_ros_here():
    code = 'import sys, lnn_controller.nodes; sys.exit("rclpy" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0


def test_ros_arguments_are_wanted(run_node):
    result = run_node('record_node', 'bag')
    assert result.returncode == 1
    assert one_line(result) == 'record_node: ROS arguments are needed (--ros-args …; see --help). Got bag'
