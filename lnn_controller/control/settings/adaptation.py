"""What an operator may set about online adaptation."""

from dataclasses import dataclass
from typing import Literal, get_args

from lnn_controller.settings import check_number, check_settings, setting

__all__ = ['FORMER_MODES', 'AdaptationMode', 'AdaptationSettings', 'Method']

# Not `off` and `on`: YAML 1.1, which every ROS tool reads, takes those for booleans.
AdaptationMode = Literal['frozen', 'shadow', 'live']
#: today's word by that of older recordings, and by what YAML made of it
FORMER_MODES = {'off': 'frozen', 'false': 'frozen', 'on': 'live', 'true': 'live'}
Method = Literal['rls', 'lms']
# Of rls a variance in units of the noise's; of lms a step size, which must be less than 2 to converge.
RLS_MAX_RATE, LMS_MAX_RATE = 100.0, 2.0


@dataclass(frozen=True)
class AdaptationSettings:
    """
    How a controller learns while it drives.

    A channel's command range is the larger of its policy's two limits: bound and dead zone are shares of it.

    :raises InputError: if a value is out of its range
    """

    mode: AdaptationMode = setting(
        'frozen',
        'Online adaptation: frozen: none; shadow: learn, but drive as if not; live: learn and drive by it.',
        choices=get_args(AdaptationMode),
        former=FORMER_MODES,
    )
    imitate: bool = setting(True, "Learn from the operator's commands what the network should have said.")
    respond: bool = setting(True, 'Learn gain and trim of the body from what it does, and undo them.')
    method: Method = setting('rls', 'Recursive least squares, or least mean squares.', choices=get_args(Method))
    rate: float = setting(
        0.1, "How fast it learns: rls: the weights' variance at first; lms: step.", '', 1e-6, RLS_MAX_RATE
    )
    memory_s: float = setting(10.0, 'Forgetting: time of learning after which a sample counts 1/e.', 's', 0.1, 1e6)
    bound: float = setting(0.3, "Largest correction, as a share of the channel's largest command.", '', 0.0, 1.0)
    dead_zone: float = setting(0.01, 'A smaller error, as such a share, teaches nothing.', '', 0.0, 1.0)
    lag_s: float = setting(0.1, 'Time in which the body follows a command.', 's', 0.0, 10.0)
    window_s: float = setting(1.0, 'What was worse than nothing over this time is rolled back.', 's', 0.1, 60.0)

    def __post_init__(self) -> None:
        check_settings(self, 'adaptation ')
        if self.method == 'lms':
            check_number('adaptation rate', self.rate, minimum=1e-6, maximum=LMS_MAX_RATE)
