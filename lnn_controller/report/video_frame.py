"""One frame of a drive's video: the car from behind, what its camera sees, what it commands, what its neurons do."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError, how_to_install
from lnn_controller.sim import CarWorld
from lnn_controller.sim.car.body import WHEELBASE_M

__all__ = ['SIZE', 'FramePainter', 'Moment', 'Theme']

Pixels = NDArray[np.uint8]

CHASE = (640, 360)
PANEL_WIDTH, MARGIN = 360, 12
SIZE = (CHASE[0] + PANEL_WIDTH, CHASE[1])
CAMERA_BOX = (CHASE[0] + MARGIN, 30, PANEL_WIDTH - 2 * MARGIN, 111)  # x, y, width, height
BARS_Y, NEURONS_Y = 158, 222
NEURONS_HEIGHT = SIZE[1] - MARGIN - NEURONS_Y - 16
MAP_BOX = (CHASE[0] - 132, CHASE[1] - 104, 124, 96)

NIGHT, LINE, INK, DIM = (15, 23, 42), (51, 65, 85), (241, 245, 249), (148, 163, 184)
SPEED_COLOUR, TURN_COLOUR = (56, 189, 248), (251, 146, 60)
SLOW_M_S = 0.3  # as the simulator: below it ω / v is no usable curvature


@dataclass(frozen=True)
class Theme:
    """
    What is the same in every frame.

    :param policy: name of the policy
    :param scene: how the world looks
    :param track: seed of the road
    :param neurons: how many there are
    :param history_s: how much of their past is shown, s
    :param max_speed_m_s: end of the speed bar
    :param max_turn_rad_s: end of the turn bar, either way
    :param path: where the car drove, (K, 2), m
    """

    policy: str
    scene: str
    track: int
    neurons: int
    history_s: float
    max_speed_m_s: float
    max_turn_rad_s: float
    path: NDArray[np.float64]


@dataclass(frozen=True)
class Moment:
    """
    What one frame shows.

    :param at_s: time since the start, s
    :param pose: x (m), y (m), yaw (rad)
    :param index: of this pose in the theme's path
    :param speed_m_s: forward speed
    :param cross_track_error_m: distance from the lane's centre, positive left
    :param departures: lane departures so far
    :param command: forward speed (m/s), yaw rate (rad/s)
    :param camera: what the front camera saw last, rgb8 (H, W, 3)
    :param neurons: their colours over the time shown, the newest at the right, rgb8 (N, L, 3)
    """

    at_s: float
    pose: tuple[float, float, float]
    index: int
    speed_m_s: float
    cross_track_error_m: float
    departures: int
    command: tuple[float, float]
    camera: Pixels
    neurons: Pixels


class FramePainter:
    """
    Paints frames; it belongs to the thread that made it, because its view of the world does.

    :param theme: what is the same in every frame
    :raises InputError: if Pillow or OpenGL is missing, or there is no such scene
    """

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._image, self._draw, font = _pillow()
        self._font = {size: font(size) for size in (11, 13, 15)}
        self._world = CarWorld(theme.track, theme.scene, render=False)
        self._back = self._background()

    def close(self) -> None:
        """Free the view of the world."""
        self._world.close()

    def paint(self, moment: Moment) -> Pixels:
        """
        Paint a frame.

        :param moment: what it shows
        :returns: rgb8, (360, 1000, 3)
        """
        speed, turn = moment.command
        steering = math.atan(WHEELBASE_M * turn / max(abs(speed), SLOW_M_S))
        self._world.set_pose(*moment.pose, steering_rad=max(-0.5, min(0.5, steering)))
        canvas = self._back.copy()
        chase = self._image.fromarray(self._world.chase(*CHASE))
        chase.paste(self._back.crop((0, 0, *CHASE)), mask=self._overlay)
        canvas.paste(chase, (0, 0))
        x, y, width, height = CAMERA_BOX
        canvas.paste(
            self._image.fromarray(moment.camera).resize((width, height), self._image.Resampling.BICUBIC), (x, y)
        )
        strip = self._image.fromarray(moment.neurons).resize((width, NEURONS_HEIGHT), self._image.Resampling.NEAREST)
        canvas.paste(strip, (x, NEURONS_Y + 16))
        draw = self._draw.Draw(canvas)
        self._write_state(draw, moment)
        self._write_bars(draw, speed, turn)
        self._write_map(draw, moment)
        return np.asarray(canvas)

    def _write_state(self, draw: Any, moment: Moment) -> None:
        error_cm = round(100.0 * moment.cross_track_error_m, 1) + 0.0  # no −0.0
        minutes, seconds = divmod(moment.at_s, 60.0)
        texts = (
            (14, f'{int(minutes)}:{seconds:04.1f}'),
            (78, f'{moment.speed_m_s:.1f} m/s'),
            (152, f'{error_cm:+.1f} cm from lane centre'),
            (366, f'departures {moment.departures}'),
        )
        for left, text in texts:
            draw.text((left, CHASE[1] - 19), text, font=self._font[15], fill=INK, anchor='lm')

    def _write_bars(self, draw: Any, speed: float, turn: float) -> None:
        left, right = CAMERA_BOX[0] + 52, CAMERA_BOX[0] + CAMERA_BOX[2] - 84
        y = BARS_Y + 16
        share = min(max(speed / self._theme.max_speed_m_s, 0.0), 1.0)
        draw.rectangle((left, y, left + share * (right - left), y + 11), fill=SPEED_COLOUR)
        draw.text((SIZE[0] - MARGIN, y + 6), f'{speed:.2f} m/s', font=self._font[13], fill=INK, anchor='rm')
        y += 20
        middle, half = (left + right) / 2, (right - left) / 2
        # Left turns are positive and shown to the left.
        tip = middle - half * min(max(turn / self._theme.max_turn_rad_s, -1.0), 1.0)
        draw.rectangle((min(middle, tip), y, max(middle, tip), y + 11), fill=TURN_COLOUR)
        draw.line((middle, y - 2, middle, y + 13), fill=INK)
        draw.text((SIZE[0] - MARGIN, y + 6), f'{turn:+.2f} rad/s', font=self._font[13], fill=INK, anchor='rm')

    def _write_map(self, draw: Any, moment: Moment) -> None:
        driven = self._on_map(self._theme.path[: moment.index + 1 : 5])
        if len(driven) > 1:
            draw.line([tuple(point) for point in driven], fill=SPEED_COLOUR, width=2)
        ((x, y),) = self._on_map(np.array([moment.pose[:2]]))
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=TURN_COLOUR, outline=INK)

    def _background(self) -> Any:
        """Everything that does not move; the overlay's mask says how much of it covers the chase view."""
        theme = self._theme
        back = self._image.new('RGB', SIZE, NIGHT)
        draw = self._draw.Draw(back)
        self._overlay = self._image.new('L', CHASE, 0)
        cover = self._draw.Draw(self._overlay)
        cover.rectangle((0, CHASE[1] - 38, MAP_BOX[0] - 12, CHASE[1]), fill=175)
        left, top, width, height = MAP_BOX
        cover.rounded_rectangle((left - 4, top - 4, left + width + 4, top + height + 4), 8, fill=175)
        road = [tuple(point) for point in self._on_map(self._world.track.centre[::8])]
        draw.line([*road, road[0]], fill=DIM, width=5, joint='curve')
        cover.line([*road, road[0]], fill=235, width=5, joint='curve')

        x, label = CAMERA_BOX[0], self._font[11]
        draw.text((x, 18), 'FRONT CAMERA', font=label, fill=DIM, anchor='lm')
        title = f'{theme.policy}   {theme.scene}, road {theme.track}'
        draw.text((SIZE[0] - MARGIN, 18), title, font=label, fill=INK, anchor='rm')
        draw.text((x, BARS_Y + 3), 'COMMAND', font=label, fill=DIM, anchor='lm')
        for row, name in enumerate(('speed', 'turn')):
            y = BARS_Y + 16 + 20 * row
            draw.text((x, y + 6), name, font=self._font[13], fill=INK, anchor='lm')
            draw.rectangle((x + 52, y, x + CAMERA_BOX[2] - 84, y + 11), fill=LINE)
        draw.text((x, NEURONS_Y + 6), f'{theme.neurons} NEURONS', font=label, fill=DIM, anchor='lm')
        draw.text((SIZE[0] - MARGIN, NEURONS_Y + 6), f'last {theme.history_s:g} s', font=label, fill=DIM, anchor='rm')
        return back

    def _on_map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """World coordinates (m) to pixels, (K, 2)."""
        centre = self._world.track.centre
        low, high = centre.min(0), centre.max(0)
        left, top, width, height = MAP_BOX
        scale = min((width - 14) / (high[0] - low[0]), (height - 14) / (high[1] - low[1]))
        middle = np.array([left + width / 2, top + height / 2])
        return np.asarray(middle + (points - (low + high) / 2) * (scale, -scale))


def _pillow() -> tuple[Any, Any, Any]:
    try:
        from matplotlib import get_data_path
        from PIL import Image, ImageDraw, ImageFont
    except ModuleNotFoundError:
        msg = f'Videos need matplotlib and Pillow. Install it: {how_to_install("sim")}'
        raise InputError(msg) from None

    def font(size: int) -> Any:
        return ImageFont.truetype(f'{get_data_path()}/fonts/ttf/DejaVuSans.ttf', size)

    return Image, ImageDraw, font
