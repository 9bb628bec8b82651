import numpy as np
import pytest

from lnn_controller.control.adaptation.estimators import (
    Excitation,
    LeastMeanSquares,
    Prequential,
    RecursiveLeastSquares,
)

DT_S = 0.02


def samples(count, inputs=5, seed=0):
    rng = np.random.default_rng(seed)
    return np.hstack([rng.uniform(-1.0, 1.0, (count, inputs - 1)), np.ones((count, 1))])


def learn(estimator, xs, ys, dt_s=DT_S):
    for x, y in zip(xs, ys, strict=True):
        estimator.update(x, y - estimator.weights @ x, dt_s)


def test_without_forgetting_it_is_ridge_regression():
    truth = np.random.default_rng(1).normal(size=(2, 5))
    xs = samples(200)
    ys = xs @ truth.T + 0.1 * np.random.default_rng(2).normal(size=(200, 2))
    estimator = RecursiveLeastSquares(2, 5, prior=0.5, memory_s=np.inf)
    learn(estimator, xs, ys)
    ridge = np.linalg.solve(xs.T @ xs + np.eye(5) / 0.5, xs.T @ ys).T
    np.testing.assert_allclose(estimator.weights, ridge, atol=1e-9)
    np.testing.assert_allclose(estimator.covariance, np.linalg.inv(xs.T @ xs + np.eye(5) / 0.5), atol=1e-9)


def test_forgetting_follows_what_changed():
    xs, before, after = samples(4000), np.full((1, 5), 0.5), np.full((1, 5), -0.7)
    followed = {}
    for memory_s in (5.0, np.inf):
        estimator = RecursiveLeastSquares(1, 5, prior=1.0, memory_s=memory_s)
        learn(estimator, xs[:2000], xs[:2000] @ before.T)
        learn(estimator, xs[2000:], xs[2000:] @ after.T)
        followed[memory_s] = np.abs(estimator.weights - after).max()
    assert followed[5.0] < 0.01 < 0.3 < followed[np.inf]


def test_the_covariance_stays_within_its_prior_when_nothing_moves():
    estimator = RecursiveLeastSquares(1, 5, prior=2.0, memory_s=1.0)
    still = np.array([0.3, 0.0, -0.2, 0.0, 1.0])
    for _ in range(5000):
        estimator.update(still, np.array([0.1]), DT_S)
    values = np.linalg.eigvalsh(estimator.covariance)
    assert values.min() > 0.0
    assert values.max() <= 2.0 * (1 + 1e-12)
    np.testing.assert_array_equal(estimator.covariance, estimator.covariance.T)


def test_lms_learns_slower_but_learns():
    xs, truth = samples(3000), np.full((1, 5), 0.5)
    estimator = LeastMeanSquares(1, 5, rate=0.1)
    learn(estimator, xs[:50], xs[:50] @ truth.T)
    early = np.abs(estimator.weights - truth).max()
    learn(estimator, xs[50:], xs[50:] @ truth.T)
    assert np.abs(estimator.weights - truth).max() < 1e-3 < early


@pytest.mark.parametrize(
    'make', [lambda: RecursiveLeastSquares(1, 5, prior=1.0, memory_s=9.0), lambda: LeastMeanSquares(1, 5, rate=0.3)]
)
def test_reset_is_as_new(make):
    used, new, xs = make(), make(), samples(50)
    learn(used, xs, xs[:, :1])
    used.reset()
    learn(used, xs, xs[:, 1:2])
    learn(new, xs, xs[:, 1:2])
    np.testing.assert_array_equal(used.weights, new.weights)


def test_excitation_is_the_standard_deviation_of_late():
    excitation = Excitation(window_s=1.0)
    at_s = np.arange(0.0, 10.0, DT_S)
    for t in at_s:
        moved = excitation.update(np.array([7.0, 0.5 * np.sin(20.0 * t)]), DT_S)
    assert moved == pytest.approx(0.5 / np.sqrt(2.0), rel=0.05)
    for _ in at_s:
        moved = excitation.update(np.array([7.0, 0.2]), DT_S)
    assert moved < 1e-2
    excitation.reset()
    assert excitation.update(np.array([-3.0, 0.0]), DT_S) == 0.0


def test_prequential_errors_are_means_at_first_and_then_a_window():
    judge = Prequential(1, window_s=1.0)
    for frozen in (1.0, 3.0):
        judge.update(np.array([frozen]), np.array([0.0]), DT_S)
    np.testing.assert_allclose(judge.rms, [[np.sqrt(5.0)], [0.0]])
    for _ in range(1000):
        judge.update(np.array([2.0]), np.array([-0.5]), DT_S)
    np.testing.assert_allclose(judge.rms, [[2.0], [0.5]], rtol=1e-6)
    assert judge.seen_s == pytest.approx(1002 * DT_S)
