"""The tables of docs/series.md are those of benchmarks/series.json, and a cell of ncps is what it is compared as."""

import re
from pathlib import Path

import numpy as np
import pytest
import series
import torch

from lnn_controller.liquid import fit, forecasting, make_cell
from lnn_controller.studies.runner import read_rows

ROOT = Path(__file__).parents[2]


def test_the_page_has_the_tables_of_the_results():
    rows = read_rows(ROOT / 'benchmarks' / 'series.json')
    table = re.search(r'<!-- table -->\n(.*)\n<!-- end -->', (ROOT / 'docs' / 'series.md').read_text(), re.DOTALL)
    assert table[1].strip() == series.table(rows)


def test_an_interval_is_students():
    # scipy.stats.t.interval(0.95, 2, loc=mean, scale=sem) of 1, 2, 3
    assert series.interval(np.array([1.0, 2.0, 3.0]), 'nrmse') == '2.000 ± 2.484'
    assert series.interval(np.array([50.0]), 'accuracy') == '50.0'


def test_ncps_and_our_cfc_learn_the_same_from_the_same_weights():
    """So what sets them apart in the tables is the draw of the weights."""
    rng = np.random.default_rng(0)
    walks = forecasting(rng.normal(size=(24, 13, 2)).cumsum(1), rng.uniform(0.5, 2.0, (24, 13)))
    theirs = series.NcpsCell(3, 6, wired=False, seed=0)
    ours = make_cell('cfc', input_size=3, units=6, backbone_layers=0)
    layers = [getattr(theirs.inner, name) for name in ('ff1', 'ff2', 'time_a', 'time_b')]
    weights = torch.cat([layer.weight for layer in layers]).detach()
    with torch.no_grad():
        ours.input_map.weight.copy_(weights[:, :3])
        ours.recurrent_map.weight.copy_(weights[:, 3:])
        ours.input_map.bias.copy_(torch.cat([layer.bias for layer in layers]))
    losses = [fit(walks, 'forecast', cell=cell, validation=0, epochs=4).history[-1][0] for cell in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
