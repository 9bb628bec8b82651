import os
from pathlib import Path

import pytest
from recordings import write_drive


@pytest.fixture(params=['mcap', 'sqlite3'])
def storage(request):
    return request.param


@pytest.fixture(scope='session')
def drive(tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp('bags') / 'drive')


@pytest.fixture(scope='session')
def real_car():
    return Path(__file__).parent / 'real_car_cut'


@pytest.fixture
def unprivileged(tmp_path):
    """Be a user who may neither read nor write in tmp_path, also where the tests run as root."""
    if os.geteuid():
        tmp_path.chmod(0)
        yield
        tmp_path.chmod(0o700)
        return
    tmp_path.chmod(0o700)
    os.seteuid(65534)
    yield
    os.seteuid(0)
