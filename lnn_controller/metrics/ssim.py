"""How alike two pictures are, as a person sees it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['ssim']

SIGMA_PX, RADIUS_PX = 1.5, 5
K1, K2 = 0.01, 0.03


def ssim(first: ArrayLike, second: ArrayLike) -> float:
    """
    Structural similarity of two grey pictures.

    Wang et al., *Image quality assessment: from error visibility to structural similarity*, 2004, equation 13: means,
    variances and covariance under a Gaussian window of 11 × 11 and 1.5 px, averaged over where the window fits whole.

    :param first: values 0 … 1, (H, W), both at least 11
    :param second: of the same shape
    :returns: 1 for equal pictures, about 0 for unlike ones, at least −1
    :raises ValueError: if their shapes differ or are too small
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 2 or min(a.shape) <= 2 * RADIUS_PX:
        raise ValueError(f'ssim needs two pictures of one shape, at least 11 × 11. Got {a.shape} and {b.shape}')
    rows, columns = _blur(a.shape[0]), _blur(a.shape[1])

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rows @ values @ columns.T)

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    alike = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((alike / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))).mean())


def _blur(size: int) -> NDArray[np.float64]:
    """Return a Gaussian window along one axis as a matrix, (size − 10, size)."""
    kernel = np.exp(-0.5 * (np.arange(-RADIUS_PX, RADIUS_PX + 1) / SIGMA_PX) ** 2)
    matrix = np.zeros((size - 2 * RADIUS_PX, size))
    for row in range(len(matrix)):
        matrix[row, row : row + len(kernel)] = kernel / kernel.sum()
    return matrix
