"""The emergency stop is engaged if, and only if, somebody has not let go of it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lnn_controller.nodes.controller.stop_holders import ANYBODY, StopHolders, Word

GIDS = [bytes([number]) * 16 for number in range(4)]
NAMES = {gid: f'/panel_{number}' for number, gid in enumerate(GIDS)}
gids = st.sampled_from(GIDS)


def word(gid, engaged, sequence=None, stamp_ns=0):
    return Word(gid, engaged, sequence, stamp_ns)


class Stops(RuleBasedStateMachine):
    """Publishers and a service that engage, let go, go away and come back, with and without the dead-man mode."""

    def __init__(self):
        super().__init__()
        self.holders = StopHolders()
        self.now_s = 100.0
        self.sequence = dict.fromkeys(GIDS, 0)
        self.said, self.heard_s, self.gone = {}, {}, set()
        self.service = False

    @rule(gid=gids, engaged=st.booleans(), copies=st.integers(1, 3))
    def say(self, gid, engaged, copies):
        self.sequence[gid] += 1
        for _ in range(copies):  # by each subscription that hears it
            self.holders.hear(word(gid, engaged, self.sequence[gid]), self.now_s)
        self.said[gid], self.heard_s[gid] = engaged, self.now_s
        self.gone.discard(gid)
        self.look()

    @rule(gid=gids, engaged=st.booleans())
    def hear_what_was_overtaken(self, gid, engaged):
        if gid in self.said and self.sequence[gid] > 1:
            self.holders.hear(word(gid, engaged, self.sequence[gid] - 1), self.now_s)

    @rule(gid=gids)
    def go(self, gid):
        self.gone.add(gid)
        self.look()

    @rule(engaged=st.booleans())
    def call(self, engaged):
        self.holders.set_service(engaged)
        self.service = engaged
        if not engaged:
            self.said = {gid: each for gid, each in self.said.items() if gid not in self.gone}

    @rule(seconds=st.sampled_from([0.4, 0.6, 2.0]))
    def wait(self, seconds):
        self.now_s += seconds

    @rule(timeout_s=st.sampled_from([0.0, 0.5, 1.0]))
    def change_the_timeout(self, timeout_s):
        self.holders.timeout_s = timeout_s
        self.look()

    def look(self):
        self.holders.look({gid: name for gid, name in NAMES.items() if gid not in self.gone}, self.now_s)
        if not self.holders.timeout_s:
            self.said = {gid: each for gid, each in self.said.items() if each or gid not in self.gone}

    @invariant()
    def engaged_if_and_only_if_somebody_holds_it(self):
        timeout_s = self.holders.timeout_s
        holding = {gid for gid, engaged in self.said.items() if engaged}
        if timeout_s:
            holding |= {gid for gid in self.said if self.now_s - self.heard_s[gid] > timeout_s}
        names = {each.split(' (')[0] for each in self.holders.holders(self.now_s)}
        wanted = {NAMES[gid] for gid in holding} | ({'service'} if self.service else set())
        assert names == wanted | ({'no heartbeat'} if timeout_s and not self.said else set())


TestStops = Stops.TestCase
TestStops.settings = settings(stateful_step_count=30)


def told(*words):
    holders = StopHolders()
    for each in words:
        holders.hear(each, 0.0)
    holders.look(NAMES, 0.0)
    return holders


@pytest.mark.parametrize('sequences', [(1, 2), (None, None)])
def test_a_false_that_comes_late_releases_nothing(sequences):
    before, after = sequences
    holders = told(word(GIDS[0], True, after, 20), word(GIDS[0], False, before, 10))
    assert holders.holders(0.0) == ('/panel_0',)


def test_a_true_counts_even_where_the_publisher_s_clock_stepped_back():
    assert told(word(GIDS[0], False, None, 20), word(GIDS[0], True, None, 10)).holders(0.0) == ('/panel_0',)


def test_a_panel_that_boots_releases_nothing_of_another():
    assert told(word(GIDS[0], True, 1), word(GIDS[1], False, 1)).holders(0.0) == ('/panel_0',)


def test_who_is_gone_is_told_once_and_let_go_by_the_service_alone():
    holders = told(word(GIDS[0], True, 1), word(GIDS[1], True, 1))
    present = {GIDS[1]: NAMES[GIDS[1]]}
    assert holders.look(present, 0.0) == ['/panel_0']
    assert holders.look(present, 0.0) == []
    assert holders.holders(0.0) == ('/panel_0 (gone)', '/panel_1')
    # It comes back: a new publisher, and its word is its own.
    holders.hear(word(GIDS[2], False, 1), 1.0)
    assert '/panel_0 (gone)' in holders.holders(1.0)
    holders.set_service(False)
    assert holders.holders(1.0) == ('/panel_1',)


def test_where_publishers_are_not_told_apart_the_service_lets_go_when_none_is_left():
    holders = StopHolders()
    holders.hear(word(ANYBODY, True), 0.0)
    assert holders.look(NAMES, 0.0) == []
    holders.set_service(False)
    assert holders.holders(0.0) == (' or '.join(sorted(NAMES.values())),)
    assert holders.look({GIDS[0]: '/panel'}, 1.0) == [], 'one has gone, and may be another'
    holders.set_service(False)
    assert holders.holders(1.0) == ('/panel',)
    assert holders.look({}, 2.0) == [], 'it is not known which of them held it'
    assert holders.holders(2.0) == ('/panel (gone)',)
    holders.set_service(False)
    assert holders.holders(2.0) == ()


def test_a_publisher_that_dies_again_and_again_holds_it_once():
    holders = StopHolders()
    for number in range(1000):
        gid = number.to_bytes(16, 'big')
        holders.hear(word(gid, True, 1), 0.0)
        holders.look({gid: '/panel'}, 0.0)
        holders.look({}, 0.0)
    assert holders.holders(0.0) == ('/panel (gone)', 'others (gone)')
    assert sum(holders.knows(number.to_bytes(16, 'big')) for number in range(1000)) == 100
    holders.set_service(False)
    assert holders.holders(0.0) == ()


def many_that_go(holders, engaged, heard_s):
    for number in range(1000, 1200):
        gid = number.to_bytes(16, 'big')
        holders.hear(word(gid, engaged, 1), heard_s)
        holders.look({gid: '/panel'}, heard_s)
        holders.look({}, heard_s)


@pytest.mark.parametrize('engaged', [True, False])
@pytest.mark.parametrize('timeout_s', [0.0, 60.0])
def test_those_that_come_after_it_do_not_make_a_stop_forgotten(engaged, timeout_s):
    holders = told(word(GIDS[0], True, 1))
    holders.timeout_s = timeout_s
    holders.look({}, 0.0)
    many_that_go(holders, engaged, 0.0)
    holders.timeout_s = 0.0
    holders.look({}, 0.0)
    assert holders.holders(0.0) == (('/panel (gone)', 'others (gone)') if engaged else ('/panel_0 (gone)',))
    holders.set_service(False)
    assert holders.holders(0.0) == ()


def test_a_heartbeat_that_others_make_forgotten_is_missed_all_the_same():
    holders = told(word(GIDS[0], False, 1))
    holders.timeout_s = 60.0
    holders.look({}, 0.0)
    many_that_go(holders, engaged=False, heard_s=50.0)
    assert holders.holders(59.0) == ()
    assert holders.holders(61.0) == ('others (gone)',)


def test_who_was_heard_after_the_graph_was_asked_is_there():
    holders = StopHolders()
    holders.hear(word(GIDS[0], True, 1), 2.0)
    assert holders.look({}, 1.0) == []
    holders.set_service(False)
    assert holders.holders(2.0) == ('an unknown publisher',)
    assert holders.look({}, 3.0) == ['an unknown publisher']


def test_in_the_dead_man_mode_silence_and_nobody_stop():
    holders = StopHolders()
    holders.timeout_s = 0.5
    assert holders.holders(0.0) == ('no heartbeat',)
    holders.hear(word(GIDS[0], False, 1), 0.0)
    holders.look(NAMES, 0.0)
    assert holders.holders(0.4) == ()
    assert holders.holders(0.6) == ('/panel_0 (silent)',)
    holders.hear(word(GIDS[0], False, 2), 1.0)
    assert holders.holders(1.1) == ()


P, R = True, False


@pytest.mark.parametrize(
    ('said', 'presses'),
    [
        ([(P, 1)], 1),
        ([(P, 1), (P, 1), (P, 1)], 1),  # one word by three subscriptions
        ([(P, 1), (P, 2), (P, 3)], 1),  # held, and said so again and again
        ([(P, 1), (R, 2)], 1),
        ([(R, 2), (P, 1), (P, 1)], 1),  # the release was heard first
        ([(P, 1), (R, 2), (P, 1), (R, 2), (P, 1)], 1),
        ([(P, 1), (R, 2), (P, 3), (R, 4), (P, 1), (P, 3)], 2),
        ([(R, 1), (R, 2)], 0),
    ],
)
@pytest.mark.parametrize('counted', [True, False])
def test_a_press_counts_once_also_if_it_was_let_go_of_at_once(said, presses, counted):
    holders = told(*(word(GIDS[0], engaged, number if counted else None, number) for engaged, number in said))
    assert holders.presses == presses
