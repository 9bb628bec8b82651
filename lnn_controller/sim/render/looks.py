"""Colours, light and weather of the worlds: a row per look, whatever stands in it; a further look is a further row."""

from dataclasses import dataclass

__all__ = ['LOOKS', 'Colour', 'Look']

Colour = tuple[float, float, float]  # red, green, blue in 0…1


@dataclass(frozen=True)
class Look:
    """
    What all worlds have: ground, trees, sky, light and air.

    Colours are (red, green, blue) in 0…1. Pairs of colours are the two ends between which noise mixes.
    """

    ground: tuple[Colour, Colour]
    foliage: Colour
    treetop: Colour
    trunk: Colour
    sky: tuple[Colour, Colour]  # zenith, horizon
    sun: Colour
    ambient: Colour
    fog: tuple[float, float]  # where the view begins to fade into the horizon and where it has, m


LOOKS = {
    'summer': Look(
        ground=((0.20, 0.33, 0.12), (0.42, 0.52, 0.22)),
        foliage=(0.13, 0.34, 0.11),
        treetop=(0.19, 0.43, 0.15),
        trunk=(0.35, 0.24, 0.15),
        sky=((0.30, 0.52, 0.86), (0.76, 0.87, 0.96)),
        sun=(0.62, 0.60, 0.54),
        ambient=(0.46, 0.47, 0.50),
        fog=(45.0, 150.0),
    ),
    'autumn': Look(
        ground=((0.35, 0.22, 0.08), (0.62, 0.40, 0.14)),
        foliage=(0.12, 0.25, 0.12),
        treetop=(0.14, 0.27, 0.12),
        trunk=(0.28, 0.20, 0.14),
        sky=((0.52, 0.58, 0.68), (0.85, 0.80, 0.72)),
        sun=(0.58, 0.54, 0.46),
        ambient=(0.46, 0.45, 0.44),
        fog=(30.0, 110.0),
    ),
    'winter': Look(
        ground=((0.78, 0.82, 0.88), (0.97, 0.98, 1.00)),
        foliage=(0.20, 0.30, 0.25),
        treetop=(0.90, 0.93, 0.97),
        trunk=(0.25, 0.20, 0.17),
        sky=((0.60, 0.65, 0.72), (0.86, 0.88, 0.91)),
        sun=(0.34, 0.34, 0.36),
        ambient=(0.56, 0.58, 0.62),
        fog=(15.0, 80.0),
    ),
    'urban': Look(
        ground=((0.30, 0.30, 0.31), (0.46, 0.45, 0.44)),
        foliage=(0.13, 0.34, 0.11),
        treetop=(0.19, 0.43, 0.15),
        trunk=(0.30, 0.22, 0.16),
        sky=((0.35, 0.55, 0.85), (0.80, 0.86, 0.92)),
        sun=(0.60, 0.58, 0.54),
        ambient=(0.46, 0.46, 0.48),
        fog=(45.0, 150.0),
    ),
    'dusk': Look(
        ground=((0.27, 0.26, 0.29), (0.40, 0.38, 0.40)),
        foliage=(0.12, 0.27, 0.13),
        treetop=(0.15, 0.32, 0.14),
        trunk=(0.26, 0.19, 0.15),
        sky=((0.16, 0.19, 0.38), (0.80, 0.50, 0.36)),
        sun=(0.42, 0.29, 0.20),
        ambient=(0.34, 0.33, 0.40),
        fog=(30.0, 120.0),
    ),
    # What the headlights show, before they light it.
    'night': Look(
        ground=((0.20, 0.33, 0.12), (0.42, 0.52, 0.22)),
        foliage=(0.13, 0.34, 0.11),
        treetop=(0.19, 0.43, 0.15),
        trunk=(0.35, 0.24, 0.15),
        sky=((0.01, 0.01, 0.03), (0.02, 0.02, 0.04)),
        sun=(0.03, 0.03, 0.05),
        ambient=(0.62, 0.60, 0.54),
        fog=(2.0, 14.0),
    ),
    'low_sun': Look(
        ground=((0.26, 0.30, 0.12), (0.46, 0.46, 0.22)),
        foliage=(0.13, 0.30, 0.11),
        treetop=(0.20, 0.38, 0.14),
        trunk=(0.35, 0.24, 0.15),
        sky=((0.40, 0.52, 0.76), (0.95, 0.80, 0.58)),
        sun=(0.75, 0.60, 0.42),
        ambient=(0.52, 0.51, 0.52),
        fog=(20.0, 90.0),
    ),
    'rain': Look(
        ground=((0.16, 0.25, 0.12), (0.30, 0.38, 0.20)),
        foliage=(0.11, 0.25, 0.12),
        treetop=(0.13, 0.28, 0.13),
        trunk=(0.24, 0.18, 0.13),
        sky=((0.46, 0.49, 0.53), (0.62, 0.65, 0.68)),
        sun=(0.16, 0.16, 0.17),
        ambient=(0.56, 0.57, 0.60),
        fog=(4.0, 32.0),
    ),
    'blizzard': Look(
        ground=((0.78, 0.82, 0.88), (0.97, 0.98, 1.00)),
        foliage=(0.34, 0.42, 0.40),
        treetop=(0.90, 0.93, 0.97),
        trunk=(0.36, 0.32, 0.30),
        sky=((0.84, 0.86, 0.89), (0.86, 0.88, 0.91)),
        sun=(0.16, 0.16, 0.17),
        ambient=(0.66, 0.68, 0.71),
        fog=(0.8, 9.0),
    ),
    'shadows': Look(
        ground=((0.22, 0.35, 0.12), (0.46, 0.56, 0.24)),
        foliage=(0.13, 0.34, 0.11),
        treetop=(0.19, 0.43, 0.15),
        trunk=(0.35, 0.24, 0.15),
        sky=((0.28, 0.50, 0.86), (0.78, 0.88, 0.96)),
        sun=(0.80, 0.76, 0.66),
        ambient=(0.62, 0.62, 0.62),
        fog=(45.0, 150.0),
    ),
}
