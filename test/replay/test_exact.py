"""Recorded ticks come back to the bit, those that a stop from outside held among them."""

import numpy as np
from bundles import make_tiny_bundle

from lnn_controller.control import Controller
from lnn_controller.control.adaptation.adaptation import fingerprint
from lnn_controller.control.tick_record import Configuration, tick_names, tick_row
from lnn_controller.data import BagWriter
from lnn_controller.data.messages.build import image_message, twist_stamped_message, typestore
from lnn_controller.policy import Policy
from lnn_controller.replay.exact import replay_ticks

PERIOD_NS = 20_000_000


def drive(policy, path, stops):
    """A drive of 80 ticks, stopped from outside at some, as a controller node records it; returns its decisions."""
    types, controller, decisions = typestore().types, Controller(policy), []
    configuration = Configuration(0, policy.spec.name, fingerprint(policy.spec), controller.settings, None)
    with BagWriter(path) as bag:
        for topic, kind in (('image_raw', 'Image'), ('controller/ticks', 'JointState')):
            bag.add_topic(f'/{topic}', f'sensor_msgs/msg/{kind}')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        bag.add_topic('/controller/configuration', 'std_msgs/msg/String')
        bag.write('/controller/configuration', 0, types['std_msgs/msg/String'](data=configuration.to_json()))
        for number in range(80):
            now_ns = 10**9 + number * PERIOD_NS
            picture = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
            controller.on_image(now_ns, picture)
            bag.write('/image_raw', now_ns, image_message(now_ns, picture))
            stopped = stops.get(number)
            decision = controller.stop(now_ns, stopped) if stopped else controller.step(now_ns)
            decisions.append(decision)
            x, turn = decision.command
            bag.write('/cmd_vel', now_ns, twist_stamped_message(now_ns, linear=(x, 0, 0), angular=(0, 0, turn)))
            time = types['builtin_interfaces/msg/Time'](sec=now_ns // 10**9, nanosec=now_ns % 10**9)
            header = types['std_msgs/msg/Header'](stamp=time, frame_id=decision.reason)
            row = types['sensor_msgs/msg/JointState'](
                header=header,
                name=tick_names(policy.spec.channels),
                position=np.array(tick_row(decision, number, 0)),
                velocity=decision.used.state.hx.astype(float),
                effort=np.zeros(0),
            )
            bag.write('/controller/ticks', now_ns, row)
    return decisions


def test_a_late_tick_holds_the_robot_as_long_as_it_did(tmp_path):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False))
    made = drive(policy, tmp_path / 'bag', {10: 'tick_late', 20: 'tick_late', 60: 'shutdown'})
    reasons = [decision.reason for decision in made]
    assert reasons == [''] * 10 + ['tick_late'] * 35 + [''] * 15 + ['shutdown'] + [''] * 19
    exact = replay_ticks(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)
