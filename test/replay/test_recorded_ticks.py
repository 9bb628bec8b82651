"""Recordings of earlier versions: what they lack is what it meant then."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from bundles import make_tiny_bundle

from lnn_controller.control import Controller, ControlSettings, Hold
from lnn_controller.control.tick_record import SINCE, Configuration, tick_names, tick_row
from lnn_controller.data import Bag, BagWriter
from lnn_controller.data.messages.build import typestore
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.replay.recorded_ticks import read_ticks

CHANNELS = ('linear_x', 'angular_z')


@pytest.fixture(scope='module')
def decisions(tmp_path_factory):
    """A late tick, one that it holds, an operator who drives without a camera, and what that holds after it."""
    controller = Controller(Policy.load(make_tiny_bundle(tmp_path_factory.mktemp('ticks') / 'tiny')))
    made = [controller.stop(10**9, 'tick_late')]

    def step(now_ns):
        controller.on_imu(now_ns, (0, 0, 0), (0, 0, 9.81))
        made.append(controller.step(now_ns))

    controller.on_image(1_010_000_000, np.zeros((12, 16, 3), np.uint8))
    step(1_020_000_000)
    controller.on_override(1_480_000_000, [0.5, 0.0])
    step(1_500_000_000)
    controller.release_override()
    controller.on_image(1_510_000_000, np.zeros((12, 16, 3), np.uint8))
    step(1_520_000_000)
    return made


def write(folder, decisions, lacking=()):
    types = typestore().types
    with BagWriter(folder / 'bag') as writer:
        writer.add_topic('/controller/ticks', 'sensor_msgs/msg/JointState')
        for number, decision in enumerate(decisions):
            row = dict(zip(tick_names(CHANNELS), tick_row(decision, number, 0), strict=True))
            row = {name: value for name, value in row.items() if name not in lacking}
            stamp_ns = decision.stamp_ns
            time = types['builtin_interfaces/msg/Time'](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
            header = types['std_msgs/msg/Header'](stamp=time, frame_id=decision.reason)
            message = types['sensor_msgs/msg/JointState'](
                header=header,
                name=list(row),
                position=np.array(list(row.values())),
                velocity=decision.state.hx.astype(float),
                effort=np.zeros(0),
            )
            writer.write('/controller/ticks', stamp_ns, message)
    return folder / 'bag'


def read(path):
    with Bag(path) as bag:
        return read_ticks(bag, '/controller', CHANNELS)


def test_a_tick_tells_what_held_the_robot(decisions, tmp_path):
    ticks = read(write(tmp_path, decisions))
    assert [tick.reason for tick in ticks] == ['tick_late', 'tick_late', '', 'image_stale']
    assert [tick.state.hold for tick in ticks[:2]] == [None, Hold('tick_late', 1_500_000_000)]
    assert [tick.state.network_hold for tick in ticks[2:]] == [None, Hold('image_stale', 2_000_000_000)]


def test_where_one_time_was_told_for_all_holds_it_is_that_of_a_tick_that_it_held(decisions, tmp_path):
    ticks = read(write(tmp_path, decisions, list(SINCE)[list(SINCE).index('network_resume_age_ns') :]))
    assert [tick.state.hold for tick in ticks[:3]] == [None, Hold('tick_late', 1_500_000_000), None]
    assert all(tick.state.network_hold is None for tick in ticks)


@pytest.mark.parametrize('since', range(len(SINCE)))
def test_what_an_earlier_version_did_not_write(decisions, tmp_path, since):
    lacking = list(SINCE)[since:]
    tick = read(write(tmp_path, decisions, lacking))[1]
    assert (tick.state.hold is None) == ('resume_age_ns' in lacking)
    assert tick.inputs.image.since_ns == 1_010_000_000
    assert tick.inputs.view.ramp_scale == 1.0


def test_a_row_that_no_version_wrote(decisions, tmp_path):
    with pytest.raises(InputError, match='the ticks must be of channels linear_x, angular_z'):
        read(write(tmp_path, decisions, ['ramp_scale']))


def test_earlier_controllers_drove_on_at_once_and_at_even_ticks():
    row = asdict(Configuration(0, 'p', 'h', ControlSettings(), None))
    assert Configuration.from_json(json.dumps(row)).settings.resume_after_s == 0.5
    assert Configuration.from_json(json.dumps(row)).settings.tick_on_frame
    del row['settings']['resume_after_s'], row['settings']['tick_on_frame']
    earlier = Configuration.from_json(json.dumps(row)).settings
    assert (earlier.resume_after_s, earlier.tick_on_frame) == (0.0, False)


@pytest.mark.parametrize(('recorded', 'today'), [('off', 'frozen'), ('shadow', 'shadow'), ('on', 'live')])
def test_recordings_with_the_earlier_words_for_adaptation_are_read(recorded, today):
    row = asdict(Configuration(0, 'p', 'h', ControlSettings(), None))
    row['settings']['adaptation']['mode'] = recorded
    assert Configuration.from_json(json.dumps(row)).settings.adaptation.mode == today


def test_a_word_for_adaptation_that_no_version_had():
    row = asdict(Configuration(0, 'p', 'h', ControlSettings(), None))
    row['settings']['adaptation']['mode'] = 'sometimes'
    with pytest.raises(InputError, match=r'must be as this version writes it.*sometimes'):
        Configuration.from_json(json.dumps(row))
