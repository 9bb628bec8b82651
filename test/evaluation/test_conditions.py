import numpy as np
import pytest
from bundles import make_tiny_bundle

from lnn_controller.errors import InputError
from lnn_controller.evaluation.closed_loop import run_trial
from lnn_controller.evaluation.conditions import Conditions, WorseCamera
from lnn_controller.policy import Policy

GREY = np.full((40, 50, 3), 128, np.uint8)


def test_without_conditions_a_frame_is_as_it_is():
    assert WorseCamera(Conditions(), 0)(GREY) is GREY


def test_noise_has_its_deviation_and_the_seed_gives_it_again():
    conditions = Conditions(image_noise=10.0)
    first, second = (WorseCamera(conditions, 7)(GREY) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.astype(float).std() == pytest.approx(10.0, rel=0.05)
    np.testing.assert_array_equal(first, second)
    assert (WorseCamera(conditions, 8)(GREY) != first).any()


def test_frames_are_lost_by_their_share_and_the_noise_of_the_others_stays():
    noise, both = (WorseCamera(Conditions(image_noise=5.0, drop_frames=share), 7) for share in (0.0, 0.3))
    pairs = [(noise(GREY), both(GREY)) for _ in range(1000)]
    assert np.mean([worse is None for _, worse in pairs]) == pytest.approx(0.3, abs=0.05)
    for one, other in pairs:
        assert other is None or (one == other).all()


@pytest.mark.parametrize(
    ('wish', 'told'),
    [({'image_noise': -1.0}, 'image_noise must be a number from 0 to 255'), ({'drop_frames': 1.0}, 'below 1. Got 1')],
)
def test_what_cannot_be_is_refused(wish, told):
    with pytest.raises(InputError, match=told):
        Conditions(**wish)


@pytest.fixture(scope='module')
def policy(tmp_path_factory):
    return Policy.load(make_tiny_bundle(tmp_path_factory.mktemp('p') / 'swerver', height=66, width=200, seed=2))


def drive(policy, conditions=None, **options):
    return run_trial(policy, seed=21, seconds=2.0, conditions=conditions, **options)


@pytest.mark.slow
def test_a_trial_under_conditions(policy):
    usual = drive(policy)
    noisy = drive(policy, Conditions(image_noise=40.0))
    assert (noisy.command != usual.command).any()
    np.testing.assert_array_equal(drive(policy, Conditions(image_noise=40.0)).command, noisy.command)
    assert drive(policy, Conditions(drop_frames=0.95)).stops.keys() & {'image_stale', 'no_image'}
    np.testing.assert_array_equal(drive(policy, Conditions()).command, usual.command)


@pytest.mark.slow
@pytest.mark.parametrize('memory', [True, False])
def test_without_memory_each_tick_begins_with_no_state(policy, memory):
    states = []
    drive(policy, Conditions(memory=memory), watch=lambda _, decision, __: states.append(decision.state.hx.any()))
    assert not states[0]
    assert any(states[1:]) == memory
