"""What worlds, tasks and experts have in common, and the one schedule by which a world's time passes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.errors import InputError, short

__all__ = [
    'Clock',
    'Disturbance',
    'Due',
    'Expert',
    'Map',
    'Odometry',
    'Perturbable',
    'Targeted',
    'Task',
    'Verdict',
    'World',
    'check_seed',
    'schedule',
]

Floats = NDArray[np.float64]
START_NS = 1_000_000_000  # a stamp of zero means "unset" in ROS
# What is driven in a demonstration, from the command that is recorded, (C,): so that it shows how to recover.
Disturbance = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Clock:
    """
    The rates of a world, in whole steps of its physics.

    :param steps_per_second: of the physics
    :param camera: steps from picture to picture
    :param imu: steps from sample to sample
    :param odometry: steps from sample to sample; ground truth, tasks and experts keep this rate as well
    """

    steps_per_second: int
    camera: int
    imu: int
    odometry: int

    def time_ns(self, steps: int) -> int:
        """
        Return what simulated time it is.

        :param steps: of the physics since the world was made
        :returns: ns; one second at none
        """
        return START_NS + steps * 1_000_000_000 // self.steps_per_second


class Odometry(NamedTuple):
    """
    Ground truth of a robot's reference point.

    ``pose`` (7,): x, y, z (m) and the quaternion x, y, z, w in the world, x east, y north, z up (REP-103);
    ``twist`` (6,): linear (m/s) and angular velocity (rad/s) in the robot's own frame, x ahead, y left, z up.
    """

    pose: Floats
    twist: Floats


class World(Protocol):
    """
    A robot and its surroundings; what is asked of it there is a :class:`Task`.

    It is made from a seed, which decides the road, the forest, …, and begins with the robot at rest. The same arguments
    and the same calls give bit-identical states and pictures. A world belongs to the thread that made it, because its
    pictures do.
    """

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what is commanded, such as ``linear_x``."""

    @property
    def clock(self) -> Clock:
        """Its rates."""

    @property
    def time_ns(self) -> int:
        """Simulated time, ns: above zero, which means "unset" in ROS, and never going back."""

    def apply(self, command: ArrayLike) -> None:
        """
        Set the velocity command; it holds until the next.

        :param command: by channel, (C,), m/s and rad/s; zeros stop the robot
        :raises ValueError: if a value is not finite
        """

    def advance(self, steps: int) -> None:
        """
        Let simulated time pass.

        :param steps: of the physics
        """

    def camera(self) -> NDArray[np.uint8]:
        """
        Take a picture.

        :returns: rgb8, (H, W, 3)
        """

    def imu(self) -> tuple[Floats, Floats]:
        """
        Read the IMU.

        :returns: angular velocity, rad/s, (3,); specific force with gravity, m/s², (3,): +9.81 on z at rest
        """

    def odometry(self) -> Odometry:
        """
        Return where the robot is and how it moves.

        :returns: ground truth
        """

    def show(self, pose: Floats, command: Floats) -> None:
        """
        Put the robot where it was once, for a picture.

        :param pose: x, y, z (m) and the quaternion x, y, z, w, (7,)
        :param command: what it was commanded then, by channel, (C,)
        """

    def chase(self, width: int = 640, height: int = 360) -> NDArray[np.uint8]:
        """
        Take a picture of the robot from behind, for people.

        :param width: pixels
        :param height: pixels
        :returns: rgb8, (height, width, 3)
        """

    def close(self) -> None:
        """Free what pictures took; further calls do nothing."""


@runtime_checkable
class Perturbable(Protocol):
    """A world whose robot can be perturbed."""

    perturbation: Any  # of the robot's own kind: a frozen dataclass of settings


@runtime_checkable
class Targeted(Protocol):
    """A world with a target."""

    @property
    def target(self) -> Floats:
        """Where the target's centre is, (3,), m."""

    def set_target(self, x: float, y: float, z: float) -> None:
        """
        Put the target's centre somewhere.

        :param x: m
        :param y: m
        :param z: m
        """


class Verdict(NamedTuple):
    """
    What a task finds at one moment.

    ``outcome``: how the trial has ended, in a word, empty while it goes on; ``event``: what has happened, in words for
    people; ``moved``: the task has put the robot somewhere else, so whoever drives it begins afresh.
    """

    outcome: str = ''
    event: str = ''
    moved: bool = False


@dataclass(frozen=True)
class Map:
    """
    What lies below a robot's path, seen from above, for plots and videos.

    :param lines: such as a road's edges, by name: points, (N, 2), m
    :param obstacles: what bars the way: x, y and radius of each, (M, 3), m
    :param targets: where the robot is to go, or was, (T, 2), m
    """

    lines: tuple[tuple[str, Floats], ...] = ()
    obstacles: Floats = field(default_factory=lambda: np.empty((0, 3)))
    targets: Floats = field(default_factory=lambda: np.empty((0, 2)))


class Task(Protocol):
    """What is asked of a robot in its world, and how well that is done; it may move the robot and things about it."""

    @property
    def world(self) -> World:
        """Where it takes place."""

    @property
    def time_limit_s(self) -> float:
        """How long a trial lasts unless it is asked otherwise, s."""

    def begin(self, rng: np.random.Generator | None = None) -> None:
        """
        Begin a trial: put the robot where it starts.

        :param rng: source of the start of a demonstration, from which there is something to learn; without it the
            start is that of the world's seed
        """

    def update(self) -> Verdict:
        """
        Look at the world; called at each sample of the odometry.

        :returns: what is the case
        """

    def status(self) -> Mapping[str, float | int]:
        """
        Return what one watches while a trial goes on; the simulator's node publishes it under these names.

        :returns: measurements as float, counts as int
        """

    def figures(self, poses: Floats) -> Mapping[str, float | int]:
        """
        Sum the trial up.

        :param poses: where the robot was at each update, (K, 7)
        :returns: figures by name, as in a summary
        """

    def map(self) -> Map:
        """
        Return what lies below the robot's path.

        :returns: as of now: a trial that goes on may add targets
        """


class Expert(Protocol):
    """The demonstrator of a task: it knows the truth."""

    def command(self) -> Floats:
        """
        Decide from the world as it is.

        :returns: the command, by the world's channels, (C,)
        """


class Due(NamedTuple):
    """What is due at a moment: ``step`` of the physics since the start, and which sensors."""

    step: int
    imu: bool
    camera: bool
    odometry: bool


def schedule(world: World, *, steps: int | None = None, next_tick: Callable[[], int] | None = None) -> Iterator[Due]:
    """
    Let a world's time pass from one due moment to the next, beginning now.

    All falls on steps of the physics. The world advances when the next moment is asked for.

    :param world: the world
    :param steps: for so many steps of the physics; ``None``: for ever
    :param next_tick: returns the step at which the control loop will be due, after the moment before; ``None``: there
        is none
    :returns: moments
    """
    clock = world.clock
    step = 0
    while steps is None or step < steps:
        periods = (clock.imu, clock.camera, clock.odometry)
        imu, camera, odometry = (step % period == 0 for period in periods)
        yield Due(step, imu, camera, odometry)
        ahead = min(period - step % period for period in periods)
        if next_tick is not None:
            ahead = min(ahead, max(1, next_tick() - step))
        if steps is not None:
            ahead = min(ahead, steps - step)
        world.advance(ahead)
        step += ahead


def check_seed(seed: object, what: str) -> int:
    """
    Check a seed.

    :param seed: what was given
    :param what: what is made from it, for the message
    :returns: the seed
    :raises InputError: if it is not an integer ≥ 0
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f'{what} must be named by an integer seed ≥ 0. Got {short(seed)}')
    return int(seed)
