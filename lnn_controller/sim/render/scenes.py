"""How a road looks, by season, weather, light and camera: one row per scene. A further scene is a further row."""

from dataclasses import dataclass, replace

from lnn_controller.errors import check_name
from lnn_controller.sim.render.lens import Optics
from lnn_controller.sim.render.looks import LOOKS, Colour, Look

__all__ = ['SCENES', 'Markings', 'Mount', 'Scene', 'find_scene']


@dataclass(frozen=True)
class Markings:
    """How the lines are laid; the lanes are where they are. A gap is as long as its dash; 0: the line is unbroken."""

    width_m: float = 0.08
    centre_dash_m: float = 1.0
    centre_lines: int = 1  # side by side
    edge_dash_m: float = 0.0
    edges: bool = True


@dataclass(frozen=True)
class Mount:
    """How the front camera is mounted, higher and further up than the car's own; and what it takes in."""

    up_m: float
    pitch_deg: float  # positive up
    fovy_deg: float  # vertical field of view


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
    seams: int = 0  # filled cracks along a tile of the road, as light as lines
    markings: Markings = Markings()
    shoulder_m: float = 0.0  # how far the asphalt goes on beyond the borders
    kerb_m: float = 0.0  # height of the kerbs along the borders, and of the pavements behind them; 0: none
    sun_deg: tuple[float, float] | None = None  # where it stands: azimuth (0 is along x), elevation; None: high
    shade: float = 0.0  # how dark the trees' shadows are, 0…1
    optics: Optics | None = None  # what lens and sensor do; None: nothing
    mount: Mount | None = None  # of the camera; None: the car's own


SUMMER = Scene(
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
)
WINTER = Scene(
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
)

SCENES = {
    scene.name: scene
    for scene in (
        SUMMER,
        WINTER,
        replace(
            SUMMER,
            name='night',
            look=LOOKS['night'],
            optics=Optics(headlights_m=7.0, noise=12.0),
        ),
        replace(
            SUMMER,
            name='low_sun',
            look=LOOKS['low_sun'],
            sun_deg=(20.0, 9.0),
            shade=0.25,
            optics=Optics(glare=0.8, noise=2.0),
        ),
        # What lies on the road are puddles: they have the sky's colour and hide the lines.
        replace(
            SUMMER,
            name='rain',
            look=LOOKS['rain'],
            road=(0.24, 0.25, 0.27),
            edge_line=(0.70, 0.71, 0.72),
            centre_line=(0.66, 0.56, 0.22),
            line_wear=0.25,
            drift=(0.62, 0.65, 0.68),
            drift_m=0.16,
            dusting=0.6,
            optics=Optics(drops=30, rain=70, noise=4.0),
        ),
        replace(
            WINTER,
            name='blizzard',
            look=LOOKS['blizzard'],
            line_wear=0.85,
            drift_m=0.45,
            dusting=0.9,
            optics=Optics(snow=90, noise=4.0),
        ),
        replace(SUMMER, name='shadows', look=LOOKS['shadows'], sun_deg=(55.0, 11.0), shade=0.5),
        # What lies along the road are repaired cracks, not lines.
        replace(
            SUMMER,
            name='worn',
            road=(0.40, 0.40, 0.40),
            road_grain=0.035,
            edge_line=(0.72, 0.72, 0.70),
            centre_line=(0.66, 0.62, 0.46),
            line_wear=0.9,
            drift=(0.45, 0.42, 0.33),
            drift_m=0.30,
            dusting=0.35,
            seams=7,
        ),
        # No edge lines in a town: what lies along the road are kerbs, and pavements as grey as it.
        replace(
            SUMMER,
            name='urban',
            look=LOOKS['urban'],
            centre_line=(0.88, 0.88, 0.86),
            line_wear=0.35,
            drift=(0.26, 0.25, 0.24),
            markings=Markings(edges=False, centre_dash_m=2.0, width_m=0.06),
            kerb_m=0.07,
        ),
        # Lines as another country has them, on a road that is nearly twice as wide as its lanes.
        replace(
            SUMMER,
            name='other_lines',
            edge_line=(0.90, 0.72, 0.14),
            centre_line=(0.94, 0.94, 0.92),
            drift=SUMMER.road,
            markings=Markings(width_m=0.05, centre_dash_m=0.0, centre_lines=2, edge_dash_m=0.5),
            shoulder_m=1.0,
        ),
        # Little light: long exposures; and a rolling shutter on a rough road.
        replace(
            SUMMER,
            name='dusk',
            look=LOOKS['dusk'],
            drift=(0.28, 0.27, 0.27),
            optics=Optics(exposure_s=0.033, readout_s=0.033, shake_deg=6.0, noise=20.0),
        ),
        replace(
            SUMMER,
            name='other_camera',
            optics=Optics(distortion=0.35, noise=3.0),
            mount=Mount(up_m=0.15, pitch_deg=-6.0, fovy_deg=65.0),
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
