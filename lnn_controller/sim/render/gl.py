"""
MuJoCo and its picture-making: import it in the right order, find a GL backend, render off-screen.

Every other file of this folder takes ``mujoco`` from here. MuJoCo picks its GL library while it is imported and
the Linux default (glfw) needs a display, so it is imported with none, and the backend is chosen when the first
picture is wanted. A world without pictures thus needs no GL at all.
"""

import math
import os
import subprocess
import sys
import threading
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError, how_to_install

__all__ = ['BACKENDS', 'Renderer', 'choose_backend', 'mujoco']


def _import_mujoco() -> Any:
    wanted = os.environ.get('MUJOCO_GL')
    os.environ['MUJOCO_GL'] = 'disable'
    try:
        return import_module('mujoco')
    except ModuleNotFoundError as error:
        msg = f'The simulator needs MuJoCo. Install it: {how_to_install("sim")}'
        raise InputError(msg) from error
    finally:
        if wanted is None:
            del os.environ['MUJOCO_GL']
        else:
            os.environ['MUJOCO_GL'] = wanted


mujoco: Any = _import_mujoco()

ABANDONED: list[Any] = []  # contexts that may not be freed, see Renderer.__del__
BACKENDS = ('egl', 'osmesa')
UNSEEN_GROUP = 5  # MuJoCo draws none of these groups: 3, 4, 5
APT_LINE = 'sudo apt-get install -y libegl1 libgl1'

# What MuJoCo needs of a backend, tried where a crash or a half-loaded library does no harm.
PROBE = """
import os
os.environ['MUJOCO_GL'] = 'disable'
import importlib, sys, mujoco
context = importlib.import_module('mujoco.' + sys.argv[1]).GLContext(8, 8)
context.make_current()
mujoco.MjrContext(mujoco.MjModel.from_xml_string('<mujoco/>'), mujoco.mjtFontScale.mjFONTSCALE_50)
os._exit(0)
"""


def _probe(backend: str) -> str:
    """Try a backend in a process of its own; '' if it works, else the last line of what it said."""
    try:
        done = subprocess.run([sys.executable, '-c', PROBE, backend], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return 'no answer within 60 s'
    if done.returncode == 0:
        return ''
    return (done.stderr.strip().splitlines() or [f'exit status {done.returncode}'])[-1]


@lru_cache(maxsize=1)
def choose_backend() -> str:
    """
    Find an off-screen GL backend that works here; asked once per process.

    The environment variable ``MUJOCO_GL`` (egl or osmesa) restricts the choice.

    :returns: ``'egl'``, else ``'osmesa'``
    :raises InputError: if none works (with the packages to install), or ``MUJOCO_GL`` names another backend
    """
    wanted = os.environ.get('MUJOCO_GL', '').strip().lower()
    if wanted and wanted not in BACKENDS:
        msg = f'MUJOCO_GL must be one of {", ".join(BACKENDS)}, or unset. Got {wanted!r}.'
        raise InputError(msg)
    reasons = []
    for backend in [wanted] if wanted else BACKENDS:
        reason = _probe(backend)
        if not reason:
            return backend
        reasons.append(f'{backend}: {reason}')
    unset = ' and unset MUJOCO_GL' if wanted else ''
    msg = f'No off-screen OpenGL works here ({"; ".join(reasons)}). Install it{unset}: {APT_LINE}'
    raise InputError(msg)


class Renderer:
    """
    Pictures of one model from its fixed cameras.

    A GL context belongs to one thread: the one that makes the renderer must also render and close.

    :param model: the compiled MuJoCo model
    :param width: pixels
    :param height: pixels
    :param samples: anti-aliasing samples per pixel; 0 is twice as fast as 4
    :param hidden_groups: groups of shapes that are not drawn
    :raises InputError: if no GL backend works
    """

    def __init__(
        self, model: Any, width: int, height: int, *, samples: int = 0, hidden_groups: tuple[int, ...] = ()
    ) -> None:
        self._thread = threading.get_ident()
        self._model = model
        self._gl = import_module(f'mujoco.{choose_backend()}').GLContext(width, height)
        self._gl.make_current()
        # The off-screen buffer takes its size from the model while the context is made.
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = samples
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=500)
        for flag in ('SHADOW', 'REFLECTION', 'HAZE'):
            self._scene.flags[getattr(mujoco.mjtRndFlag, f'mjRND_{flag}')] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_FOG] = 1
        self._option = mujoco.MjvOption()
        self._option.geomgroup[list(hidden_groups)] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        # A plane has no bounds (MuJoCo says 0).
        self._radii = np.where(model.geom_rbound > 0.0, model.geom_rbound, np.inf)
        self._rectangle = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)

    def render(self, data: Any, camera: str) -> NDArray[np.uint8]:
        """
        Take a picture.

        :param data: MuJoCo's state, after a forward pass
        :param camera: a camera of the model
        :returns: rgb8, (height, width, 3), a new array
        :raises RuntimeError: in another thread than the one that made this renderer, or after :meth:`close`
        """
        self._check_thread()
        if self._context is None:
            msg = 'The renderer is closed.'
            raise RuntimeError(msg)
        self._gl.make_current()
        self._camera.fixedcamid = self._model.camera(camera).id
        category = mujoco.mjtCatBit.mjCAT_ALL
        groups = self._model.geom_group.copy()
        self._model.geom_group[self._out_of_view(data)] = UNSEEN_GROUP
        mujoco.mjv_updateScene(self._model, data, self._option, None, self._camera, category, self._scene)
        self._model.geom_group[:] = groups
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rectangle, self._context)
        return np.ascontiguousarray(self._pixels[::-1])  # GL's first row is the lowest

    def _out_of_view(self, data: Any) -> NDArray[np.bool_]:
        """Whether each shape is wholly outside the picture: MuJoCo itself would draw it, for half of the time."""
        camera = self._camera.fixedcamid
        axes = data.cam_xmat[camera].reshape(3, 3)
        right, up, back = ((data.geom_xpos - data.cam_xpos[camera]) @ axes).T
        tangent = math.tan(math.radians(self._model.cam_fovy[camera]) / 2)
        out: NDArray[np.bool_] = back > self._radii
        for aside, slope in ((right, tangent * self._rectangle.width / self._rectangle.height), (up, tangent)):
            out |= np.abs(aside) + slope * back > self._radii * math.hypot(1.0, slope)
        return out

    def close(self) -> None:
        """
        Free the GL context; further calls do nothing.

        :raises RuntimeError: in another thread than the one that made this renderer
        """
        if self._context is not None:
            self._check_thread()
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = None

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            msg = 'A GL context belongs to one thread: render and close in the thread that made the world.'
            raise RuntimeError(msg)

    def __del__(self) -> None:
        # A forgotten renderer's context, freed by the garbage collector while another one is current, would
        # delete that one's textures. So free it as close() does, or, where that is impossible, not at all.
        context = getattr(self, '_context', None)
        if context is None:
            return
        if threading.get_ident() == self._thread and not sys.is_finalizing():
            self.close()
        else:
            ABANDONED.append(context)
