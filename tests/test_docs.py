"""What the pages link to is there, and configs are named as they ship."""

import re
from pathlib import Path

import pytest

from ganinv_cli.settings.shipped import list_shipped

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("checkpoints/*.md"),
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_the_readme_names_every_config():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in readme for name in list_shipped("config"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_a_gap_left_to_fill(page):
    assert not re.search(
        r"\b(TODO|TBD|XXX)\b|^[A-Z0-9]+(_[A-Z0-9]+)+$|^[A-Z]{5,}$", page.read_text(), re.M
    )


def test_the_map_names_files_that_exist():
    """docs/architecture.md gives a path from the package, or a file's name beside its folder's."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "ganinv_cli"
    known = {str(path.relative_to(package)) for path in package.rglob("*.py")}
    known |= {name.rpartition("/")[2] for name in known}
    named = set(re.findall(r"`([a-z_/]+\.py)`", page)) - {"tests/test_structure.py"}
    assert len(named) > 50
    assert not named - known
