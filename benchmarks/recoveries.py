"""
Does a policy come back after a push? Every six seconds somebody turns the wheel for half a second, and lets go.

    python benchmarks/recoveries.py POLICY… [--roads 21 33 47] [--scene summer] [--seconds 60]

The pushes are an operator's overrides, to either side in turn, at the same moments for each policy. A departure is that
of `lnn evaluate`: the car has left its lane, and is put back.
"""

import argparse

from lnn_controller.evaluation.closed_loop import run_trial
from lnn_controller.policy import Policy

EVERY_S, PUSH_S, SPEED_M_S = 6.0, 0.5, 1.8
TURNS_RAD_S = 0.3, 0.4, 0.5


def pusher(turn_rad_s: float):  # noqa: ANN201  a nested function's type says nothing more
    """Make the operator who pushes."""

    def push(_world: object, at_s: float) -> tuple[float, float] | None:
        number, into_s = divmod(at_s, EVERY_S)
        if number == 0 or into_s > PUSH_S:
            return None
        return SPEED_M_S, turn_rad_s * (-1) ** int(number)

    return push


def main() -> None:
    """Drive and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('policies', nargs='+', metavar='POLICY')
    parser.add_argument('--roads', type=int, nargs='+', default=[21, 33, 47])
    parser.add_argument('--scene', default='summer')
    parser.add_argument('--seconds', type=float, default=60.0)
    args = parser.parse_args()
    pushes = len(args.roads) * int((args.seconds - PUSH_S) // EVERY_S)
    print(f'{args.scene}, roads {args.roads}: {pushes} pushes of {PUSH_S:g} s each; departures (rms, cm)\n')
    print(f'{"":<20}', *(f'{f"{turn:g} rad/s":>16}' for turn in TURNS_RAD_S))
    for name in args.policies:
        policy, cells = Policy.load(name), []
        for turn in TURNS_RAD_S:
            figures = [
                run_trial(policy, seed=road, scene=args.scene, seconds=args.seconds, operator=pusher(turn)).figures
                for road in args.roads
            ]
            squares = [each['cross_track_error_rms_m'] ** 2 for each in figures]
            departures = sum(each['departures'] for each in figures)
            cells.append(f'{departures} ({100 * (sum(squares) / len(squares)) ** 0.5:.0f})')
        print(f'{policy.spec.name:<20}', *(f'{cell:>16}' for cell in cells), flush=True)


if __name__ == '__main__':
    main()
