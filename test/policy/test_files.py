import os
import socket
from pathlib import Path

import pytest
from full_disk import files_of_at_most
from hypothesis import given
from hypothesis import strategies as st

from lnn_controller.errors import InputError, printable, short
from lnn_controller.policy import find_policy, read_bundle
from lnn_controller.policy.files import expand, parse_json, parse_yaml, read_file, read_text, write_whole

BOMB = 'a0: &a0 [x]\n' + ''.join(f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]\n' for i in range(1, 20))


@pytest.fixture
def special(tmp_path):
    """What is no file of a bearable size, by kind."""
    os.mkfifo(tmp_path / 'pipe')
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / 'socket'))
    (tmp_path / 'folder').mkdir()
    with (tmp_path / 'sparse').open('wb') as file:
        file.truncate(40_000_000_000)
    (tmp_path / 'loop').symlink_to('loop')
    names = {name: str(tmp_path / name) for name in ('pipe', 'socket', 'folder', 'sparse', 'loop', 'none')}
    return names | {
        'device': '/dev/zero',
        'user': '~no-such-user/x',
        'zero': 'a\0b',
        'long': 'x' * 300,
        'path': 'x/' * 2500,
    }


SAID = {
    'pipe': 'must be a file. Got .*pipe, which is a pipe',
    'socket': 'must be a file that can be read',
    'folder': 'must be a file. Got .*folder, which is a folder',
    'sparse': 'at most 10 MB. Got .*, 40000 MB',
    'loop': 'symbolic links',
    'none': 'must be a file that can be read. Got .*none: No such file',
    'device': 'must be a file. Got /dev/zero, which is a pipe, a device',
    'user': 'must name a user of this machine. Got .*~no-such-user',
    'zero': r"that a file can have. Got .a\\x00b.",
    'long': 'File name too long',
    'path': 'File name too long|No such file',
}  # fmt: skip


@pytest.mark.parametrize('kind', SAID)
def test_what_is_no_file_is_refused_in_a_line(special, kind):
    with pytest.raises(InputError, match=SAID[kind]) as refused:
        read_file(special[kind], 'a thing')
    assert '\n' not in str(refused.value)
    assert len(str(refused.value)) < 600 or kind == 'path'


@pytest.mark.parametrize('kind', SAID)
def test_no_path_breaks_what_looks_for_a_policy(special, kind):
    for read in (find_policy, read_bundle):
        with pytest.raises(InputError):
            read(special[kind])


@pytest.mark.parametrize('kind', ['pipe', 'socket', 'folder', 'sparse', 'loop'])
def test_a_bundle_of_special_files_is_refused(special, tmp_path, kind):
    bundle = tmp_path / 'bundle'
    bundle.mkdir()
    Path(special[kind]).rename(bundle / 'policy.json')
    with pytest.raises(InputError, match=r'policy\.json|bundle'):
        read_bundle(bundle)


def test_text_is_utf_8(tmp_path):
    (tmp_path / 'text').write_bytes('grün'.encode())
    assert read_text(tmp_path / 'text', 'a thing') == 'grün'
    (tmp_path / 'text').write_bytes(b'gr\xfcn')
    with pytest.raises(InputError, match=r'a thing must be UTF-8 text. Got other bytes'):
        read_text(tmp_path / 'text', 'a thing')


def test_a_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv('HOME', '/somewhere')
    assert str(expand('~/bag')) == '/somewhere/bag'


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('[' * 100_000, 'nested at most some 50 deep'),
        ('[' * 52 + ']' * 52, 'nested at most some 50 deep'),
        ('1' * 5000, 'Got a syntax error: Exceeds the limit'),
        ('{"a": ', 'Got a syntax error: Expecting value'),
    ],
)
def test_json_that_is_none(text, said):
    with pytest.raises(InputError, match=f'x must be JSON.*{said}'):
        parse_json(text, 'x must be')
    assert parse_json('[' * 50 + ']' * 50, 'x must be')


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('[' * 5000, 'nested at most'),
        ('a: ' + '1' * 5000, 'Got a syntax error'),
        ('a: 2001-99-99', 'Got a syntax error: month must be in'),
        ('a: [', 'Got a syntax error'),
        ('? {a: 1}\n: 2', 'Got a syntax error'),
        ('a: \x00', 'Got a syntax error'),
        ('!!python/object/apply:os.system [true]', 'Got a syntax error'),
        ('a: &a {x: 1}\nb: {<<: [*a, *a]}', 'merge keys'),
        ('a' * 100_001, 'at most 100000 characters'),
        ('a: !!float ' + '1:' * 400 + '1', 'Got a syntax error'),
    ],
)
@pytest.mark.slow
def test_yaml_that_is_none(text, said):
    with pytest.raises(InputError, match=f'x must be YAML.*{said}') as refused:
        parse_yaml(text, 'x must be')
    assert '\n' not in str(refused.value)


def test_a_value_is_written_shortly():
    assert short({'a': [1, 'x']}) == "{'a': [1, 'x']}"
    assert short(10**5000) == 'a long int'
    circle = []
    circle.append(circle)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in (parse_yaml(BOMB, 'it is no'), circle, deep, 'x' * 10_000):
        assert len(short(value)) <= 200


@given(st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / 'any'
    path.write_bytes(data)
    for parse in (parse_json, parse_yaml):
        try:
            parse(read_text(path, 'it'), 'it must be')
        except InputError as error:
            assert printable(str(error)) == str(error)


def test_what_acts_on_a_terminal_is_shown_instead():
    hostile = 'a\x1b]0;title\x07\x9b2J\u202eb\udcff\r\n\tgrün 車'
    assert printable(hostile) == 'a\\x1b]0;title\\x07\\x9b2J\\u202eb\\udcff\\r\n\tgrün 車'
    assert str(InputError(f'Got {hostile}')) == f'Got {printable(hostile)}'
    printable(hostile).encode()


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'new' / 'file'
    write_whole(path, b'first')
    with files_of_at_most(100), pytest.raises(OSError, match='File too large'):
        write_whole(path, bytes(1000))
    assert path.read_bytes() == b'first'
    write_whole(path, bytes(1000))
    assert path.read_bytes() == bytes(1000)
    assert list(path.parent.iterdir()) == [path]
