"""`ganinv recover` in bfloat16 and float64: bounds, mixed gradients, refinement."""

import json
import os

import builders
import numpy as np
import pytest
from click.testing import CliRunner

from ganinv_cli.cli import main
from ganinv_cli.engine import devices
from ganinv_cli.loop.batch import rounding_loss
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import read_results

RULES = ("none", "stochastic")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    builders.make_hard_checkpoint(folder)
    return folder


def _recover(folder, checkpoint, *more, code=0):
    os.chdir(folder)
    arguments = ["recover", "--checkpoint", checkpoint, "--clip", ",".join(RULES), *more]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


@pytest.fixture(scope="module")
def polished(checkpoint, tmp_path_factory):
    """Some of its trials do not converge, because their budget is too small."""
    folder = tmp_path_factory.mktemp("polished")
    given = ("--trials", 12, "--polish", "float64", "--precision", "mixed", "--budget", 45)
    return folder, _recover(folder, checkpoint, *given, "--format", "json")


def test_a_trial_converges_by_its_bound_or_where_float32_can_do_no_better(polished, tmp_path):
    floor = rounding_loss(make_generator(builders.make_hard_checkpoint(tmp_path)))
    for rule in RULES:
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
    for rule in RULES:
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
        refused = _recover(folder, about["config"]["checkpoint"], *given, *more, code=2)
        assert words in refused.stderr


@pytest.mark.slow
def test_a_run_goes_on_where_auto_means_something_else(checkpoint, tmp_path, monkeypatch):
    used = []
    for flags, trials in (("fpu sse2", 2), ("fpu avx512_bf16", 4)):
        monkeypatch.setattr(devices, "read_cpuinfo", lambda flags=flags: flags)
        _recover(tmp_path, checkpoint, "--trials", trials, "--device", "cpu")
        used.append(read_results(tmp_path / "recover.h5").attributes["precision"])
    results = read_results(tmp_path / "recover.h5")
    assert used == ["float32", "mixed"]
    assert results.attributes["config"]["precision"] == "auto"
    assert (results.groups["none"]["z_error"] < 1e-6).all()


def test_plain_descent_has_no_bound_and_no_bfloat16(checkpoint, tmp_path):
    given = ("--trials", 2, "--solver", "gd", "--budget", 20, "--restarts", 0)
    (tmp_path / "mixed.toml").write_text('precision = "mixed"')
    _recover(tmp_path, checkpoint, *given, "--config", "mixed.toml")
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["precision"] == "float32"
    assert "error_bound" not in results.groups["none"]


def test_the_report_says_how_gradients_were_computed(polished):
    text = (polished[0] / "recover" / "table1.txt").read_text(encoding="utf-8")
    assert "gradients bfloat16 then float32" in text.replace("\n", " ")
