import colorsys

import cv2
import numpy as np
import pytest

from lnn_controller.learning.augment import Augment, cue_mask

RED, ORANGE, BLUE = (210, 35, 30), (235, 120, 20), (40, 70, 215)
GRASS, SKY, TRUNK, SNOW = (80, 120, 55), (150, 185, 225), (95, 80, 65), (235, 238, 242)
DRAWS = 60


def picture(ball, ground=GRASS):
    """A ball on the ground below the sky, with a trunk at its side, (1, 72, 128, 3)."""
    frame = np.empty((72, 128, 3), np.uint8)
    frame[:36], frame[36:] = SKY, ground
    frame[10:60, 20:30] = TRUNK
    cv2.circle(frame, (80, 36), 9, ball, cv2.FILLED)
    return frame[None]


def hue(frames, rows, columns):
    """Of the mean colour of a part, in degrees."""
    red, green, blue = frames[:, rows, columns].reshape(-1, 3).mean(0) / 255
    return 360 * colorsys.rgb_to_hsv(red, green, blue)[0]


def turned(first, second):
    return abs((first - second + 180) % 360 - 180)


BALL, GROUND = (slice(32, 41), slice(76, 85)), (slice(62, 72), slice(0, 128))


def drawn(strength, frames, cue_colour=RED):
    augment = Augment(strength, np.random.default_rng(0), cue_colour)
    return [augment(frames) for _ in range(DRAWS)]


@pytest.mark.parametrize('ball', [RED, ORANGE, BLUE])
def test_cue_keeps_the_hue_of_what_is_sought_and_of_nothing_else(ball):
    frames = picture(ball)
    changed = drawn('cue', frames, ball)
    of_ball, of_ground = (
        np.array([turned(hue(each, *part), hue(frames, *part)) for each in changed]) for part in (BALL, GROUND)
    )
    assert np.median(of_ball) < 8
    assert of_ball.max() < 40
    # In most sequences, and what is painted anew may by chance be as it was.
    assert 0.3 < np.mean(of_ground > 40) < 0.8
    # With another colour for the cue, the ball is as everything else.
    other = BLUE if ball != BLUE else ORANGE
    of_ball = [turned(hue(each, *BALL), hue(frames, *BALL)) for each in drawn('cue', frames, other)]
    assert 0.15 < np.mean(np.array(of_ball) > 40) < 0.8


def test_colour_keeps_every_hue_and_changes_the_light():
    frames = picture(RED)
    changed = drawn('colour', frames)
    for part in (BALL, GROUND):
        assert np.median([turned(hue(each, *part), hue(frames, *part)) for each in changed]) < 15
    light = [each.mean() for each in changed]
    assert max(light) > 1.5 * min(light)


@pytest.mark.parametrize('light', [0.6, 0.8, 1.0])
@pytest.mark.parametrize('ball', [RED, ORANGE, BLUE])
def test_the_mask_finds_the_cue_in_any_light_and_nothing_else(ball, light):
    for ground in (GRASS, SNOW):
        mask = cue_mask((picture(ball, ground) * light).astype(np.uint8), ball)
        assert mask.shape == (1, 72, 128)
        assert mask[(0, *BALL)].min() > 0.9
        found = np.zeros((72, 128), np.uint8)
        cv2.circle(found, (80, 36), 12, 1, cv2.FILLED)
        assert mask[0][found == 0].max() < 0.05


def test_a_far_cue_of_a_few_pixels_is_kept():
    frames = picture(GRASS)
    frames[0, 30:34, 100:104] = RED
    kept = [turned(hue(each, slice(31, 33), slice(101, 103)), hue(frames, slice(31, 33), slice(101, 103)))
            for each in drawn('cue', frames)]  # fmt: skip
    assert np.quantile(kept, 0.9) < 30
