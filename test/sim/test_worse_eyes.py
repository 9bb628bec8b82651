"""What the tasks with worse eyes ask for: the drivers of benchmarks/worse_eyes.py, who have no network."""

import numpy as np
import pytest
from worse_eyes import in_the_dark, line, seeing_late

from lnn_controller.sim import CarWorld
from lnn_controller.sim.car.eyes import SLOW

SEED = 3002


@pytest.fixture
def world():
    with CarWorld(SEED, render=False) as made:
        yield made


@pytest.mark.parametrize('way', ['straight', 'hold', 'gyroscope'])
def test_in_the_dark_what_needs_no_knowledge_of_the_road_leaves_the_lane(world, way):
    kept, errors = in_the_dark(world, way)
    assert not kept
    assert len(errors) < 1999


def test_in_the_dark_four_metres_of_road_that_were_seen_before_keep_the_lane(world):
    kept, errors = in_the_dark(world, 'ahead', 4.0)
    assert kept
    assert len(errors) == 1999  # the last update ends it
    assert np.abs(errors).max() < 0.3


def test_by_the_slow_camera_the_newest_picture_alone_keeps_the_lane_and_by_half_as_many_it_does_not(world):
    assert seeing_late(world, SLOW.late, SLOW.period)[0]
    assert not seeing_late(world, 120, 240)[0]


def test_a_row_has_the_mean_of_the_drives():
    drives = [(True, [0.02, -0.02]), (False, [0.04, 0.04])]
    assert line('one', drives) == '| one | 1/2 [0.09, 0.91] | 3.0 |'
