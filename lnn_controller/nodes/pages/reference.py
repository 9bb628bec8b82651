"""
Write docs/parameters.md, docs/topics.md and config/security_policy.xml out of the nodes' own tables.

So they cannot differ from what the nodes do.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rclpy.qos import QoSProfile

from lnn_controller.nodes import ackermann_node, evaluate_node, play_node, record_node, sim_node
from lnn_controller.nodes.common.endpoint import Endpoint
from lnn_controller.nodes.common.qos import qos_text
from lnn_controller.nodes.common.topics import (
    ACKERMANN,
    CONTROLLER,
    EVALUATOR,
    PLAYER,
    QUEUE_DEPTH,
    RECORDER,
    SIMULATOR,
)
from lnn_controller.nodes.controller import parameters as controller_parameters
from lnn_controller.nodes.pages.security_policy import security_policy
from lnn_controller.settings import CHANGES, Setting

__all__ = ['NODES', 'ROOT', 'documents', 'main']

ROOT = Path(__file__).parents[3]
# Executable, node name, purpose, parameters, topics.
NODES = (
    ('controller_node', 'controller', 'Drives the robot.', controller_parameters.PARAMETERS, CONTROLLER),
    ('sim_node', 'sim', 'A simulated robot behind the topics of a real one.', sim_node.PARAMETERS, SIMULATOR),
    ('record_node', 'recorder', 'Records topics into a bag.', record_node.PARAMETERS, RECORDER),
    (
        'play_node',
        'player',
        'Plays a bag: its topics, with the QoS that they were recorded with.',
        play_node.PARAMETERS,
        PLAYER,
    ),
    (
        'evaluate_node',
        'evaluator',
        "Compares a running controller's commands with a recording's, and writes a report at its end.",
        evaluate_node.PARAMETERS,
        EVALUATOR,
    ),
    (
        'ackermann_node',
        'ackermann',
        'Makes of velocity commands a speed and a steering angle, for a base that takes these.',
        ackermann_node.PARAMETERS,
        ACKERMANN,
    ),
)
NOTE = '<!-- Written by `python -m lnn_controller.nodes.pages.reference` out of the nodes; changes belong there. -->'
PARAMETERS_TITLE = 'Parameters'
PARAMETERS_TEXT = """\
Every parameter of every node, as `ros2 param describe` and `--help` give it. A value of the wrong type, out of its
range, not finite or not among its choices is refused with the reason, and nothing changes. Whole numbers do for
numbers: `20` for `20.0`.

**May change** says when a parameter may be set:

{changes}

Setting a parameter to the value that it has already is never refused, except for those of the start.

What the simulator's `wear.*` set, a scenario changes over time and `--perturb` of `lnn evaluate` sets for a trial, by
the same names: `wear.slip` is what `--perturb slip=0.5` sets.

## Set them

```bash
CONFIG=$(ros2 pkg prefix --share lnn_controller)/config
ros2 run lnn_controller controller_node --ros-args --params-file $CONFIG/controller.yaml -p speed_scale:=0.3
ros2 param describe /controller speed_scale
ros2 param set /controller speed_scale 0.5
```

What was written and would not be taken ends the node at the start, before a robot drives without it: a parameter that
the node does not have (the nearest name is given), a parameters file that is missing, empty, no file of UTF-8 text,
longer than 100,000 characters, or without one key for the node. Keys of other nodes may stand beside it.

A parameter that may not change while the node is active is set between two transitions, and holds from the next
activation on:

```bash
ros2 lifecycle set /controller deactivate
ros2 param set /controller policy /path/to/policy
ros2 lifecycle set /controller activate
```

## Keep what you tuned

```bash
ros2 param dump /controller > robot.yaml
ros2 param load /controller robot.yaml
ros2 run lnn_controller controller_node --ros-args --params-file robot.yaml
```

`ros2 param load` refuses the parameters of the start, and QoS overrides, as read-only and sets all the others. A dump
of a running node loads on a running node. `load` sets one after the other: where two must fit together (below) and the
first does not fit the old value of the second, it is refused; load the file once more, or start the node with it.

## Set several at once

Some must fit together, and are checked as they would be afterwards:

- `guard.stop_distance_m` less than `guard.slow_distance_m`; `guard.min_height_m` less than `guard.max_height_m`;
  `guard.front_m` + `guard.rear_m` and `guard.left_m` + `guard.right_m` more than 0
- `diagnostics.error_rate` at most `diagnostics.warn_rate`, and each other warning at most its error

The service `set_parameters_atomically` takes several together: all of them or none.

```bash
ros2 service call /controller/set_parameters_atomically rcl_interfaces/srv/SetParametersAtomically "{{parameters: [
  {{name: guard.slow_distance_m, value: {{type: 3, double_value: 0.25}}}},
  {{name: guard.stop_distance_m, value: {{type: 3, double_value: 0.1}}}}]}}"
```
"""
TOPICS_TITLE = 'Topics and services'
TOPICS_TEXT = """\
What each node listens to, publishes and answers. Names are relative to the node's namespace and can be remapped
(`--ros-args -r image_raw:=/camera/image_raw`); `~` stands for the node's name, as in `/controller/neurons`. What every
ROS node has (`/rosout`, `/parameter_events`, the parameter services, `get_type_description`) is left out.

**When** names the parameter value under which the topic is there; empty: always. The controller's topics, apart from
`/diagnostics` and `~/transition_event`, are there from configure to cleanup. "Latched" is ROS's durability *transient
local*: who subscribes later still gets the newest message. Stamps of 0 count as the time of arrival.

The QoS of the controller's topics can be overridden: `qos_overrides./imu/data.subscription.reliability: reliable` in a
parameter file, with the topic's full name (except `/diagnostics` and the lifecycle's own).
"""
DIRECTIONS = {'in': 'Subscriptions', 'out': 'Publishers', 'service': 'Services'}


def documents() -> dict[str, str]:
    """
    Write all of them.

    :returns: text by path below the project's folder
    """
    changes = '\n'.join(f'- **{key}**: {text}' for key, text in CHANGES.items())
    parameters = [NOTE, f'# {PARAMETERS_TITLE}', PARAMETERS_TEXT.format(changes=changes).strip()]
    topics = [NOTE, f'# {TOPICS_TITLE}', TOPICS_TEXT.strip()]
    for executable, node, purpose, settings, rows in NODES:
        title = f'## {executable}\n\n{purpose} Node name: `{node}`.'
        parameters.append(f'{title}\n\n{_parameter_table(settings)}')
        topics.append(title)
        for direction, name in DIRECTIONS.items():
            chosen = [row for row in rows if row.direction == direction]
            if chosen:
                topics.append(f'### {name} of {executable}\n\n{_topic_table(chosen, direction)}')
    parameters.append(
        'Besides these, every node takes `use_sim_time` (default false): follow `/clock` instead of the system clock.'
    )
    return {
        'docs/parameters.md': '\n\n'.join(parameters) + '\n',
        'docs/topics.md': '\n\n'.join(topics) + '\n',
        'config/security_policy.xml': security_policy(),
    }


def main(args: Sequence[str] | None = None) -> int:
    """
    Write the files, or check that they are what would be written.

    :param args: command line without the program's name; ``None``: this process's
    :returns: exit code: 1 if one is not up to date, or cannot be written
    """
    parser = argparse.ArgumentParser(prog='document', description=__doc__)
    parser.add_argument('--check', action='store_true', help='write nothing; exit 1 if a file is not up to date')
    parser.add_argument('--root', type=Path, default=ROOT, help="the project's folder (default: %(default)s)")
    options = parser.parse_args(args)
    stale = False
    for name, text in documents().items():
        path = options.root / name
        if options.check:
            if not path.is_file() or path.read_text(encoding='utf-8') != text:
                stale = True
                command = 'python -m lnn_controller.nodes.pages.reference'
                print(f'{path} must be up to date with the nodes: run {command}', file=sys.stderr)
            continue
        try:
            path.write_text(text, encoding='utf-8')
        except OSError as error:
            print(f'the folder must be writable. Got {path}: {error.strerror}', file=sys.stderr)
            return 1
    return int(stale)


def _parameter_table(settings: Sequence[Setting]) -> str:
    head = ('Name', 'Default', 'Allowed', 'Unit', 'May change', 'Description')
    rows = [
        (
            f'`{setting.name}`',
            _default(setting),
            _allowed(setting),
            setting.unit,
            setting.change,
            setting.help,
        )
        for setting in settings
    ]
    return _table(head, rows)


def _default(setting: Setting) -> str:
    default = setting.default
    if isinstance(default, list):
        return ', '.join(f'`{item}`' for item in default)
    # JSON writes truth values and texts as a parameter file does; a bare text reads better.
    return f'`{default if isinstance(default, str) else json.dumps(default)}`'


def _allowed(setting: Setting) -> str:
    if setting.choices:
        return ', '.join(f'`{choice}`' for choice in setting.choices)
    return replace(setting, unit='').wanted  # the unit has a column of its own


def _topic_table(topics: Sequence[Endpoint], direction: str) -> str:
    if direction == 'service':
        rows = [(f'`{topic.name}`', f'`{topic.type_text}`', topic.description) for topic in topics]
        return _table(('Name', 'Type', 'Description'), rows)
    rows_ = [
        (f'`{topic.name}`', f'`{topic.type_text}`', _qos(topic.qos), topic.when.text, topic.description)
        for topic in topics
    ]
    return _table(('Name', 'Type', 'QoS', 'When', 'Description'), rows_)


def _qos(qos: QoSProfile | None) -> str:
    return f"as its publishers', depth {QUEUE_DEPTH}" if qos is None else qos_text(qos)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in lines)


if __name__ == '__main__':
    sys.exit(main())
