"""
Worlds to try a policy in: robots, their looks, what is asked of them, expert drivers, and demonstrations as bags.

``ROBOTS`` lists what can be simulated, behind the protocols of ``sim.interface``; ``CarWorld`` is the car's world,
``Track`` its road, for plots too, ``SCENES`` the looks of roads, ``Lane`` the task, ``PurePursuit`` the expert's law;
``DroneWorld`` is the drone's; ``Perturbation`` and ``DronePerturbation`` are how they may differ from the nominal ones,
``Scenario`` when;
``collect`` (in ``sim.collect``, apart because it alone needs the bag writer) records demonstrations.
"""

from lnn_controller.sim.car.expert import PurePursuit
from lnn_controller.sim.car.world import CarWorld
from lnn_controller.sim.drone.perturbation import DronePerturbation
from lnn_controller.sim.drone.world import DroneWorld
from lnn_controller.sim.interface import schedule
from lnn_controller.sim.perturbation import Perturbation, Scenario, read_scenario
from lnn_controller.sim.render.scenes import SCENES, Scene
from lnn_controller.sim.robots import ROBOTS, Robot, find_robot
from lnn_controller.sim.tasks.lane import Lane
from lnn_controller.sim.tasks.track import LANE_OFFSET_M, ROAD_WIDTH_M, Track

__all__ = [
    'LANE_OFFSET_M',
    'ROAD_WIDTH_M',
    'ROBOTS',
    'SCENES',
    'CarWorld',
    'DronePerturbation',
    'DroneWorld',
    'Lane',
    'Perturbation',
    'PurePursuit',
    'Robot',
    'Scenario',
    'Scene',
    'Track',
    'find_robot',
    'read_scenario',
    'schedule',
]
