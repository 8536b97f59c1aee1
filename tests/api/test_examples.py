"""The examples of docs/api.md and docs/tutorial.ipynb run, and print what they say."""

import doctest
import inspect
import os
import re
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


def _list_outputs(notebook):
    """What each cell of code shows: types of pictures, and words; numbers and widths may differ.

    How many starts agree on one z of a picture that G cannot make is rounding's choice.
    """
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = output.get("text") or data["text/plain"]
            text = text.replace("no two of", "only 1 of")
            words = re.sub(r"\d[\d.,]*(e-?\d+)?|─+", "0", text).split()
            shown.append((cell.id, sorted(data), words))
    return shown


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter, about event loops
def test_the_tutorial_shows_what_it_kept(tmp_path, monkeypatch):
    """With GANINV_UPDATE_GOLDEN=1, as `make tutorial` sets it, what it shows now is kept."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))  # the home may be missing, or have settings
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept, about = _list_outputs(notebook), dict(notebook.metadata)
    resources = {"metadata": {"path": NOTEBOOK.parent}}
    NotebookClient(notebook, timeout=300, record_timing=False, resources=resources).execute()
    if os.environ.get("GANINV_UPDATE_GOLDEN"):
        notebook.metadata = about  # without this machine's Python
        nbformat.write(notebook, NOTEBOOK)
    else:
        assert _list_outputs(notebook) == kept
