"""`ganinv report` and `merge` on the command line."""

import json
from pathlib import Path

import known_results
import numpy as np
import pytest
from called import run_ganinv
from stored import make_provenance

from ganinv_cli.results.store import open_run

TABLE2 = Path(__file__).parents[2] / "docs" / "results" / "table2-coupled-16.h5"
TOTAL = 24
CLIP = ["none", "stochastic"]
NAMES = [f"recover-{number}-of-4.h5" for number in range(1, 5)]


def write_results(path, trials):
    """Write the results of some trials, as `ganinv recover` keeps them."""
    trials = np.array(trials)
    config = {"trials": TOTAL, "clip": CLIP, "solver": "lbfgs"}
    identity = {"clip": CLIP, "solver": "lbfgs"}
    with open_run(path, make_provenance(config=config, identity=identity)) as run:
        run.commit(
            {
                "": {"trial": trials, "z_true": np.zeros((len(trials), 4), np.float32)},
                "none": known_results.make_group(trials, failed=1),
                "stochastic": known_results.make_group(trials, failed=0),
            },
            {"curve_gradients": known_results.GRADIENTS, "shared_gradients": np.array(10.0)},
        )
        run.finish()


@pytest.fixture
def folder(tmp_path):
    """A folder with the four parts of a run."""
    for number, name in enumerate(NAMES):
        write_results(tmp_path / name, range(number, TOTAL, 4))
    return tmp_path


def test_merge_prints_the_tables_of_all_parts_and_fills_the_folder(folder):
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES, "--format", "json", publishing=True)
    row = json.loads(run.stdout)["tables"]["table1"][0]
    assert (row["technique"], row["trials"], row["first_start"]["1e-4"]) == ("none", TOTAL, 20)
    assert run.stderr.splitlines()[0] == "recover.h5: 24 trials of 2 rules from 4 files"
    assert (folder / "recover" / "report.html").exists()
    again = run_ganinv(folder, "report", "recover.h5", "--format", "json")
    assert again.stdout == run.stdout
    assert run_ganinv(folder, "merge", "other.h5", *NAMES, "-q").stderr == ""


def test_missing_rows_are_counted(folder):
    assert "such as recover.h5" in run_ganinv(folder, "merge", "recover", *NAMES, code=2).stderr
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES[1:], "--partial", code=2)
    assert run.stderr.endswith("type the command without it (rows may be missing)\n")
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES[1:])
    assert run.stderr.startswith("recover.h5 lacks 12 rows; the same command without --shard")
    assert run.stdout.startswith("So far (not finished: 18 of 24 trials): ")


def test_a_file_in_the_place_of_the_folder_is_refused_before_any_work(folder):
    (folder / "run").write_text("", encoding="utf-8")
    for command in (("merge", "run.h5", NAMES[0]), ("recover", "--out", "run.h5")):
        run = run_ganinv(folder, *command, code=2)
        assert "run is a file; give the results file another name" in run.stderr


def test_a_threshold_of_other_results_is_refused(tmp_path):
    said = run_ganinv(tmp_path, "report", TABLE2, "--threshold", "1e-2", code=2).stderr
    assert said.startswith("Error: threshold is of results of recover, not of consistency; leave")
