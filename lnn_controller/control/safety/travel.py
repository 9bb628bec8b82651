"""How far commands have taken the robot since a moment, by their stamps."""

__all__ = ['Paces', 'add_pace', 'distance_since']

#: The newest commands: from when each holds, ns, until the next; and its pace, m/s.
Paces = tuple[tuple[int, float], ...]


def add_pace(paces: Paces, now_ns: int, pace: float, keep_s: float) -> Paces:
    """
    Add a command; where stamps go back, another time has begun.

    :param paces: of the commands before
    :param now_ns: from when it holds, ns
    :param pace: its pace, m/s
    :param keep_s: how far back :func:`distance_since` will ask, s
    :returns: with those that are too old left out
    """
    if paces and now_ns < paces[-1][0]:
        paces = ()
    paces = (*paces, (now_ns, pace))
    first = 0
    while len(paces) - first > 1 and paces[first + 1][0] <= now_ns - keep_s * 1e9:
        first += 1
    return paces[first:]


def distance_since(paces: Paces, stamp_ns: int, now_ns: int) -> float:
    """
    Add up how far the robot has gone, whichever way.

    :param paces: of its commands
    :param stamp_ns: since when, ns
    :param now_ns: now, ns
    :returns: m, ≥ 0
    """
    way, end_ns = 0.0, now_ns
    for start_ns, pace in reversed(paces):
        way += pace * max(end_ns - max(start_ns, stamp_ns), 0) / 1e9
        end_ns = start_ns
        if start_ns <= stamp_ns:
            break
    return way
