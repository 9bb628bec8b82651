from pathlib import Path

from lnn_controller.control import STOP_REASONS
from lnn_controller.nodes.controller.event_log import REASONS

SAFETY = (Path(__file__).parents[2] / 'docs' / 'safety.md').read_text(encoding='utf-8')


def test_every_reason_has_words_and_a_place_on_the_page():
    assert set(STOP_REASONS) < set(REASONS)
    assert [reason for reason in REASONS if f'`{reason}`' not in SAFETY] == []
