"""``lnn view``."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from lnn_controller.cli.arguments import add_replay_arguments, replayed

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'show a running controller, or a bag and what policies make of it, on a page in the browser'
EXAMPLE = 'lnn view out/demo/bag --policy car_lane --policy car_lane_lstm'
NODE = '/controller'
MEMORY = '2GB'  # of a bag's page: half an hour of a camera of 640×480


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'bag',
        type=Path,
        nargs='?',
        metavar='BAG',
        help='a rosbag2 folder, a .mcap or a .db3 file; without, a controller',
    )
    parser.add_argument('--node', metavar='NAME', help=f'the running controller, with its namespace (default: {NODE})')
    parser.add_argument(
        '--domain', type=int, metavar='N', help='ROS domain of the controller; ROS_DOMAIN_ID unless given'
    )
    parser.add_argument('--port', type=int, default=9090, metavar='PORT', help="the page's; its data has the next")
    parser.add_argument(
        '--bind', default='127.0.0.1', metavar='ADDRESS', help='where it listens; 0.0.0.0 lets other computers look in'
    )
    parser.add_argument(
        '--save', type=Path, metavar='FILE', help="write a bag's page to a file, such as drive.rrd, instead"
    )
    add_replay_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from lnn_controller.errors import InputError

    if args.bag is None:
        if args.save or args.policy:
            name = '--save' if args.save else '--policy'
            raise InputError(f'{name} is of a bag: lnn view BAG {name} …. Got no bag')
        return _show_node(args)
    if args.node or args.domain is not None:
        raise InputError('a bag or a node is shown, not both. Got both: leave one out')
    return _show_bag(args)


def _show_node(args: argparse.Namespace) -> int:
    from lnn_controller.live.view import run_view
    from lnn_controller.nodes.common.environment import check_environment

    check_environment()
    return run_view(node=args.node or NODE, domain=args.domain, port=args.port, bind=args.bind)


def _show_bag(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from lnn_controller.data import Bag
    from lnn_controller.view.page import Page
    from lnn_controller.view.recording import show_recording, zero_ns
    from lnn_controller.view.server import Server

    policies, replays = replayed(args)

    def show(page: Page) -> None:
        frames = len(replays[0].episode.images)
        with (
            page,
            Bag(args.bag) as bag,
            tqdm(total=frames, desc='show', unit='frame', disable=None, leave=False) as bar,
        ):
            show_recording(page, bag, replays, policies, bar.update)

    page = Page(zero_ns(replays))
    if args.save:
        page.save(args.save)
        show(page)
        print(f'{args.save}: open it with rerun {args.save}')
        return 0
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with Server(port=args.port, bind=args.bind, memory=MEMORY) as server:
        page.connect(server.uri)
        show(page)
        print(server.url, flush=True)
        print('in a browser; Ctrl-C ends it', file=sys.stderr)
        while not stop.wait(1.0):
            server.check()
    return 0
