"""
Worlds to try a policy in: a car on random roads, its looks, its expert driver, and demonstrations as bags.

``CarWorld`` is the world; ``Track`` its road, for plots too; ``SCENES`` the looks; ``PurePursuit`` the expert;
``Perturbation`` is how the car may differ from the nominal one, ``Scenario`` when;
``collect`` (in ``sim.collect``, apart because it alone needs the bag writer) records demonstrations.
"""

from lnn_controller.sim.car.expert import PurePursuit
from lnn_controller.sim.car.world import (
    CAMERA_PERIOD,
    CONTROL_PERIOD,
    DEPARTURE_M,
    IMU_PERIOD,
    STEPS_PER_SECOND,
    CarWorld,
)
from lnn_controller.sim.perturbation import Perturbation, Scenario, read_scenario
from lnn_controller.sim.render.scenes import SCENES, Scene
from lnn_controller.sim.tasks.lane import LANE_OFFSET_M, ROAD_WIDTH_M, Track

__all__ = [
    'CAMERA_PERIOD',
    'CONTROL_PERIOD',
    'DEPARTURE_M',
    'IMU_PERIOD',
    'LANE_OFFSET_M',
    'ROAD_WIDTH_M',
    'SCENES',
    'STEPS_PER_SECOND',
    'CarWorld',
    'Perturbation',
    'PurePursuit',
    'Scenario',
    'Scene',
    'Track',
    'read_scenario',
]
