"""Training on series: it learns what needs memory, time and unequal lengths; the same seed gives the same."""

import numpy as np
import pytest

from lnn_controller.errors import InputError
from lnn_controller.liquid import CELLS, Series, fit, forecasting, make_cell, units_for


def first_sign(count, seed, padding=0.0):
    """Noise whose first sample tells the class; 6 to 12 samples, and anything behind them."""
    rng = np.random.default_rng(seed)
    lengths, side = rng.integers(6, 13, count), rng.integers(0, 2, count)
    x = rng.normal(0.0, 0.3, (count, 12, 1))
    x[:, 0, 0] = 4.0 * side - 2.0
    x[np.arange(12) >= lengths[:, None]] = padding
    return Series(x, np.where(side, 'up', 'down'), lengths=lengths)


def leak(count, seed):
    """Irregular samples of u, and the state of v' = u - v, which nobody can tell without the time between them."""
    rng = np.random.default_rng(seed)
    dt, u = rng.choice([0.1, 2.0], (count, 20)), rng.normal(0.0, 1.0, (count, 20))
    v = np.zeros((count, 21))
    for t in range(20):
        v[:, t + 1] = u[:, t] + (v[:, t] - u[:, t]) * np.exp(-dt[:, t])
    return Series(u[..., None], v[:, 1:, None], dt)


def sines(count, seed):
    """A sine sampled at irregular times, from any phase."""
    rng = np.random.default_rng(seed)
    dt = rng.uniform(0.1, 1.5, (count, 25))
    return forecasting(np.sin(dt.cumsum(1) + rng.uniform(0, 6.3, (count, 1)))[..., None], dt)


@pytest.mark.parametrize('pool', ['mean', 'last'])
@pytest.mark.slow
def test_it_remembers_the_first_sample(pool):
    model = fit(first_sign(160, 1, np.nan), 'classify', cell='cfc', units=12, backbone_layers=0, pool=pool, epochs=30)
    assert model.evaluate(first_sign(100, 2))['accuracy'] > 0.9
    assert set(model.predict(first_sign(4, 3))) <= {'up', 'down'}
    assert model.metrics['dropped_steps'] == 0


def test_what_lies_in_the_padding_changes_nothing():
    model = fit(first_sign(40, 1), 'classify', cell='gru', units=8, epochs=2)
    others = fit(first_sign(40, 1, np.nan), 'classify', cell='gru', units=8, epochs=2)
    assert model.history == others.history


@pytest.mark.slow
def test_it_learns_from_the_time_between_samples():
    train, test = leak(200, 1), leak(100, 2)
    blind = [Series(each.x, each.y) for each in (train, test)]
    options = {'cell': 'cfc', 'units': 12, 'backbone_layers': 0, 'epochs': 40, 'batch_size': 32}
    knows = fit(train, 'regress', **options).evaluate(test)['nrmse']
    guesses = fit(blind[0], 'regress', **options).evaluate(blind[1])['nrmse']
    assert knows < 0.5 * guesses


@pytest.mark.slow
def test_one_number_for_a_sequence():
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 1.0, (200, 5, 2))
    series = Series(x, 100.0 * x.mean(1)[:, :1])
    model = fit(series.part(slice(150)), 'regress', cell='gru', units=8, epochs=30, batch_size=16)
    assert model.predict(series).shape == (200, 1)
    assert model.evaluate(series.part(slice(150, None)))['nrmse'] < 0.5


@pytest.mark.slow
def test_it_forecasts_better_than_as_now():
    model = fit(sines(150, 1), 'forecast', cell='cfc', units=12, backbone_layers=0, warm_up=3, epochs=40, batch_size=32)
    figures = model.evaluate(sines(100, 2))
    assert figures['nrmse'] < 0.5 * figures['persistence']


def test_a_forecast_asks_for_the_next_sample_and_tells_how_long_until_then():
    x, dt = np.arange(8.0).reshape(1, 4, 2), np.array([[9.0, 1.0, 2.0, 3.0]])
    series = forecasting(x, dt, [3])
    assert series.x[0].tolist() == [[0, 1, 1], [2, 3, 2], [4, 5, 3]]
    assert series.y[0].tolist() == [[2, 3], [4, 5], [6, 7]]
    assert (series.dt[0].tolist(), series.lengths.tolist()) == ([9, 1, 2], [2])


def test_the_seed_decides_and_leaves_others_alone():
    import torch

    before = torch.random.get_rng_state()
    runs = [fit(sines(30, 1), 'forecast', units=10, epochs=2, seed=seed) for seed in (3, 3, 4)]
    assert runs[0].history == runs[1].history != runs[2].history
    assert torch.equal(before, torch.random.get_rng_state())


def test_it_stops_early_with_the_best_weights():
    rng = np.random.default_rng(0)
    noise = Series(rng.normal(size=(24, 5, 3)), rng.integers(0, 2, 24))
    model = fit(noise, 'classify', cell='gru', units=32, epochs=200, patience=5)
    scores = [score for _, score in model.history]
    assert model.metrics['epochs'] == len(scores) < 200
    assert model.metrics['best_epoch'] == np.argmin(scores) + 1 == len(scores) - 5


def test_without_validation_all_epochs_are_run():
    model = fit(first_sign(20, 1), 'classify', cell='gru', units=4, validation=0, epochs=3)
    assert len(model.history) == 3
    assert 'accuracy' not in model.metrics


@pytest.mark.parametrize('name', CELLS)
def test_units_for_a_number_of_parameters(name):
    units = units_for(name, 1, 4000)
    model = fit(first_sign(4, 1), 'classify', cell=name, units=units, epochs=1)
    assert 3000 < model.metrics['parameters'] <= 4000
    assert units > units_for(name, 1, 2900)


def test_a_cell_of_ones_own():
    model = fit(first_sign(8, 1), 'classify', cell=make_cell('gru', input_size=1, units=5), epochs=1)
    assert model.network.sequence.cell.units == 5


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        ({'x': np.full((4, 3, 1), np.nan)}, 'leave such a sample out'),
        ({'x': np.zeros((4, 3))}, r'sequences, steps, channels.*\(4, 3\)'),
        ({'dt': np.zeros((4, 3))}, 'above 0 and finite. Got 0'),
        ({'dt': np.ones(3)}, r'dt must be \(4, 3\)'),
        ({'lengths': [1, 2, 3, 4]}, 'from 1 to 3. Got 1 to 4'),
        ({'y': np.zeros(3)}, r'y must be \(4,\)'),
        ({'y': np.full((4, 1), np.inf)}, 'y must be finite'),
    ],
)
def test_series_that_are_none(change, says):
    with pytest.raises(InputError, match=says):
        Series(**{'x': np.zeros((4, 3, 1)), 'y': np.zeros(4)} | change)


@pytest.mark.parametrize(
    ('task', 'options', 'says'),
    [
        ('classfy', {}, 'did you mean classify'),
        ('regress', {}, r'y must be \(B, O\) or \(B, T, O\) to regress. Got \(4,\)'),
        ('classify', {'cell': 'cfk'}, 'did you mean cfc'),
        ('classify', {'cell': make_cell('gru', input_size=2, units=5)}, 'must have 1 inputs'),
        ('classify', {'epochs': 0}, 'epochs must be'),
        ('classify', {'pool': 'max'}, 'pool must be one of mean, last'),
        ('classify', {'validation': 0.9}, 'leave a sequence'),
        ('classify', {'selfstate': True}, 'no option selfstate'),
        ('classify', {'validation': Series(np.zeros((1, 3, 1)), [7])}, 'no class that training lacks'),
    ],
)
def test_trainings_that_are_none(task, options, says):
    with pytest.raises(InputError, match=says):
        fit(Series(np.zeros((4, 3, 1)), [0, 1, 0, 1]), task, **options)


def test_a_warm_up_as_long_as_a_sequence_leaves_nothing():
    with pytest.raises(InputError, match='warm_up must be shorter'):
        fit(forecasting(np.zeros((4, 9, 1)), lengths=[9, 9, 9, 4]), 'forecast', warm_up=3)


def test_no_cell_is_that_small():
    with pytest.raises(InputError, match='parameters must be at least'):
        units_for('lstm', 4, 10)
