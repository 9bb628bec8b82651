"""What an operator may set about online adaptation."""

from dataclasses import dataclass
from typing import Literal, get_args

from lnn_controller.errors import InputError

__all__ = ['FORMER_MODES', 'AdaptationMode', 'AdaptationSettings', 'Method']

# Not `off` and `on`: YAML 1.1, which every ROS tool reads, takes those for booleans.
AdaptationMode = Literal['frozen', 'shadow', 'live']
#: today's word by that of older recordings, and by what YAML made of it
FORMER_MODES = {'off': 'frozen', 'false': 'frozen', 'on': 'live', 'true': 'live'}
Method = Literal['rls', 'lms']


@dataclass(frozen=True)
class AdaptationSettings:
    """
    How a controller learns while it drives.

    A channel's command range is the larger of its policy's two limits: bound and dead zone are shares of it.

    :param mode: 'frozen': learns nothing; 'shadow': learns and reports, but drives as if it had not; or 'live'
    :param imitate: learn from the operator's override commands what the network should have said
    :param respond: learn how the body answers the commands, and undo gain and trim
    :param method: 'rls', recursive least squares with forgetting, or 'lms', normalised least mean squares
    :param rate: how fast it learns. For 'rls' the variance of each weight before anything was learnt, in units of the
        noise's; for 'lms' the step size, < 2
    :param memory_s: forgetting: time of learning after which a sample counts 1/e, s
    :param bound: the largest correction of a command, as a share of its channel's command range, 0 … 1
    :param dead_zone: an error smaller than this share of the command range teaches nothing, 0 … 1
    :param lag_s: time in which the body follows a command, s
    :param window_s: what is learnt is rolled back where it was worse than nothing over so long, s
    :raises InputError: if a value is out of its range
    """

    mode: AdaptationMode = 'frozen'
    imitate: bool = True
    respond: bool = True
    method: Method = 'rls'
    rate: float = 0.1
    memory_s: float = 10.0
    bound: float = 0.3
    dead_zone: float = 0.01
    lag_s: float = 0.1
    window_s: float = 1.0

    def __post_init__(self) -> None:
        for name, choices in (('mode', get_args(AdaptationMode)), ('method', get_args(Method))):
            if getattr(self, name) not in choices:
                msg = f'adaptation {name} must be one of {", ".join(choices)}. Got {getattr(self, name)!r}'
                raise InputError(msg)
        ranges = {
            'rate': (1e-6, 100.0 if self.method == 'rls' else 2.0),
            'memory_s': (0.1, 1e6),
            'bound': (0.0, 1.0),
            'dead_zone': (0.0, 1.0),
            'lag_s': (0.0, 10.0),
            'window_s': (0.1, 60.0),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise InputError(f'adaptation {name} must be from {low:g} to {high:g}. Got {value!r}')
