"""Of a controller's drive the overrides alone are learnt."""

from pathlib import Path

import numpy as np
import pytest
from made_bags import JOINT_STATE, MS, START_NS, TWIST_STAMPED, write_drive, write_steering

from lnn_controller.data.bags.topics import Topic, Topics, find_override
from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load
from lnn_controller.learning.windows import Windows

CONFIG = TrainConfig(steps=20, epochs=1, batch_size=8, window_ticks=16, augmentation='none')


@pytest.fixture(scope='module')
def overridden(tmp_path_factory):
    """Three overrides of 3, 2.5 and 4 s, and a touch of 0.4 s; read only."""
    path = tmp_path_factory.mktemp('drives') / 'overridden'
    return write_drive(path, overrides_s=[(2, 5), (6, 8.5), (9.2, 9.6), (11, 15)], seconds=17)


def test_each_section_of_override_is_an_episode(overridden):
    _, split = load([overridden], CONFIG)
    bounds = [(e.command_stamps_ns[0], e.command_stamps_ns[-1]) for e in split.train + split.validation]
    wanted = [(2000, 5000), (6000, 8500), (11000, 15000)]
    np.testing.assert_allclose((np.array(bounds) - START_NS) / MS, wanted, atol=40)
    for episode in split.train + split.validation:
        # No command of the policy's, which drives at 1 m/s, and no picture from before or after.
        assert (episode.commands[:, 0] == 0.5).all()
        assert episode.image_stamps_ns[0] >= episode.command_stamps_ns[0]
        assert episode.image_stamps_ns[-1] <= episode.command_stamps_ns[-1]
    assert split.test is None
    assert len(split.digests) == 1
    told = 'where a policy drove, the overrides alone are learnt: 9.5 s in 3 section(s)'
    assert told in split.summary()


def test_windows_hold_what_the_operator_did_then(overridden):
    _, split = load([overridden], CONFIG)
    for batch in Windows(split.train, CONFIG, 0):
        valid = batch.mask.bool()
        assert (batch.command[..., 0][valid] == 0.5).all()
        # Across two sections it would jump by a tenth and more: the turn grows by 0.1 rad/s each second.
        grown = batch.command[:, 1:, 1] - batch.command[:, :-1, 1]
        np.testing.assert_allclose(grown[valid[:, 1:]], (0.1 * batch.dt_s[:, 1:])[valid[:, 1:]], atol=3e-3)


def test_sections_that_are_short_do_not_validate_alone(tmp_path):
    bag = write_drive(tmp_path / 'bag', overrides_s=[(1, 7), (8, 13), (14, 19), (20, 21.2)], seconds=23)
    _, split = load([bag], CONFIG)
    assert [round(episode.duration_s) for episode in split.validation] == [5, 1]


def test_a_single_override_is_divided_as_a_single_bag_is(tmp_path):
    _, split = load([write_drive(tmp_path / 'bag', overrides_s=[(2, 10)])], CONFIG)
    whole, fraction = split.test
    assert (round(whole.duration_s), fraction) == (8, CONFIG.test_fraction)


def test_a_policy_learns_nothing_from_itself_unless_told_to(tmp_path):
    bag = write_drive(tmp_path / 'bag', ticks='/robot/pilot/ticks')
    told = r'bag: a demonstration must be driven by somebody. Got commands of a policy \(/robot/pilot/ticks\)'
    with pytest.raises(InputError, match=told):
        load([bag], CONFIG)
    _, split = load([bag], CONFIG, Topics(command='cmd_vel'))
    assert (split.train[0].commands[:, 0] == 1.0).all()


def test_overrides_that_are_too_short_are_refused(tmp_path):
    touched = write_drive(tmp_path / 'touched', overrides_s=[(2, 2.5), (6, 6.8)])
    with pytest.raises(InputError, match=r'an override must last at least 1 s to be learnt\. Got 0\.8 s at most'):
        load([touched], CONFIG)
    brief = write_drive(tmp_path / 'brief', overrides_s=[(2, 3.5), (6, 8)])
    with pytest.raises(InputError, match=r'an override, or several, must last at least 4 s\. Got 3\.5 s'):
        load([brief], CONFIG)


def test_demonstrations_and_overrides_go_together(overridden, tmp_path):
    _, split = load([write_steering(tmp_path / 'steering'), overridden], CONFIG)
    assert [round(episode.duration_s) for episode in split.train + split.validation] == [6, 3, 2, 4]


def test_overrides_of_several_robots_are_listed_with_the_flag_to_use():
    topics = [Topic('/a/controller/ticks', JOINT_STATE, 9)]
    topics += [Topic(f'/{robot}/cmd_vel_override', TWIST_STAMPED, 9) for robot in 'ab']
    told = r'bag drive has several command topics: /a/cmd_vel_override .*/b/cmd_vel_override .*with --command-topic'
    with pytest.raises(InputError, match=told):
        find_override(topics, bag='drive')
    assert find_override(topics[:2], bag='drive') == topics[1]
    # Where no controller's ticks are, a person drove: the commands are chosen as ever.
    assert find_override(topics[1:], bag='drive') is None


@pytest.mark.slow
def test_a_short_demonstration_may_validate_alone(tmp_path):
    lengths = {'a': 60, 'b': 60, 'c': 6}
    bags = [write_steering(tmp_path / name, seconds=lengths[name], seed=i) for i, name in enumerate(lengths)]
    _, split = load(bags, CONFIG)
    assert [Path(episode.name).name for episode in split.train] == ['a', 'b']
    assert [Path(episode.name).name for episode in split.validation] == ['c']
