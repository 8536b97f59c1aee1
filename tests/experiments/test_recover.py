"""`ganinv recover`, from the command line to the tables."""

import json
from pathlib import Path

import builders
import numpy as np
import pytest
from called import run_ganinv

from ganinv_cli.engine import devices
from ganinv_cli.experiments import recover
from ganinv_cli.loop.batch import rounding_loss
from ganinv_cli.network.make_generator import make_generator
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


def _recover(folder: Path, checkpoint: Path, *more: object, code: int = 0):
    given = ("recover", "--checkpoint", checkpoint, *more)
    return run_ganinv(folder, *given, code=code, publishing=True)


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
    again = _recover(folder, _checkpoint(folder), *SETTINGS, "--format", "json")
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


def test_a_run_stopped_before_its_figure_draws_it_when_it_goes_on(hard, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(recover.RecoverPlan, "make_figures", _interrupted)
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
    assert "generator" in other.stderr
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


POLISHED_RULES = ("--clip", "none,stochastic")


@pytest.fixture(scope="module")
def polished(hard, tmp_path_factory):
    """Some of its trials do not converge, because their budget is too small."""
    folder = tmp_path_factory.mktemp("polished")
    given = ("--trials", 12, "--polish", "float64", "--precision", "mixed", "--budget", 45)
    return folder, _recover(folder, hard, *POLISHED_RULES, *given, "--format", "json")


def test_a_trial_converges_by_its_bound_or_where_float32_can_do_no_better(polished, tmp_path):
    floor = rounding_loss(make_generator(builders.make_hard_checkpoint(tmp_path)))
    for rule in ("none", "stochastic"):
        group = read_results(polished[0] / "recover.h5").groups[rule]
        converged = group["outcome"] == Outcome.converged
        assert converged.any()
        near = (group["error_bound"] <= 1e-8) | (group["image_loss"] <= floor)
        assert (near == converged).all()
        once = group["restarts"] == 0
        assert (group["first/error_bound"][once] == group["error_bound"][once]).all()


def test_what_has_converged_is_polished_to_its_last_digits(polished):
    results = read_results(polished[0] / "recover.h5")
    true = results.groups[""]["z_true"]
    for rule in ("none", "stochastic"):
        group = results.groups[rule]
        converged = group["outcome"] == Outcome.converged
        assert not converged.all()
        assert ((group["polished/outcome"] != 0) == converged).all()
        assert np.isnan(group["polished/z_error"][~converged]).all()
        right = converged & (group["z_error"] < 1e-6)
        assert (group["polished/z_error"][right] < 1e-20).all()
        error = ((group["polished/z_found"] - true) ** 2).mean(1)
        np.testing.assert_array_equal(error[right], group["polished/z_error"][right])
        assert "polished/steepness" not in group


def test_the_tables_say_both(polished):
    tables = json.loads(polished[1].stdout)["tables"]
    results = read_results(polished[0] / "recover.h5")
    for row, digits in zip(tables["table1"], tables["polished"], strict=True):
        group = results.groups[row["technique"]]
        converged = row["outcomes"]["recovered"]["converged"]
        assert row["bound"]["converged"] == digits["polished"] == converged
        assert digits["recovered"]["1e-20"] == int((group["polished/z_error"] < 1e-20).sum())


def test_how_it_is_computed_identifies_a_run(polished):
    folder = polished[0]
    about = read_results(folder / "recover.h5").attributes
    assert about["precision"] == about["config"]["precision"] == "mixed"
    given = ("--trials", 12, "--budget", 45)
    for more, words in (
        (("--polish", "float64", "--precision", "float32"), "--precision is mixed in the file"),
        (("--precision", "mixed"), "--polish is float64 in the file, and none here"),
    ):
        refused = _recover(
            folder, about["config"]["checkpoint"], *POLISHED_RULES, *given, *more, code=2
        )
        assert words in refused.stderr


@pytest.mark.slow
def test_a_run_goes_on_where_auto_means_something_else(hard, tmp_path, monkeypatch):
    used = []
    for flags, trials in (("fpu sse2", 2), ("fpu avx512_bf16", 4)):
        monkeypatch.setattr(devices, "read_cpuinfo", lambda flags=flags: flags)
        _recover(tmp_path, hard, "--trials", trials, "--device", "cpu")
        used.append(read_results(tmp_path / "recover.h5").attributes["precision"])
    results = read_results(tmp_path / "recover.h5")
    assert used == ["float32", "mixed"]
    assert results.attributes["config"]["precision"] == "auto"
    assert (results.groups["none"]["z_error"] < 1e-6).all()


def test_plain_descent_has_no_bound_and_no_bfloat16(hard, tmp_path):
    given = ("--trials", 2, "--solver", "gd", "--budget", 20, "--restarts", 0)
    (tmp_path / "mixed.toml").write_text('precision = "mixed"')
    _recover(tmp_path, hard, *given, "--config", "mixed.toml")
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["precision"] == "float32"
    assert "error_bound" not in results.groups["none"]
