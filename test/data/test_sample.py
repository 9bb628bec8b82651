import numpy as np
import pytest
from made_bags import START_NS, TWIST_STAMPED, write_steering

from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.episode import read_episode
from lnn_controller.data.messages.build import twist_stamped_message
from lnn_controller.data.sample import sample_frames
from lnn_controller.errors import InputError
from lnn_controller.policy import ImageSpec

IMAGE = ImageSpec(48, 48)


def test_frames_are_spread_over_all_recordings(tmp_path):
    bags = [write_steering(tmp_path / 'a', seconds=2), write_steering(tmp_path / 'b', seconds=1, seed=1)]
    whole = [read_episode(bag, image=IMAGE).images for bag in bags]
    frames = sample_frames(bags, IMAGE, 20)
    np.testing.assert_array_equal(frames, np.concatenate([whole[0][::4], whole[1][::2]]))
    np.testing.assert_array_equal(sample_frames(bags[1:], IMAGE, 1000), whole[1])


def test_a_recording_without_pictures(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/cmd_vel', TWIST_STAMPED)
        bag.write('/cmd_vel', START_NS, twist_stamped_message(START_NS, linear=(1, 0, 0), angular=(0, 0, 0)))
    with pytest.raises(InputError, match='must have images'):
        sample_frames([tmp_path / 'bag'], IMAGE, 10)
