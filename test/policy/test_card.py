from dataclasses import replace

from bundles import tiny_spec

from lnn_controller.policy import ImageSpec, NetworkSpec, describe, read_spec


def test_the_card_of_a_bundle(tiny_bundle):
    spec = read_spec(tiny_bundle)
    card = describe(spec, tiny_bundle)
    assert 'verdict' not in card, 'its figures say nothing of a constant'
    for text in (
        'tiny',
        '16 × 12 px rgb8',
        'gyro / 1 rad/s, accelerometer / 9.81 m/s²',
        '0 … 2 m/s',
        '-1.5 … 1.5 rad/s',
        'leaky_integrator',
        '0.005 … 0.15 s (6.67 … 200 Hz)',
        '120',
        'cross_track_error_rms_m',
        'KiB',
        *spec.files.values(),
    ):
        assert text in card
    columns = {line.index('sha256') for line in card.splitlines() if 'sha256' in line}
    assert len(columns) == 1, 'files are aligned'


def test_the_card_of_a_wired_policy_without_imu():
    wiring = {
        'roles': ['motor', 'command', 'command'],
        'synapses': [[1, 0, 1], [2, 0, -1]],
        'sensory_synapses': [[0, 1, 1]],
    }
    spec = tiny_spec(
        imu=False,
        image=ImageSpec(12, 16, crop_top=0.25),
        network=NetworkSpec('ncp_cfc', 3, 3, 12, 2.5, wiring, {'mixed_memory': True}),
        provenance={'seed': 22222, 'bags': [{'name': 'a', 'sha256': 'f0'}, {'name': 'b', 'sha256': 'f1'}]},
    )
    assert 'robot' not in describe(spec)
    card = describe(replace(spec, robot='drone'))
    facts = dict(line.split(maxsplit=1) for line in card.splitlines() if len(line.split()) > 1)
    assert facts['robot'] == 'drone'
    assert facts['imu'] == 'none'
    assert facts['crop'].startswith('25% of the height above, 0% below')
    assert facts['roles'] == '1 motor, 2 command'
    assert facts['synapses'] == '2'
    assert facts['sensory'].split() == ['synapses', '1']
    assert facts['mixed_memory'] == 'True'
    assert facts['seed'] == '22222'
    assert facts['bags.2.sha256'] == 'f1'


def test_a_card_shows_what_would_act_on_a_terminal():
    wiring = {'roles': [[[]], 'motor\x1b[2J', {'a': 1}, 'motor\x1b[2J']}
    spec = tiny_spec(
        network=NetworkSpec('ncp\x1b]0;x\x07', 3, 3, 12, 2.5, wiring, {}),
        provenance={'seed\n\x9b31m': 'a\nb', 'deep': [[[[1]]]]},
    )
    card = describe(spec)
    assert card.replace('\n', '').isprintable()
    for text in ('1 [[]]', '2 motor\\x1b[2J', 'ncp\\x1b]0;x\\x07', 'seed \\x9b31m', 'a b'):
        assert text in card
