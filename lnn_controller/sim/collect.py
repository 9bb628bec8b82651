"""Demonstrations: the expert drives, is disturbed and recovers; what it saw and would have done goes into bags."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lnn_controller.data.bags.writer import BagWriter
from lnn_controller.data.messages.build import image_message, imu_message, odometry_message, twist_stamped_message
from lnn_controller.errors import InputError
from lnn_controller.sim.car.expert import PurePursuit
from lnn_controller.sim.car.world import CAMERA_PERIOD, CONTROL_PERIOD, IMU_PERIOD, STEPS_PER_SECOND, CarWorld
from lnn_controller.sim.render.scenes import find_scene
from lnn_controller.sim.tasks.lane import LANE_OFFSET_M, Track

__all__ = ['TOPICS', 'Disturbance', 'collect', 'record_episode']

TOPICS = {
    '/image_raw': 'sensor_msgs/msg/Image',
    '/imu/data': 'sensor_msgs/msg/Imu',
    '/cmd_vel': 'geometry_msgs/msg/TwistStamped',
    '/odom': 'nav_msgs/msg/Odometry',
}
EPISODE_S = 30.0
SHORTEST_EPISODE_S = 2.0
OFF_ROAD_M = 1.1  # cross-track error that ends an episode: there is nothing to learn from the meadow


@dataclass
class Disturbance:
    """
    Bursts of a curvature bias on the expert's command, at the control rate.

    :param rng: source of when, how long and how much
    :param rate_hz: bursts a second, when none is running
    :param deviation: standard deviation of the bias, 1/m
    :param shortest_ticks: of a burst, control ticks
    :param longest_ticks: of a burst, control ticks
    """

    rng: np.random.Generator
    rate_hz: float = 0.5
    deviation: float = 0.5
    shortest_ticks: int = 10
    longest_ticks: int = 30
    _remaining: int = field(default=0, init=False)
    _bias: float = field(default=0.0, init=False)

    def bias(self, cross_track_error_m: float) -> float:
        """
        Draw this tick's bias.

        :param cross_track_error_m: a burst ends once it has driven the car so far aside that more would teach nothing
        :returns: curvature to add to the driven command, 1/m
        """
        if self._remaining > 0:
            self._remaining -= 1
            if self._bias * cross_track_error_m > 0 and abs(cross_track_error_m) > 0.4:
                self._remaining = 0
        elif self.rng.random() < self.rate_hz * CONTROL_PERIOD / STEPS_PER_SECOND:
            self._remaining = int(self.rng.integers(self.shortest_ticks, self.longest_ticks))
            self._bias = float(np.clip(self.rng.normal(0.0, self.deviation), -1.0, 1.0))
        return self._bias if self._remaining > 0 else 0.0


def record_episode(world: CarWorld, path: Path, *, seconds: float, rng: np.random.Generator) -> float:
    """
    Record one demonstration from a random start, at rest, until the time is up or the car has left the road.

    The bag holds what a car's bag would: ``/image_raw`` (30 Hz), ``/imu/data`` (200 Hz), ``/odom`` (ground truth,
    50 Hz) and ``/cmd_vel`` (50 Hz): the expert's command for that moment, without the disturbance that is driven.

    :param world: with pictures
    :param path: of the bag
    :param seconds: of simulated time
    :param rng: source of start and disturbances
    :returns: simulated time recorded, s
    :raises InputError: if the bag cannot be written
    """
    expert = PurePursuit(world.track)
    disturbance = Disturbance(rng)
    aside, turned = np.clip(rng.normal(0.0, (0.15, 0.08)), (-0.4, -0.25), (0.4, 0.25))
    world.reset(
        s_m=rng.uniform(0.0, world.track.length_m), lateral_m=LANE_OFFSET_M + float(aside), yaw_rad=float(turned)
    )
    steps = round(seconds * STEPS_PER_SECOND)
    with BagWriter(path) as bag:
        for topic, msgtype in TOPICS.items():
            bag.add_topic(topic, msgtype)
        step = 0
        while step < steps:
            stamp = world.time_ns
            if step % IMU_PERIOD == 0:
                gyro, accel = world.imu()
                bag.write('/imu/data', stamp, imu_message(stamp, gyro, accel))
            if step % CAMERA_PERIOD == 0:
                bag.write('/image_raw', stamp, image_message(stamp, world.camera()))
            if step % CONTROL_PERIOD == 0:
                x, y, yaw = world.pose()
                speed, turn = expert.command(x, y, yaw)
                command = twist_stamped_message(stamp, linear=(speed, 0.0, 0.0), angular=(0.0, 0.0, turn))
                bag.write('/cmd_vel', stamp, command)
                odometry = odometry_message(
                    stamp,
                    position=(x, y, 0.0),
                    yaw=yaw,
                    linear=(world.speed_m_s, 0.0, 0.0),
                    angular=(0.0, 0.0, world.yaw_rate_rad_s),
                )
                bag.write('/odom', stamp, odometry)
                error = world.cross_track_error_m
                if abs(error) > OFF_ROAD_M:
                    return step / STEPS_PER_SECOND
                world.apply(speed, turn + speed * disturbance.bias(error))
            ahead = min(period - step % period for period in (IMU_PERIOD, CAMERA_PERIOD, CONTROL_PERIOD))
            world.advance(ahead)
            step += ahead
    return seconds


def collect(
    out_dir: str | Path,
    *,
    tracks: Sequence[int],
    scene: str = 'summer',
    seconds: float = 60.0,
    seed: int = 0,
    progress: bool = True,
) -> list[Path]:
    """
    Record demonstrations on several roads, one MCAP bag per episode.

    :param out_dir: folder for the bags, made if missing; each is named scene_track_episode
    :param tracks: seeds of the roads
    :param scene: how the world looks
    :param seconds: simulated time on each road, in episodes of up to 30 s; a rest under 2 s is left out
    :param seed: of starts, disturbances and scenery
    :param progress: whether to show a progress bar
    :returns: the bags, in the order of recording
    :raises InputError: if the scene is unknown, a number is out of range, OpenGL is missing, or a bag of that name
        exists or cannot be written
    """
    find_scene(scene)
    if len(tracks) == 0:
        msg = 'Collecting needs at least one track. Got none.'
        raise InputError(msg)
    if not SHORTEST_EPISODE_S <= seconds < float('inf'):
        msg = f'Collecting needs at least {SHORTEST_EPISODE_S:g} s on each track. Got {seconds:g}.'
        raise InputError(msg)
    seeds = [Track(track).seed for track in tracks]
    if len(set(seeds)) < len(seeds):
        msg = f'Collecting goes to each track once. Got {seeds}.'
        raise InputError(msg)
    taken = [path for track in seeds for path in sorted(Path(out_dir).glob(f'{scene}_{track:03d}_*'))]
    if taken:
        msg = f'{taken[0]} exists already and is not overwritten: choose another folder or remove it.'
        raise InputError(msg)
    bags: list[Path] = []
    bar = tqdm(total=round(seconds * len(seeds), 3), unit='s', desc=f'collect ({scene})', disable=not progress)
    with bar:
        for track in seeds:
            with CarWorld(track, scene, seed=seed) as world:
                rng = np.random.default_rng([seed, track, 2])
                left, episode = seconds, 0
                while left >= SHORTEST_EPISODE_S:
                    path = Path(out_dir) / f'{scene}_{track:03d}_{episode:02d}'
                    recorded = record_episode(world, path, seconds=min(left, EPISODE_S), rng=rng)
                    bags.append(path)
                    left, episode = left - recorded, episode + 1
                    bar.update(recorded)
    return bags
