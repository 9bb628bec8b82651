"""Where the drone flies: one row per scene, with its colours and what stands about; another scene is another row."""

from collections.abc import Mapping
from dataclasses import dataclass

from lnn_controller.sim.render.looks import LOOKS, Colour, Look

__all__ = ['SCENES', 'FlightScene']


@dataclass(frozen=True)
class FlightScene:
    """
    The looks of a place and what stands in it.

    Forests differ in nothing but their colours and leaves, and so do towns: the same seed puts trees where it put them.
    """

    look: Look
    stock: Mapping[str, int]  # how many of which things, see scenery.THINGS
    crowns: tuple[Colour, ...]  # of what has leaves; empty: it has none
    paint: tuple[Colour, ...] = ()  # of cars
    walls: tuple[Colour, ...] = ()  # of houses; empty: a forest goes on all around
    lit: bool = False  # whether lamps and windows are


FOREST = {'tree': 46, 'conifer': 14, 'bush': 14, 'stone': 8}
TOWN = {'car': 12, 'lamp': 12, 'bollard': 8, 'street_tree': 8}

GREEN = ((0.16, 0.38, 0.12), (0.21, 0.45, 0.16), (0.18, 0.41, 0.10), (0.28, 0.47, 0.17))
# Among what falls some is as red as the target.
FALL = ((0.80, 0.42, 0.08), (0.72, 0.22, 0.07), (0.85, 0.62, 0.12), (0.55, 0.30, 0.10))
# Among the cars some are dark red.
PAINT = (
    (0.10, 0.20, 0.55),
    (0.90, 0.90, 0.90),
    (0.85, 0.70, 0.10),
    (0.12, 0.12, 0.13),
    (0.15, 0.40, 0.25),
    (0.45, 0.10, 0.12),
)
WALLS = ((0.76, 0.70, 0.58), (0.62, 0.40, 0.33), (0.66, 0.68, 0.72), (0.84, 0.82, 0.78))

SCENES = {
    'summer': FlightScene(LOOKS['summer'], FOREST, GREEN),
    'autumn': FlightScene(LOOKS['autumn'], FOREST, FALL),
    'winter': FlightScene(LOOKS['winter'], FOREST, ()),
    'urban': FlightScene(LOOKS['urban'], TOWN, GREEN, PAINT, WALLS),
    'dusk': FlightScene(LOOKS['dusk'], TOWN, GREEN, PAINT, WALLS, lit=True),
}
