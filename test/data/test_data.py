"""The room as a whole: what it exports, and what importing it loads."""

import subprocess
import sys

import pytest

import lnn_controller.data as data


def test_public_names_are_there():
    from lnn_controller.data.bags.reader import Bag

    assert data.Bag is Bag
    for name in data.__all__:
        assert getattr(data, name).__doc__
        assert name == getattr(data, name).__name__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = data.nothing


def test_the_room_loads_nothing_before_it_is_asked():
    program = 'import sys, lnn_controller.data; print(*(n for n in sys.modules if n.startswith(("rosbags", "cv2"))))'
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
