"""Real nodes in processes of their own over DDS."""

from ros_fixtures import domain_id, graph, probe, real_graph, run_node

__all__ = ['domain_id', 'graph', 'probe', 'real_graph', 'run_node']
