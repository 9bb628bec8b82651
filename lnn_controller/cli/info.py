"""``lnn info``."""

import argparse
from pathlib import Path
from typing import Any

from lnn_controller.cli.arguments import add_topic_arguments, chosen_topics
from lnn_controller.errors import InputError

__all__ = ['EXAMPLE', 'SUMMARY', 'add_arguments', 'run']

SUMMARY = 'look through a bag: is it whole, what would training learn of it; or cut it'
EXAMPLE = 'lnn info my_bag --out out/my_bag.html; lnn info my_bag --cut 12 60 --out my_bag_cut'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bag', type=Path, metavar='BAG', help='the bag, which is read whole')
    parser.add_argument('--out', type=Path, metavar='PATH', help='HTML page to write; with --cut: the new bag')
    parser.add_argument(
        '--cut',
        nargs=2,
        type=float,
        metavar=('FROM', 'TO'),
        help='write what lies between two times, in s from the first message, as a bag of its own',
    )
    add_topic_arguments(parser)
    parser.add_argument('--wheelbase', type=float, default=0.0, metavar='M', help='as of lnn train')
    parser.add_argument('--outputs', nargs='+', metavar='NAME', help='command channels, as of lnn train')


def run(args: argparse.Namespace) -> int:
    if args.cut:
        from lnn_controller.data.bags.cut import cut_bag

        if args.out is None:
            raise InputError('--cut needs a folder for the new bag: name it with --out')
        counts = cut_bag(args.bag, args.out, *args.cut)
        print(f'{args.out}: {sum(counts.values())} messages of {len(counts)} topics')
        return 0
    from lnn_controller.learning.config import TrainConfig
    from lnn_controller.learning.survey import survey
    from lnn_controller.report.bag_page import bag_text, write_bag_page

    more: dict[str, Any] = {'outputs': tuple(args.outputs)} if args.outputs else {}
    found = survey(args.bag, TrainConfig(wheelbase=args.wheelbase, **more), chosen_topics(args))
    print(bag_text(found), end='')
    if args.out is not None:
        write_bag_page(args.out, found)
        print(f'\nPage: {args.out}')
    return 0
