"""The examples of docs/api.md and docs/tutorial.ipynb run, and print what they say."""

import doctest
import inspect
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import ganinv_cli as ganinv

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"

OBJECTS = [
    name for name in ganinv.__all__ if ">>>" in (inspect.getdoc(getattr(ganinv, name)) or "")
]


def test_the_functions_have_examples():
    assert {"load", "invert", "recover", "noise_sweep", "consistency", "open"} <= set(OBJECTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_an_example_prints_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(ganinv, name))
    test = doctest.DocTestParser().get_doctest(text or "", {"ganinv": ganinv}, name, None, 0)
    printed: list[str] = []
    doctest.DocTestRunner().run(test, out=printed.append)
    assert not printed, "".join(printed)


def _list_kinds(notebook):
    """What each cell of code shows: names of streams, and types of pictures and values."""
    return [
        [output.get("name") or ",".join(sorted(output["data"])) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")  # of Jupyter, about event loops
def test_the_tutorial_shows_what_it_kept():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = _list_kinds(notebook)
    assert any("image/png" in kind for kinds in kept for kind in kinds)
    resources = {"metadata": {"path": NOTEBOOK.parent}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    assert _list_kinds(notebook) == kept
