"""`ganinv recover`, from the command line to the tables."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import builders
import numpy as np
import pytest
from click.testing import CliRunner
from stored import count_commits

from ganinv_cli.cli import main
from ganinv_cli.experiments import recover
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import read_results

RULES = ("none", "standard", "stochastic")
# the same on every processor, and what rounding lets this generator reach
SETTINGS = ("--trials", "12", "--precision", "float32", "--tolerance", "1e-7")


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    """The folder of a small checkpoint on which first starts fail."""
    folder = tmp_path_factory.mktemp("hard")
    builders.make_hard_checkpoint(folder)
    return folder


def _ganinv(folder: Path, *arguments: object, code: int = 0):
    os.chdir(folder)
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def _recover(folder: Path, checkpoint: Path, *more: object, code: int = 0):
    return _ganinv(folder, "recover", "--checkpoint", checkpoint, *more, code=code)


@pytest.fixture(scope="module")
def finished(hard, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, _recover(folder, hard, *SETTINGS, "--format", "json")


def test_the_table_counts_what_the_file_holds(finished):
    folder, result = finished
    table = json.loads(result.stdout)["tables"]["table1"]
    results = read_results(folder / "recover.h5")
    assert [row["technique"] for row in table] == list(RULES)
    for row in table:
        group = results.groups[row["technique"]]
        assert row["trials"] == 12
        assert row["recovered"]["1e-4"] == int((group["z_error"] < 1e-4).sum())
        assert row["first_start"]["1e-4"] == int((group["first/z_error"] < 1e-4).sum())
        shared = results.constants["shared_gradients"] / 36  # the metric, 40 z and 13 passes each
        assert shared == pytest.approx(40 * 13 / 2 / 36)
        assert row["gradients"] == pytest.approx(group["gradients"].mean() + shared)


def test_a_smaller_number_of_trials_shows_all_and_says_so(finished, hard):
    folder, result = finished
    smaller = _recover(folder, hard, *SETTINGS, "--trials", 5, "--format", "json")
    assert json.loads(smaller.stdout)["tables"] == json.loads(result.stdout)["tables"]
    (line,) = (line for line in smaller.stderr.splitlines() if "trials" in line)
    assert (
        line == "recover.h5 holds 12 trials, and all of them are shown; --trials 5 asks for fewer"
    )
    assert "trials 12" in (folder / "recover" / "table1.txt").read_text(encoding="utf-8")


def test_restarts_recover_what_first_starts_do_not(finished):
    groups = read_results(finished[0] / "recover.h5").groups
    first, restarts, before, after = (
        np.concatenate([groups[rule][name] for rule in RULES])
        for name in ("first/outcome", "restarts", "first/z_error", "z_error")
    )
    failed = first != Outcome.converged
    assert failed.any()
    assert (restarts[failed] > 0).all()
    assert (after < 1e-3).sum() > (before < 1e-3).sum()


def test_the_file_says_in_which_trials_a_rule_changed_z(finished):
    groups = read_results(finished[0] / "recover.h5").groups
    for rule in RULES:
        for start in ("", "first/"):
            acted, actions = groups[rule][f"{start}acted"], groups[rule][f"{start}actions"]
            assert np.array_equal(acted, actions > 0)
            assert acted.any() == (rule != "none")
            assert (actions >= groups[rule][f"{start}redraws"]).all()
    assert (groups["standard"]["actions"] >= groups["standard"]["first/actions"]).all()


def test_the_plain_loss_is_another_run_that_finds_the_same_z(finished, hard, tmp_path):
    message = _recover(finished[0], hard, *SETTINGS, "--loss", "plain", code=2).stderr
    assert "--loss is preconditioned in the file, and plain here" in message
    _recover(tmp_path, hard, *SETTINGS, "--loss", "plain")
    plain, weighted = (read_results(folder / "recover.h5") for folder in (tmp_path, finished[0]))
    for rule in RULES:
        both = (plain.groups[rule]["z_error"] < 1e-4) & (weighted.groups[rule]["z_error"] < 1e-4)
        assert both.sum() >= 6
        ours, theirs = plain.groups[rule]["gradients"], weighted.groups[rule]["gradients"]
        assert not np.array_equal(ours, theirs)


def test_a_trial_in_which_a_rule_would_not_act_is_computed_once(finished):
    folder, result = finished
    groups = read_results(folder / "recover.h5").groups
    for row in json.loads(result.stdout)["tables"]["table1"]:
        group = groups[row["technique"]]
        shared = group["shared"] > 0
        assert row["shared"] == int(shared.sum())
        assert not group["acted"][shared].any()
        for name in ("z_found", "z_start", "gradients", "first/z_found", "seconds"):
            assert np.array_equal(group[name][shared], groups["none"][name][shared])
    assert not groups["none"]["shared"].any()
    assert 0 < groups["stochastic"]["shared"].sum() < 12


def test_errors_are_those_of_the_stored_z(finished):
    results = read_results(finished[0] / "recover.h5")
    true = results.groups[""]["z_true"]
    for rule in RULES:
        group = results.groups[rule]
        for name in ("", "first/"):
            distance = (group[f"{name}z_found"].astype(float) - true) ** 2
            np.testing.assert_allclose(group[f"{name}z_error"], distance.mean(1))
        assert (group["z_start"] == results.groups["none"]["z_start"]).all()


def test_the_file_says_where_it_comes_from(finished):
    about = read_results(finished[0] / "recover.h5").attributes
    assert about["command"] == "recover"
    assert about["config"]["trials"] == 12
    assert len(about["checkpoint_sha256"]) == 64
    assert {"ganinv", "tensorflow", "numpy", "h5py"} <= about["versions"].keys()
    assert about["device"].startswith(("CPU", "GPU"))
    assert about["started"] <= about["finished"]


def test_tables_and_figures_stand_beside_the_file(finished):
    names = {path.name for path in (finished[0] / "recover").iterdir()}
    assert {f"table1.{ending}" for ending in ("txt", "md", "csv", "tex", "json")} <= names
    assert {"figure1-stochastic.png", "convergence.png"} <= names


def test_figure_1_ends_where_it_should(finished):
    figure = read_results(finished[0] / "recover.h5").figures["figure1-stochastic"]
    assert figure.panels == ("start", "10 gradients", "30 gradients", "found", "original")
    pictures = figure.pictures.astype(int)
    far = [abs(panel - pictures[-1]).mean() for panel in pictures]
    assert far[3] < 0.5 < far[0]


def test_a_finished_run_prints_its_tables_again_and_computes_nothing(finished):
    folder, result = finished
    before = (folder / "recover.h5").stat().st_mtime_ns
    again = _ganinv(folder, "recover", "--checkpoint", _checkpoint(folder), *SETTINGS,
                    "--format", "json")  # fmt: skip
    assert json.loads(again.stdout)["tables"] == json.loads(result.stdout)["tables"]
    assert (folder / "recover.h5").stat().st_mtime_ns == before


def _checkpoint(folder: Path) -> str:
    return str(read_results(folder / "recover.h5").attributes["config"]["checkpoint"])


@pytest.mark.slow
def test_a_larger_number_of_trials_extends_a_run(finished, hard, tmp_path):
    _recover(tmp_path, hard, *SETTINGS, "--trials", 5, "--batch-size", 4)
    _recover(tmp_path, hard, *SETTINGS, "--batch-size", 7)
    whole, extended = (read_results(folder / "recover.h5") for folder in (finished[0], tmp_path))
    assert _same(whole, extended) == 36


def _same(one, other) -> int:
    """Count the trials with equal ends in two results: converged ones within 1e-3."""
    count = 0
    for rule in RULES:
        a, b = one.groups[rule], other.groups[rule]
        assert (a["trial"] == b["trial"]).all()
        alike = a["outcome"] == b["outcome"]
        both = alike & (a["outcome"] == 1)
        np.testing.assert_allclose(a["z_found"][both], b["z_found"][both], atol=1e-3)
        count += int(alike.sum())
    return count


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_goes_on_and_ends_the_same(finished, hard, tmp_path, kill):
    arguments = ["recover", "--checkpoint", str(hard), *SETTINGS, "--batch-size", "3", "-q"]
    program = (
        "from ganinv_cli.experiments import run\nfrom ganinv_cli.cli import "
        "main\nrun.COMMIT_SECONDS = 0  # every look\nmain()"
    )
    command = [sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    while process.poll() is None and count_commits(tmp_path / "recover.h5") < 2:
        time.sleep(0.02)
    process.send_signal(kill)
    process.communicate(timeout=60)
    assert process.returncode == (-kill if kill == signal.SIGKILL else 130)
    early = read_results(tmp_path / "recover.h5")
    kept = {rule: early.groups[rule]["z_found"].copy() for rule in early.groups if rule}
    assert 0 < sum(map(len, kept.values())) < 36
    _recover(tmp_path, hard, *SETTINGS, "--batch-size", 3)
    late = read_results(tmp_path / "recover.h5")
    for rule, z in kept.items():
        places = np.searchsorted(late.groups[rule]["trial"], early.groups[rule]["trial"])
        assert (late.groups[rule]["z_found"][places] == z).all()
    assert _same(read_results(finished[0] / "recover.h5"), late) == 36
    assert not (tmp_path / "recover.h5.log").exists()


def test_a_run_stopped_before_its_figure_draws_it_when_it_goes_on(hard, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(recover, "_make_figures", _interrupted)
        _recover(tmp_path, hard, "--trials", 2, "--clip", "none", code=130)
    assert not read_results(tmp_path / "recover.h5").figures
    _recover(tmp_path, hard, "--trials", 2, "--clip", "none")
    assert read_results(tmp_path / "recover.h5").figures.keys() == {"figure1-none"}


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_another_config_or_checkpoint_is_refused_with_what_differs(finished, tmp_path):
    folder = finished[0]
    other = _recover(folder, _checkpoint(folder), *SETTINGS, "--seed", 5, code=2)
    assert "seed" in other.stderr
    builders.make_checkpoint(tmp_path)
    other = _recover(folder, tmp_path, *SETTINGS, code=2)
    assert "the SHA-256 of the generator is " in other.stderr
    assert "--overwrite" in other.stderr


def test_the_preset_of_the_papers_code_counts_ever_below(hard, tmp_path):
    (tmp_path / "own.toml").write_text(
        'solver = "gd"\nbudget = 40\ntolerance = 0\nrestarts = 0\nsuccess = "ever"\n'
        'batch_norm = "batch"\nsnapshots = [10]\n[gd]\nlearning_rate = 1e-3\n'
    )
    result = _recover(tmp_path, hard, "--config", "own.toml", "--trials", 4, "--format", "json")
    results = read_results(tmp_path / "recover.h5")
    for row in json.loads(result.stdout)["tables"]["table1"]:
        least = results.groups[row["technique"]]["z_error_least"]
        assert row["recovered"]["1e-1"] == int((least < 1e-1).sum())
    assert results.groups["none"]["z_found"].dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--checkpoint", "nowhere"], "no such checkpoint"),
        (["--config", "nowhere"], "no such config"),
        (["--clip", "hard"], "not one of none, standard, stochastic, wall"),
        (["--trials", "0"], "0 is not a whole number of at least 1"),
        (["--batch-norm", "batch"], 'use solver = "gd"'),
        (["--out", "no/such/folder.h5"], "no/such"),
        (["--device", "gpu"], "no GPU"),
    ],
)
def test_misuse_is_explained_in_a_sentence(hard, tmp_path, arguments, words):
    given = [] if "--checkpoint" in arguments else ["--checkpoint", str(hard)]
    result = _ganinv(tmp_path, "recover", *given, *arguments, code=2)
    assert words in result.stderr
    assert "Traceback" not in result.output
