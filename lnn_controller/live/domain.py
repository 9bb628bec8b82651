"""A DDS domain of one's own, so that two demos, or a demo and a robot nearby, do not hear each other."""

import os
import random
import socket

from lnn_controller.errors import InputError
from lnn_controller.nodes.common.environment import LAST_DOMAIN, check_domain

__all__ = ['choose_domain', 'is_free', 'listening_domain']

# Ports of a domain (DDSI-RTPS 2.3, section 9.6.1.1). Above domain 100 they reach Linux' ephemeral ports.
PORT_BASE, DOMAIN_GAIN, UNICAST_OFFSET = 7400, 250, 10
DOMAINS = range(1, 101)


def choose_domain() -> str:
    """
    Choose the domain for a graph of this machine.

    :returns: ``ROS_DOMAIN_ID`` if it is set, else one that no process of this machine uses
    :raises InputError: if ``ROS_DOMAIN_ID`` is no domain, or every domain is in use
    """
    wanted = os.environ.get('ROS_DOMAIN_ID', '')
    if wanted:
        check_domain(wanted)
        return wanted
    for domain in random.sample(DOMAINS, len(DOMAINS)):
        if is_free(domain):
            return str(domain)
    msg = f'a DDS domain of {DOMAINS[0]} to {DOMAINS[-1]} must be free. Got all in use: set ROS_DOMAIN_ID'
    raise InputError(msg)


def is_free(domain: int) -> bool:
    """
    Return whether no process of this machine takes part in a domain.

    :param domain: its number
    :returns: whether its discovery ports are free
    """
    base = PORT_BASE + DOMAIN_GAIN * domain
    for port in (base, base + UNICAST_OFFSET):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            try:
                trial.bind(('', port))
            except OSError:
                return False
    return True


def listening_domain(domain: int | None) -> int:
    """
    Return the domain to listen in.

    :param domain: the one that was named; ``None``: ROS_DOMAIN_ID, or 0
    :returns: its number
    :raises InputError: if there is no such domain
    """
    text = os.environ.get('ROS_DOMAIN_ID') or '0' if domain is None else str(domain)
    if not text.isdigit() or int(text) > LAST_DOMAIN:
        raise InputError(f'a ROS domain must be a number from 0 to {LAST_DOMAIN}. Got "{text}"')
    return int(text)
