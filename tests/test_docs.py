"""The links of the pages exist, and tables of measured numbers are made by code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ganinv_cli.cli import COMMANDS
from ganinv_cli.settings.shipped import list_shipped

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *ROOT.glob("docs/*.md"),
    ROOT / "docs" / "reproduction" / "details.md",
    ROOT / "docs" / "reproduction" / "jumps.md",
    ROOT / "docs" / "results" / "README.md",
    ROOT / "docs" / "portraits" / "README.md",
    *ROOT.glob("checkpoints/*.md"),
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
GENERATED = re.compile(r"<!-- (?:from \S+: .+?|\w+: generated) -->.*?<!-- end -->", re.DOTALL)
TABLE_HEADER = re.compile(r"^(\|.*\|)\n\|[-:| ]+\|$", re.MULTILINE)
DEFINITIONS = {  # header rows of tables that hold no measured number
    "README.md": {"verdict | means", "command | does"},
    "docs/architecture.md": {"level | parts", "question | place"},
    "docs/api.md": {"error | exit status | means"},
    "docs/checkpoints.md": {
        "format | recognised by | in the file | you give",
        "source | type",
        "option | without it",
        "refused | what works",
    },
    "docs/checkpoints-statistics.md": {"word | means"},
    "docs/guide.md": {
        "command | does | writes",
        "rule | does to a component of z outside the prior's bounds",
        "status | means",
    },
    "docs/invert.md": {
        "verdict | what it means | what to do",
        "answer | when",
        "array | holds",
        "part | tried",
    },
    "docs/reliability.md": {"promise | tests"},
    "docs/reproduction.md": {"the paper says | verdict | here"},
    "docs/reproduction/details.md": {"point | text | code | here"},
    "docs/results-format.md": {"path | holds"},
    "docs/troubles.md": {"in the program | type"},
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_the_guide_names_every_config_and_command():
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    assert all(f"* `{name}`: " in guide for name in list_shipped("config"))
    assert all(f"| `ganinv {name}" in guide for name in COMMANDS)


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert names <= set(re.findall(r"^\* \[(\S+?)\]", index, re.M))


def test_the_picture_of_the_readme_suits_a_slow_connection():
    assert (ROOT / "docs" / "animation.gif").stat().st_size < 2e6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_only_tables_of_definitions_are_typed(page):
    if page.parent.name == "checkpoints" or page.name == "jumps.md":
        pytest.skip("what was measured once is not made again")
    typed = GENERATED.sub("", page.read_text(encoding="utf-8"))
    headers = {_normalize_header(row) for row in TABLE_HEADER.findall(typed)}
    assert headers == DEFINITIONS.get(str(page.relative_to(ROOT)), set())


def test_the_citation_has_the_version_of_the_package():
    (version,) = re.findall(
        r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M
    )
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def _normalize_header(row):
    return " | ".join(cell.strip() for cell in row.strip("|").split("|"))


def test_the_map_names_files_that_exist():
    """docs/architecture.md gives a path from the package, or a file's name beside its folder's."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "ganinv_cli"
    known = {str(path.relative_to(package)) for path in package.rglob("*.py")}
    known |= {name.rpartition("/")[2] for name in known}
    named = set(re.findall(r"`([a-z_/]+\.py)`", page)) - {"tests/test_structure.py"}
    assert len(named) > 40
    assert not named - known


def test_the_pages_are_made_from_the_checkout_that_they_are_in(tmp_path):
    shutil.copytree(
        ROOT / "docs",
        tmp_path / "docs",
        ignore=lambda folder, names: [name for name in names if not name.endswith(".py")],
    )
    package = tmp_path / "ganinv_cli"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('not the installed one')", "utf-8")
    command = [sys.executable, tmp_path / "docs" / "generate.py", "--check"]
    run = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (run.returncode, run.stderr) == (1, "not the installed one\n")
