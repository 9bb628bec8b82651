"""The page in a real browser, without a screen: it loads, the data arrive, and the views draw them."""

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from bundles import make_tiny_bundle
from free_ports import two_free_ports
from recorded_drive import drive

pytest.importorskip('rerun')
pytest.importorskip('websockets')

from websockets.sync.client import connect

from lnn_controller.data import Bag
from lnn_controller.policy import Policy
from lnn_controller.replay.bag import replay_bag
from lnn_controller.view.page import POLICY_COLOURS, ROLE_COLOURS, Page
from lnn_controller.view.recording import show_recording, zero_ns
from lnn_controller.view.server import Server

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
# A minute where the browser must draw by the processor.
pytestmark = [pytest.mark.soak, pytest.mark.skipif(CHROMIUM is None, reason='needs Chromium')]
DEADLINE_S = 180.0


@contextmanager
def browser(folder):
    """Chromium, and a function that calls a method of its page and returns the result."""
    flags = ['--headless', '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader']
    more = [f'--user-data-dir={folder}', '--window-size=1200,800', '--remote-debugging-port=0', 'about:blank']
    silent = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    with subprocess.Popen([CHROMIUM, *flags, *more], start_new_session=True, **silent) as process:
        try:
            file, end_s = folder / 'DevToolsActivePort', time.monotonic() + DEADLINE_S
            while not (file.exists() and file.read_text().count('\n')) and time.monotonic() < end_s:
                time.sleep(0.1)
            port = file.read_text().splitlines()[0]
            pages = json.load(urlopen(f'http://127.0.0.1:{port}/json', timeout=DEADLINE_S))
            url = next(page['webSocketDebuggerUrl'] for page in pages if page['type'] == 'page')
            with connect(url, max_size=None) as socket_:
                numbers = itertools.count(1)

                def call(method, **parameters):
                    number = next(numbers)
                    socket_.send(json.dumps({'id': number, 'method': method, 'params': parameters}))
                    while (answer := json.loads(socket_.recv(DEADLINE_S))).get('id') != number:
                        pass
                    return answer.get('result', {})

                yield call
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def shows(picture, colour):
    """Whether a screenshot has some pixels of about this colour."""
    return np.count_nonzero(np.abs(picture.astype(int) - colour).max(axis=2) < 12) > 20


def test_a_recording_is_drawn(tmp_path):
    policy = Policy.load(make_tiny_bundle(tmp_path / 'driver', imu=False), runtime='onnx')
    drive(policy, tmp_path / 'bag', {20: 'tick_late'})
    replay = replay_bag(tmp_path / 'bag', policy)
    with Server(port=two_free_ports(), memory='64MB') as server:
        page = Page(zero_ns([replay]))
        page.connect(server.uri)
        with page, Bag(tmp_path / 'bag') as bag:
            show_recording(page, bag, [replay], [policy])
        with browser(tmp_path / 'chromium') as call:
            call('Page.navigate', url=f'{server.url}&renderer=webgl&theme=dark')
            end_s = time.monotonic() + DEADLINE_S
            while time.monotonic() < end_s:
                time.sleep(1.0)
                # None yet while it navigates.
                taken = base64.b64decode(call('Page.captureScreenshot', format='png').get('data', ''))
                if not taken:
                    continue
                picture = cv2.imdecode(np.frombuffer(taken, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
                if shows(picture, POLICY_COLOURS[0]) and shows(picture, ROLE_COLOURS['neuron']):
                    return
            (tmp_path / 'page.png').write_bytes(taken)
            pytest.fail(f'no line of the policy, or of its neurons, is drawn: see {tmp_path / "page.png"}')
