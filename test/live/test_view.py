"""``lnn view`` beside a running simulator and controller: what they publish is on the page."""

import signal
import socket
import subprocess
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip('rerun')

from free_ports import two_free_ports
from told_page import Told

from lnn_controller.live.view import ViewNode
from lnn_controller.policy import find_policy, read_spec
from lnn_controller.policy.neurons import by_role, neuron_names
from lnn_controller.sim import Track
from lnn_controller.view.page import Page

DEADLINE_S = 90.0


def test_a_drive_is_on_the_page(graph, probe, tmp_path):
    graph.start('sim', 'lnn_controller.nodes.sim_node', parameters={'track': 3})
    parameters = {'policy': 'car_lane', 'autostart': True, 'use_sim_time': True}
    graph.start('controller', 'lnn_controller.nodes.controller_node', parameters=parameters)
    file = tmp_path / 'live.rrd'
    with Page() as page:
        page.save(file)
        node = ViewNode('/controller', page, probe.context)
        probe.executor.add_node(node)

        def complete():
            contents = node.contents
            shown = contents.policies and contents.policies[0]
            known = contents.channels and contents.place and contents.status
            return known and shown.roles and shown.attention and shown.time_constants and node.status.drawn

        probe.until(complete, 'all of the drive is shown', deadline_s=DEADLINE_S)
        probe.executor.remove_node(node)
        node.destroy_node()
    told = Told(file)
    spec = read_spec(find_policy('car_lane'))
    roles = by_role(neuron_names(spec))
    assert roles.keys() == {'inter', 'command', 'motor'}
    for role, members in roles.items():
        _, states = told.values(f'neurons/controller/{role}', 'Scalars:scalars')
        assert {len(row) for row in states} == {len(members)}
    _, pictures = told.values('camera/picture', 'EncodedImage:blob')
    assert cv2.imdecode(np.array(pictures[0][0], np.uint8), cv2.IMREAD_COLOR).shape == (66, 200, 3)
    assert told.values('camera/controller', 'EncodedImage:blob')[1]
    at_s, speeds = told.values('command/linear_x/controller', 'Scalars:scalars')
    assert 0.0 < at_s[0] < at_s[-1] < 1e6  # simulated time, not a date
    assert np.max(speeds) > 0.0
    assert ['policy'] in told.values('mode/controller', 'StateChange:state')[1]
    assert told.values('rates/control', 'Scalars:scalars')[1]
    _, [strips] = told.values(r'map/ground/left\ edge', 'LineStrips2D:strips', static=True)
    np.testing.assert_allclose(np.array(strips[0])[:-1], Track(3).left_edge * (1, -1), atol=1e-4)  # y points up there
    assert told.values('map/robot', 'Points2D:positions')[1]


def test_the_command_serves_a_page_says_what_it_waits_for_and_ends_in_order(domain_id):
    port = two_free_ports()
    command = [sys.executable, '-m', 'lnn_controller.cli', 'view', '--domain', str(domain_id), '--port', str(port)]
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True}
    with subprocess.Popen([*command, '--node', '/other'], **pipes) as process:
        try:
            assert process.stdout.readline().startswith(f'http://127.0.0.1:{port}/?url=')
            assert f'/other is waited for in ROS domain {domain_id}, where no node is here' in process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=DEADLINE_S)
            assert (process.returncode, out, err) == (0, '', '')
        finally:
            process.kill()
    with socket.socket() as trial, pytest.raises(ConnectionRefusedError):
        trial.connect(('127.0.0.1', port))
