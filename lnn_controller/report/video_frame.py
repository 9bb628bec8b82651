"""One frame of a trial's video: the robot from behind, what its camera sees, what it commands, what its neurons do."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError, how_to_install
from lnn_controller.report.video_layout import MARGIN, ROW_HEIGHT, Layout
from lnn_controller.sim import find_robot
from lnn_controller.sim.interface import Targeted

__all__ = ['FramePainter', 'Moment', 'Theme']

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

NIGHT, LINE, INK, DIM = (15, 23, 42), (51, 65, 85), (241, 245, 249), (148, 163, 184)
PATH_COLOUR, ROBOT_COLOUR, TREE_COLOUR, TARGET_COLOUR = (56, 189, 248), (251, 146, 60), (94, 140, 106), (239, 68, 68)
# How a channel is called, its colour, its unit, and on which side of its bar what is positive is shown.
CHANNELS = {
    'linear_x': ('speed', (56, 189, 248), 'm/s', 1),
    'linear_y': ('aside', (45, 212, 191), 'm/s', -1),
    'linear_z': ('climb', (167, 139, 250), 'm/s', 1),
    'angular_z': ('turn', (251, 146, 60), 'rad/s', -1),
}
SURROUNDINGS_M = 5.0
STATE_LEFT = (14, 78, 152, 366)
COVER, COVER_LINE = 175, 235  # how much of the chase view is covered, of 255


@dataclass(frozen=True)
class Theme:
    """
    What is the same in every frame.

    :param policy: name of the policy
    :param robot: name of the robot
    :param task: what was asked of it
    :param scene: how the world looks
    :param seed: of the world
    :param place: where it was, in words
    :param channels: of the command, by name
    :param ranges: of each channel's bar: lowest and highest value, (C, 2), m/s and rad/s
    :param camera: height and width of the camera's pictures
    :param neurons: how many there are
    :param history_s: how much of their past is shown, s
    :param path: where the robot went, (K, 2), m
    :param targets: where its target was meanwhile, (K, 2), m; (0, 2): there was none
    """

    policy: str
    robot: str
    task: str
    scene: str
    seed: int
    place: str
    channels: tuple[str, ...]
    ranges: Floats
    camera: tuple[int, int]
    neurons: int
    history_s: float
    path: Floats
    targets: Floats

    @property
    def layout(self) -> Layout:
        """Where things are."""
        return Layout(self.camera, len(self.channels))


@dataclass(frozen=True)
class Moment:
    """
    What one frame shows.

    :param state: time, speed and how the task goes, in words
    :param pose: x, y, z (m) and the quaternion x, y, z, w, (7,)
    :param index: of this pose in the theme's path
    :param command: by channel, (C,), m/s and rad/s
    :param camera: what the front camera saw last, rgb8 (H, W, 3)
    :param neurons: their colours over the time shown, the newest at the right, rgb8 (N, L, 3)
    :param target: where the target is, (3,), m; ``None``: there is none
    """

    state: tuple[str, ...]
    pose: Floats
    index: int
    command: Floats
    camera: Pixels
    neurons: Pixels
    target: Floats | None = None


class FramePainter:
    """
    Paints frames; it belongs to the thread that made it, because its view of the world does.

    :param theme: what is the same in every frame
    :raises InputError: if Pillow or OpenGL is missing, or there is no such robot, task or scene
    """

    def __init__(self, theme: Theme) -> None:
        self._theme, self._layout = theme, theme.layout
        self._image, self._draw, font = _pillow()
        self._font = {size: font(size) for size in (11, 13, 15)}
        task = find_robot(theme.robot).begin(theme.task, theme.seed, theme.scene, render=False)
        self._world, self._map = task.world, task.map()
        # All of a road; of a forest what lies about the path.
        road = [points for _, points in self._map.lines]
        shown = np.concatenate(road or [theme.path, theme.targets, self._map.targets])
        beyond_m = 0.0 if road else SURROUNDINGS_M
        self._low, self._high = shown.min(0) - beyond_m, shown.max(0) + beyond_m
        self._back = self._background()

    def close(self) -> None:
        """Free the view of the world."""
        self._world.close()

    def paint(self, moment: Moment) -> Pixels:
        """
        Paint a frame.

        :param moment: what it shows
        :returns: rgb8, of the theme's layout's size
        """
        if moment.target is not None and isinstance(self._world, Targeted):
            self._world.set_target(*moment.target)
        self._world.show(moment.pose, moment.command)
        canvas = self._back.copy()
        chase = self._image.fromarray(self._world.chase(*self._layout.chase))
        chase.paste(self._back.crop((0, 0, *self._layout.chase)), mask=self._overlay)
        canvas.paste(chase, (0, 0))
        left, top, width, height = self._layout.camera_box
        picture = self._image.fromarray(moment.camera)
        canvas.paste(picture.resize((width, height), self._image.Resampling.BICUBIC), (left, top))
        left, top, width, height = self._layout.neurons_box
        strip = self._image.fromarray(moment.neurons)
        canvas.paste(strip.resize((width, height), self._image.Resampling.NEAREST), (left, top))
        draw = self._draw.Draw(canvas)
        for x, text in zip(STATE_LEFT, moment.state, strict=False):
            draw.text((x, self._layout.chase[1] - 19), text, font=self._font[15], fill=INK, anchor='lm')
        for row, value in enumerate(moment.command.tolist()):
            self._write_bar(draw, row, value)
        self._write_map(draw, moment)
        return np.asarray(canvas)

    def _write_bar(self, draw: Any, row: int, value: float) -> None:
        _, colour, unit, side = CHANNELS[self._theme.channels[row]]
        low, high = self._theme.ranges[row].tolist()
        left, top, width, height = self._layout.bar(row)
        if side < 0:
            low, high, shown = -high, -low, -value
        else:
            shown = value
        zero, tip = (left + width * (min(max(at, low), high) - low) / (high - low) for at in (0.0, shown))
        draw.rectangle((min(zero, tip), top, max(zero, tip), top + height), fill=colour)
        if low < 0.0:
            draw.line((zero, top - 2, zero, top + height + 2), fill=INK)
        text = f'{value:+.2f} {unit}' if low < 0.0 else f'{value:.2f} {unit}'
        right = self._layout.size[0] - MARGIN
        draw.text((right, top + 6), text, font=self._font[13], fill=INK, anchor='rm')

    def _write_map(self, draw: Any, moment: Moment) -> None:
        driven = self._on_map(self._theme.path[: moment.index + 1 : 5])
        if len(driven) > 1:
            draw.line([tuple(point) for point in driven], fill=PATH_COLOUR, width=2)
        targets = self._map.targets if moment.target is None else moment.target[None, :2]
        for x, y in self._on_map(targets):
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=TARGET_COLOUR, outline=INK)
        ((x, y),) = self._on_map(moment.pose[None, :2])
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=ROBOT_COLOUR, outline=INK)

    def _background(self) -> Any:
        """Everything that does not move; the overlay's mask says how much of it covers the chase view."""
        theme, layout = self._theme, self._layout
        back = self._image.new('RGB', layout.size, NIGHT)
        draw = self._draw.Draw(back)
        self._overlay = self._image.new('L', layout.chase, 0)
        cover = self._draw.Draw(self._overlay)
        left, top, width, height = layout.map_box
        cover.rectangle((0, layout.chase[1] - 38, left - 12, layout.chase[1]), fill=COVER)
        cover.rounded_rectangle((left - 4, top - 4, left + width + 4, top + height + 4), 8, fill=COVER)
        for _, points in self._map.lines:
            line = [tuple(point) for point in self._on_map(points[::8])]
            draw.line(line, fill=DIM, width=3, joint='curve')
            cover.line(line, fill=COVER_LINE, width=3, joint='curve')
        middles = self._on_map(self._map.obstacles[:, :2])
        for (x, y), metres in zip(middles, self._map.obstacles[:, 2], strict=True):
            radius = max(1.5, metres * self._scale)
            inside = left < x - radius and x + radius < left + width and top < y - radius and y + radius < top + height
            if not inside:
                continue
            for each, fill in ((draw, TREE_COLOUR), (cover, COVER_LINE)):
                each.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

        x, label, right = layout.camera_box[0], self._font[11], layout.size[0] - MARGIN
        draw.text((x, 18), 'FRONT CAMERA', font=label, fill=DIM, anchor='lm')
        draw.text((right, 18), f'{theme.policy}   {theme.place}', font=label, fill=INK, anchor='rm')
        draw.text((x, layout.bar(0)[1] - ROW_HEIGHT + 7), 'COMMAND', font=label, fill=DIM, anchor='lm')
        for row, name in enumerate(theme.channels):
            left, top, width, height = layout.bar(row)
            draw.text((x, top + 6), CHANNELS[name][0], font=self._font[13], fill=INK, anchor='lm')
            draw.rectangle((left, top, left + width, top + height), fill=LINE)
        above = layout.neurons_box[1] - 10
        draw.text((x, above), f'{theme.neurons} NEURONS', font=label, fill=DIM, anchor='lm')
        draw.text((right, above), f'last {theme.history_s:g} s', font=label, fill=DIM, anchor='rm')
        return back

    @property
    def _scale(self) -> float:
        """Pixels of the map a metre."""
        _, _, width, height = self._layout.map_box
        extent = self._high - self._low
        return float(min((width - 14) / extent[0], (height - 14) / extent[1]))

    def _on_map(self, points: Floats) -> Floats:
        """World coordinates (m) to pixels, (K, 2)."""
        left, top, width, height = self._layout.map_box
        middle = np.array([left + width / 2, top + height / 2])
        scale = self._scale
        return np.asarray(middle + (points - (self._low + self._high) / 2) * (scale, -scale))


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
