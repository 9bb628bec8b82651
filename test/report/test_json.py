import json
import math

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.report.json import to_json, write_json, write_rows


def test_json_has_null_where_there_is_no_number():
    text = to_json({'a': math.nan, 'b': [np.float64(1 / 3), np.int64(4)], 'c': (math.inf, True, 'x')})
    assert json.loads(text) == {'a': None, 'b': [0.333333, 4], 'c': [None, True, 'x']}


def test_json_is_written_whole(tmp_path):
    path = tmp_path / 'deep' / 'summary.json'
    write_json(path, {'departures': 0})
    write_json(path, {'departures': 1})
    assert json.loads(path.read_text()) == {'departures': 1}
    assert [file.name for file in path.parent.iterdir()] == ['summary.json']


def test_json_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r'folder of results must be writable\. Got .*summary\.json: '):
        write_json(tmp_path / 'file' / 'summary.json', {})


def test_rows_are_a_line_each(tmp_path):
    path = tmp_path / 'deep' / 'rows.json'
    rows = [{'a': [0.1, 1 / 3], 'b': 'ü'}, {'a': math.nan}]
    write_rows(path, rows)
    assert json.loads(path.read_text()) == {'rows': [{'a': [0.1, 0.333333], 'b': 'ü'}, {'a': None}]}
    assert path.read_text().splitlines()[1:3] == ['{"a":[0.1,0.333333],"b":"ü"},', '{"a":null}']
    write_rows(path, [])
    assert json.loads(path.read_text()) == {'rows': []}
