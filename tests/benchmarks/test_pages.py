"""Each page of measured numbers is made from the stored file beside it, without measuring."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORED = {  # benchmark -> its JSON in docs/
    "gpu": "scaling/gpu",
    "scaling": "scaling/workers",
    "million": "scaling/million",
    "verdicts": "invert/verdicts",
    "theory": "solvers/theory",
    "peers": "solvers/peers",
    "roofline": "solvers/roofline",
}


@pytest.fixture(autouse=True)
def _findable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("name", STORED)
def test_a_page_is_what_its_stored_file_says(name, tmp_path):
    stored = ROOT / "docs" / f"{STORED[name]}.json"
    if not stored.exists():
        pytest.skip(f"{STORED[name]} has not been measured")
    copy = tmp_path / stored.name
    shutil.copyfile(stored, copy)
    importlib.import_module(name).write_page(copy)
    assert copy.with_suffix(".md").read_bytes() == stored.with_suffix(".md").read_bytes()


def test_pages_are_written_without_tensorflow():
    code = "import sys\nfor name in sys.argv[1:]:\n    __import__(name)\n"
    code += "    assert 'tensorflow' not in sys.modules, name"
    run = subprocess.run(
        [sys.executable, "-c", code, *STORED, "goals"],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


@pytest.fixture
def results(tmp_path):
    """Results of random starts in the place of all runs that the pages read."""
    for name in ("recover", "encoder"):
        shutil.copyfile(ROOT / "docs/results/portraits64-lbfgs-plain.h5", tmp_path / f"{name}.h5")
    return tmp_path


def test_goals_are_read_from_the_results(results, tmp_path):
    importlib.import_module("goals").write_page(results, tmp_path)
    page = (tmp_path / "goals.md").read_text()
    assert page.startswith("### Goals and what was measured\n")
    assert "300 of 300 (300 at the first start)" in page
    assert "after 61,445 once for the encoder" in page
    assert "float64" not in page and "seed 1" in page
