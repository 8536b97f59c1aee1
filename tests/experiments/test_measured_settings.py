"""The prediction of theory before a run of gradient descent, and settings that are measured."""

import pytest
from called import list_messages, run_ganinv

from ganinv_cli import preconditioner
from ganinv_cli.store import read_results

THEORY, LIMIT = "theory: shares of trials below ε", "above the stability limit"


@pytest.mark.slow
def test_descent_says_what_to_expect_before_it_starts(easy, tmp_path):
    run = ("recover", "--checkpoint", easy.folder, "--trials", 1, "--budget", 9)
    run += ("--restarts", 0, "--clip", "none", "--overwrite")
    messages = list_messages(run_ganinv(tmp_path, *run, "--solver", "gd"))
    assert sum(LIMIT in line for line in messages) == 1
    assert sum(THEORY in line for line in messages) == 1
    stderr = run_ganinv(tmp_path, *run, "--solver", "lbfgs").stderr
    assert THEORY not in stderr and LIMIT not in stderr


def test_a_j_that_is_too_large_is_not_measured_which_is_said_and_stored(
    easy, tmp_path, monkeypatch
):
    monkeypatch.setattr(preconditioner, "MAX_VALUES", 6 * 16 * 16 * 3 - 1)
    given = ("--checkpoint", easy.folder, "--trials", 2, "--clip", "none", "--budget", 60, "-v")
    result = run_ganinv(tmp_path, "recover", *given)
    assert "[lbfgs] metric = 40 is 0 here" in result.stderr
    said = " ".join(result.stdout.split())
    assert "There was no preconditioner ([lbfgs] metric = 0)" in said
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["config"]["lbfgs"]["metric"] == 0
    assert results.constants["shared_gradients"] == 0
    run_ganinv(tmp_path, "recover", *given)  # the same command prints the results again
