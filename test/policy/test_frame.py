import subprocess
import sys

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.policy import ImageSpec, fit_frame


def test_a_fitting_frame_is_returned_itself():
    image = np.zeros((66, 200, 3), np.uint8)
    assert fit_frame(image, ImageSpec(66, 200)) is image


def test_a_frame_in_a_wider_buffer_becomes_contiguous():
    image = np.arange(4 * 8 * 3, dtype=np.uint8).reshape(4, 8, 3)[:, ::2]
    fitted = fit_frame(image, ImageSpec(4, 4))
    assert fitted.flags.c_contiguous
    np.testing.assert_array_equal(fitted, image)


def test_a_view_of_the_other_order_of_colours_gives_the_same_frame():
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    view = np.ascontiguousarray(image[..., ::-1])[..., ::-1]
    for spec in (ImageSpec(12, 16, crop_top=0.3), ImageSpec(40, 30), ImageSpec(50, 60)):
        fitted = fit_frame(view, spec)
        assert fitted.flags.c_contiguous
        np.testing.assert_array_equal(fitted, fit_frame(image, spec))


def test_the_crop_is_of_the_incoming_frame():
    image = np.zeros((100, 10, 3), np.uint8)
    image[25:90] = 200
    assert (fit_frame(image, ImageSpec(65, 10, crop_top=0.25, crop_bottom=0.1)) == 200).all()


def test_shrinking_averages_areas():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2, :2] = [40, 80, 120]
    image[0, 0] = 0
    fitted = fit_frame(image, ImageSpec(2, 2))
    np.testing.assert_array_equal(fitted[0, 0], [30, 60, 90])
    assert fitted.dtype == np.uint8
    assert not fitted[1].any()


def test_a_small_frame_is_enlarged():
    assert fit_frame(np.full((3, 5, 3), 7, np.uint8), ImageSpec(66, 200)).shape == (66, 200, 3)


@pytest.mark.parametrize(
    'image',
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), [[[1, 2, 3]]], None],
)
def test_what_is_no_rgb8_frame(image):
    with pytest.raises(InputError, match=r'an rgb8 array of shape \(height, width, 3\), uint8. Got'):
        fit_frame(image, ImageSpec(4, 4))


@pytest.mark.parametrize('shape', [(0, 4, 3), (4, 0, 3)])
def test_an_empty_frame(shape):
    with pytest.raises(InputError, match='keep a pixel after the crop'):
        fit_frame(np.zeros(shape, np.uint8), ImageSpec(4, 4))


def test_a_crop_that_leaves_nothing():
    with pytest.raises(InputError, match=r'keep a pixel after the crop. Got 1 rows, 4 columns'):
        fit_frame(np.zeros((1, 4, 3), np.uint8), ImageSpec(4, 4, crop_top=0.6))


def test_opencv_is_loaded_only_to_resize():
    code = (
        'import sys, numpy as np\n'
        'from lnn_controller.policy.frame import fit_frame\n'
        'from lnn_controller.policy.spec import ImageSpec\n'
        'image = np.zeros((8, 8, 3), np.uint8)\n'
        'fit_frame(image, ImageSpec(4, 8, crop_top=0.5)); print("cv2" in sys.modules)\n'
        'fit_frame(image, ImageSpec(4, 4)); print("cv2" in sys.modules)\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ['False', 'True']
