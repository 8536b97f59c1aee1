"""What docs/results-format.md shows of a file is so."""

import re
from pathlib import Path

import h5py
import numpy as np
from stored import make_provenance, make_rows, write_results_file

from ganinv_cli.results.store import open_run

PAGE = Path(__file__).parents[3] / "docs" / "results-format.md"


def test_the_examples_read_trials_and_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_results_file(tmp_path / "recover.h5", [1, 4])
    rows = make_rows([0, 2, 5], ("images", "stochastic/certificates"))
    certificates = rows["stochastic/certificates"]
    certificates["verdict"] = np.array([b"made", b"outside", b"made"], "S16")
    with open_run(tmp_path / "invert.h5", make_provenance(command="invert")) as run:
        run.commit(rows)
        run.finish()
    example = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    values = {}
    exec(example[1], values)
    assert values["z_error"].tolist() == make_rows([1, 4])["stochastic"]["z_error"].tolist()
    assert values["z"].tolist() == certificates["z_explained"][[0, 2]].tolist()
    assert values["names"].tolist() == rows["images"]["name"][[0, 2]].tolist()


def test_one_group_is_one_level_and_a_row_is_a_trial_in_all(tmp_path):
    """Also if a level lacks trials."""
    names = [f"variance={level}/none" for level in ("0.001", "0.01")]
    with open_run(tmp_path / "noise-sweep.h5", make_provenance(command="noise-sweep")) as run:
        run.commit(make_rows([3, 1], ("", names[0])) | make_rows([3], names[1:]))
        run.finish()
    with h5py.File(tmp_path / "noise-sweep.h5") as file:
        z_error = [file[f"{name}/z_error"][3] for name in names]
        assert np.isnan(file["variance=0.01/none/z_error"][1])
        assert file["trial"][3] == 3
    assert z_error == [make_rows([3], [name])[name]["z_error"][0] for name in names]
