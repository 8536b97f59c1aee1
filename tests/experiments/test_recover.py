"""`ganinv recover`, from the command line to the tables."""

import json
from unittest import mock

import numpy as np
import pytest
from called import make_image, run_ganinv, save_image
from small import MARKS, make_limits

from ganinv_cli.experiments.trial_rows import make_rule_rows
from ganinv_cli.inversion.loop.trial import StartResult, Target, Trial
from ganinv_cli.inversion.objective.problem import rounding_loss
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Uniform
from ganinv_cli.results.store import read_results

RULES = ("none", "standard", "stochastic")
# the same on every processor, and what rounding lets this generator reach
SETTINGS = ("--solver", "lbfgs", "--trials", 12, "--precision", "float32", "--tolerance", "1e-7")
PAPERS_CODE = ("--set", "gd.metric=0", "--budget", 40, "--tolerance", 0)


def _recover(folder, hard, *more, publishing=False):
    given = ("recover", "--checkpoint", hard.folder, *more, "--format", "json")
    return run_ganinv(folder, *given, publishing=publishing)


@pytest.fixture(scope="module")
def finished(hard, tmp_path_factory):
    """A folder, what was printed, and the results."""
    folder = tmp_path_factory.mktemp("finished")
    result = _recover(folder, hard, *SETTINGS, publishing=True)
    return folder, result, read_results(folder / "recover.h5")


def test_the_table_counts_what_the_file_holds(finished):
    _, result, results = finished
    table = json.loads(result.stdout)["tables"]["table1"]
    assert [row["technique"] for row in table] == list(RULES)
    for row in table:
        group = results.groups[row["technique"]]
        assert row["trials"] == 12
        assert row["copied"] == int((group["shared"] > 0).sum())
        assert row["recovered"]["1e-4"] == int((group["z_error"] < 1e-4).sum())
        assert row["first_start"]["1e-4"] == int((group["first/z_error"] < 1e-4).sum())
        assert row["gradients"] == pytest.approx(group["gradients"].mean())


def test_every_rule_restarts_from_the_same_z_and_start_and_has_the_errors_of_its_own_z(finished):
    groups, gained = finished[2].groups, 0
    for rule in RULES:
        group = groups[rule]
        assert group["trial"].tolist() == groups[""]["trial"].tolist() == list(range(12))
        assert (group["z_start"] == groups["none"]["z_start"]).all()
        for name in ("", "first/"):
            distance = (group[f"{name}z_found"].astype(float) - groups[""]["z_true"]) ** 2
            np.testing.assert_allclose(group[f"{name}z_error"], distance.mean(1))
        assert (group["restarts"][group["first/outcome"] != Outcome.converged] > 0).all()
        gained += ((group["z_error"] < 1e-3) > (group["first/z_error"] < 1e-3)).sum()
    assert gained > 0  # z that first starts did not find


def test_the_default_is_the_papers_method_and_l_bfgs_from_the_same_z_beside_it(easy, tmp_path):
    given = ("recover", "--checkpoint", easy.folder, "--trials", 6)
    run = run_ganinv(tmp_path, *given, "--format", "json")
    results, tables = read_results(tmp_path / "recover.h5"), json.loads(run.stdout)["tables"]
    config, (compared,) = results.attributes["config"], tables["compared"]
    assert [config[name] for name in ("solver", "restarts", "budget")] == ["gd", 0, 2001]
    assert results.groups["none"]["first/outcome"].tolist() == [Outcome.converged] * 6
    assert compared["recovered"]["1e-4"] == 6
    lbfgs = results.groups["lbfgs/none"]
    np.testing.assert_array_equal(lbfgs["z_start"], results.groups["none"]["z_start"])
    said = " ".join(run_ganinv(tmp_path, *given).stdout.split())
    assert "By L-BFGS with restarts, from the same starts and without clipping: 6 of 6" in said
    run_ganinv(tmp_path, *given[:3], "--trials", 7)  # which extends both
    assert read_results(tmp_path / "recover.h5").groups["lbfgs/none"]["trial"].tolist() == [
        *range(7)
    ]


def test_what_follows_is_compiled_and_imported_while_trials_run(easy, tmp_path):
    """Once, and an error of it changes nothing: what is needed is done again."""
    given = ("recover", "--checkpoint", easy.folder, "--trials", 2, "--clip", "none", "--budget", 9)
    with (
        mock.patch("ganinv_cli.experiments.worker.Worker.compile", side_effect=MemoryError) as make,
        mock.patch("ganinv_cli.cli.report.load_report") as load,
    ):
        run_ganinv(tmp_path, *given)
    assert make.call_count == load.call_count == 1
    assert set(read_results(tmp_path / "recover.h5").groups) == {"", "none", "lbfgs/none"}


def test_a_trial_in_which_a_rule_would_not_act_is_a_copy_of_the_one_without(finished):
    groups = finished[2].groups
    for rule in RULES:
        group = groups[rule]
        for start in ("", "first/"):
            acted, actions = group[f"{start}acted"], group[f"{start}actions"]
            assert np.array_equal(acted, actions > 0)
            assert acted.any() == (rule != "none")
            assert (actions >= group[f"{start}redraws"]).all()
        copied = group["shared"] > 0
        assert not group["acted"][copied].any()
        for name in ("z_found", "z_start", "gradients", "first/z_found", "seconds"):
            assert np.array_equal(group[name][copied], groups["none"][name][copied])
    assert not groups["none"]["shared"].any()
    assert 0 < groups["stochastic"]["shared"].sum() < 12


def test_a_trial_costs_what_all_of_its_starts_cost():
    target = Target(np.zeros((2, 2, 3)), np.zeros(3))
    trial = Trial(Job(0), "stochastic", (), target, make_limits(), MARKS)
    best = StartResult(
        np.zeros(3), 1.0, 1.0, Outcome.stalled, {"gradients": 20.0, "redraws": 0}, 2.0
    )
    counts = {"gradients": 30.0, "redraws": 3}
    worse = best._replace(image_loss=9.0, counts=counts, seconds=4.0, actions=5)
    trial.start_results += [best, worse, worse]
    rows = make_rule_rows([trial], lambda case, rule: rule, Uniform(), has_bounds=False)
    row = rows["stochastic"]
    costs = {"gradients": 80, "redraws": 6, "actions": 10, "seconds": 10, "acted": True}
    assert {name: row[name].item() for name in costs} == costs
    assert {row[f"first/{name}"].item() for name in ("redraws", "actions", "acted")} == {0}


def test_the_file_and_its_folder_have_all_that_the_paper_shows(finished):
    folder, _, results = finished
    about = results.attributes
    assert about["command"] == "recover" and about["config"]["trials"] == 12
    assert len(about["checkpoint_sha256"]) == 64
    assert {"ganinv", "tensorflow", "numpy", "h5py"} <= about["versions"].keys()
    assert about["device"].startswith(("CPU", "GPU"))
    assert about["started"] <= about["finished"]
    names = {path.name for path in (folder / "recover").iterdir()}
    assert {f"table1.{ending}" for ending in ("txt", "csv", "json")} <= names
    assert {"figure1-stochastic.png", "convergence.png"} <= names
    figure = results.figures["figure1-stochastic"]
    assert figure.panels == ("start", *(f"{n} gradients" for n in (5, 10, 20)), "found", "original")
    pictures = figure.pictures.astype(int)
    far = [abs(panel - pictures[-1]).mean() for panel in pictures]
    assert far[-2] < 0.5 < far[0]


@pytest.mark.slow
@pytest.mark.bfloat16
def test_what_has_converged_by_its_bound_is_polished_to_its_last_digits(hard, tmp_path):
    """Some trials do not converge, because their budget is too small."""
    given = ("--solver", "lbfgs", "--trials", 12, "--polish", "float64", "--precision", "mixed")
    result = _recover(tmp_path, hard, "--clip", "none,stochastic", "--budget", 45, *given)
    results, floor = read_results(tmp_path / "recover.h5"), rounding_loss(hard.generator)
    tables, true = json.loads(result.stdout)["tables"], results.groups[""]["z_true"]
    for row, digits in zip(tables["table1"], tables["polished"], strict=True):
        group = results.groups[row["technique"]]
        converged = group["outcome"] == Outcome.converged
        assert converged.any() and not converged.all()
        assert (
            ((group["error_bound"] <= 1e-8) | (group["image_loss"] <= floor)) == converged
        ).all()
        assert ((group["polished/outcome"] != 0) == converged).all()
        assert np.isnan(group["polished/z_error"][~converged]).all()
        right = converged & (group["z_error"] < 1e-6)
        assert (group["polished/z_error"][right] < 1e-20).all()
        error = ((group["polished/z_found"] - true) ** 2).mean(1)
        np.testing.assert_array_equal(error[right], group["polished/z_error"][right])
        exact = int((group["polished/z_error"] < 1e-20).sum())
        known = (converged.sum(),) * 2 + (exact,) if row["exercised"] else (None,) * 3
        shown = row["bound"]["converged"], digits["polished"], digits["recovered"]["1e-20"]
        assert shown == known


def test_the_method_of_the_papers_code_counts_ever_below_without_a_bound(hard, tmp_path):
    text = 'success = "ever"\nbatch_norm = "batch"\nsnapshots = [10]\n'
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    given = (*PAPERS_CODE, "--config", "own.toml", "--trials", 4)
    result = _recover(tmp_path, hard, *given)
    results = read_results(tmp_path / "recover.h5")
    for row in json.loads(result.stdout)["tables"]["table1"]:
        group = results.groups[row["technique"]]
        assert row["recovered"]["1e-1"] == int((group["z_error_least"] < 1e-1).sum())
        assert group["z_found"].dtype == np.float64
        assert "error_bound" not in group
    assert results.attributes["precision"] == "float32"  # plain descent needs all digits


@pytest.mark.slow
def test_shards_merged_are_the_run(finished, hard, tmp_path):
    """They have batches of their own: blocks of 8 trials are dealt in turn."""
    whole = finished[2]
    for number in (2, 1):
        _recover(tmp_path, hard, *SETTINGS, "--shard", f"{number}/2")
    parts = [f"recover-{number}-of-2.h5" for number in (2, 1)]
    said = run_ganinv(tmp_path, "merge", "all.h5", *parts, "--format", "json")
    assert "12 trials of 3 rules from 2 files" in said.stderr
    merged = read_results(tmp_path / "all.h5")
    assert merged.complete
    for rule in RULES:
        one, other = whole.groups[rule], merged.groups[rule]
        assert other["trial"].tolist() == list(range(12))
        assert (one["z_start"] == other["z_start"]).all()
        assert (one["outcome"] == other["outcome"]).all()
        converged = one["outcome"] == Outcome.converged
        assert np.abs(one["z_found"] - other["z_found"])[converged].max() < 1e-3
    for name, figure in whole.figures.items():
        assert merged.figures[name].trials == figure.trials
    before = (tmp_path / "all.h5").stat().st_mtime_ns
    assert _recover(tmp_path, hard, *SETTINGS, "--out", "all.h5").stdout == said.stdout
    assert (tmp_path / "all.h5").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("recover", "--trials", 8), "the 8 trials, which are dealt 8 at"),
        (("consistency", "--image", "a.png", "--trials", 8), "the 8 trials, which are dealt 8 at"),
        (("invert", "a.png", "--trials", 3), "the 1 images"),
    ],
)
def test_a_shard_that_has_nothing_is_nothing_to_do(hard, tmp_path, command, what):
    save_image(tmp_path / "a.png", make_image(hard.generator, 0))
    result = run_ganinv(tmp_path, *command, "--checkpoint", hard.folder, "--shard", "2/2")
    said = f"nothing to do: shard 2/2 has none of {what}"
    assert result.stderr.splitlines()[-1].startswith(said)
    assert result.stdout == "" and not list(tmp_path.glob("*.h5"))
