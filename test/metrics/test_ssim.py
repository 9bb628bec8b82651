import numpy as np
import pytest

from lnn_controller.metrics.ssim import ssim


def test_of_one_window_it_is_the_formula():
    random = np.random.default_rng(0)
    a, b = random.random((2, 11, 11))
    kernel = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weight = np.outer(kernel, kernel) / kernel.sum() ** 2
    mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
    covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
    variances = (weight * (a - mean_a) ** 2).sum() + (weight * (b - mean_b) ** 2).sum()
    wanted = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
    wanted /= (mean_a**2 + mean_b**2 + 1e-4) * (variances + 9e-4)
    assert ssim(a, b) == pytest.approx(wanted)


def test_equal_pictures_are_alike_and_noise_makes_them_less_so():
    random = np.random.default_rng(1)
    picture = np.add.outer(np.linspace(0, 0.5, 40), np.linspace(0, 0.5, 60))
    noisy = [np.clip(picture + random.normal(0, sigma, picture.shape), 0, 1) for sigma in (0.05, 0.3)]
    assert ssim(picture, picture) == pytest.approx(1.0)
    assert 1.0 > ssim(picture, noisy[0]) > ssim(picture, noisy[1]) > -1.0


@pytest.mark.parametrize('shapes', [((11, 10), (11, 10)), ((20, 20), (20, 21)), ((20,), (20,))])
def test_shapes_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match='two pictures of one shape'):
        ssim(*(np.zeros(shape) for shape in shapes))
