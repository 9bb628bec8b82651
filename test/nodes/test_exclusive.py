"""The turn of whoever uses the controller: who answers others never waits for who works long."""

import threading

import pytest

from lnn_controller.errors import InputError
from lnn_controller.nodes.common.exclusive import Exclusive

DEADLINE_S = 30.0


@pytest.fixture
def failures():
    """What posted actions raised."""
    return []


@pytest.fixture
def exclusive(failures):
    """What is used in turn."""
    return Exclusive(failures.append)


@pytest.fixture
def long_turn(exclusive):
    """Another thread has the turn, as a tick whose network does not end; ``set`` ends it."""
    begun, go_on = threading.Event(), threading.Event()

    def work():
        with exclusive.turn():
            begun.set()
            assert go_on.wait(DEADLINE_S)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(DEADLINE_S)
    yield go_on
    go_on.set()
    thread.join(DEADLINE_S)


def test_what_is_posted_where_nobody_has_the_turn_is_done_at_once(exclusive):
    done = []
    exclusive.post(lambda: done.append('reset'))
    assert done == ['reset']


def test_who_posts_while_the_network_runs_does_not_wait(exclusive, long_turn):
    done = []
    for each in ('stop', 'reset', 'scan'):
        exclusive.post(lambda each=each: done.append(each))
    assert done == []
    long_turn.set()
    with exclusive.turn(DEADLINE_S):
        assert done == ['stop', 'reset', 'scan'], 'before anything else, in this order'


def test_who_must_have_the_turn_gives_up_in_time(exclusive, long_turn):
    with pytest.raises(InputError, match=r'must end within 0.01 s. Got one that still runs'), exclusive.turn(0.01):
        pytest.fail('another has the turn')


def test_one_action_that_fails_keeps_none_of_the_others(exclusive, failures, long_turn):
    done = []
    exclusive.post(lambda: done.append(1 / 0))
    exclusive.post(lambda: done.append('stop'))
    long_turn.set()
    with exclusive.turn(DEADLINE_S):
        assert done == ['stop']
    assert [type(each) for each in failures] == [ZeroDivisionError]
