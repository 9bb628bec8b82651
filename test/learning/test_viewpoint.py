import math
from contextlib import closing

import numpy as np
import pytest
from made_episode import MS, START_NS, make_episode

from lnn_controller.errors import InputError
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.viewpoint import Pose, Viewpoint
from lnn_controller.learning.windows import Windows, cut, from_aside
from lnn_controller.sim.robots import find_robot

# The simulated car's camera: 66 rows of 50°, 11.5° downward, 0.5 m above the road and ahead of the rear axle.
CAMERA = {'camera_fov': (109, 50), 'camera_horizon': 0.283, 'camera_height': 0.5}
AHEAD_M = 0.5


def viewpoint(**chosen):
    height = chosen.pop('height', 66)
    return Viewpoint(TrainConfig(**{'viewpoint_shift': 0.3, 'viewpoint_turn': 10, **CAMERA, **chosen}), height, 200)


@pytest.mark.parametrize(
    ('left_m', 'turned_rad', 'crop'),
    [
        (0.2, 0.0, {}),
        (-0.3, 0.0, {}),
        (0.0, 0.12, {}),
        (0.2, -0.1, {}),
        (0.2, -0.1, {'crop_top': 0.2, 'crop_bottom': 0.1}),
        (-0.1, -0.15, {'crop_top': 0.2, 'crop_bottom': 0.1}),
    ],
)
@pytest.mark.slow
def test_a_frame_from_elsewhere_is_what_the_camera_sees_there(left_m, turned_rad, crop):
    with closing(find_robot('car').make('lane', 21, 'summer', scenery_seed=0).world) as world:
        x, y, yaw = world.track.at(6.0, world.track.lane_offset_m)
        world.set_pose(x, y, yaw)
        here = world.camera()
        world.set_pose(x - left_m * math.sin(yaw), y + left_m * math.cos(yaw), yaw + turned_rad)
        there = world.camera()
    rows = slice(round(66 * crop.get('crop_top', 0)), round(66 * (1 - crop.get('crop_bottom', 0))))
    here, there = here[rows], there[rows]
    made = viewpoint(**crop, height=len(here)).seen(here, Pose(left_m + AHEAD_M * math.sin(turned_rad), turned_rad))

    def difference(frame):
        # Of the road: trees stand up, and at the sides a frame cannot show what it has not seen.
        return np.abs(frame[-35:, 50:150].astype(int) - there[-35:, 50:150]).mean()

    assert made.shape == here.shape
    assert difference(made) < 0.4 * difference(here)


def test_a_frame_from_where_it_was_taken_is_itself():
    frame = np.random.default_rng(0).integers(0, 256, (66, 200, 3), np.uint8)
    np.testing.assert_array_equal(viewpoint().seen(frame, Pose(0.0, 0.0)), frame)


@pytest.mark.parametrize('speed_m_s', [0.5, 2.0, -1.0])
@pytest.mark.parametrize('start', [Pose(0.3, 0.0), Pose(0.0, -0.17), Pose(-0.3, -0.17)])
def test_the_way_back_ends_on_the_path(start, speed_m_s):
    dt_s = np.full(2000, 0.02, np.float32)
    command = np.stack([np.full(2000, speed_m_s), np.full(2000, 0.3)], axis=1).astype(np.float32)
    poses, changed = viewpoint().way_back(start, command, dt_s)
    assert poses[0] == start
    np.testing.assert_array_equal(changed[:, 0], command[:, 0])
    np.testing.assert_allclose(np.diff([each.turned_rad for each in poses]) / 0.02, changed[:-1, 1] - 0.3, atol=1e-4)
    if speed_m_s > 0:  # it looks ahead alone: who backs is not led back
        assert abs(poses[-1].left_m) < 0.01
        assert changed[-1, 1] == pytest.approx(0.3, abs=0.02)
    # To the left of the path, or turned left, it is to turn right.
    lead = start.left_m + start.turned_rad
    assert (changed[0, 1] - 0.3) * lead * speed_m_s < 0


def test_who_stands_stays_aside():
    command = np.zeros((50, 2), np.float32)
    poses, changed = viewpoint().way_back(Pose(0.2, 0.1), command, np.full(50, 0.02, np.float32))
    assert set(poses) == {Pose(0.2, 0.1)}
    assert not changed.any()


def test_frames_commands_and_gyro_follow_one_path():
    episode = make_episode()
    window = cut(episode, START_NS + np.arange(100, 700, 20) * MS)
    config = TrainConfig(viewpoint_shift=0.3, **CAMERA)
    view = Viewpoint(config, *episode.images.shape[1:3])
    poses, command = view.way_back(Pose(0.3, 0.0), window.command, window.dt_s)
    aside = from_aside(window, view, Pose(0.3, 0.0))
    np.testing.assert_array_equal(aside.command, command)
    np.testing.assert_array_equal(aside.frames[0], view.seen(window.frames[0], Pose(0.3, 0.0)))
    last = int(np.flatnonzero(aside.frame_index == len(window.frames) - 1)[0])
    np.testing.assert_array_equal(aside.frames[-1], view.seen(window.frames[-1], poses[last]))
    np.testing.assert_array_equal(aside.imu[:, [0, 1, 3, 4, 5]], window.imu[:, [0, 1, 3, 4, 5]])
    np.testing.assert_allclose(
        aside.imu[1:, 2] - window.imu[1:, 2], (command - window.command)[:-1, 1], rtol=1e-3, atol=1e-4
    )
    assert aside.imu[0, 2] == window.imu[0, 2]


def test_without_it_the_windows_are_those_of_before():
    config = TrainConfig(steps=2, epochs=1, batch_size=4, window_ticks=8)
    other = TrainConfig(steps=2, epochs=1, batch_size=4, window_ticks=8, **CAMERA)
    aside = TrainConfig(steps=2, epochs=1, batch_size=4, window_ticks=8, viewpoint_shift=0.3, **CAMERA)
    first, same, changed = (next(iter(Windows([make_episode()], each))) for each in (config, other, aside))
    assert first.command.equal(same.command)
    assert first.frames.equal(same.frames)
    assert not first.command.equal(changed.command)


@pytest.mark.parametrize(
    ('chosen', 'words'),
    [
        ({'viewpoint_shift': 0.3}, 'camera_fov'),
        ({'viewpoint_shift': 0.3, 'camera_fov': (90, 60)}, 'camera_height'),
        ({'viewpoint_turn': 5.0, 'camera_fov': (90,)}, 'two angles'),
        ({'viewpoint_turn': 5.0, 'camera_fov': (90, 60), 'outputs': ('angular_z',)}, 'Got no linear_x'),
    ],
)
def test_what_it_needs_is_asked_for(chosen, words):
    with pytest.raises(InputError, match=words):
        TrainConfig(**chosen)
