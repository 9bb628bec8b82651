"""
The controller node, which notes when each camera frame passed which point of its way: for transport.py.

    TRACE=FILE python benchmarks/traced_node.py --ros-args -p autostart:=true

Of each frame that a command used, by the frame's stamp, ns of the system clock: ``taken`` by the encoder's thread,
``decoded``, ``encoded``, ``ticked``: the tick began, ``sent``: its command is out, and the stamp of that ``command``.
Written as JSON when it ends.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control import Decision
from lnn_controller.control.inputs import Encoded, Inputs
from lnn_controller.data.messages.cdr import stamp_from_cdr
from lnn_controller.nodes import controller_node
from lnn_controller.nodes.controller.command_output import CommandOutput
from lnn_controller.nodes.controller.inputs import InputTopics
from lnn_controller.nodes.controller.outputs import Outputs
from lnn_controller.nodes.controller.session import Session

frames: dict[int, dict[str, int]] = {}


class TracedTopics(InputTopics):
    """Notes when the encoder's thread has taken a frame."""

    encoding_ns = 0

    def _encode(self, data: bytes, arrived_ns: int) -> None:
        type(self).encoding_ns = stamp_from_cdr(data)
        frames[self.encoding_ns] = {'taken': time.time_ns()}
        super()._encode(data, arrived_ns)


class TracedCommands(CommandOutput):
    """Notes when the newest command went out."""

    sent_ns = 0

    def send(self, command: NDArray[np.float64], stamp_ns: int, *, restart: bool = False) -> None:
        """
        Publish a command, and note it.

        :param command: by channel
        :param stamp_ns: when it was decided, ns
        :param restart: whether a new time has begun
        """
        super().send(command, stamp_ns, restart=restart)
        type(self).sent_ns = time.time_ns()


class TracedOutputs(Outputs):
    """Notes the first command that used a frame."""

    def publish(self, decision: Decision) -> bool:
        """
        Publish a decision, and note it.

        :param decision: of a tick
        :returns: whether it was published
        """
        published = super().publish(decision)
        image = decision.inputs.image
        if image is not None and decision.mode == 'policy':
            frames[image.stamp_ns].setdefault('sent', TracedCommands.sent_ns)
            frames[image.stamp_ns].setdefault('ticked', TracedSession.began_ns)
            frames[image.stamp_ns].setdefault('command', decision.stamp_ns)
        return published


class TracedSession(Session):
    """Notes when a tick begins."""

    began_ns = 0

    def _tick(self, now_ns: int) -> None:
        type(self).began_ns = time.time_ns()
        super()._tick(now_ns)


def encode(inputs: Inputs, image: NDArray[np.uint8], plain: Any = Inputs.encode) -> Encoded:
    """
    Encode, and note when.

    :param inputs: the controller's
    :param image: rgb8
    :param plain: what it does without
    """
    row = frames[TracedTopics.encoding_ns]
    row['decoded'] = time.time_ns()
    encoded: Encoded = plain(inputs, image)
    row['encoded'] = time.time_ns()
    return encoded


if __name__ == '__main__':
    Inputs.encode = encode  # type: ignore[method-assign]
    controller_node.Session = TracedSession  # type: ignore[misc]
    session, outputs = sys.modules[Session.__module__], sys.modules[Outputs.__module__]
    session.InputTopics, session.Outputs = TracedTopics, TracedOutputs  # type: ignore[attr-defined]
    outputs.CommandOutput = TracedCommands  # type: ignore[attr-defined]
    code = controller_node.main()
    rows = {stamp_ns: row for stamp_ns, row in frames.items() if 'sent' in row}
    Path(os.environ['TRACE']).write_text(json.dumps(rows), encoding='utf-8')
    sys.exit(code)
