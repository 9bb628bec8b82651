"""Links from one page to another lead somewhere, and the pages become a site."""

import re
import subprocess
import sys

import pytest
from documented import FENCE, PAGES, ROOT

LINK = re.compile(r'\]\((?!https?:)([^)\s]+)\)')


def anchors(page):
    """Names of a page's headings, as GitHub makes them."""
    headings = re.findall(r'^#+ (.+)$', FENCE.sub('', page.read_text(encoding='utf-8')), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def broken(page, text):
    """Links that lead nowhere."""
    for link in LINK.findall(FENCE.sub('', text)):
        path, _, anchor = link.partition('#')
        target = page.parent / path if path else page
        if not target.exists() or (anchor and target.suffix == '.md' and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert list(broken(page, page.read_text(encoding='utf-8'))) == []


def test_a_link_that_leads_nowhere_is_found():
    there = '[a](docs/safety.md) [b](docs/adaptation.md#fine-tuning) [c](#limits)'
    not_there = '[d](docs/none.md) [e](docs/adaptation.md#none) [f](#none)'
    assert list(broken(ROOT / 'README.md', there + not_there)) == ['docs/none.md', 'docs/adaptation.md#none', '#none']


@pytest.mark.slow
def test_the_pages_become_a_site(tmp_path):
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert 'lnn train' in (tmp_path / 'training' / 'index.html').read_text(encoding='utf-8')
    figures = (tmp_path / 'benchmarks' / 'index.html').read_text(encoding='utf-8')
    assert 'bags/real_car' in figures
    assert 'bags/real_car/README.md' not in figures, 'what is not on the site is not linked'
    assert not list(tmp_path.rglob('*.py'))
