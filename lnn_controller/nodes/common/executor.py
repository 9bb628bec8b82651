"""An executor for one node that is shut down however its use ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

__all__ = ['executing']


@contextmanager
def executing(node: Node) -> Iterator[SingleThreadedExecutor]:
    """
    Hold an executor that has the node.

    One that outlives its context, as after an error, writes a traceback on the screen when Python collects it.

    :param node: the node; it outlives the executor, and so does its context
    :returns: the executor
    """
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        yield executor
    finally:
        executor.shutdown()
