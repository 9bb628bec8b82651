"""A node whose name is no text, or acts on a terminal: rclpy gives nobody such a name, other DDS programs may."""

import ctypes
import re
from contextlib import contextmanager, suppress
from pathlib import Path

import rclpy
from rclpy.context import Context
from rclpy.node import Node

# Of one length, short enough to lie within a std::string.
NAME, NO_TEXT = 'foreigner', b'\xff\xfeA\xff\xffBCDE'


@contextmanager
def renamed_publisher(domain_id, kind, topic, name=NO_TEXT):
    """A publisher whose node has this name in ROS's own description of the graph."""
    assert len(name) == len(NAME)
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    options = {'context': context, 'enable_rosout': False, 'start_parameter_services': False}
    node = Node(NAME, **options)
    publisher = node.create_publisher(kind, topic, 10)
    rename(NAME.encode(), name)
    other = Node('other', **options)  # with this the process is described anew
    try:
        yield publisher
    finally:
        rename(name, NAME.encode())
        for each in (other, node):
            each.destroy_node()
        rclpy.shutdown(context=context)


def rename(before, after):
    """Change the short C++ strings of this process that hold this: before it each has its address and length."""
    addresses = []
    with Path('/proc/self/maps').open() as maps, Path('/proc/self/mem').open('rb', 0) as memory:
        for line in maps:
            where, rights = line.split()[:2]
            first, end = (int(each, 16) for each in where.split('-'))
            if not rights.startswith('rw'):
                continue
            content = b''
            with suppress(OSError, ValueError):  # of the kernel's own
                memory.seek(first)
                content = memory.read(end - first)
            for hit in re.finditer(re.escape(before), content):
                address = first + hit.start()
                head = address.to_bytes(8, 'little') + len(before).to_bytes(8, 'little')
                if content[: hit.start()].endswith(head):
                    addresses.append(address)
    assert addresses
    for address in addresses:
        ctypes.memmove(address, after, len(after))
