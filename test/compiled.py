"""The exported C in a shared library, called from here."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from lnn_controller.export.c import encoder_source, project_files

COMPILER = shutil.which('cc') or shutil.which('gcc')
needs_compiler = pytest.mark.skipif(COMPILER is None, reason='needs a C compiler')
#: as docs say
STRICT = ('-std=c99', '-pedantic', '-Wall', '-Wextra', '-Werror', '-ffp-contract=off')
REASONS = ('', 'time', 'features', 'imu', 'state', 'command', 'image')


def build(networks, folder, *, straight_line=False, parts=('core', 'step'), flags=('-O2',)):
    """Compile networks, whose names differ, into one library; give what is in it of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for network in networks:
        encoder = encoder_source(network) if 'encoder' in parts else None
        for name, text in project_files(network, encoder, straight_line=straight_line).items():
            (folder / name).write_text(text)
    sources = [f'{network.name}_{part}.c' for network in networks for part in parts]
    command = [COMPILER, *STRICT, *flags, '-fPIC', '-shared', '-o', 'library.so', *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    library = ctypes.CDLL(str(folder / 'library.so'))
    return [Compiled(library, network, 'encoder' in parts) for network in networks]


class Compiled:
    """A network's functions, over numpy."""

    def __init__(self, library, network, encode):
        self.spec = network.spec
        self._scratch = encoder_source(network).scratch_bytes if encode else 0
        self._library, self._name = library, network.name

    def limit(self, acceleration, deceleration, timeout_s, reason, age_s, dt_s, state, ramp, command):
        """``NAME_limit``: reason, command, ramp, state."""
        limits = np.array([*acceleration, *deceleration, timeout_s], np.float32)
        state, ramp, command = (np.array(each, np.float32) for each in (state, ramp, command))
        pointers = [each.ctypes.data_as(ctypes.c_void_p) for each in (limits, state, ramp, command)]
        reason = getattr(self._library, f'{self._name}_limit')(
            pointers[0], reason, ctypes.c_float(age_s), ctypes.c_float(dt_s), *pointers[1:]
        )
        return REASONS[reason], command, ramp, state

    def _call(self, which, features, imu, hx, dt_s):
        state = np.array(hx, np.float32)
        command = np.full(len(self.spec.outputs), np.nan, np.float32)
        tau = np.full(self.spec.network.units, np.nan, np.float32)
        features = np.ascontiguousarray(features, np.float32)
        imu = None if imu is None else np.ascontiguousarray(imu, np.float32)
        pointers = [None if each is None else each.ctypes.data_as(ctypes.c_void_p) for each in (state, features, imu)]
        outputs = [each.ctypes.data_as(ctypes.c_void_p) for each in (command, tau)]
        reason = getattr(self._library, f'{self._name}_{which}')(*pointers, ctypes.c_float(dt_s), *outputs)
        return REASONS[reason], command, state, tau

    def encode(self, frame):
        """``NAME_encode``: features."""
        features = np.full(self.spec.network.features, np.nan, np.float32)
        scratch = np.zeros(self._scratch // 4 + 1, np.float32)
        arrays = np.ascontiguousarray(frame), features, scratch
        getattr(self._library, f'{self._name}_encode')(*(each.ctypes.data_as(ctypes.c_void_p) for each in arrays))
        return features

    def advance(self, features, imu, hx, dt_s):
        """``NAME_advance``: reason, command, next state, time constants (NaN where it wrote none)."""
        return self._call('advance', features, imu, hx, dt_s)

    def step(self, features, imu, hx, dt_s):
        """``NAME_step``, likewise."""
        return self._call('step', features, imu, hx, dt_s)
