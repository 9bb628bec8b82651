"""What to say while a controller is waited for."""

from rclpy.node import Node

from lnn_controller.nodes.common.qos import UNREADABLE

__all__ = ['waited_for']


def waited_for(node: Node, controller: str) -> list[str]:
    """
    Say what is waited for, and what to look at if it does not come.

    :param node: that waits
    :param controller: full name of the controller
    :returns: one line each
    """
    domain = node.context.get_domain_id()
    try:
        others = sorted(f'{space.rstrip("/")}/{name}' for name, space in node.get_node_names_and_namespaces())
    except UnicodeDecodeError:  # of a name that is no text, of which rclpy reads none then
        return [f'{controller} is waited for in ROS domain {domain}: {UNREADABLE}']
    others.remove(node.get_fully_qualified_name())
    if controller in others:
        return [f'{controller} is there; its diagnostics, once a second, are waited for']
    seen = f'the nodes here are {", ".join(others)} (see --node)' if others else 'no node is here'
    return [
        f'{controller} is waited for in ROS domain {domain}, where {seen}',
        'is it running, and with the same ROS_DOMAIN_ID? (lnn demo takes a domain of its own unless it is set)',
    ]
