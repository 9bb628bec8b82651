"""What there is of all that driving needs, in words: libraries, middleware, shared memory, real time, camera, disk."""

import importlib.util
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from lnn_controller import __version__
from lnn_controller.doctor.children import run_probes
from lnn_controller.libraries import HOW_BY_PART, LIBRARIES, compiler_names, find_compiler

__all__ = [
    'Finding',
    'examine',
    'examine_node',
    'hears_multicast',
    'judge_compiler',
    'judge_computer',
    'judge_shared_memory',
]

TIMEOUT_S = 60.0
PARTS = {'core': 'driving', 'ros': 'ROS 2', 'sim': 'simulator', 'train': 'training'}
ESSENTIAL = ('core', 'ros')
VARIABLES = (
    *('ROS_DISTRO', 'RMW_IMPLEMENTATION', 'ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_STATIC_PEERS'),
    *('ROS_SECURITY_ENABLE', 'FASTDDS_DEFAULT_PROFILES_FILE', 'MUJOCO_GL', 'OMP_NUM_THREADS'),
)
SHARED_MEMORY = '/dev/shm'
MIB = 2**20
RAW_FRAME = 640 * 480 * 3  # bytes
PROCESSES = 4  # controller, simulator, recorder, and who started them
CORES = 2
FREE_DISK = 2 * 10**9  # bytes: a minute of raw 640×480 at 30 Hz
GROUP = '239.255.0.1'  # where DDS participants announce themselves (DDSI-RTPS 2.3, section 9.6.1.4.1)
MULTICAST_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Finding:
    """
    One thing that was looked at.

    :param subject: what, in a word or two
    :param text: what was found; where something is missing, also what brings it
    :param ok: whether nothing is missing
    :param essential: whether no robot can be driven without it
    """

    subject: str
    text: str
    ok: bool = True
    essential: bool = False


def examine() -> list[Finding]:
    """
    Look at this machine, shell and Python; takes some seconds.

    :returns: what was found
    """
    return list(_findings())


def examine_node() -> list[Finding]:
    """
    Look at what a node gets of this machine and shell: middleware, real time, shared memory.

    :returns: what was found
    """
    return list(_answered(run_probes(['ros'], TIMEOUT_S)))


def _findings() -> Iterator[Finding]:
    python = f'Python {platform.python_version()} ({sys.executable})'
    yield Finding('package', f'lnn_controller {__version__} ({Path(__file__).parents[1]}), {python}')
    missing = {part: [each for each in LIBRARIES[part] if importlib.util.find_spec(each) is None] for part in PARTS}
    distributions = packages_distributions()
    for part, names in missing.items():
        yield _libraries(part, names, distributions)
    needs = {'policy': 'core', 'ros': 'ros', 'camera': 'sim'}
    answers = run_probes([probe for probe, part in needs.items() if not missing[part]], TIMEOUT_S)
    yield from _answered(answers)
    heard = hears_multicast()
    lacking = 'does not work, and nodes may not find each other: sudo ip link set lo up multicast on'
    yield Finding('multicast on loopback', 'works' if heard else lacking, heard)
    yield judge_compiler(find_compiler())
    yield judge_computer(len(os.sched_getaffinity(0)), shutil.disk_usage('.').free)
    given = [f'{name}={os.environ[name]}' for name in VARIABLES if name in os.environ]
    yield Finding('environment', ' '.join(given) or 'as by default')


def _libraries(part: str, missing: Sequence[str], distributions: Mapping[str, list[str]]) -> Finding:
    essential = part in ESSENTIAL
    if missing:
        text = f'needs what is not installed ({", ".join(missing)}): {HOW_BY_PART[part]}'
        return Finding(f'{PARTS[part]} libraries', text, False, essential)
    versions = {}
    for library in LIBRARIES[part]:
        names = distributions.get(library, [])
        name = library if library in names or not names else names[0]
        versions[name] = version(name) if names else ''  # what comes with a ROS installation may have none
    text = ', '.join(f'{name} {each}'.strip() for name, each in versions.items())
    return Finding(f'{PARTS[part]} libraries', text, True, essential)


def _answered(answers: Mapping[str, dict[str, Any] | str]) -> Iterator[Finding]:
    match answers.get('policy'):
        case {'name': name}:
            yield Finding('policy', f'{name} runs', essential=True)
        case str(reason):
            yield Finding('policy', reason, False, True)
    match answers.get('ros'):
        case dict(ros):
            yield Finding('node', f'starts with {ros["rmw"]} in domain {ros["domain"]}', essential=True)
            yield _real_time(ros['priority'], ros['real_time'])
            if ros['rmw'].startswith('rmw_fastrtps'):
                yield judge_shared_memory(_free_shared_memory(), ros['segment'], ros['profile'])
        case str(reason):
            yield Finding('node', reason, False, True)
    match answers.get('camera'):
        case {'backend': backend}:
            yield Finding('simulated camera', f'renders with {backend}')
        case str(reason):
            yield Finding('simulated camera', reason, False)


def _real_time(priority: int, permitted: bool) -> Finding:
    text = f'SCHED_FIFO priority {priority} is permitted'
    if not permitted:
        text = (
            f'SCHED_FIFO priority {priority} is not permitted, and on a busy computer ticks come late: '
            'echo "$USER - rtprio 60" | sudo tee /etc/security/limits.d/90-realtime.conf, and log in anew'
        )
    return Finding('real time', text, permitted)


def _free_shared_memory() -> int:
    try:
        return shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return 0


def judge_shared_memory(free: int, segment: int, profile: str) -> Finding:
    """
    Judge whether raw images come through Fast DDS' shared memory.

    :param free: free in ``/dev/shm``, bytes
    :param segment: that each process takes by its profile, bytes
    :param profile: the file of profiles in force
    :returns: the finding
    """
    needed = PROCESSES * segment
    text = f'{SHARED_MEMORY} has {free // MIB} MiB free; each process takes {segment / MIB:.3g} MiB by {profile}'
    if segment < RAW_FRAME:
        text += f', and a raw 640×480 image takes {RAW_FRAME / MIB:.2g} MiB: unset FASTDDS_DEFAULT_PROFILES_FILE'
    elif free < needed:
        size = f'{2 * needed // MIB}m'
        text += (
            f', and {PROCESSES} processes {needed // MIB} MiB: '
            f'sudo mount -o remount,size={size} {SHARED_MEMORY} (in Docker: docker run --shm-size={size})'
        )
    return Finding('shared memory', text, segment >= RAW_FRAME and free >= needed)


def hears_multicast(interface: str = '127.0.0.1') -> bool:
    """
    Try whether what is sent to DDS' multicast group comes back.

    :param interface: address of the network interface
    :returns: whether it did, within a second
    """
    address = socket.inet_aton(interface)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        try:
            receiver.bind((GROUP, 0))
            receiver.settimeout(MULTICAST_TIMEOUT_S)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + address)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
            sender.sendto(b'lnn doctor', receiver.getsockname())
            return receiver.recv(16) == b'lnn doctor'
        except OSError:  # no such interface, no route, nothing in time
            return False


def judge_compiler(command: Sequence[str] | None) -> Finding:
    """
    Judge whether ``lnn compile`` can work.

    :param command: the C compiler's path, and its arguments; ``None``: there is none
    :returns: what comes of it
    """
    if command is None:
        text = f'none ({compiler_names()}): policies run in ONNX Runtime, which is slower: apt install gcc'
        return Finding('C compiler', text, False)
    return Finding('C compiler', f'{" ".join(command)}: lnn compile POLICY makes a policy run in C (runtime native)')


def judge_computer(cores: int, free_disk: int) -> Finding:
    """
    Judge the computer's size.

    :param cores: processor cores that this process may use
    :param free_disk: free where recordings go by default, bytes
    :returns: the finding
    """
    text = f'{platform.platform()}, {cores} processor cores, {free_disk / 1e9:.1f} GB free in {Path.cwd()}'
    lacking = []
    if cores < CORES:
        lacking.append(f'driving with a camera wants {CORES} cores: lend more to this container or machine')
    if free_disk < FREE_DISK:
        lacking.append('a minute of raw images takes 2 GB: free some, or record elsewhere (lnn record --out)')
    return Finding('computer', '; '.join([text, *lacking]), not lacking)
