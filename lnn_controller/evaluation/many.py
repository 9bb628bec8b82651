"""Many trials: which, each in a process of its own, and what they come to together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lnn_controller.control import ControlSettings
from lnn_controller.evaluation.closed_loop import DEFAULT_RATE_HZ, Progress, run_expert, run_trial
from lnn_controller.evaluation.conditions import Conditions
from lnn_controller.evaluation.trial import Trial
from lnn_controller.parallel import in_processes
from lnn_controller.policy import Policy
from lnn_controller.sim import Scenario

__all__ = ['Setup', 'run_setup', 'run_setups']


@dataclass(frozen=True, kw_only=True)
class Setup:
    """
    One trial to run.

    :param robot: a key of :data:`~lnn_controller.sim.robots.ROBOTS`
    :param task: what is asked of it
    :param scene: how the world looks
    :param seed: of the world
    :param policy: folder of a bundle, or a shipped policy's name; not used where an expert drives
    :param runtime: what computes the policy, of :data:`~lnn_controller.policy.RUNTIMES`
    :param expert: name of the expert who drives instead of a policy; empty: none
    :param seconds: simulated time, s; ``None``: the task's time limit
    :param rate_hz: control rate of the policy
    :param tick_on_frame: whether camera frames add ticks to that
    :param scenario: perturbations of the robot, if any
    :param conditions: what else is made harder for the policy
    """

    robot: str
    task: str
    scene: str
    seed: int
    policy: str = ''
    runtime: str = 'auto'
    expert: str = ''
    seconds: float | None = None
    rate_hz: float = DEFAULT_RATE_HZ
    tick_on_frame: bool = True
    scenario: Scenario | None = None
    conditions: Conditions | None = None


def run_setup(setup: Setup, progress: Progress | None = None, *, policy: Policy | None = None) -> Trial:
    """
    Run one trial.

    :param setup: which
    :param progress: called with the simulated seconds since the last call, now and then
    :param policy: drives in place of the setup's
    :returns: the trial
    :raises InputError: as :func:`~.closed_loop.run_trial` does, or if there is no such policy
    """
    if setup.expert:
        return run_expert(
            setup.expert,
            robot=setup.robot,
            task=setup.task,
            scene=setup.scene,
            seed=setup.seed,
            seconds=setup.seconds,
            scenario=setup.scenario,
            progress=progress,
        )
    return run_trial(
        policy or _load(setup.policy, setup.runtime),
        robot=setup.robot,
        task=setup.task,
        scene=setup.scene,
        seed=setup.seed,
        seconds=setup.seconds,
        rate_hz=setup.rate_hz,
        settings=ControlSettings(tick_on_frame=setup.tick_on_frame),
        scenario=setup.scenario,
        conditions=setup.conditions,
        progress=progress,
    )


def run_setups(setups: Sequence[Setup], *, jobs: int) -> Iterator[Trial]:
    """
    Run trials, several at once.

    :param setups: which
    :param jobs: processes; with one, all is done here
    :returns: the trials in that order; the same whatever the number of jobs, but for latency and wall time
    :raises InputError: as :func:`run_setup` does
    """
    return in_processes(run_setup, setups, jobs=jobs)


@lru_cache(maxsize=1)
def _load(policy: str, runtime: str) -> Policy:
    return Policy.load(policy, runtime=runtime)
