"""The page is served on this computer alone unless told otherwise, in one process that ends with its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlparse
from urllib.request import Request, urlopen

import pytest
from free_ports import two_free_ports

pytest.importorskip('rerun')

from lnn_controller.errors import InputError
from lnn_controller.view.server import Server

DEADLINE_S = 60.0


@pytest.fixture
def port():
    return two_free_ports()


def listened_at(port):
    """The addresses at which somebody listens at a port, as the kernel writes them."""
    files = (Path('/proc/net') / name for name in ('tcp', 'tcp6'))
    rows = [line.split() for file in files if file.exists() for line in file.read_text().splitlines()[1:]]
    return [row[1].partition(':')[0] for row in rows if row[3] == '0A' and int(row[1].partition(':')[2], 16) == port]


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_the_page_is_served_and_this_computer_alone_reaches_it(port):
    with Server(port=port, memory='64MB') as server:
        with urlopen(server.url, timeout=DEADLINE_S) as answer:
            assert 'Rerun' in answer.read().decode()
        assert listened_at(port) == listened_at(port + 1) == ['0100007F']
        assert parse_qs(urlparse(server.url).query) == {'url': [server.uri]}
        with pytest.raises(InputError, match='choose another --port'):
            Server(port=port, memory='64MB')
        server.check()
    assert listened_at(port) == []
    with pytest.raises(InputError, match='must keep running'):
        server.check()


@pytest.mark.parametrize('bind', ['127.0.0.1', '0.0.0.0'])
def test_a_page_at_the_printed_address_gets_the_data_and_no_other(port, bind):
    with Server(port=port, bind=bind, memory='64MB') as server:
        ours = server.url.partition('/?')[0]

        def allowed(origin):
            asks = {'Origin': origin, 'Access-Control-Request-Method': 'POST'}
            request = Request(f'http://127.0.0.1:{port + 1}/', method='OPTIONS', headers=asks)
            with urlopen(request, timeout=DEADLINE_S) as answer:
                return answer.headers.get('Access-Control-Allow-Origin')

        assert allowed(ours) == ours
        assert allowed(f'http://elsewhere.example:{port}') is None


@pytest.mark.parametrize(
    ('changes', 'message'), [({'bind': '1.2.3.4.5'}, 'address of this computer'), ({'port': 0}, 'port')]
)
def test_an_address_that_is_none(port, changes, message):
    with pytest.raises(InputError, match=message):
        Server(**{'port': port, 'memory': '64MB'} | changes)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='by prctl')
def test_it_ends_with_a_process_that_is_killed(port):
    code = f"""
import time
from lnn_controller.view.server import Server
with Server(port={port}, memory='64MB'):
    print('served', flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == 'served\n'
        finally:
            os.kill(process.pid, signal.SIGKILL)
    deadline_s = time.monotonic() + DEADLINE_S
    while listened_at(port) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert listened_at(port) == []
