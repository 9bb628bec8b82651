"""Where things are in a frame of a trial's video: from the shape of the camera's pictures and the channels' number."""

from dataclasses import dataclass

__all__ = ['MARGIN', 'ROW_HEIGHT', 'Layout']

Box = tuple[int, int, int, int]  # x, y, width, height

PANEL_WIDTH, MARGIN = 360, 12
PICTURE_WIDTH = PANEL_WIDTH - 2 * MARGIN
CAMERA_TOP, ROW_HEIGHT, NEURONS_HEIGHT = 30, 20, 110
MAP_SHARE = (124 / 640, 96 / 360)


@dataclass(frozen=True)
class Layout:
    """
    The robot from behind at the left, as high as the panel at the right; a map in its corner.

    :param camera: height and width of the camera's pictures
    :param channels: how many the command has
    """

    camera: tuple[int, int]
    channels: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame, even as H.264 wants them."""
        width, height = self.chase
        return width + PANEL_WIDTH, height

    @property
    def chase(self) -> tuple[int, int]:
        """Width and height of the view from behind, 16:9."""
        height = (self._neurons_top + NEURONS_HEIGHT + MARGIN) // 2 * 2
        return round(height * 8 / 9) * 2, height

    @property
    def camera_box(self) -> Box:
        """Where the camera's picture is."""
        return self.chase[0] + MARGIN, CAMERA_TOP, PICTURE_WIDTH, self._camera_height

    def bar(self, row: int) -> Box:
        """
        Return where the bar of a channel is.

        :param row: number of the channel
        :returns: its box
        """
        return self.chase[0] + MARGIN + 52, self._bars_top + ROW_HEIGHT * row, PICTURE_WIDTH - 136, 11

    @property
    def neurons_box(self) -> Box:
        """Where the neurons are."""
        return self.chase[0] + MARGIN, self._neurons_top, PICTURE_WIDTH, NEURONS_HEIGHT

    @property
    def map_box(self) -> Box:
        """Where the map is."""
        width, height = self.chase
        box = round(width * MAP_SHARE[0]), round(height * MAP_SHARE[1])
        return width - box[0] - 8, height - box[1] - 8, *box

    @property
    def _camera_height(self) -> int:
        return round(PICTURE_WIDTH * self.camera[0] / self.camera[1])

    @property
    def _bars_top(self) -> int:
        return CAMERA_TOP + self._camera_height + 33

    @property
    def _neurons_top(self) -> int:
        return self._bars_top + ROW_HEIGHT * self.channels + 24
