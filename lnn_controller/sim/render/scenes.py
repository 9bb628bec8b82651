"""How a world looks: one row of colours, light and weather per scene. A further scene is a further row."""

from dataclasses import dataclass

from lnn_controller.errors import InputError, did_you_mean

__all__ = ['SCENES', 'Scene', 'find_scene']

Colour = tuple[float, float, float]  # red, green, blue in 0…1


@dataclass(frozen=True)
class Scene:
    """
    The looks of a world; geometry and physics do not depend on it.

    Colours are (red, green, blue) in 0…1. Pairs of colours are the two ends between which noise mixes.
    """

    name: str
    ground: tuple[Colour, Colour]
    road: Colour
    road_grain: float  # standard deviation of the asphalt's brightness
    edge_line: Colour
    centre_line: Colour
    line_wear: float  # share of the lines' paint that is worn off or covered, 0…1
    drift: Colour  # what creeps over the road's border: grass, snow, leaves
    drift_m: float  # how far it reaches inwards at most, m
    dusting: float  # how thickly it covers the road in patches, 0…1
    foliage: Colour
    treetop: Colour
    trunk: Colour
    sky: tuple[Colour, Colour]  # zenith, horizon
    sun: Colour
    ambient: Colour
    fog: tuple[float, float]  # where the view begins to fade into the horizon and where it has, m


SCENES = {
    scene.name: scene
    for scene in (
        Scene(
            name='summer',
            ground=((0.20, 0.33, 0.12), (0.42, 0.52, 0.22)),
            road=(0.33, 0.33, 0.345),
            road_grain=0.020,
            edge_line=(0.94, 0.94, 0.92),
            centre_line=(0.93, 0.76, 0.16),
            line_wear=0.05,
            drift=(0.33, 0.40, 0.18),
            drift_m=0.06,
            dusting=0.0,
            foliage=(0.13, 0.34, 0.11),
            treetop=(0.19, 0.43, 0.15),
            trunk=(0.35, 0.24, 0.15),
            sky=((0.30, 0.52, 0.86), (0.76, 0.87, 0.96)),
            sun=(0.62, 0.60, 0.54),
            ambient=(0.46, 0.47, 0.50),
            fog=(45.0, 150.0),
        ),
        Scene(
            name='winter',
            ground=((0.78, 0.82, 0.88), (0.97, 0.98, 1.00)),
            road=(0.42, 0.43, 0.46),
            road_grain=0.028,
            edge_line=(0.84, 0.85, 0.87),
            centre_line=(0.76, 0.68, 0.40),
            line_wear=0.30,
            drift=(0.93, 0.95, 0.98),
            drift_m=0.18,
            dusting=0.35,
            foliage=(0.20, 0.30, 0.25),
            treetop=(0.90, 0.93, 0.97),
            trunk=(0.25, 0.20, 0.17),
            sky=((0.60, 0.65, 0.72), (0.86, 0.88, 0.91)),
            sun=(0.34, 0.34, 0.36),
            ambient=(0.56, 0.58, 0.62),
            fog=(15.0, 80.0),
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
    if name not in SCENES:
        guess = did_you_mean(name, SCENES)
        msg = f'A scene must be one of {", ".join(SCENES)}. Got {name!r}{f": {guess}" if guess else "."}'
        raise InputError(msg)
    return SCENES[name]
