import json
import shutil

import pytest
import torch
import yaml
from made_bags import write_drive, write_steering
from safetensors.torch import load_file

from lnn_controller.cli import main
from lnn_controller.errors import InputError
from lnn_controller.learning.build import build_network
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.episodes import load
from lnn_controller.learning.finetune import fine_tune, fine_tune_config
from lnn_controller.learning.held_out import held_out
from lnn_controller.learning.measure import measure
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.train import train
from lnn_controller.policy.bundle import read_spec
from lnn_controller.report.json import to_json

pytestmark = pytest.mark.slow

QUICK = {'epochs': 4, 'batch_size': 8, 'window_ticks': 8, 'threads': 1, 'augmentation': 'none'}
TUNED = {'steps': 120, 'learning_rate': 2e-3, 'cell_learning_rate': 4e-3}


@pytest.fixture(scope='module')
def old(tmp_path_factory):
    """Demonstrations of the old job; read only."""
    folder = tmp_path_factory.mktemp('old')
    return [write_steering(folder / f'old_{seed}', seed=seed) for seed in range(4)]


@pytest.fixture(scope='module')
def new(tmp_path_factory):
    """Demonstrations of the new job; read only."""
    folder = tmp_path_factory.mktemp('new')
    return [write_steering(folder / f'new_{seed}', new=True, seed=10 + seed) for seed in range(3)]


@pytest.fixture(scope='module')
def policy(old, tmp_path_factory):
    """A policy that has learnt the old job; read only."""
    out = tmp_path_factory.mktemp('policy') / 'steerer'
    train(old, out, TrainConfig(steps=160, **QUICK), progress=False, report=lambda _: None)
    return out


def tune(bags, out, policy, chosen=TUNED, **options):
    return fine_tune(bags, out, policy, chosen, progress=False, report=lambda _: None, **options)


def tensors(bundle):
    return load_file(bundle / 'weights.safetensors')


def old_error(bundle, old):
    """Of the old demonstrations that were never trained on, rad/s."""
    spec = read_spec(bundle)
    network = build_network(spec)
    network.load_state_dict(tensors(bundle))
    config = fine_tune_config(spec, {})
    _, split = load(old, config)
    return measure(network, held_out(split, config), spec.channels)['validation']['angular_z']['mae']


@pytest.fixture(scope='module')
def rehearsed(policy, old, new, tmp_path_factory):
    """The policy fine-tuned on the new job with the old one rehearsed, and what that gave; read only."""
    out = tmp_path_factory.mktemp('tuned') / 'rehearsed'
    return out, tune(new, out, policy, rehearse=old)


def test_the_new_is_learnt_and_rehearsal_keeps_the_old(policy, old, new, rehearsed, tmp_path):
    out, result = rehearsed
    forgetful = tune(new, tmp_path / 'forgetful', policy)
    for each in (result, forgetful):
        figures = each.metrics['validation']['angular_z']
        assert figures['mae'] < 0.6 * figures['mae_before']
    before, after = old_error(policy, old), old_error(out, old)
    assert result.metrics['rehearsed']['angular_z']['mae_before'] == before
    assert result.metrics['rehearsed']['angular_z']['mae'] == after
    assert old_error(tmp_path / 'forgetful', old) > 2 * after
    assert 'rehearsed' not in forgetful.metrics


def test_the_card_tells_where_it_comes_from_and_both_errors(policy, old, rehearsed):
    out, result = rehearsed
    spec, first = read_spec(out), read_spec(policy)
    assert spec.name == 'rehearsed'
    assert spec.provenance['metrics'] == json.loads(to_json(result.metrics))
    assert list(spec.provenance['bags']) == ['new_0', 'new_1', 'new_2']
    init = spec.provenance['init']
    assert init['policy'] == 'steerer'
    assert init['weights_sha256'] == first.files['weights.safetensors']
    assert init['tune'] == 'all'
    assert list(init['rehearsed_bags']) == [bag.name for bag in old]
    # What the policy is has stayed; the limits of its commands too.
    assert (spec.network, spec.image, spec.outputs) == (first.network, first.image, first.outputs)


def test_the_readout_alone(policy, new, tmp_path):
    result = tune(new, tmp_path / 'readout', policy, tune='readout')
    before, after = tensors(policy), tensors(tmp_path / 'readout')
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {'readout.weight', 'readout.bias'}
    figures = result.metrics['validation']['angular_z']
    assert figures['mae'] < figures['mae_before']


def test_the_same_seed_gives_the_same_weights_and_a_run_that_broke_off_goes_on(policy, new, old, tmp_path, monkeypatch):
    chosen = TUNED | {'steps': 12}
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        tune(new, tmp_path / name, policy, chosen | {'seed': seed}, rehearse=old)
    assert weights(tmp_path / 'a') == weights(tmp_path / 'b') != weights(tmp_path / 'c')

    def break_off(module):
        if module.current_epoch == 1:
            raise RuntimeError('broken off')

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match='broken off'):
        patch.setattr(PolicyModule, 'on_train_epoch_start', break_off)
        tune(new, tmp_path / 'd', policy, chosen, rehearse=old)
    # Another start, or another way, is another run.
    for other, told in (
        ({'tune': 'readout', 'rehearse': old}, 'needs the same config'),
        ({'rehearse': old[:2]}, 'Got others: missing: rehearsed old_2, rehearsed old_3'),
    ):
        with pytest.raises(InputError, match=f'--resume .*{told}'):
            tune(new, tmp_path / 'd', policy, chosen, resume=True, **other)
    with pytest.raises(InputError, match='--resume needs the same config'):
        tune(new, tmp_path / 'd', tmp_path / 'c', chosen, rehearse=old, resume=True)
    with pytest.raises(InputError, match='--resume needs the same config'):
        train(new, tmp_path / 'd', TrainConfig(**QUICK), resume=True)
    result = tune(new, tmp_path / 'd', policy, chosen, rehearse=old, resume=True)
    assert weights(tmp_path / 'd') == weights(tmp_path / 'a')
    assert result.metrics['rehearsed']['angular_z']['mae_before'] == old_error(policy, old)


def weights(bundle):
    return (bundle / 'weights.safetensors').read_bytes()


def test_a_policy_may_be_replaced_by_what_it_becomes(policy, new, tmp_path):
    tune(new, tmp_path / 'p', policy, TUNED | {'steps': 4})
    before = weights(tmp_path / 'p')
    tune(new, tmp_path / 'p', tmp_path / 'p', TUNED | {'steps': 4}, overwrite=True)
    assert weights(tmp_path / 'p') != before


def test_it_trains_as_the_policy_was_trained_but_gently(policy, rehearsed):
    config = fine_tune_config(read_spec(policy), {})
    assert config.learning_rate == pytest.approx(0.3 * 2e-3)
    assert config.cell_learning_rate == pytest.approx(0.3 * 4e-3)
    assert (config.epochs, config.steps, config.encoder_loss) == (2, 0, 0.0)
    assert (config.batch_size, config.augmentation, config.imu) == (8, 'none', 'no')
    assert fine_tune_config(read_spec(policy), {'learning_rate': 1e-2, 'epochs': 7}).learning_rate == 1e-2
    # From one fine-tuning to the next it does not get ever gentler.
    again = fine_tune_config(read_spec(rehearsed[0]), {})
    assert (again.learning_rate, again.epochs) == (TUNED['learning_rate'], 2)


@pytest.mark.parametrize(
    ('chosen', 'told'),
    [
        ({'cell': 'lstm'}, 'cell must be that of the policy steerer, ncp_cfc. Got lstm: leave it out'),
        ({'units': 32}, 'units must be that of the policy steerer, 19. Got 32'),
        ({'mixed_memory': True}, 'mixed_memory must be that of the policy steerer, False. Got True'),
        ({'cell_options': {'self_state': True}}, "cell_options must be .* {}. Got {'self_state': True}: leave it out"),
        ({'outputs': ['angular_z']}, 'outputs must be that of the policy steerer, linear_x angular_z. Got angular_z'),
        ({'imu': 'yes'}, 'imu must be that of the policy steerer, no. Got yes'),
        ({'image_width': 64}, 'image_width must be that of the policy steerer, 48. Got 64'),
        ({'crop_top': 0.1}, 'crop_top must be that of the policy steerer, 0.0. Got 0.1'),
        ({'rate_max_hz': 50.0}, 'rate_max_hz must be that of the policy steerer, 100.0. Got 50.0'),
        ({'learning_rate': 2.0}, r'learning_rate must be a number from 1e-07 to 1'),
    ],
)
def test_what_does_not_fit_the_policy_is_refused(policy, chosen, told):
    with pytest.raises(InputError, match=told):
        fine_tune_config(read_spec(policy), chosen)


def test_values_that_the_policy_has_may_be_given(policy):
    same = {'cell': 'ncp_cfc', 'units': 19, 'imu': 'auto', 'image_width': 0, 'image_height': 0, 'rate_max_hz': 100}
    assert fine_tune_config(read_spec(policy), same) == fine_tune_config(read_spec(policy), {})


def test_what_cannot_be_a_beginning_is_refused(policy, old, new, tiny_bundle, tmp_path):
    with pytest.raises(InputError, match='a policy must be a folder or one of the shipped names'):
        tune(new, tmp_path / 'a', tmp_path / 'nothing')
    with pytest.raises(InputError, match=r'one of ncp_cfc|must hold the weights of the network'):
        tune(new, tmp_path / 'a', tiny_bundle)
    with pytest.raises(InputError, match=r'a bag must be either new or rehearsed\. Got it as both'):
        tune(new, tmp_path / 'a', policy, rehearse=[*old, new[0]])
    boat = shutil.copytree(policy, tmp_path / 'boat')
    card = json.loads((boat / 'policy.json').read_text())
    (boat / 'policy.json').write_text(json.dumps(card | {'robot': 'boat'}))
    bag = write_steering(tmp_path / 'of_a_car', seed=30)
    metadata = yaml.safe_load((bag / 'metadata.yaml').read_text())
    metadata['rosbag2_bagfile_information']['custom_data'] = {'robot': 'car'}
    (bag / 'metadata.yaml').write_text(yaml.safe_dump(metadata))
    for bags, rehearsed in (([bag], ()), (new, [bag])):
        with pytest.raises(InputError, match=r'of_a_car.* must be of the robot of policy steerer, boat\. Got car'):
            tune(bags, tmp_path / 'a', boat, rehearse=rehearsed)
    assert not (tmp_path / 'a').exists()


def test_the_command_learns_from_overrides_and_prints_both_errors(policy, old, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('CC', 'none')  # nothing is compiled at the end
    bag = write_drive(tmp_path / 'drive', overrides_s=[(1, 4), (6, 8), (9, 11)])
    quick = ['--steps', '4', '--epochs', '1', '--cache-limit', '0']
    line = ['train', '--init', str(policy), str(bag), *quick, '--rehearse', *map(str, old)]
    assert main([*line, '--out', str(tmp_path / 'a')]) == 0
    told = capsys.readouterr().out
    assert 'the overrides alone are learnt: 7.0 s in 3 section(s)' in told
    assert 'rehearsed, training: 3 episode(s)' in told
    table = told[told.index('part ') :].splitlines()
    assert table[0].split() == ['part', 'channel', 'MAE', 'before', 'MAE', 'R²', 'MAE', 'of', 'a', 'constant']
    assert [row.split('  ')[0] for row in table[1:5]] == ['new, validation'] * 2 + ['old, validation'] * 2
    # The operator held the speed: nothing of it is there to explain.
    assert table[1].split()[-2] == 'constant'
    assert main([*line, '--out', str(tmp_path / 'b'), '--json']) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics['rehearsed'] == read_spec(tmp_path / 'a').provenance['metrics']['rehearsed']


@pytest.mark.parametrize(
    ('flags', 'told'),
    [
        (['--tune', 'readout'], '--tune goes with a policy to begin with. Got none: name it with --init'),
        (['--rehearse', 'OLD'], '--rehearse goes with a policy to begin with. Got none: name it with --init'),
        (['--init', 'POLICY', '--units', '7'], 'units must be that of the policy steerer, 19. Got 7'),
        (['--init', 'POLICY', '--tune', 'cell'], "argument --tune: invalid choice: 'cell'"),
        (['--init', 'POLICY'], 'a demonstration must be driven by somebody'),
        ([], 'a demonstration must be driven by somebody'),
    ],
)
def test_mistakes_are_told_in_one_line(policy, old, tmp_path, capsys, flags, told):
    bag = write_drive(tmp_path / 'drive')
    given = [{'OLD': str(old[0]), 'POLICY': str(policy)}.get(flag, flag) for flag in flags]
    assert main(['train', str(bag), '--out', str(tmp_path / 'a'), *given]) == 2
    said = capsys.readouterr().err
    assert said.startswith('lnn: error: ')
    assert told in said
    assert said.count('\n') == 1
    assert not (tmp_path / 'a').exists()
