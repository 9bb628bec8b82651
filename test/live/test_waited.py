"""What is said while a controller is waited for."""

from foreign_names import renamed_publisher
from std_msgs.msg import Bool

from lnn_controller.live.waited import waited_for


def test_a_node_whose_name_is_no_text_is_told(probe, domain_id):
    with renamed_publisher(domain_id, Bool, 'switch'):
        probe.until(
            lambda: 'the name of a node here is no text' in waited_for(probe.node, '/controller')[0], 'it is told'
        )
    probe.until(lambda: len(waited_for(probe.node, '/controller')) == 2, 'it has gone')
