"""A drive as a controller node records it, made in one process."""

import json

import cv2
import numpy as np

from lnn_controller.control import Controller
from lnn_controller.control.adaptation.adaptation import fingerprint
from lnn_controller.control.decision import FLICKERING
from lnn_controller.control.tick_record import SINCE, Configuration, tick_names, tick_row
from lnn_controller.data import BagWriter
from lnn_controller.data.messages.build import image_message, serialize, twist_stamped_message, typestore
from lnn_controller.data.messages.images import compressed_from_cdr

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
        0, policy.spec.name, fingerprint(policy.spec), controller.settings, learnt, bool(jpeg), policy.runtime
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
