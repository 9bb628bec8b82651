import json
import math
from dataclasses import replace

import pytest
from bundles import tiny_spec

from lnn_controller.errors import InputError
from lnn_controller.policy import ImageSpec, ImuSpec, NetworkSpec, OutputSpec, PolicySpec
from lnn_controller.policy.spec import BUNDLE_FILES

HASHES = dict.fromkeys(BUNDLE_FILES, 'a' * 64)
WIRING = {'roles': ['motor', 'inter'], 'synapses': [[1, 0, 1], [1, 1, -1]]}


def spec_with_everything():
    network = NetworkSpec('cfc', 5, 5, 12, 4.0, WIRING, {'mode': 'default [\n 1 ]', 'layers': [1, 2]})
    return tiny_spec(files=HASHES, network=network, image=ImageSpec(12, 16, crop_top=0.25))


@pytest.mark.parametrize('spec', [spec_with_everything(), tiny_spec(imu=False, files=HASHES)])
def test_json_there_and_back_is_the_same_spec_and_the_same_text(spec):
    text = spec.to_json()
    again = PolicySpec.from_json(text)
    assert again == spec
    assert again.to_json() == text
    assert text.endswith('}\n')


def test_json_is_laid_out_for_a_reader():
    text = spec_with_everything().to_json()
    assert list(json.loads(text))[:3] == ['format_version', 'name', 'image']
    assert '[1, 0, 1],\n' in text


def changed(path, value):
    root = json.loads(spec_with_everything().to_json())
    where = root
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = value
    return json.dumps(root)


@pytest.mark.parametrize(
    ('path', 'value', 'message'),
    [
        (('format_version',), 2, '"format_version" must be 1, the one that this version reads. Got 2'),
        (('format_version',), True, 'format_version'),
        (('name',), '../else', 'one word of letters'),
        (('name',), 3, 'one word of letters'),
        (('robot',), 3, '"robot" must be a text. Got 3'),
        (('image',), None, '"image" must be an object. Got None'),
        (('image', 'height'), 0, '"image.height" must be a whole number of at least 1. Got 0'),
        (('image', 'width'), '200', "must be a whole number of at least 1. Got '200'"),
        (('image', 'channels'), 1, r'must be 3 \(rgb8 frames\). Got 1'),
        (('image', 'crop_top'), 1.0, 'a number of at least 0 and below 1'),
        (('image', 'crop_bottom'), 0.75, r'"image.crop_top \+ image.crop_bottom" must be below 1. Got 1.0'),
        (('imu', 'gyro_scale'), 0, '"imu.gyro_scale" must be a positive number. Got 0'),
        (('imu', 'accel_scale'), True, '"imu.accel_scale" must be a positive number. Got True'),
        (('outputs',), {}, '"outputs" must be a list'),
        (('outputs',), [], 'at least one channel, each once'),
        (('outputs', 1, 'name'), 'steering', "one of linear_x, linear_y, linear_z, angular_z. Got 'steering'"),
        (('outputs', 1, 'name'), ['angular_z'], 'one of linear_x'),
        (('outputs', 0, 'unit'), 'km/h', 'linear_x.unit" must be "m/s". Got \'km/h\''),
        (('outputs', 0, 'minimum'), 0.5, 'a number of at most 0. Got 0.5'),
        (('outputs', 0, 'maximum'), -0.5, 'a number of at least 0. Got -0.5'),
        (('outputs', 0, 'maximum'), 0.0, 'above the minimum, 0.0. Got 0.0'),
        (('outputs', 1), 4, r'"outputs\[1\]" must be an object. Got 4'),
        (('network', 'cell'), '', 'a non-empty text'),
        (('network', 'units'), 1.5, '"network.units" must be a whole number of at least 1. Got 1.5'),
        (('network', 'time_scale'), -1, '"network.time_scale" must be a positive number'),
        (('network', 'wiring'), [1], '"network.wiring" must be an object'),
        (('network', 'options'), None, '"network.options" must be an object'),
        (('dt_min_s',), 0, '"dt_min_s" must be a positive number. Got 0'),
        (('dt_max_s',), 0.001, 'at least dt_min_s, 0.005. Got 0.001'),
        (('provenance',), 'me', '"provenance" must be an object'),
        (('files',), {}, 'the hashes of weights.safetensors, encoder.onnx, core.onnx'),
        (('files',), {'../core.onnx': 'a' * 64}, 'the hashes of weights.safetensors, encoder.onnx, core.onnx, and of'),
        (('files', 'core.onnx'), 'abc', "a SHA-256 in 64 hexadecimal digits. Got 'abc'"),
        (('speed',), 1, 'unknown key "speed". Known here: format_version, name'),
        (('network', 'neurons'), 1, 'unknown key "network.neurons". Known here: cell, units'),
        (('outputs', 0, 'scale'), 1, r'unknown key "outputs\[0\].scale"'),
    ],
)
def test_a_wrong_value_is_named_with_its_file(path, value, message):
    with pytest.raises(InputError, match=message) as error:
        PolicySpec.from_json(changed(path, value), source='here/policy.json')
    assert str(error.value).startswith('here/policy.json: ')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('path', [('imu',), ('image', 'crop_top'), ('outputs', 0, 'unit'), ('files',)])
def test_a_missing_key_is_named(path):
    root = json.loads(spec_with_everything().to_json())
    where = root
    for key in path[:-1]:
        where = where[key]
    del where[path[-1]]
    with pytest.raises(InputError, match=rf'missing key "[\w\[\].]*{path[-1]}". Needed here: '):
        PolicySpec.from_json(json.dumps(root))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'policy.json: must be JSON. Got a syntax error'),
        ('[' * 100_000, 'must be JSON that is nested at most some 50 deep'),
        ('[]', r'"the whole file" must be an object. Got \[\]'),
        ('{"a": 1, "a": 2}', 'key "a" is given twice'),
        ('{"dt_min_s": NaN}', 'numbers must be finite. Got NaN'),
    ],
)
def test_what_is_no_json_object(text, message):
    with pytest.raises(InputError, match=message):
        PolicySpec.from_json(text)


@pytest.mark.parametrize('number', ['1e999', '1' + 400 * '0', '1' + 9000 * '0'])
def test_a_number_too_big_is_no_finite_number(number):
    text = changed(('dt_max_s',), 0.5).replace('"dt_max_s": 0.5', f'"dt_max_s": {number}')
    with pytest.raises(InputError, match=r'must be (a positive number|JSON)'):
        PolicySpec.from_json(text)


def test_what_code_gives_is_checked_too():
    with pytest.raises(InputError, match=r'image.height'):
        ImageSpec(0, 10)
    with pytest.raises(InputError, match=r'imu.gyro_scale'):
        ImuSpec(math.nan, 1.0)
    with pytest.raises(InputError, match=r'outputs.angular_z.unit'):
        OutputSpec('angular_z', 'm/s', -1, 1)
    with pytest.raises(InputError, match=r'network.features'):
        NetworkSpec('cfc', 1, 1, 0, 1.0)
    with pytest.raises(InputError, match='at least one channel, each once'):
        replace(tiny_spec(), outputs=tiny_spec().outputs[:1] * 2)
    with pytest.raises(InputError, match='"provenance" must hold only what JSON can hold'):
        replace(tiny_spec(), provenance={'loss': math.nan})


def test_a_camera_of_ten_bits_is_told_and_others_are_as_before():
    ten = replace(tiny_spec(files=HASHES), image=ImageSpec(12, 16, bits=10))
    assert PolicySpec.from_json(ten.to_json()) == ten
    sixteen = replace(ten, image=ImageSpec(12, 16))
    assert 'bits' not in sixteen.to_json()
    assert PolicySpec.from_json(sixteen.to_json()) == sixteen
    for bits in (7, 17, True):
        with pytest.raises(InputError, match=r'image.bits'):
            ImageSpec(12, 16, bits=bits)


def test_the_robot_is_told_where_it_is_known_and_others_are_as_before():
    drone = replace(tiny_spec(files=HASHES), robot='drone')
    assert PolicySpec.from_json(drone.to_json()) == drone
    assert list(json.loads(drone.to_json()))[:3] == ['format_version', 'name', 'robot']
    unknown = replace(drone, robot='')
    assert 'robot' not in unknown.to_json()
    assert PolicySpec.from_json(unknown.to_json()) == unknown
