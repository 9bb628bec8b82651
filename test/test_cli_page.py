"""docs/cli.md is what the parsers of ``lnn`` say."""

import pytest

pytest.importorskip('torch', reason='some flags of lnn train are those of its networks')

from lnn_controller.cli import COMMANDS, MODULES, page


def test_the_page_is_up_to_date():
    written = page.PAGE.read_text(encoding='utf-8')
    assert written == page.document(), 'run python -m lnn_controller.cli.page'


def test_the_page_has_each_command_and_its_arguments(monkeypatch):
    from lnn_controller.cli import top

    def one(parser):
        parser.add_argument('bags', nargs='+', metavar='BAG', help='one | or more')
        parser.add_argument('--cut', nargs=2, metavar=('FROM', 'TO'), help='of %(prog)s, in s')
        parser.add_argument('--robot', choices=['car', 'drone'], default='car', help='which')
        parser.add_argument('--json', action='store_true', help='print JSON')

    monkeypatch.setattr(top, 'add_arguments', one)
    assert MODULES.get('top', 'top') == 'top'
    text = page.document()
    for name in COMMANDS:
        assert f'\n## lnn {name}\n' in text
    section = text.partition('\n## lnn top\n')[2].partition('\n## ')[0]
    assert section.split('| --- | --- | --- |\n')[1] == (
        '| `BAG …` |  | one \\| or more |\n'
        '| `--cut FROM TO` |  | of lnn top, in s |\n'
        '| `--robot {car,drone}` | `car` | which |\n'
        '| `--json` |  | print JSON |\n'
    )
