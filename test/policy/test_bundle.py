import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from bundles import make_tiny_bundle, tiny_attention, tiny_core, tiny_encoder, tiny_spec
from onnx import TensorProto

from lnn_controller import share as share_module
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy, find_policy, read_bundle, read_spec, shipped_policies, write_bundle
from lnn_controller.policy.spec import BUNDLE_FILES


@pytest.fixture
def own_bundle(tmp_path):
    return make_tiny_bundle(tmp_path / 'own')


def test_what_was_written_is_read(tmp_path):
    spec = tiny_spec()
    encoder, core = tiny_encoder(spec), tiny_core(spec)
    assert write_bundle(tmp_path / 'a' / 'b', spec, b'weights', encoder, core) == tmp_path / 'a' / 'b'
    found = read_bundle(tmp_path / 'a' / 'b')
    assert (found.weights, found.encoder, found.core) == (b'weights', encoder, core)
    assert found.spec.image == spec.image
    assert sorted(found.spec.files) == sorted(BUNDLE_FILES)
    assert read_spec(tmp_path / 'a' / 'b') == found.spec
    assert sorted(path.name for path in (tmp_path / 'a').iterdir()) == ['b'], 'nothing is left beside it'


def test_a_map_of_attention_may_be_there(tmp_path):
    with_it, without = make_tiny_bundle(tmp_path / 'with', attention=True), make_tiny_bundle(tmp_path / 'without')
    assert sorted(read_spec(with_it).files) == sorted([*BUNDLE_FILES, 'attention.onnx'])
    frame = np.arange(12 * 16 * 3).astype(np.uint8).reshape(12, 16, 3)
    np.testing.assert_allclose(Policy.load(with_it).attention(frame), frame[..., 1] / 255, atol=1e-6)
    assert not Policy.load(without).has_attention
    with pytest.raises(InputError, match=r'needs a bundle with attention.onnx. Got .*without without: .*lnn export'):
        Policy.load(without).attention(frame)
    make_tiny_bundle(with_it)
    assert not (with_it / 'attention.onnx').exists(), 'one of another policy does not stay'


def test_an_altered_or_foreign_map_of_attention_is_refused(tmp_path):
    bundle = make_tiny_bundle(tmp_path / 'own', attention=True)
    (bundle / 'attention.onnx').write_bytes(b'other')
    with pytest.raises(InputError, match=r'attention.onnx: must be the file that policy.json was written with'):
        read_spec(bundle)
    other = make_tiny_bundle(tmp_path / 'other', attention=tiny_attention(tiny_spec(height=24)))
    policy = Policy.load(other)  # which drives all the same
    with pytest.raises(InputError, match=r'attention.onnx: "image" must be'):
        policy.attention(np.zeros((12, 16, 3), np.uint8))


def test_the_same_policy_gives_the_same_files(tmp_path):
    one, two = make_tiny_bundle(tmp_path / 'one', name='x'), make_tiny_bundle(tmp_path / 'two', name='x')
    for file in (*BUNDLE_FILES, 'policy.json'):
        assert (one / file).read_bytes() == (two / file).read_bytes()


def test_a_bundle_is_replaced_and_other_files_in_it_are_kept(own_bundle):
    (own_bundle / 'loss.png').write_bytes(b'picture')
    before = read_spec(own_bundle).files['core.onnx']
    make_tiny_bundle(own_bundle, seed=1)
    assert read_spec(own_bundle).files['core.onnx'] != before
    assert (own_bundle / 'loss.png').read_bytes() == b'picture'
    assert [path.name for path in own_bundle.parent.iterdir()] == ['own']


def test_an_empty_folder_may_become_a_bundle(tmp_path):
    (tmp_path / 'new').mkdir()
    assert read_spec(make_tiny_bundle(tmp_path / 'new')).name == 'new'


def test_what_is_no_bundle_is_not_overwritten(tmp_path):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'holiday.jpg').write_bytes(b'sun')
    (tmp_path / 'file').write_bytes(b'text')
    for name in ('photos', 'file'):
        with pytest.raises(InputError, match=f'a new folder or replace a bundle. Got .*{name}, which is neither'):
            make_tiny_bundle(tmp_path / name)
    assert (tmp_path / 'photos' / 'holiday.jpg').read_bytes() == b'sun'


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(InputError, match=r'the folder of a bundle must be writable. Got .*own'):
        make_tiny_bundle(tmp_path / 'file' / 'own')


def test_a_failed_replacement_leaves_the_old_bundle(own_bundle, monkeypatch):
    before = read_spec(own_bundle)
    rename = Path.rename

    def full_disk(self, target):
        if self.name == 'fresh':
            raise OSError(28, 'No space left on device')
        return rename(self, target)

    monkeypatch.setattr(Path, 'rename', full_disk)
    with pytest.raises(InputError, match='No space left on device'):
        make_tiny_bundle(own_bundle, seed=1)
    assert read_spec(own_bundle) == before


def test_no_such_folder(tmp_path):
    with pytest.raises(
        InputError, match=r'a policy must be a folder with a policy.json. Got .*gone, which is no folder'
    ):
        read_bundle(tmp_path / 'gone')


@pytest.mark.parametrize('file', ['policy.json', *BUNDLE_FILES])
def test_a_missing_file_is_named(own_bundle, file):
    (own_bundle / file).unlink()
    with pytest.raises(InputError, match=f'{file} of a bundle must be a file that can be read.*No such file'):
        read_spec(own_bundle)


def test_a_folder_in_place_of_a_file(own_bundle):
    (own_bundle / 'core.onnx').unlink()
    (own_bundle / 'core.onnx').mkdir()
    with pytest.raises(InputError, match=r'core.onnx of a bundle must be a file. Got .*, which is a folder'):
        read_spec(own_bundle)


@pytest.mark.parametrize('file', BUNDLE_FILES)
def test_an_altered_file_is_named(own_bundle, file):
    data = bytearray((own_bundle / file).read_bytes())
    data[len(data) // 2] ^= 1
    (own_bundle / file).write_bytes(data)
    with pytest.raises(InputError, match=f'{file}: must be the file that policy.json was written with.*it was altered'):
        read_bundle(own_bundle)


def test_a_policy_json_of_other_bytes(own_bundle):
    (own_bundle / 'policy.json').write_bytes(b'\xff\xfe')
    with pytest.raises(InputError, match=r'policy.json: must be UTF-8 text'):
        read_spec(own_bundle)


def test_an_unknown_key_names_the_file(own_bundle):
    root = json.loads((own_bundle / 'policy.json').read_text()) | {'code': 'import os'}
    (own_bundle / 'policy.json').write_text(json.dumps(root))
    with pytest.raises(InputError, match=r'own/policy.json: unknown key "code"'):
        read_spec(own_bundle)


def test_a_graph_that_points_to_another_file_is_refused(tmp_path):
    model = onnx.load_from_string(tiny_core(tiny_spec()))
    weights = model.graph.initializer[0]
    weights.ClearField('raw_data')
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = 'location', '../../secret'
    path = make_tiny_bundle(tmp_path / 'leaky', core=model.SerializeToString())
    with pytest.raises(InputError, match=r'core.onnx: must hold its weights itself. Got a graph with external data'):
        read_bundle(path)


def test_a_graph_that_hides_the_other_file_is_refused_too(tmp_path):
    # The same entry as protobuf may write it as well: value first, and its key's length in two bytes instead of one.
    hidden = b'\x12\x0c../../secret' + b'\x0a\x88\x00location'
    entry = onnx.StringStringEntryProto.FromString(hidden)
    assert (entry.key, entry.value) == ('location', '../../secret')
    path = make_tiny_bundle(
        tmp_path / 'leaky', core=tiny_core(tiny_spec()) + b'\xfa\x7f' + bytes([len(hidden)]) + hidden
    )
    with pytest.raises(InputError, match=r'core.onnx: must hold its weights itself'):
        read_bundle(path)


def test_a_policy_is_found_by_its_folder(own_bundle):
    assert find_policy(own_bundle) == own_bundle
    assert find_policy(str(own_bundle)) == own_bundle


def test_shipped_policies_are_found_in_a_ros_workspace_and_in_the_environment(tmp_path, monkeypatch):
    workspace, environment = tmp_path / 'install', tmp_path / 'venv'
    make_tiny_bundle(workspace / 'share/lnn_controller/policies/both', seed=1)
    make_tiny_bundle(workspace / 'share/lnn_controller/policies/from_workspace')
    make_tiny_bundle(environment / 'share/lnn_controller/policies/both')
    make_tiny_bundle(environment / 'share/lnn_controller/policies/from_environment')
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join(['/nowhere', str(workspace)]))
    monkeypatch.setattr(sys, 'prefix', str(environment))
    assert {'both', 'from_workspace', 'from_environment'} <= set(shipped_policies())
    assert find_policy('both') == workspace / 'share/lnn_controller/policies/both'
    assert find_policy('from_environment').is_relative_to(environment)
    with pytest.raises(
        InputError, match=r'shipped names \(.*both.*from_workspace.*\). Got "car_lame", which is neither'
    ):
        find_policy('car_lame')


def test_shipped_policies_are_found_in_the_source_tree(tmp_path, monkeypatch):
    module = tmp_path / 'lnn_controller' / 'share.py'
    (tmp_path / 'resource').mkdir()
    (tmp_path / 'resource' / 'lnn_controller').touch()
    path = make_tiny_bundle(tmp_path / 'policies' / 'of_the_tree')
    shutil.copytree(path, path.parent / '.of_the_tree-half')
    monkeypatch.setattr(share_module, '__file__', str(module))
    assert find_policy('of_the_tree') == path
    assert '.of_the_tree-half' not in shipped_policies(), 'a bundle being written is none yet'


def test_names_do_not_lead_out_of_the_shipped_folder(tmp_path, monkeypatch):
    make_tiny_bundle(tmp_path / 'share/lnn_controller/outside')
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    with pytest.raises(InputError, match=r'Got "../outside", which is neither'):
        find_policy('../outside')


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(InputError, match=r'a folder or one of the shipped names .*, a folder without a policy.json'):
        find_policy(tmp_path)
