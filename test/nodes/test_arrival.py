import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lnn_controller.errors import InputError
from lnn_controller.nodes.common.arrival import Arrival
from lnn_controller.nodes.common.message_types import message_class

STEPS = st.lists(st.one_of(st.integers(0, 10**9), st.integers(-(10**12), 10**12)), max_size=40)


def test_a_simulation_that_begins_again_is_stamped_on():
    arrival = Arrival()
    assert [arrival.stamp(clock) for clock in (100, 200, 300)] == [100, 200, 300]
    assert [arrival.stamp(clock) for clock in (0, 50, 150)] == [301, 351, 451]
    assert arrival.ahead_ns == 301
    assert [arrival.stamp(clock) for clock in (451, 452)] == [752, 753]
    assert arrival.stamp(1000) == 1000  # the clock has caught up
    assert arrival.ahead_ns == 0


@given(STEPS)
def test_stamps_keep_the_order_and_the_time_between(steps):
    clock = np.cumsum([10**13, *steps]).tolist()
    arrival = Arrival()
    stamps = np.array([arrival.stamp(each) for each in clock])
    went = np.diff(clock)
    assert (np.diff(stamps)[went != 0] > 0).all()
    assert (np.diff(stamps)[went == 0] == 0).all()
    assert (stamps >= clock).all()
    if (went >= 0).all():
        np.testing.assert_array_equal(stamps, clock)


def test_the_class_of_a_message_type():
    assert message_class('geometry_msgs/msg/TwistStamped').__name__ == 'TwistStamped'
    assert message_class('std_msgs/msg/UInt32').__name__ == 'UInt32'


@pytest.mark.parametrize(
    'name',
    ['os/msg/Path', 'antigravity/msg/Fly', 'numpy/msg/Array', 'std_msgs/msg/Nothing', 'lnn_controller/msg/X']
    + ['std_msgs/srv/X', 'std_msgs/msg/__doc__', '../x/msg/Y', 'a.b/msg/C', 'X', '', 'std_msgs/msg/\x1b[2J'],
)  # fmt: skip
def test_what_is_no_message_type_is_not_imported(name):
    with pytest.raises(InputError, match=r'is named as sensor_msgs|must be installed here'):
        message_class(name)
