"""`ganinv merge` on the command line."""

import json
import subprocess
import sys

import known_results
import numpy as np
import pytest
from called import run_ganinv
from stored import make_provenance

from ganinv_cli.store import open_run

TOTAL = 24
CLIP = ["none", "stochastic"]


def _results(path, trials, **changes):
    """The results of some trials, as `ganinv recover` keeps them."""
    trials = np.array(trials)
    config = {"trials": TOTAL, "clip": CLIP, "solver": "lbfgs"}
    identity = {"clip": CLIP, "solver": "lbfgs"}
    with open_run(path, make_provenance(config=config, identity=identity, **changes)) as run:
        run.commit(
            {
                "": {"trial": trials, "z_true": np.zeros((len(trials), 4), np.float32)},
                "none": known_results.make_group(trials, failed=1),
                "stochastic": known_results.make_group(trials, failed=0),
            },
            {"curve_gradients": known_results.GRADIENTS, "shared_gradients": np.array(10.0)},
        )
        run.finish()
    return path


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        _results(tmp_path / f"recover-{number + 1}-of-4.h5", range(number, TOTAL, 4))
    return tmp_path


NAMES = [f"recover-{number}-of-4.h5" for number in range(1, 5)]


def test_the_tables_of_all_are_printed_and_the_folder_is_filled(folder):
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES, "--format", "json", publishing=True)
    row = json.loads(run.stdout)["tables"]["table1"][0]
    assert (row["technique"], row["trials"], row["first_start"]["1e-4"]) == ("none", TOTAL, 20)
    said = run.stderr.splitlines()
    assert said[0] == "recover.h5: 24 trials of 2 rules from 4 files"
    assert "wrote table1" in said[1]
    assert (folder / "recover" / "report.html").exists()
    again = run_ganinv(folder, "report", "recover.h5", "--format", "json")
    assert again.stdout == run.stdout


def test_quiet_says_nothing_where_all_is_well(folder):
    assert run_ganinv(folder, "merge", "recover.h5", *NAMES, "-q").stderr == ""


def test_missing_trials_are_a_failure_unless_a_partial_file_is_asked_for(folder):
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES[1:], code=1)
    assert run.stdout == ""
    assert run.stderr.startswith(
        "Error: recover.h5 is not written, because trials are missing: 6 trials of none, "
        "stochastic (0, 4, 8, 12, 16, 20); "
    )
    assert not (folder / "recover.h5").exists()
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES[1:], "--partial")
    assert "missing are 6 trials" in run.stderr
    assert "recover.h5: 18 trials of 2 rules from 3 files" in run.stderr
    assert "Trials are missing: 18 of 24 trials" in run.stdout


def test_what_is_of_another_run_or_no_results_is_misuse(folder):
    _results(folder / "other.h5", [0], seed=8)
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES, "other.h5", code=2)
    assert run.stderr.startswith("Error: other.h5 is of another run than recover-1-of-4.h5: --seed")
    assert run_ganinv(folder, "merge", *NAMES, code=2).stderr.startswith(
        f"Error: {NAMES[0]} exists"
    )
    assert "Missing argument 'PART.h5" in run_ganinv(folder, "merge", "recover.h5", code=2).stderr
    assert "the results file" in run_ganinv(folder, "merge", "recover", *NAMES, code=2).stderr


def test_trials_that_two_files_have_are_said(folder):
    _results(folder / "more.h5", [1, 2])
    run = run_ganinv(folder, "merge", "recover.h5", *NAMES, "more.h5", "-q")
    assert "more.h5 has 2 trials of none, stochastic (1-2) that a file before it has" in run.stderr


def test_merging_does_not_load_tensorflow(folder):
    code = (
        "import sys; from ganinv_cli.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, "merge", "recover.h5", *NAMES]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
