"""The real ``lnn`` command, most of it in processes of its own: what it prints, writes and says of mistakes."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from bundles import make_tiny_bundle

from lnn_controller.cli import COMMANDS, _Either, _Once, _parser, main
from lnn_controller.data import BagWriter
from lnn_controller.data.messages.build import imu_message, twist_stamped_message
from lnn_controller.errors import InputError
from lnn_controller.policy.spec import CHANNEL_UNITS, OutputSpec
from lnn_controller.sim.collect import collect
from lnn_controller.sim.robots import find_robot

DEADLINE_S = 240


def lnn(*arguments, cwd, **environment):
    """Run ``lnn``; an empty text removes a variable from its environment."""
    variables = {key: value for key, value in (os.environ | environment).items() if value}
    return subprocess.run(
        [sys.executable, '-m', 'lnn_controller.cli', *map(str, arguments)],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    """A tiny policy that makes the car move; read only."""
    return make_tiny_bundle(tmp_path_factory.mktemp('policy') / 'swerver', height=66, width=200, seed=2)


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """A demonstration of the simulated car; read only."""
    folder = tmp_path_factory.mktemp('demos')
    return collect(folder, seeds=[1], seconds=4.5, progress=False)[0]


def test_help_names_every_command(tmp_path):
    done = lnn('--help', cwd=tmp_path)
    assert done.returncode == 0
    for command in ('demo', 'collect', 'train', 'evaluate', 'replay', 'export', 'inspect', 'top', 'doctor'):
        assert f'\n    {command} ' in done.stdout
    assert 'examples:' in done.stdout


@pytest.mark.parametrize('command', ['demo', 'collect', 'evaluate', 'replay', 'export', 'inspect', 'top', 'doctor'])
def test_each_command_has_help_with_an_example(command, tmp_path):
    done = lnn(command, '--help', cwd=tmp_path)
    assert done.returncode == 0
    assert f'example: lnn {command} ' in ' '.join(done.stdout.split())


@pytest.mark.parametrize('command', COMMANDS)
def test_no_option_drops_what_it_was_given_before(command):
    """Each is given once, adds to a list, or has but one value."""
    of_command = next(action for action in _parser([command])._actions if action.choices)
    for action in of_command.choices[command]._actions:
        kept = isinstance(action, (_Once, _Either, argparse._AppendAction)) or action.nargs == 0
        assert kept or not action.option_strings, action.option_strings


def test_what_takes_several_takes_those_of_each_time():
    words = ['evaluate', '--scene', 'summer', '--seed', '1', '--scene', 'winter', '--track', '2-3', '5']
    args = _parser(words).parse_args(words)
    assert (args.scene, args.seeds) == (['summer', 'winter'], [[1], [2, 3], [5]])


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        ('evaluate --policy A --seconds 3 --policy B', 'argument --policy: must be given once. Got A, and B'),
        ('evaluate --seconds 3 --seconds 3', '--seconds: must be given once. Got 3.0, and 3.0'),
        ('info BAG --cut 1 2 --cut 3 4', '--cut: must be given once. Got 1.0 2.0, and 3.0 4.0'),
        ('train BAG --out P --mirror --no-mirror', '--mirror/--no-mirror: must be one of the two. Got both'),
    ],
)
def test_a_second_value_is_refused(words, told):
    with pytest.raises(InputError, match=re.escape(told)):
        _parser(words.split()).parse_args(words.split())


def test_inspect_prints_the_card(bundle, tmp_path):
    done = lnn('inspect', bundle, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'leaky_integrator' in done.stdout
    assert '200 × 66 px' in done.stdout


@pytest.mark.slow
def test_evaluate_one_drive(bundle, tmp_path):
    done = lnn('evaluate', '--policy', bundle, '--seconds', 2, '--json', '--out', 'out/e', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    summary = json.loads(done.stdout)
    assert summary == json.loads((tmp_path / 'out/e/summary.json').read_text())
    assert summary['seconds'] == pytest.approx(2.0, abs=0.03)
    assert (summary['policy'], summary['scene'], summary['track']) == ('swerver', 'summer', 21)
    assert (tmp_path / 'out/e/path.png').stat().st_size > 10_000


@pytest.mark.slow
def test_evaluate_several_drives(bundle, tmp_path):
    arguments = ('--policy', bundle, '--scene', 'summer', 'winter', '--track', 21, 33, '--seconds', 1, '--jobs', 1)
    done = lnn('evaluate', *arguments, '--json', cwd=tmp_path)
    assert done.returncode == 0
    rows = [(each['scene'], each['track']) for each in json.loads(done.stdout)]
    assert rows == [('summer', 21), ('summer', 33), ('winter', 21), ('winter', 33)]
    table = lnn('evaluate', *arguments, cwd=tmp_path).stdout.splitlines()
    assert [tuple(line.split()[:2]) for line in table[2:]] == [(scene, str(track)) for scene, track in rows]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_evaluate_the_expert_on_a_range_of_roads(tmp_path):
    arguments = ('--robot', 'car', '--task', 'lane', '--seed', '30-31', 5, 31, '--seconds', 1, '--perturb', 'slip=0.5')
    done = lnn('evaluate', '--expert', *arguments, '--jobs', 1, '--json', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    assert [(each['policy'], each['track']) for each in json.loads(done.stdout)] == [
        ('expert', 30), ('expert', 31), ('expert', 5),  # what is named twice counts once
    ]  # fmt: skip


@pytest.mark.slow
def test_evaluate_flights_in_two_processes(tmp_path):
    flights = ('--robot', 'drone', '--expert', '--task', 'fly', '--scene', 'summer', 'winter', '--seed', '5000-5001')
    done = lnn('evaluate', *flights, '--jobs', 2, '--json', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    trials = json.loads(done.stdout)
    asked = [(scene, seed) for scene in ('summer', 'winter') for seed in (5000, 5001)]
    assert [(each['scene'], each['seed']) for each in trials] == asked
    for trial in trials:
        assert (trial['robot'], trial['task'], trial['outcome']) == ('drone', 'fly', 'success')
        assert (trial['success'], trial['collisions']) == (1, 0)
        assert 0.0 < trial['time_s'] < 25.0


@pytest.mark.slow
def test_a_policy_names_its_robot_which_names_task_scene_and_place(tmp_path):
    outputs = [OutputSpec(name, unit, -1.0, 1.0) for name, unit in CHANNEL_UNITS.items()]
    make_tiny_bundle(tmp_path / 'pilot', height=72, width=128, outputs=outputs, robot='drone')
    done = lnn('evaluate', '--policy', 'pilot', '--seconds', 1, '--json', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    summary = json.loads(done.stdout)
    seed = find_robot('drone').seed
    chosen = {'policy': 'pilot', 'robot': 'drone', 'task': 'fly', 'scene': 'summer', 'seed': seed, 'outcome': ''}
    assert {key: summary[key] for key in chosen} == chosen
    wrong = lnn('evaluate', '--policy', 'pilot', '--robot', 'car', cwd=tmp_path)
    assert wrong.returncode == 2
    assert 'linear_z, angular_z: pilot was trained on the drone' in last_line(wrong)


@pytest.mark.slow
def test_replay(bundle, bag, tmp_path):
    done = lnn('replay', bag, '--policy', bundle, '--last', 0.5, '--json', '--out', 'r', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    summary = json.loads(done.stdout)
    assert set(summary['channels']) == {'linear_x', 'angular_z'}
    assert summary['compared'] <= summary['ticks'] / 2 + 1
    assert summary == json.loads((tmp_path / 'r/summary.json').read_text())
    assert (tmp_path / 'r/commands.png').stat().st_size > 10_000
    table = lnn('replay', bag, '--policy', bundle, cwd=tmp_path)
    assert table.returncode == 0
    assert 'angular_z' in table.stdout


@pytest.mark.slow
def test_collect_writes_bags_that_replay_reads(bundle, tmp_path):
    done = lnn('collect', '--out', 'demos', '--tracks', 5, '--seconds', 5, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == '1 bags in demos\n'
    assert lnn('replay', 'demos/summer_005_00', '--policy', bundle, cwd=tmp_path).returncode == 0
    again = lnn('collect', '--out', 'demos', '--tracks', 5, '--seconds', 5, cwd=tmp_path)
    assert again.returncode == 2
    assert 'exists already' in last_line(again)


def test_output_that_nobody_reads(bundle, tmp_path):
    command = f'{sys.executable} -m lnn_controller.cli inspect {bundle} | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(['bash', '-c', command], cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.stdout.strip() in ('0', '1')
    assert done.stderr == ''


def last_line(done):
    return done.stderr.splitlines()[-1]


def altered(bundle, target, change):
    shutil.copytree(bundle, target)
    change(target)
    return target


def without_core(folder):
    (folder / 'core.onnx').unlink()


def with_altered_encoder(folder):
    data = bytearray((folder / 'encoder.onnx').read_bytes())
    data[len(data) // 2] ^= 1
    (folder / 'encoder.onnx').write_bytes(data)


def with_unknown_key(folder):
    text = json.loads((folder / 'policy.json').read_text())
    (folder / 'policy.json').write_text(json.dumps(text | {'speed': 3}))


def empty_bag(folder):
    with BagWriter(folder / 'empty') as writer:
        writer.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
    return folder / 'empty'


def truncated_bag(folder, bag):
    (storage,) = bag.glob('*.mcap')
    (folder / 'cut.mcap').write_bytes(storage.read_bytes()[:30])
    return folder / 'cut.mcap'


def blind_bag(folder):
    with BagWriter(folder / 'blind') as writer:
        writer.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        writer.add_topic('/imu/data', 'sensor_msgs/msg/Imu')
        writer.write('/cmd_vel', 5, twist_stamped_message(5))
        writer.write('/imu/data', 5, imu_message(5, np.zeros(3), np.zeros(3)))
    return folder / 'blind'


MISTAKES = {
    'no such bag': (lambda b, g, t: ('replay', 'nowhere', '--policy', b), 'no bag at nowhere'),
    'empty bag': (lambda b, g, t: ('replay', empty_bag(t), '--policy', b), 'is empty: at least one message'),
    'truncated MCAP': (lambda b, g, t: ('replay', truncated_bag(t, g), '--policy', b), 'cut.mcap is empty'),
    'bag without images': (lambda b, g, t: ('replay', blind_bag(t), '--policy', b), 'has no images'),
    'missing file': (lambda b, g, t: ('inspect', altered(b, t / 'p', without_core)), 'core.onnx of a bundle must be'),
    'altered file': (
        lambda b, g, t: ('evaluate', '--policy', altered(b, t / 'p', with_altered_encoder)),
        'encoder.onnx: must be the file that policy.json was written with',
    ),
    'unknown key': (lambda b, g, t: ('inspect', altered(b, t / 'p', with_unknown_key)), 'unknown key "speed"'),
    'no such policy': (lambda b, g, t: ('inspect', 'nobody'), 'one of the shipped names'),
    'misspelt policy': (lambda b, g, t: ('inspect', 'car_lan'), 'did you mean car_lane?'),
    'misspelt command': (lambda b, g, t: ('trian',), 'did you mean train?'),
    'misspelt scene': (lambda b, g, t: ('evaluate', '--policy', b, '--scene', 'wintr'), 'did you mean winter?'),
    'misspelt topic': (
        lambda b, g, t: ('replay', g, '--policy', b, '--image-topic', 'image_row'),
        'did you mean /image_raw? Topics there: for --image-topic there are /image_raw (',
    ),
    'unknown scene': (
        lambda b, g, t: ('evaluate', '--policy', b, '--scene', 'mars'),
        "other_camera. Got 'mars'",
    ),
    'unknown scene of the demo': (lambda b, g, t: ('demo', '--policy', b, '--scene', 'mars'), "Got 'mars'"),
    'unknown scene to collect': (lambda b, g, t: ('collect', '--out', 'd', '--scene', 'mars'), "Got 'mars'"),
    'unknown task': (lambda b, g, t: ('evaluate', '--policy', b, '--task', 'lame'), 'did you mean lane?'),
    'unknown robot to collect': (lambda b, g, t: ('collect', '--out', 'd', '--robot', 'cat'), 'did you mean car?'),
    'unknown expert': (
        lambda b, g, t: ('evaluate', '--expert', 'nobody'),
        "an expert must be one of expert. Got 'nobo",
    ),
    'an expert and a policy': (
        lambda b, g, t: ('evaluate', '--policy', b, '--expert'),
        '--expert drives without a policy. Got --policy: leave one out',
    ),
    'an expert without memory': (lambda b, g, t: ('evaluate', '--expert', '--no-memory'), 'Got --no-memory: leave one'),
    'unknown perturbation': (lambda b, g, t: ('evaluate', '--perturb', 'slp=0.1'), "Got 'slp': did you mean slip?"),
    'too large a perturbation': (
        lambda b, g, t: ('evaluate', '--perturb', 'slip=2'),
        'slip must be a number from 0 to',
    ),
    'no perturbation': (lambda b, g, t: ('evaluate', '--perturb', 'slip'), "must be NAME=NUMBER. Got 'slip'"),
    'a range that falls': (lambda b, g, t: ('evaluate', '--track', '9-2'), "such as 10-19. Got '9-2'"),
    'a negative seed': (lambda b, g, t: ('collect', '--out', 'd', '--tracks=-1'), "such as 10-19. Got '-1'"),
    'no jobs': (lambda b, g, t: ('evaluate', '--jobs', 0), '--jobs must be at least 1. Got 0'),
    'every frame lost': (
        lambda b, g, t: ('evaluate', '--drop-frames', 1),
        'drop_frames must be a number of at least 0',
    ),
    'rate 0': (
        lambda b, g, t: ('evaluate', '--policy', b, '--rate', 0),
        'control rate must be from 1 to 600 Hz. Got 0',
    ),
    'rate 0 of a replay': (lambda b, g, t: ('replay', g, '--policy', b, '--rate', 0), 'from 1 to 1000 Hz. Got 0'),
    'rate 0 of the demo': (lambda b, g, t: ('demo', '--policy', b, '--rate', 0), 'from 1 to 500 Hz. Got 0'),
    'negative road': (
        lambda b, g, t: ('demo', '--policy', b, '--track', -1),
        'seed must be a whole number from 0 to 2.14748e+09. Got -1',
    ),
    'no time': (lambda b, g, t: ('demo', '--policy', b, '--seconds', 0), 'from 1 to 3600 s. Got 0'),
    'share 0': (lambda b, g, t: ('replay', g, '--policy', b, '--last', 0), 'above 0 and at most 1. Got 0'),
    'no number': (lambda b, g, t: ('evaluate', '--rate', 'fast'), "argument --rate: invalid float value: 'fast'"),
    'no command': (lambda b, g, t: (), 'required: COMMAND'),
    'unwritable results': (
        lambda b, g, t: ('replay', g, '--policy', b, '--out', b / 'policy.json' / 'x'),
        'folder of pictures must be writable',
    ),
    'unwritable demo': (
        lambda b, g, t: ('demo', '--policy', b, '--out', b / 'policy.json' / 'x'),
        'folder of the demo must be writable',
    ),
    'unwritable bags': (
        lambda b, g, t: ('collect', '--out', b / 'policy.json' / 'x', '--seconds', 5),
        'cannot be written',
    ),
    'a folder in the way': (lambda b, g, t: in_the_way(b, t), 'must be a bag that a demo recorded. Got something else'),
}


def in_the_way(bundle, folder):
    (folder / 'out' / 'bag').mkdir(parents=True)
    (folder / 'out' / 'bag' / 'diary.txt').write_text('mine')
    return 'demo', '--policy', bundle, '--out', folder / 'out'


@pytest.mark.parametrize('mistake', MISTAKES)
@pytest.mark.slow
def test_a_mistake_is_told_in_one_line(mistake, bundle, bag, tmp_path, monkeypatch, capfd):
    """In this process, for the libraries are loaded here."""
    monkeypatch.chdir(tmp_path)
    arguments, told = MISTAKES[mistake]
    code = main([*map(str, arguments(bundle, bag, tmp_path))])
    out, err = capfd.readouterr()
    assert code == 2, err
    assert out == ''
    assert len(err.splitlines()) == 1, err
    assert err.startswith('lnn: error: ')
    assert told in err


@pytest.mark.parametrize('command', ['evaluate', 'demo'])
@pytest.mark.slow
def test_without_opengl(command, bundle, tmp_path):
    done = lnn(command, '--policy', bundle, '--seconds', 1, cwd=tmp_path, MUJOCO_GL='bogus')
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr == "lnn: error: MUJOCO_GL must be one of egl, osmesa, or unset. Got 'bogus'.\n"


@pytest.mark.parametrize(
    ('library', 'arguments', 'told'),
    [
        ('mujoco', ('evaluate',), "pip install '.[sim]'"),
        ('rclpy', ('demo',), "pip install '.[ros]'"),
        ('torch', ('train', 'BAG', '--out', 'p'), "pip install '.[train]'"),
        ('optuna', ('tune', 'BAG', '--space', 's.yaml', '--out', 't'), "pip install '.[train,tune]'"),
        ('matplotlib', ('replay', 'BAG', '--out', 'r'), "pip install '.[sim]'"),
    ],
)
@pytest.mark.slow
def test_a_library_that_is_not_installed(library, arguments, told, bundle, bag, tmp_path):
    # An environment without the library, as far as Python's import can tell.
    (tmp_path / 'site').mkdir()
    (tmp_path / 'site' / 'sitecustomize.py').write_text(
        'import sys\n'
        'class Absent:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        f'        if name.partition(".")[0] == {library!r}:\n'
        f'            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)\n'
        'sys.meta_path.insert(0, Absent())\n'
    )
    policy = () if arguments[0] in ('train', 'tune') else ('--policy', bundle)
    given = [bag if argument == 'BAG' else argument for argument in arguments]
    done = lnn(*given, *policy, cwd=tmp_path, PYTHONPATH=str(tmp_path / 'site'))
    assert (done.returncode, done.stdout) == (2, '')
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith('lnn: error: ')
    assert told in done.stderr


def test_an_interrupt_that_a_library_makes_another_error_of_is_one_line(tmp_path):
    broken = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    pass
raise ImportError('initialization failed')
"""
    (tmp_path / 'onnxruntime.py').write_text(broken)
    done = lnn('inspect', 'car_lane', cwd=tmp_path, PYTHONPATH=f'{tmp_path}:{os.environ.get("PYTHONPATH", "")}')
    assert (done.returncode, done.stderr) == (130, 'lnn: interrupted\n')
