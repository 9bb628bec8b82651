"""docs/faults.md is of these faults."""

from faults import FAULTS, PAGE, Outcome, rows_of


def test_the_page_has_a_row_for_each_fault():
    rows = rows_of(PAGE)
    assert [name for name in rows if name not in ('fault', '---')] == list(FAULTS), 'make soak writes the page anew'
    assert all(f'| {done} |' in rows[name] for name, done in FAULTS.items())


def test_a_row():
    assert Outcome('camera silent', 0.2051, 0.22, 'robot stopped', 0.03, note='at once').row() == (
        '| camera silent | no image is sent any more | 205 ms (limit 220) | 30 ms | `robot stopped` | at once |'
    )
    assert Outcome('IMU at 2 kHz').row().split('|')[3].strip() == 'drives on'
