"""The faults, by name, with what is done to bring each about; docs/faults.md has a row for each."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / 'docs' / 'faults.md'

FAULTS = {
    'camera silent': 'no image is sent any more',
    'camera frozen': 'the same picture again and again, with new stamps',
    'camera: stamps stand still': 'new pictures, all under the same stamp',
    'camera: stamps from another time': 'every image stamped one second back or one second ahead, in turn',
    'camera: stamps back and forth': 'every second image stamped 50 ms back',
    'camera: garbage bytes': 'random bytes instead of a serialised image',
    'camera: data cut off': 'an image that announces more rows than it has',
    'camera: wrong encoding': 'an image of an encoding that nobody knows',
    'camera: another resolution': '64×48 instead of 16×12',
    'camera at 200 Hz': '200 images per second instead of 30',
    'camera: intermittent': 'silent until the robot stops, then back until it drives, three times',
    'camera: slow': 'four pictures a second, with image_timeout_s at 0.2',
    'camera: looping': 'its last three pictures again and again, with new stamps',
    'a second camera': 'another node that publishes image_raw too',
    'IMU: stuck': 'the very same sample again and again, with new stamps',
    'IMU: slow': 'one sample a second instead of 100',
    'IMU silent': 'no sample is sent any more',
    'IMU: NaN': 'an angular velocity that is not a number',
    'IMU: 1e9': 'an angular velocity of 1e9 rad/s',
    'IMU: garbage bytes': 'random bytes instead of a serialised sample',
    'IMU: no accelerometer': 'samples that declare their acceleration absent (its covariance begins with −1)',
    'IMU at 2 kHz': '2000 samples per second instead of 100',
    'scan silent': 'no scan is sent any more (guard.source: scan)',
    'scan sees nothing': 'every ray NaN, as of a covered scanner, with new stamps',
    'scan: front blind': 'the rays ahead NaN, half of them all; the others see a free way',
    'scan: wall that flickers': 'too close to measure in every third scan, a free way in the others',
    'scan: too close to measure': 'the rays ahead −inf (REP 117), the scanner inside the outline',
    'wall, and the operator lets go': 'a wall 0.1 m ahead while a ramp of 0.5 m/s² still drives at 1.9 m/s',
    'clock stops': 'no /clock any more (use_sim_time)',
    'clock jumps back': '/clock goes back by 5 s',
    'clock jumps ahead': '/clock goes ahead by 5 s',
    'override flaps': 'full left and full right in turn on cmd_vel_override, lapsing in between: 20 changes a second',
    'override: NaN': 'an override that is not a number',
    'emergency stop, policy drives': 'true on emergency_stop',
    'emergency stop, operator drives': 'true on emergency_stop during an override',
    'emergency stop, already stopped': 'true on emergency_stop while the camera is silent',
    'emergency stop, best effort': 'true on emergency_stop from a best-effort publisher (a micro-ROS button)',
    'emergency stop of another type': 'a publisher of std_msgs/msg/Empty on emergency_stop',
    'emergency stop at 1 Hz': 'true on emergency_stop just after a tick, at a control rate of 1 Hz',
    'emergency stop, then another policy': 'true, its publisher goes, and the node is reactivated with another policy',
    'a second panel': 'true on emergency_stop; then another publisher boots, which has latched false',
    "dead man's switch silent": 'nothing more on emergency_stop, with emergency_stop_timeout_s at 0.5',
    'a second publisher of cmd_vel': 'another node that publishes cmd_vel too',
    'parameter storm': '1000 parameter sets a second for two seconds, every fourth one wrong',
    'policy deleted': "the policy's folder is removed while it drives",
    'policy replaced': "another policy is written over the policy's folder while it drives",
    'tick hangs': 'the network never ends from one picture on',
    'tick throws': 'the network raises an error from one picture on',
    'encoder hangs': 'the encoder never ends from one picture on',
    'malformed parameter call': 'set_parameters with a value of a type that does not exist, three times',
    'clock negative': 'a /clock of −5 s (use_sim_time)',
    'process stopped': 'SIGSTOP to the controller, SIGCONT a second later',
    'SIGTERM': 'SIGTERM to the controller',
    'SIGINT': 'SIGINT to the controller (Ctrl-C)',
    'SIGKILL': 'SIGKILL to the controller, which can send nothing any more, while the simulated car drives',
    'drone: camera silent': 'no image is sent any more, in flight',
    'drone: IMU silent': 'no sample is sent any more, in flight',
    'drone: odometry silent': 'no odometry is sent any more, with floor and ceiling (height.source: odometry)',
    'drone: odometry NaN': 'a height that is not a number, with floor and ceiling',
    'drone: odometry silent, points': 'no odometry is sent any more, with a slice of points (guard.slice_m)',
    'drone: at the floor': 'the odometry is at height.floor_m from one message on, while the operator descends',
    'drone: network NaN': 'the command of the network is not a number from one picture on',
    'drone: deactivated': 'deactivate, in flight (keepalive_hz: 20)',
    'drone: SIGKILL': 'SIGKILL to the controller while the simulated drone flies at 0.8 m/s and climbs',
    'drone: wind': 'the emergency stop, in 4 m/s of wind with gusts',
    'subscriber gone': 'SIGKILL to a process that listens to cmd_vel',
    'disk full while recording': "the recorder's file may not grow any more",
    '100 activations': 'configure, activate, deactivate and clean up, 100 times in one process',
    '100 starts': 'start, drive and end the process, 100 times; every tenth time by SIGKILL',
    'a long drive': 'at 100 Hz',
}


@dataclass
class Outcome:
    """
    What came of a fault; ``None`` where nothing of the kind was to be seen.

    :param fault: its name
    :param stopped_s: from the last good input, or the event, to the first zeros received, s
    :param limit_s: what that must keep to: timeout and one period, s
    :param said: what the log said of it
    :param recovered_s: from the end of the fault to the first command to move, s
    :param kept: what is to be seen instead of a stop of the controller's
    :param note: what is to be known besides
    """

    fault: str
    stopped_s: float | None = None
    limit_s: float | None = None
    said: str = ''
    recovered_s: float | None = None
    kept: str = 'drives on'
    note: str = ''

    def row(self):
        """A line of the table."""
        stopped = self.kept
        if self.stopped_s is not None:
            stopped = f'{1e3 * self.stopped_s:.0f} ms (limit {1e3 * self.limit_s:.0f})'
        recovered = '' if self.recovered_s is None else f'{1e3 * self.recovered_s:.0f} ms'
        cells = (self.fault, FAULTS[self.fault], stopped, recovered, self.said and f'`{self.said}`', self.note)
        return f'| {" | ".join(cells)} |'


def rows_of(page):
    """The lines of a page's table by fault."""
    lines = page.read_text().splitlines() if page.exists() else []
    return {line.split('|')[1].strip(): line for line in lines if line.startswith('| ')}


def write_page(path, outcomes):
    """Write the table; a fault that was not tried this time keeps its row, and must have one."""
    rows = rows_of(path) | {outcome.fault: outcome.row() for outcome in outcomes}
    if missing := [name for name in FAULTS if name not in rows]:
        raise ValueError(f'faults that were not tried: {missing}')
    path.write_text(PAGE_TEXT.format(rows='\n'.join(rows[name] for name in FAULTS), machine=machine()))


def machine():
    """This machine, in words."""
    names = [
        line.split(':')[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines() if 'model name' in line
    ]
    return f'{os.cpu_count()} cores of {names[0] if names else platform.machine()}, Python {platform.python_version()}'


PAGE_TEXT = """# What happens when something fails

`make soak` brings about each of these faults and writes this page. The controller runs in a process of its own; another
process feeds it over DDS, does the damage from outside, and watches `cmd_vel`. All but the last three are part of
`make test`, which checks that no command to move is stamped later than the last good input plus the timeout, that the
reason is the right one, and that the robot drives again when the fault ends.

**Stopped**: from the last good message's stamp (or from the event) to the first zeros as the other process receives
them, so with their delivery, which may take a millisecond or two beyond the limit. The limit is the timeout and one
control period: 50 Hz, `image_timeout_s` 0.2, `imu_timeout_s` 0.2, `image_frozen_timeout_s` 0.3; the process looks for
signals every 50 ms. **Drives again** counts from the end of the fault; for a process that was ended, from its
start. Measured on {machine}.

| fault | what is done | stopped | drives again | the log says | besides |
| --- | --- | --- | --- | --- | --- |
{rows}
"""
