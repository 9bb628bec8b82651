"""The registry of studies: every one can be loaded, and the help shows what it is."""

import pytest

from lnn_controller.cli import main
from lnn_controller.studies.registry import STUDIES


@pytest.mark.parametrize('name', STUDIES)
def test_every_study_can_be_loaded(name):
    assert callable(STUDIES[name].load().run)


def test_the_help_shows_every_summary(capsys):
    with pytest.raises(SystemExit, match='0'):
        main(['adapt', '--help'])
    text = ''.join(capsys.readouterr().out.split())
    for name, study in STUDIES.items():
        assert f'{name}:{study.summary}'.replace(' ', '') in text
