"""How a road looks in each season: one row per scene. A further scene is a further row."""

from dataclasses import dataclass

from lnn_controller.errors import check_name
from lnn_controller.sim.render.looks import LOOKS, Colour, Look

__all__ = ['SCENES', 'Scene', 'find_scene']


@dataclass(frozen=True)
class Scene:
    """The looks of a world with a road; geometry and physics do not depend on it. Colours as in :class:`Look`."""

    name: str
    look: Look
    road: Colour
    road_grain: float  # standard deviation of the asphalt's brightness
    edge_line: Colour
    centre_line: Colour
    line_wear: float  # share of the lines' paint that is worn off or covered, 0…1
    drift: Colour  # what creeps over the road's border: grass, snow, leaves
    drift_m: float  # how far it reaches inwards at most, m
    dusting: float  # how thickly it covers the road in patches, 0…1


SCENES = {
    scene.name: scene
    for scene in (
        Scene(
            name='summer',
            look=LOOKS['summer'],
            road=(0.33, 0.33, 0.345),
            road_grain=0.020,
            edge_line=(0.94, 0.94, 0.92),
            centre_line=(0.93, 0.76, 0.16),
            line_wear=0.05,
            drift=(0.33, 0.40, 0.18),
            drift_m=0.06,
            dusting=0.0,
        ),
        Scene(
            name='winter',
            look=LOOKS['winter'],
            road=(0.42, 0.43, 0.46),
            road_grain=0.028,
            edge_line=(0.84, 0.85, 0.87),
            centre_line=(0.76, 0.68, 0.40),
            line_wear=0.30,
            drift=(0.93, 0.95, 0.98),
            drift_m=0.18,
            dusting=0.35,
        ),
    )
}


def find_scene(name: str) -> Scene:
    """
    Look a scene up by its name.

    :param name: a key of :data:`SCENES`
    :returns: its looks
    :raises InputError: if there is no such scene; the message lists those there are
    """
    return SCENES[check_name('a scene', name, SCENES)]
