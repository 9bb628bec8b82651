"""Recorded ticks come back to the bit, those that a stop from outside held among them."""

import json

import cv2
import numpy as np
import pytest
from bundles import DRONE, make_tiny_bundle

from lnn_controller.control import AdaptationSettings, Controller, ControlSettings, HeightSettings
from lnn_controller.control.adaptation.adaptation import fingerprint
from lnn_controller.control.decision import FLICKERING
from lnn_controller.control.tick_record import SINCE, Configuration, tick_names, tick_row
from lnn_controller.data import BagWriter
from lnn_controller.data.messages.build import image_message, serialize, twist_stamped_message, typestore
from lnn_controller.data.messages.images import compressed_from_cdr
from lnn_controller.policy import Policy
from lnn_controller.replay.bag import replay_bag

PERIOD_NS = 20_000_000
BY_HAND = (0.9, -0.3)  # of a drone besides: up, and to the right
SINCE_THEN = list(SINCE)[list(SINCE).index('network_resume_age_ns') :]


def drive(policy, path, events, *, formerly=False, settings=None, odometry=None, jpeg=''):
    """
    A drive of 80 ticks, as a controller node records it; returns its decisions.

    ``events`` says at which ticks something happens: a stop from outside by its reason, 'tap' of the emergency stop,
    'by hand', and 'dark' where no picture comes. Formerly what stopped or drove the robot meanwhile ended a hold.
    ``odometry`` gives pose and twist at a tick, or ``None``. ``jpeg``: the camera's pictures are, and the controller
    decodes them 'reduced', or 'whole' as it did formerly.
    """
    types, controller, decisions = typestore().types, Controller(policy, settings), []
    learnt = controller.adaptation.snapshot()
    configuration = Configuration(
        0, policy.spec.name, fingerprint(policy.spec), controller.settings, learnt, bool(jpeg)
    )
    row = json.loads(configuration.to_json())
    if jpeg == 'whole':
        del row['reduced']
    camera = '/image_raw/compressed' if jpeg else '/image_raw'
    with BagWriter(path) as bag:
        bag.add_topic(camera, f'sensor_msgs/msg/{"CompressedImage" if jpeg else "Image"}')
        bag.add_topic('/controller/ticks', 'sensor_msgs/msg/JointState')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        bag.add_topic('/controller/configuration', 'std_msgs/msg/String')
        bag.write('/controller/configuration', 0, types['std_msgs/msg/String'](data=json.dumps(row)))
        for number in range(80):
            now_ns = 10**9 + number * PERIOD_NS
            picture = np.random.default_rng(number).integers(0, 256, (60, 80, 3) if jpeg else (12, 16, 3), np.uint8)
            event = events.get(number, '')
            if 'dark' not in event:
                message = image_message(now_ns, picture)
                if jpeg:
                    data = cv2.imencode('.jpg', picture)[1].reshape(-1)
                    message = types['sensor_msgs/msg/CompressedImage'](header=message.header, format='jpeg', data=data)
                    fit = policy.spec.image if jpeg == 'reduced' else None
                    picture = compressed_from_cdr(serialize(message), fit=fit)[2]
                controller.on_image(now_ns, picture)
                bag.write(camera, now_ns, message)
            controller.set_emergency_stop('button', event == 'tap')
            if odometry and (measured := odometry(number)):
                controller.on_odometry(now_ns - 7_000_000, *measured, now_ns)
            if 'by hand' in event:
                controller.on_override(now_ns, [0.5, 0.1, *BY_HAND][: len(policy.spec.outputs)])
            else:
                controller.release_override()
            plain = event in ('', 'tap') or 'dark' in event or 'by hand' in event
            decision = controller.step(now_ns) if plain else controller.stop(now_ns, event)
            decisions.append(decision)
            values = dict(zip(tick_names(policy.spec.channels), tick_row(decision, number, 0), strict=True))
            if formerly:
                network, *_ = [values.pop(name) for name in SINCE_THEN]
                values['resume_age_ns'] = values['resume_age_ns'] if np.isnan(network) else network
                if decision.reason not in FLICKERING:
                    controller.state = controller.state._replace(hold=None, network_hold=None)
            sent = dict(zip(policy.spec.channels, decision.command.tolist(), strict=True))
            linear, angular = ([sent.get(f'{part}_{axis}', 0.0) for axis in 'xyz'] for part in ('linear', 'angular'))
            bag.write('/cmd_vel', now_ns, twist_stamped_message(now_ns, linear=linear, angular=angular))
            time = types['builtin_interfaces/msg/Time'](sec=now_ns // 10**9, nanosec=now_ns % 10**9)
            header = types['std_msgs/msg/Header'](stamp=time, frame_id=decision.reason)
            row = types['sensor_msgs/msg/JointState'](
                header=header,
                name=list(values),
                position=np.array(list(values.values())),
                velocity=decision.state.hx.astype(float),
                effort=np.zeros(0),
            )
            bag.write('/controller/ticks', now_ns, row)
    return decisions


def test_a_late_tick_holds_the_robot_as_long_as_it_did(tmp_path):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False))
    made = drive(policy, tmp_path / 'bag', {10: 'tick_late', 20: 'tick_late', 60: 'shutdown'})
    reasons = [decision.reason for decision in made]
    assert reasons == [''] * 10 + ['tick_late'] * 35 + [''] * 15 + ['shutdown'] + [''] * 19
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)


@pytest.mark.parametrize('jpeg', ['whole', 'reduced'])
def test_a_jpeg_is_decoded_as_the_controller_decoded_it(tmp_path, jpeg):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False))
    made = drive(policy, tmp_path / 'bag', {}, jpeg=jpeg)
    assert np.ptp([each.command for each in made]) > 0.1
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)


@pytest.mark.parametrize('formerly', [False, True])
def test_what_holds_the_robot_over_another_stop_and_under_an_operator_comes_back(tmp_path, formerly):
    """A late tick, and a tap of the emergency stop while it holds; a dark camera that the operator drives through."""
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False))
    dark = dict.fromkeys(range(40, 53), 'dark')
    by_hand = dict.fromkeys((53, 54), 'dark by hand') | {55: 'by hand', 56: 'by hand'}
    made = drive(policy, tmp_path / 'bag', {10: 'tick_late', 12: 'tap', **dark, **by_hand}, formerly=formerly)
    reasons = [decision.reason for decision in made]
    stale = reasons.index('image_stale')
    held = [''] * 27 if formerly else ['tick_late'] * 22 + [''] * 5
    assert reasons[10:40] == ['tick_late'] * 2 + ['emergency_stop'] + held
    after = [''] * 23 if formerly else ['image_stale'] * 22 + ['']
    assert reasons[stale:] == ['image_stale'] * (53 - stale) + [''] * 4 + after
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)


def test_a_flight_that_learns_between_floor_and_ceiling(tmp_path):
    """The height, the tilt and what was learnt of all four channels come back, over a gap in the odometry too."""
    policy = Policy.load(make_tiny_bundle(tmp_path / 'tiny', imu=False, outputs=DRONE))
    rng = np.random.default_rng(3)

    def odometry(number):
        pose = (0.0, 0.0, 2.9 + 0.05 * np.sin(number), *rng.normal((0.1, -0.1, 0.3, 0.9), 0.02))
        return None if 60 <= number < 70 else (pose, rng.normal(size=6))

    settings = ControlSettings(
        image_timeout_s=0.5,
        resume_after_s=0.0,
        height=HeightSettings(ceiling_m=3.0, timeout_s=0.1),
        adaptation=AdaptationSettings(mode='live', lag_s=0.0),
    )
    by_hand = dict.fromkeys(range(10, 40), 'by hand')
    made = drive(policy, tmp_path / 'bag', by_hand, settings=settings, odometry=odometry)
    assert [each.reason for each in made[:60]] == [''] * 60
    assert {each.reason for each in made[60:70]} == {'', 'height_stale'}
    assert sum('ceiling' in each.limited for each in made) > 20
    exact = replay_bag(tmp_path / 'bag', policy).exact
    assert (exact.compared, exact.max_abs_difference) == (80, 0.0)
