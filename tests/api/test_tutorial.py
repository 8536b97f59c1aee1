"""docs/tutorial.ipynb runs from its first cell to its last, and shows what each cell printed."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"


def _list_code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _list_kinds(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell shows: the name of a stream, or the types of a picture or a value."""
    return [output.get("name") or ",".join(sorted(output["data"])) for output in cell.outputs]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter, about event loops
def test_the_tutorial_runs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = [_list_kinds(cell) for cell in _list_code_cells(notebook)]
    assert any("image/png" in kind for kinds in kept for kind in kinds)
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": NOTEBOOK.parent}}
    )
    client.execute()  # raises CellExecutionError
    assert [_list_kinds(cell) for cell in _list_code_cells(notebook)] == kept
