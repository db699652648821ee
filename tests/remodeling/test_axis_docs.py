"""Every axis has a page that says what the registry holds."""

from pathlib import Path

import pytest

import remodeling as r
from tests.axis_tables import PAGES, axis_table

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", [page for page in PAGES if PAGES[page]])
def test_the_page_holds_its_constants(page):
    """docs/axes/PAGE.md has the table of `axis_table`, word for word."""
    assert axis_table(page) in (DOCS / "axes" / f"{page}.md").read_text()


def test_every_constant_is_on_one_page():
    """The pages share out AXIS_PARAMETERS."""
    shared_out = [name for names in PAGES.values() for name in names]
    assert sorted(shared_out) == sorted(row.name for row in r.AXIS_PARAMETERS)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_is_not_modeled(page):
    """And the overview links it."""
    assert "Not modeled" in (DOCS / "axes" / f"{page}.md").read_text()
    assert f"axes/{page}.md" in (DOCS / "axes.md").read_text()
