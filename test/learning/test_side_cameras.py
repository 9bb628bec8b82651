import dataclasses

import numpy as np
import pytest

from lnn_controller.data import BagWriter, Topics
from lnn_controller.data.messages import build as m
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load
from lnn_controller.learning.finetune import fine_tune_config
from lnn_controller.learning.viewpoint import turn_back
from lnn_controller.policy import find_policy, read_spec

MS, START_NS = 1_000_000, 1_700_000_000_000_000_000
GREY = {'/camera': 60, '/left/camera': 120, '/right/camera': 180}
TOPICS = Topics(image='/camera')


def write(path, number_of_bag=0, cameras=tuple(GREY)):
    """Three cameras, of which each shows its own grey; 1.5 m/s, bends to the left and to the right."""
    start_ns, seconds = START_NS + number_of_bag * 60_000 * MS, 6
    with BagWriter(path) as bag:
        for topic in cameras:
            bag.add_topic(topic, 'sensor_msgs/msg/Image')
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        for number in range(seconds * 20):
            stamp = start_ns + number * 50 * MS
            for topic in cameras:
                # A hanging camera is noticed: no picture is as the one before.
                frame = np.full((48, 64, 3), GREY[topic] + number % 20, np.uint8)
                bag.write(topic, stamp, m.image_message(stamp, frame))
            turn = 0.4 * (-1) ** (number // 20)
            bag.write('/cmd_vel', stamp, m.twist_stamped_message(stamp, linear=(1.5, 0, 0), angular=(0, 0, turn)))
    return path


def settings(**chosen):
    sides = {'side_cameras': ('/left/camera', '/right/camera'), 'side_offset': 0.25, 'recovery_s': 2.0}
    return TrainConfig(**{**sides, 'imu': 'no', 'steps': 10, **chosen})


@pytest.mark.parametrize('bags', [1, 3])
@pytest.mark.slow
def test_what_they_saw_is_trained_on_with_the_command_that_leads_back(tmp_path, bags):
    paths = [write(tmp_path / f'bag_{n}', n) for n in range(bags)]
    _, plain = load(paths, settings(side_cameras=()), TOPICS)
    _, split = load(paths, settings(), TOPICS)
    assert len(split.train) == 3 * len(plain.train)
    assert [each.images.tolist() for each in split.validation] == [each.images.tolist() for each in plain.validation]
    by_topic = {}
    for each in split.train:
        by_topic.setdefault(each.topics['image'], []).append(each)
    # From two seconds ahead the path is 0.25 m aside: to the right for who stands on the left.
    back = 2 * 0.25 / (1.5 * 2.0**2)
    for topic, turn in (('/camera', 0.0), ('/left/camera', -back), ('/right/camera', back)):
        assert len(by_topic[topic]) == len(plain.train)
        for side, middle in zip(by_topic[topic], plain.train, strict=True):
            np.testing.assert_array_equal(side.image_stamps_ns, middle.image_stamps_ns)
            grey = side.images[:, 0, 0, 0].astype(int) - middle.images[:, 0, 0, 0]
            assert set(grey.tolist()) == {GREY[topic] - GREY['/camera']}
            np.testing.assert_allclose(side.commands, middle.commands + (0.0, turn), rtol=1e-5)


def test_who_stands_or_backs_is_not_turned_the_wrong_way():
    assert turn_back(0.0, 0.25, 0.0, 2.0, 1.0) == 0.0
    assert turn_back(0.1, 0.25, 0.0, 2.0, 1.0) == pytest.approx(-0.05)  # a slow robot takes the shortest way, 1 m
    assert turn_back(1.0, 0.25, 0.0, 2.0, 1.0) < 0 < turn_back(1.0, -0.25, 0.0, 2.0, 1.0)


def test_a_camera_that_is_not_there_is_asked_for(tmp_path):
    path = write(tmp_path / 'bag', cameras=('/camera', '/left/camera'))
    with pytest.raises(InputError, match='/right/camera'):
        load([path], settings(), TOPICS)


@pytest.mark.parametrize(
    ('chosen', 'words'),
    [
        ({'side_cameras': ('/left/camera',)}, 'two topics'),
        ({'side_offset': 0.0}, 'side_offset'),
        ({'outputs': ('angular_z',)}, 'Got no linear_x'),
    ],
)
def test_what_they_need_is_asked_for(chosen, words):
    with pytest.raises(InputError, match=words):
        settings(**chosen)


def test_fine_tuning_asks_for_none():
    spec = read_spec(find_policy('car_lane'))
    config = {**spec.provenance['config'], 'side_cameras': ['/l', '/r'], 'side_offset': 0.2}
    spec = dataclasses.replace(spec, provenance={**spec.provenance, 'config': config})
    assert fine_tune_config(spec, {}).side_cameras == ()
