import os
import subprocess
import sys
import threading

import pytest

from lnn_controller.sim import CarWorld
from lnn_controller.sim.render.gl import BACKENDS, Renderer, choose_backend

MAKE_WORLD = 'from lnn_controller.sim import CarWorld; CarWorld(1, "summer", render={render}).advance(10)'


def run(code, **environment):
    environment = {k: v for k, v in os.environ.items() if k not in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')} | environment
    return subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True, timeout=120)


def test_an_unknown_backend_is_refused_by_name():
    done = run(MAKE_WORLD.format(render=True), MUJOCO_GL='bogus')
    assert done.returncode != 0
    assert "InputError: MUJOCO_GL must be one of egl, osmesa, or unset. Got 'bogus'." in done.stderr


@pytest.mark.slow
def test_without_opengl_the_packages_to_install_are_named():
    # PyOpenGL takes its platform from here: no backend can load with one that is not there.
    done = run(MAKE_WORLD.format(render=True), PYOPENGL_PLATFORM='nowhere')
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert 'InputError: No off-screen OpenGL works here (egl: ' in last
    assert '; osmesa: ' in last
    assert last.endswith('Install it: sudo apt-get install -y libegl1 libgl1')


@pytest.mark.parametrize('environment', [{'MUJOCO_GL': 'bogus'}, {'PYOPENGL_PLATFORM': 'nowhere'}])
def test_a_world_without_pictures_needs_no_opengl(environment):
    done = run(MAKE_WORLD.format(render=False), **environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_importing_leaves_the_environment_as_it_was():
    done = run('import os; import lnn_controller.sim; print(os.environ.get("MUJOCO_GL"))')
    assert done.stdout.strip() == 'None', done.stderr
    done = run('import os; import lnn_controller.sim; print(os.environ.get("MUJOCO_GL"))', MUJOCO_GL='egl')
    assert done.stdout.strip() == 'egl', done.stderr


def test_the_choice_is_made_once():
    assert choose_backend() in BACKENDS
    before = choose_backend.cache_info().misses
    choose_backend()
    assert choose_backend.cache_info().misses == before


def test_a_context_belongs_to_its_thread():
    errors = []

    def elsewhere(call):
        try:
            call()
        except RuntimeError as error:
            errors.append(str(error))

    with CarWorld(1) as world:
        for call in (world.camera, world.close):
            thread = threading.Thread(target=elsewhere, args=(call,))
            thread.start()
            thread.join()
        assert world.camera().any()
    assert len(errors) == 2
    assert all('A GL context belongs to one thread' in error for error in errors)


def test_a_closed_renderer_says_so():
    with CarWorld(1, render=False) as world:
        renderer = Renderer(world._model, 32, 16)
        assert renderer.render(world._data, 'front').shape == (16, 32, 3)
        renderer.close()
        renderer.close()
        with pytest.raises(RuntimeError, match='The renderer is closed'):
            renderer.render(world._data, 'front')
