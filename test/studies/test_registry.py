"""The registry of studies: every one can be loaded, and the help shows what it is."""

import pytest

from lnn_controller.cli import main
from lnn_controller.studies.registry import COMPARISONS, EXPERIMENTS


@pytest.mark.parametrize('name', COMPARISONS)
def test_every_study_can_be_loaded(name):
    study = COMPARISONS[name].load()
    assert all(callable(getattr(study, each)) for each in ('conditions', 'run', 'fits', 'page'))
    assert study.NAMED


def test_the_help_shows_every_summary(capsys):
    with pytest.raises(SystemExit, match='0'):
        main(['study', '--help'])
    text = ''.join(capsys.readouterr().out.split())
    summaries = {name: study.summary for name, study in COMPARISONS.items()} | EXPERIMENTS
    for name, summary in summaries.items():
        assert f'{name}:{summary}'.replace(' ', '') in text
