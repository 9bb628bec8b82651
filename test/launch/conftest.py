"""Launch files with ROS 2's own tools, in a ROS domain of the test's own."""

import pytest
from ros_fixtures import domain_id

__all__ = ['domain_id', 'workspace']


@pytest.fixture(scope='session')
def workspace():
    """Skip where the package is not built in a workspace that has been sourced."""
    index = pytest.importorskip('ament_index_python.packages', reason='launch files need ROS 2')
    try:
        index.get_package_prefix('lnn_controller')
    except index.PackageNotFoundError:
        pytest.skip('the package is not built in a sourced workspace')
