"""The demo: simulator, recorder and controller as processes of their own, a trial, and what there is to see of it."""

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.signals import SignalHandlerOptions

from lnn_controller.control import ControlSettings
from lnn_controller.errors import InputError
from lnn_controller.evaluation.from_bag import read_frames, read_stamps, read_trial
from lnn_controller.evaluation.outage import camera_outage
from lnn_controller.evaluation.robot import check_channels, choose_robot
from lnn_controller.evaluation.trial import summarise
from lnn_controller.live.domain import choose_domain
from lnn_controller.live.graph import Graph
from lnn_controller.live.monitor import Monitor
from lnn_controller.nodes.common.environment import dds_environment
from lnn_controller.nodes.common.executor import executing
from lnn_controller.nodes.common.process import PARENT_VARIABLE
from lnn_controller.policy import Policy, find_policy, read_spec
from lnn_controller.report.drive_plot import draw_path
from lnn_controller.report.json import write_json
from lnn_controller.report.video import write_video
from lnn_controller.report.video_attention import with_attention
from lnn_controller.settings import check_number, settings_of
from lnn_controller.sim import find_robot
from lnn_controller.sim.render.gl import choose_backend
from lnn_controller.view.server import find_viewer

__all__ = ['Demo', 'run_demo']

START_TIMEOUT_S = 60.0
LINE_PERIOD_S = 0.2
QUIET_LINE_PERIOD_S = 5.0
CAMERA_FAULT_S = 2.0
AFTER_FAULT_S = 2.0
AFTER_LIMIT_S = 2.0
PICTURES_MISSING = 2.1  # periods of the camera without a picture after which the robot stops
# How the status line words what a task measures.
MEASURED: dict[str, Callable[[float], str]] = {
    'cross_track_error': lambda value: f'cross-track {100 * value:+5.1f} cm',
    'distance_m': lambda value: f'target {value:4.1f} m',
    'bearing_rad': lambda value: f'{math.degrees(value):+4.0f}°',
}
BAR = 12


@dataclass(frozen=True, kw_only=True)
class Demo:
    """
    What to show.

    :param policy: folder of a bundle, or a shipped policy's name; empty: the robot's
    :param runtime: what computes the policy, one of :data:`.policy.RUNTIMES`
    :param robot: which robot; empty: the policy's, or else the car
    :param task: what is asked of it; empty: the first of its tasks
    :param scene: how the world looks
    :param seed: of the world: its road, its trees; ``None``: one that the shipped policy has not seen
    :param seconds: simulated time that it lasts unless the task has an outcome before, s; ``None``: the task's
    :param out: folder for the results
    :param control_rate_hz: of the controller, Hz
    :param video: whether to make the video
    :param camera_fault_s: after how much of the trial the camera fails for two seconds, s; ``None``: it does not
    :param view: port of a page in the browser that shows it meanwhile; ``None``: none does
    :raises InputError: if a number is out of range
    """

    policy: str = ''
    runtime: str = 'auto'
    robot: str = ''
    task: str = ''
    scene: str = 'summer'
    seed: int | None = None
    seconds: float | None = None
    out: Path = Path('out/demo')
    control_rate_hz: float = 50.0
    video: bool = True
    camera_fault_s: float | None = None
    view: int | None = None

    def __post_init__(self) -> None:
        if self.seed is not None:
            check_number('seed', self.seed, whole=True, minimum=0, maximum=2**31 - 1)
        if self.seconds is not None:
            check_number('seconds', self.seconds, minimum=1.0, maximum=3600.0, unit='s')
        settings_of(ControlSettings)['control_rate_hz'].check(self.control_rate_hz)


@dataclass(frozen=True)
class _Plan:
    """
    What a demo comes to where nothing is left open.

    :param policy: folder of the bundle
    :param name: of the policy
    :param robot: which robot
    :param task: what is asked of it
    :param seed: of the world
    :param seconds: simulated time that it lasts at most, s
    :param image_timeout_s: the robot stops where two pictures are missing
    """

    policy: Path
    name: str
    robot: str
    task: str
    seed: int
    seconds: float
    image_timeout_s: float


def run_demo(demo: Demo) -> dict[str, Any]:
    """
    Drive, then write ``summary.json``, ``path.png`` and ``demo.mp4`` beside the bag.

    Ctrl-C during the trial ends it early: what was driven is summed up and drawn, the video is left out, and the
    KeyboardInterrupt goes on to the caller. No process is left in any case.

    :param demo: what to show
    :returns: the summary
    :raises InputError: if something the demo needs is missing or wrong; the message says what
    :raises KeyboardInterrupt: after Ctrl-C
    """
    # What can be known to be wrong is refused before any process starts.
    plan = _plan(demo)
    choose_backend()
    _clear(demo.out)
    os.environ.update(dds_environment(), ROS_DOMAIN_ID=choose_domain())
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    domain = os.environ['ROS_DOMAIN_ID']
    print(f'look in from another terminal: lnn top --domain {domain}', file=sys.stderr, flush=True)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    monitor = Monitor(plan.robot, plan.seconds)
    interrupted = False
    try:
        with nullcontext() if demo.view is None else _shown(demo.view):
            _drive(demo, plan, monitor)
    except KeyboardInterrupt:
        interrupted = True
        _say(demo, 'stopped: finishing the files')
    finally:
        factor, driven_s = monitor.realtime_factor, monitor.driven_s
        monitor.destroy_node()
        rclpy.try_shutdown()
    if driven_s == 0.0:
        raise KeyboardInterrupt
    trial = read_trial(
        demo.out / 'bag',
        policy=plan.name,
        robot=plan.robot,
        task=plan.task,
        scene=demo.scene,
        seed=plan.seed,
        seconds=plan.seconds,
        wall_s=driven_s / factor if factor > 0 else math.nan,
    )
    summary = summarise(trial)
    if demo.camera_fault_s is not None:
        summary['camera_fault'] = camera_outage(read_stamps(demo.out / 'bag'), trial)
    write_json(demo.out / 'summary.json', summary)
    draw_path(demo.out / 'path.png', trial)
    if interrupted:
        raise KeyboardInterrupt
    if demo.video:
        line = _Line()
        write_video(
            demo.out / 'demo.mp4',
            trial,
            with_attention(read_frames(demo.out / 'bag'), Policy.load(plan.policy)),
            progress=lambda share: line.show(f'video    {_bar(share)} {100 * share:3.0f} %', last=share == 1.0),
        )
    return summary


@contextmanager
def _shown(port: int) -> Iterator[None]:
    """Serve the page in the browser, by ``lnn view`` in a process of its own."""
    command = [sys.executable, '-m', 'lnn_controller.cli', 'view', '--port', str(port)]
    environment = os.environ | {PARENT_VARIABLE: str(os.getpid())}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise InputError('the page in the browser must be served. Got no address: see above')
            print(f'in a browser: {url}', file=sys.stderr, flush=True)
            yield
        finally:
            process.terminate()


def _plan(demo: Demo) -> _Plan:
    """Fill in what was left open, and make sure that policy, robot, task and scene are there and fit together."""
    if demo.view is not None:
        find_viewer()
    robot = choose_robot(demo.robot, demo.policy)
    entry = find_robot(robot)
    task, seed = demo.task or next(iter(entry.tasks)), entry.seed if demo.seed is None else demo.seed
    policy = find_policy(demo.policy or entry.policy)
    spec = read_spec(policy)
    check_channels(spec, robot)
    asked = entry.begin(task, seed, demo.scene, render=False)
    with closing(asked.world) as world:
        period_s = world.clock.camera / world.clock.steps_per_second
    # An outcome for the time that is up comes a moment after it.
    seconds = asked.time_limit_s + (0.0 if task == 'lane' else AFTER_LIMIT_S) if demo.seconds is None else demo.seconds
    latest_s = seconds - CAMERA_FAULT_S - AFTER_FAULT_S
    if demo.camera_fault_s is not None and not 1.0 <= demo.camera_fault_s <= latest_s:
        raise InputError(
            f'a camera fault must begin from 1 s to {CAMERA_FAULT_S + AFTER_FAULT_S:g} s before the end '
            f'({latest_s:g} s). Got {demo.camera_fault_s:g} s'
        )
    return _Plan(policy, spec.name, robot, task, seed, seconds, PICTURES_MISSING * period_s)


def _drive(demo: Demo, plan: _Plan, monitor: Monitor) -> None:
    """Start the graph, wait for all of it, let the robot go, watch it until the trial is over, end the graph."""
    line = _Line()
    with executing(monitor) as executor, Graph(log_folder=demo.out / 'logs') as graph:
        sim_time = {'use_sim_time': True}
        world = {'robot': plan.robot, 'task': plan.task, 'scene': demo.scene, 'seed': plan.seed}
        graph.start('sim', 'lnn_controller.nodes.sim_node', parameters=world)
        bag = {'bag': str(demo.out / 'bag')}
        graph.start('recorder', 'lnn_controller.nodes.record_node', parameters=bag | sim_time)
        control = {
            'policy': str(plan.policy),
            'runtime': demo.runtime,
            'control_rate_hz': demo.control_rate_hz,
            'speed_scale': 0.0,
            'autostart': True,
            'image_timeout_s': plan.image_timeout_s,
        }
        graph.start('controller', 'lnn_controller.nodes.controller_node', parameters=control | sim_time)
        begun_s = time.monotonic()
        while missing := monitor.missing():
            executor.spin_once(timeout_sec=0.05)
            graph.check()
            line.show(f'starting {missing} …')
            if monitor.stopped_for == 'not_finite':
                msg = f'a policy must give finite commands. Got none from {plan.policy}: train it again'
                raise InputError(msg)
            if time.monotonic() - begun_s > START_TIMEOUT_S:
                msg = f'the nodes must find each other within {START_TIMEOUT_S:g} s. Got no answer of {missing}; '
                raise InputError(msg + f'see {demo.out / "logs"}')
        monitor.release()
        begins_s = demo.camera_fault_s
        faults = [] if begins_s is None else [(begins_s, False), (begins_s + CAMERA_FAULT_S, True)]
        checked_s = begun_s = time.monotonic()
        while not monitor.finished:
            executor.spin_once(timeout_sec=0.05)
            now_s = time.monotonic()
            if now_s - checked_s > 0.5:
                graph.check()
                checked_s = now_s
            if monitor.driven_s == 0.0 and now_s - begun_s > START_TIMEOUT_S:
                msg = f'the policy must give a command to move within {START_TIMEOUT_S:g} s. Got only zeros'
                raise InputError(msg)
            if faults and monitor.driven_s >= faults[0][0]:
                monitor.switch_camera(faults.pop(0)[1])
            line.show(_state(plan, monitor))
        line.show(_state(plan, monitor), last=True)


def _state(plan: _Plan, monitor: Monitor) -> str:
    driven_s = min(monitor.driven_s, plan.seconds)
    measured = [word(monitor.status[name]) for name, word in MEASURED.items() if name in monitor.status]
    counted = [f'{name} {count}' for name, count in monitor.counts.items()]
    return '  '.join(  # fits 80 columns
        [
            f'{driven_s:5.1f} s {_bar(driven_s / plan.seconds)} {monitor.speed_m_s:4.2f} m/s',
            *measured,
            f'{monitor.control_rate_hz:4.1f} Hz',
            monitor.outcome or '  '.join(counted),
        ]
    )


def _bar(share: float) -> str:
    full = round(BAR * min(max(share, 0.0), 1.0))
    return '█' * full + '░' * (BAR - full)


def _say(demo: Demo, text: str) -> None:
    print(f'\n{text} in {demo.out}', file=sys.stderr, flush=True)


def _clear(out: Path) -> None:
    """Remove what an earlier demo left in the folder, and nothing else."""
    bag, logs = out / 'bag', out / 'logs'
    try:
        out.mkdir(parents=True, exist_ok=True)
        if bag.exists():
            kinds = {file.suffix for file in bag.iterdir()}
            if not bag.is_dir() or not kinds <= {'.yaml', '.mcap', '.db3'}:
                msg = f'{bag} must be a bag that a demo recorded. Got something else: choose another --out'
                raise InputError(msg)
            shutil.rmtree(bag)
        for file in [out / 'summary.json', out / 'path.png', out / 'demo.mp4', *logs.glob('*.log')]:
            file.unlink(missing_ok=True)
    except OSError as error:
        msg = f'the folder of the demo must be writable. Got {out}: {error.strerror}'
        raise InputError(msg) from None


class _Line:
    """A line that is written over itself on a terminal, and now and then below itself elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._period_s = LINE_PERIOD_S if self._live else QUIET_LINE_PERIOD_S
        self._shown_s = -math.inf
        self._text = ''

    def show(self, text: str, *, last: bool = False) -> None:
        now_s = time.monotonic()
        if not last and now_s - self._shown_s < self._period_s:
            return
        self._shown_s = now_s
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            print(f'\r\x1b[K{text[:width]}', end='\n' if last else '', file=sys.stderr, flush=True)
        elif text != self._text:
            print(text, file=sys.stderr, flush=True)
        self._text = text
