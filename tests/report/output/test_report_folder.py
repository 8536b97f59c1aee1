"""Files in a report's folder are complete, and the same each time."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from known_results import make_group, make_results

from ganinv_cli.errors import GaninvError
from ganinv_cli.report import summarize
from ganinv_cli.report.folder import write_report


def fill(folder, given=None):
    given = given or make_results()
    return write_report(summarize(given, folder.name), given, folder)


def test_a_report_made_twice_is_the_same(tmp_path):
    def contents():
        fill(tmp_path / "out")
        return {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}

    assert contents() == contents()


def test_the_figures_do_not_depend_on_the_style_of_the_user(tmp_path):
    fill(tmp_path / "default")
    with mpl.rc_context({"text.usetex": True, "axes.facecolor": "red", "lines.linewidth": 9}):
        fill(tmp_path / "own")
        assert mpl.rcParams["axes.facecolor"] == "red"
    for file in (tmp_path / "default").iterdir():
        if file.suffix in (".png", ".svg"):
            assert (tmp_path / "own" / file.name).read_bytes() == file.read_bytes()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(GaninvError, match="cannot be written") as error:
        fill(tmp_path / "taken" / "out")
    assert error.value.exit_code == 1


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    fill(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(GaninvError, match="No space left"):
        fill(tmp_path, make_results({"none": make_group(np.arange(3), 0)}))
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_there_is_no_convergence_figure_where_nothing_moved(tmp_path):
    still = make_group(np.arange(3), 0)
    still["curve_error"][:, 1:] = np.nan  # each trial ended before its first look
    fill(tmp_path, make_results({"none": still}))
    assert (tmp_path / "table1.txt").exists()
    assert not (tmp_path / "convergence.png").exists()
