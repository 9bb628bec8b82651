"""The displays that ship for Foxglove and RViz 2 name what our nodes say and hear, as they say it."""

import json
import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip('rclpy')

from geometry_msgs.msg import Twist
from rclpy.qos import ReliabilityPolicy

from lnn_controller.data.topic_names import resolve
from lnn_controller.nodes.common.topics import CONTROLLER, SIMULATOR
from lnn_controller.policy import find_policy, read_spec
from lnn_controller.policy.neurons import neuron_names

CONFIG = Path(__file__).parents[1] / 'config'
TOPICS = [
    (resolve(topic.name, node), topic)
    for node, table in (('controller', CONTROLLER), ('sim', SIMULATOR))
    for topic in table
    if topic.type is not Twist
]
IN = {name for name, topic in TOPICS if topic.direction == 'in'}
OUT = {name: topic for name, topic in TOPICS if topic.direction == 'out'}
# Of the messages that are plotted: their fields, and Foxglove's message path syntax for each.
FIELDS = {
    'geometry_msgs/msg/TwistStamped': r'\.twist\.(linear|angular)\.[xyz]',
    'std_msgs/msg/Float64': r'\.data',
    'sensor_msgs/msg/JointState': r'\.(position|velocity|effort)\[(:|\d+)\]',
}
PANELS = {'Image', 'Plot', 'DiagnosticSummary', 'DiagnosticStatusPanel'}


@pytest.fixture(scope='module')
def foxglove():
    return json.loads((CONFIG / 'foxglove.json').read_text())


@pytest.fixture(scope='module')
def rviz():
    return yaml.safe_load((CONFIG / 'drive.rviz').read_text())


def leaves(layout):
    """The panels of a layout, which is a panel or splits two layouts."""
    if isinstance(layout, str):
        return [layout]
    assert set(layout) == {'direction', 'first', 'second', 'splitPercentage'}
    assert layout['direction'] in ('row', 'column')
    assert 0 < layout['splitPercentage'] < 100
    return leaves(layout['first']) + leaves(layout['second'])


def plotted(foxglove):
    return [path for panel in foxglove['configById'].values() for path in panel.get('paths', ())]


def test_every_panel_has_its_place_and_its_configuration(foxglove):
    assert {'configById', 'globalVariables', 'userNodes', 'playbackConfig', 'layout'} == set(foxglove)
    panels = leaves(foxglove['layout'])
    assert sorted(panels) == sorted(foxglove['configById'])
    assert {panel.partition('!')[0] for panel in panels} == PANELS


def test_foxglove_plots_fields_of_topics_that_are_published(foxglove):
    for path in plotted(foxglove):
        topic, _, rest = path['value'].partition('.')
        assert topic in OUT, path
        assert re.fullmatch(FIELDS[OUT[topic].type_text], f'.{rest}'), path


def test_foxglove_shows_what_a_robot_says(foxglove):
    values = {path['value'] for path in plotted(foxglove)}
    assert {'/cmd_vel.twist.linear.x', '/cmd_vel.twist.angular.z', '/sim/cross_track_error.data'} <= values
    panels = foxglove['configById']
    assert panels['Image!camera']['imageMode']['imageTopic'] == '/image_raw'
    diagnostics = [panel['topicToRender'] for name, panel in panels.items() if name.startswith('Diagnostic')]
    assert diagnostics == ['/diagnostics', '/diagnostics']
    assert {'/image_raw', '/diagnostics'} <= set(OUT)


def test_foxglove_calls_the_neurons_of_the_shipped_policy_by_their_names(foxglove):
    named = {
        path['label']: int(match[1])
        for path in plotted(foxglove)
        if (match := re.fullmatch(r'/controller/neurons\.position\[(\d+)\]', path['value']))
    }
    assert named == {name: index for index, name in enumerate(neuron_names(read_spec(find_policy('car_lane'))))}


def test_rviz_shows_topics_that_our_nodes_know_with_a_qos_that_matches(rviz):
    displays = {each['Class']: each for each in rviz['Visualization Manager']['Displays']}
    assert set(displays) == {f'rviz_default_plugins/{name}' for name in ('Grid', 'Image', 'Odometry', 'LaserScan')}
    shown = {each['Topic']['Value']: each['Topic'] for each in displays.values() if 'Topic' in each}
    assert set(shown) == {'/image_raw', '/odom', '/scan'}
    assert set(shown) <= IN | set(OUT)
    for topic, display in shown.items():
        # Who asks for more than is offered hears nothing.
        if topic not in OUT or OUT[topic].qos.reliability == ReliabilityPolicy.BEST_EFFORT:
            assert display['Reliability Policy'] == 'Best Effort', topic
        assert display['Durability Policy'] == 'Volatile'
    assert rviz['Visualization Manager']['Global Options']['Fixed Frame'] == 'odom'
