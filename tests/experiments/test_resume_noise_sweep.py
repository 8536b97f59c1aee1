"""A stopped noise sweep continues, and refuses to continue with other settings."""

import json
import shutil
import signal
from pathlib import Path
from unittest import mock

import builders
import numpy as np
import pytest
from called import run_and_stop, run_ganinv

from ganinv_cli.experiments import columns, noise_sweep, run, task
from ganinv_cli.experiments.progress import ProgressCounter
from ganinv_cli.store import read_results

RULES = ("standard", "stochastic")
GROUPS = [f"variance={variance}/{rule}" for variance in ("0.01", "0.1") for rule in RULES]


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The arguments of a command, without --trials."""
    folder = tmp_path_factory.mktemp("hard")
    builders.make_hard_checkpoint(folder)
    sharp = ("--variances", "0.01,0.1", "--stationary", "1e-7", "--clip", ",".join(RULES))
    return ("noise-sweep", "--checkpoint", folder, *sharp, "--batch-size", 3, "--format", "json")


@pytest.fixture(scope="module")
def finished(command, tmp_path_factory):
    """The folder of an uninterrupted run, and its output."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, run_ganinv(folder, *command, "--trials", 5)


def _assert_same_trials(one, other):
    """Check that every trial is there once, with the same end except for rounding."""
    for name in GROUPS:
        a, b = one.groups[name], other.groups[name]
        assert a["trial"].tolist() == b["trial"].tolist() == [0, 1, 2, 3, 4]
        assert (a["outcome"] == b["outcome"]).all()
        np.testing.assert_allclose(a["image_loss"], b["image_loss"], rtol=1e-3)
        np.testing.assert_allclose(a["z_found"], b["z_found"], atol=1e-2)
    for column in ("trial", "z_true"):
        assert (one.groups[""][column] == other.groups[""][column]).all()
    bounds = (results.groups[""]["cramer_rao"] for results in (one, other))
    np.testing.assert_allclose(*bounds, rtol=1e-6)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_the_same(command, finished, tmp_path):
    status, _ = run_and_stop(tmp_path, signal.SIGKILL, *command, "--trials", 5)
    assert status == -signal.SIGKILL
    _assert_goes_on(command, finished, tmp_path)


def test_an_interrupted_run_says_how_to_go_on_and_does(command, finished, tmp_path, monkeypatch):
    def interrupted(count, tally):
        if tally.finished:
            signal.raise_signal(signal.SIGINT)
        return add(count, tally)

    add = ProgressCounter.add
    with monkeypatch.context() as patch:
        patch.setattr(ProgressCounter, "add", interrupted)
        result = run_ganinv(tmp_path, *command, "--trials", 5, code=130)
    assert "the same command goes on" in result.stderr
    assert result.stdout == ""
    _assert_goes_on(command, finished, tmp_path)


def _assert_goes_on(command, finished, folder):
    """More trials are added: the first ones are unchanged, and the rest ends as in one run."""
    early = read_results(folder / "noise-sweep.h5")
    rows = {name: group for name, group in early.groups.items() if name}
    assert 0 < sum(len(group["trial"]) for group in rows.values()) < 20
    assert not early.complete
    result = run_ganinv(folder, *command, "--trials", 5)
    late = read_results(folder / "noise-sweep.h5")
    for name, group in rows.items():
        kept = np.isin(late.groups[name]["trial"], group["trial"])
        for column in ("z_found", "image_loss", "seconds", "gradients"):
            assert (late.groups[name][column][kept] == group[column]).all()
    _assert_same_trials(read_results(finished[0] / "noise-sweep.h5"), late)
    for expected, found in zip(_table(finished[1]), _table(result), strict=True):
        for key in ("variance", "technique", "trials"):
            assert found[key] == expected[key]
        for key in ("first_start", "with_restarts"):
            median = expected[key]["median"]
            assert found[key]["median"] == pytest.approx(median, rel=1e-2)
    assert late.complete
    assert not (folder / "noise-sweep.h5.log").exists()


def _table(result):
    return json.loads(result.stdout)["tables"]["noise_sweep"]


def test_a_larger_number_of_trials_extends_a_run(command, finished, tmp_path):
    whole = read_results(_copied(finished, tmp_path))
    run_ganinv(tmp_path, *command, "--trials", 7)
    extended = read_results(tmp_path / "noise-sweep.h5")
    for name in ("", *GROUPS):
        assert extended.groups[name]["trial"].tolist() == list(range(7))
        for column, values in whole.groups[name].items():
            assert (extended.groups[name][column][:5] == values).all()
    assert np.isfinite(extended.groups[""]["cramer_rao"]).all()
    assert extended.complete
    assert extended.figures["figure2b-variance=0.1"].trials == tuple(range(7))


def _copied(finished, folder):
    return Path(shutil.copy(finished[0] / "noise-sweep.h5", folder))


def test_a_finished_run_prints_again_and_solves_nothing(command, finished, monkeypatch):
    folder, result = finished
    before = (folder / "noise-sweep.h5").stat().st_mtime_ns
    monkeypatch.setattr(task, "solve", None)
    assert run_ganinv(folder, *command, "--trials", 5).stdout == result.stdout
    assert run_ganinv(folder, *command, "--trials", 3).stdout == result.stdout
    assert (folder / "noise-sweep.h5").stat().st_mtime_ns == before


def test_a_run_stopped_before_its_figures_draws_them_when_it_goes_on(
    command, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    short = (*command, "--trials", 1, "--clip", "none")
    with monkeypatch.context() as patch:
        patch.setattr(noise_sweep, "_make_figures", interrupted)
        said = run_ganinv(tmp_path, *short, code=130).stderr
    assert "the same command goes on" in said
    assert not read_results(tmp_path / "noise-sweep.h5").figures
    monkeypatch.setattr(task, "solve", None)
    run_ganinv(tmp_path, *short)
    assert len(read_results(tmp_path / "noise-sweep.h5").figures) == 2


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (["--variances", "0.01"], "--variances is 0.01,0.1 in the file, and 0.01 here"),
        (["--variances", "0.1,0.01"], "variances"),
        (["--clip-pixels"], "--clip-pixels is no in the file, and yes here"),
        (["--clip", "none"], "clip"),
        (["--stationary", "0.01"], "stationary"),
        (["--seed", "1"], "seed"),
    ],
)
def test_another_config_is_refused_with_what_differs(command, finished, other, differs):
    folder = finished[0]
    before = (folder / "noise-sweep.h5").read_bytes()
    result = run_ganinv(folder, *command, "--trials", 5, *other, code=2)
    assert differs in result.stderr
    assert "--overwrite" in result.stderr
    assert result.stdout == ""
    assert (folder / "noise-sweep.h5").read_bytes() == before


def test_overwrite_starts_again(command, finished, tmp_path):
    _copied(finished, tmp_path)
    run_ganinv(tmp_path, *command, "--trials", 1, "--clip", "none", "--overwrite")
    results = read_results(tmp_path / "noise-sweep.h5")
    assert results.groups["variance=0.1/none"]["trial"].tolist() == [0]
    assert results.attributes["config"]["clip"] == ["none"]
    assert not results.groups.keys() & set(GROUPS)


@pytest.mark.slow
def test_a_stopped_run_can_end_with_fewer_trials_whichever_had_finished(command, tmp_path):
    """Then the groups have different first trials."""
    with mock.patch.object(run, "_commit_results", _some_of_them):
        run_ganinv(tmp_path, *command, "--trials", 5, code=130)
    run_ganinv(tmp_path, *command, "--trials", 2)
    results = read_results(tmp_path / "noise-sweep.h5")
    assert {tuple(figure.trials) for figure in results.figures.values()} == {(0, 1)}


def _some_of_them(handed, run, constants, committed_some):
    """Commits all trials but number 1, and is interrupted."""
    rows = columns.join_groups([done.rows for done in handed if done.rows])
    others = {
        name: {column: values[group["trial"] != 1] for column, values in group.items()}
        for name, group in rows.items()
    }
    run.commit(others, constants)
    raise KeyboardInterrupt
    yield
