"""Bags of sqlite3: their logs and journals, cut off, damaged, and what is no bag."""

import shutil
import sqlite3

import pytest
from recordings import everything_in, write_drive

from lnn_controller.data import Bag
from lnn_controller.errors import InputError


@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
def test_rows_in_a_write_ahead_log_are_read(tmp_path, alone):
    """A recorder that was killed leaves them there; nothing of the bag is changed by reading it."""
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    with Bag(path) as bag:
        everything = list(bag.messages())
    (file,) = path.glob('*.db3')
    writing = sqlite3.connect(file, isolation_level=None)
    writing.execute('PRAGMA journal_mode=WAL')
    writing.execute('PRAGMA wal_autocheckpoint=0')
    rows = writing.execute('SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp').fetchall()
    writing.execute('DELETE FROM messages')
    writing.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    writing.executemany('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)', rows)
    # As a kill leaves it: closing the connection would take the log in.
    killed = shutil.copytree(path, tmp_path / 'killed')
    writing.close()
    before = {each.name: each.read_bytes() for each in killed.iterdir()}
    assert f'{file.name}-wal' in before
    with Bag(killed / file.name if alone else killed) as bag:
        assert list(bag.messages()) == everything
        assert {topic.count for topic in bag.topics.values()} == {40, 100, 200}
    assert {each.name: each.read_bytes() for each in killed.iterdir()} == before


@pytest.mark.parametrize('alone', [False, True], ids=['directory', 'file'])
def test_what_a_killed_recorder_had_begun_to_write_is_taken_back_by_its_journal(tmp_path, alone):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    expected = everything_in(path)
    (file,) = path.glob('*.db3')
    writing = sqlite3.connect(file, isolation_level=None)
    writing.execute('PRAGMA cache_size=1')
    writing.execute('BEGIN')
    writing.execute('UPDATE messages SET data = randomblob(2000), timestamp = timestamp + 1')
    killed = shutil.copytree(path, tmp_path / 'killed')
    writing.rollback()
    writing.close()
    before = {each.name: each.read_bytes() for each in killed.iterdir()}
    assert before[f'{file.name}-journal']
    assert before[file.name] != file.read_bytes(), 'pages of what was begun are in the file'
    assert everything_in(killed / file.name if alone else killed) == expected
    assert {each.name: each.read_bytes() for each in killed.iterdir()} == before


def test_a_truncated_sqlite3(tmp_path):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    file = path / 'drive.db3'
    whole = file.read_bytes()
    for kept in (10, 100, 5000, len(whole) // 2):
        file.write_bytes(whole[:kept])
        reason = rf'is cut off, {kept} of {len(whole)} bytes are there: copy it again' if kept >= 100 else ''
        with pytest.raises(InputError, match=rf'bag .*drive is damaged.*drive.db3.*{reason}'), Bag(path) as bag:
            list(bag.messages())


def test_a_sqlite3_whose_write_ahead_log_was_not_copied(tmp_path):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    (file,) = path.glob('*.db3')
    database = sqlite3.connect(file)
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('DELETE FROM messages')
    database.commit()
    database.close()  # takes the log in: what was not deleted is whole
    with pytest.raises(InputError, match=r'is empty: .* Its write-ahead log, drive.db3-wal, is not there: copy it too'):
        Bag(file)


def test_rows_that_metadata_lists_and_the_file_lacks_are_reported(tmp_path):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    database = sqlite3.connect(path / 'drive.db3')
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('DELETE FROM messages WHERE id > 300')
    database.commit()
    database.close()
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 300
        (damage,) = bag.damage
    assert damage.reason.startswith(
        'of 340 messages, by metadata.yaml, 300 are there; its write-ahead log, drive.db3-wal'
    )


@pytest.mark.parametrize('wrong', ['topics SET name = NULL', "topics SET type = x'00'", "messages SET data = 'text'"])
def test_a_database_with_something_else_in_it_is_refused(tmp_path, wrong):
    path = write_drive(tmp_path / 'drive', storage='sqlite3')
    (path / 'metadata.yaml').unlink()
    database = sqlite3.connect(path / 'drive.db3', isolation_level=None)
    database.execute('ALTER TABLE topics RENAME TO old')
    database.execute('CREATE TABLE topics AS SELECT * FROM old')
    database.execute(f'UPDATE {wrong}')
    database.close()
    with (
        pytest.raises(InputError, match=r'drive is damaged, .* without (name or type|time or bytes)'),
        Bag(path) as bag,
    ):
        list(bag.messages())


def test_a_foreign_database(tmp_path):
    database = sqlite3.connect(tmp_path / 'other.db3')
    database.execute('CREATE TABLE books(name TEXT)')
    database.commit()
    database.close()
    with pytest.raises(InputError, match=r'bag .*other.db3 is damaged, or of a kind .* missing tables'):
        Bag(tmp_path / 'other.db3')
