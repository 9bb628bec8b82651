"""What the page in the browser costs: CPU time and memory of the controller with and without it, and of the page."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from summary import add

from lnn_controller.live.domain import choose_domain
from lnn_controller.live.graph import Graph
from lnn_controller.nodes.common.environment import dds_environment

SETTLE_S = 8.0
PORT = 9490


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, s."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def memory_mb(pid: int) -> float:
    """What of a process lies in memory, MB."""
    return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6


def measure(when: str, processes: dict[str, int], seconds: float) -> None:
    """Print each process' share of a core over a time, and its memory."""
    print(when)
    before, begun_s = {name: cpu_s(pid) for name, pid in processes.items()}, time.monotonic()
    time.sleep(seconds)
    past_s = time.monotonic() - begun_s
    for name, pid in processes.items():
        share = (cpu_s(pid) - before[name]) / past_s
        print(f'  {name:<24}{100 * share:6.1f} % of a core{memory_mb(pid):8.0f} MB')
        add(f'{name} in the simulator, {when}', f'{share:.1%} of a core, {memory_mb(pid):.0f} MB')


def main() -> None:
    """Drive the simulated car; look without and with a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=30.0, help='of each measurement')
    seconds = parser.parse_args().seconds
    os.environ.update(dds_environment(), ROS_DOMAIN_ID=choose_domain())
    with Graph(log_folder='out/view') as graph:
        graph.start('sim', 'lnn_controller.nodes.sim_node')
        parameters = {'policy': 'car_lane', 'autostart': True, 'use_sim_time': True}
        controller = graph.start('controller', 'lnn_controller.nodes.controller_node', parameters=parameters).pid
        for number in range(2):
            time.sleep(SETTLE_S)
            measure(f'without a page, {number + 1}', {'controller': controller}, seconds)
            command = [sys.executable, '-m', 'lnn_controller.cli', 'view', '--port', str(PORT)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as view:
                assert view.stdout is not None
                urlopen(view.stdout.readline().strip()).close()
                time.sleep(SETTLE_S)
                children = Path(f'/proc/{view.pid}/task/{view.pid}/children').read_text().split()
                processes = {'controller': controller, 'lnn view': view.pid, "the page's server": int(children[0])}
                measure(f'with a page, {number + 1}', processes, seconds)
                view.terminate()


if __name__ == '__main__':
    main()
