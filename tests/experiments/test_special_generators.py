"""Runs on generators that descend badly, are too large to measure, traced, or not confirmed."""

import json
from unittest import mock

import builders
import pytest
import tensorflow as tf
from called import run_ganinv
from keras_networks import save_network
from settled import make_definition, make_network, settle_norms

from ganinv_cli.generators import formats
from ganinv_cli.generators.network.layers import Activation
from ganinv_cli.inversion.objective import preconditioner
from ganinv_cli.results.store import read_results

SHORT = ("--solver", "lbfgs", "--trials", 2, "--clip", "none", "--budget", 60)


def test_a_j_that_is_too_large_is_not_measured_which_is_said_and_stored(
    easy, tmp_path, monkeypatch
):
    monkeypatch.setattr(preconditioner, "MAX_VALUES", 6 * 16 * 16 * 3 - 1)
    given = ("--checkpoint", easy.folder, *SHORT, "-v", "--format", "markdown")
    result = run_ganinv(tmp_path, "recover", *given)
    assert "[lbfgs] metric is set to 0 for this generator" in result.stderr
    said = " ".join(result.stdout.split())
    assert "There was no preconditioner ([lbfgs] metric = 0)" in said
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["config"]["lbfgs"]["metric"] == 0
    assert results.constants["shared_gradients"] == 0
    run_ganinv(tmp_path, "recover", *given)  # the same command prints the results again


@pytest.mark.slow
def test_j_of_a_large_z_is_measured_at_fewer_z(easy, tmp_path, monkeypatch):
    monkeypatch.setattr(preconditioner, "MAX_COLUMNS", 3 * 6)
    given = ("--checkpoint", easy.folder, *SHORT, "-v")
    assert (
        "[lbfgs] metric is set to 3 for this generator"
        in run_ganinv(tmp_path, "recover", *given).stderr
    )
    assert read_results(tmp_path / "recover.h5").constants["shared_gradients"] == 3 * 7 / 2


def _draw_modulated(z: tf.Tensor) -> tf.Tensor:
    style, matrix = tf.tanh(z), tf.reshape(tf.range(6 * 48.0) % 7 - 3, (6, 48)) / 7
    return tf.reshape(tf.tanh((z * style + z) @ matrix), (-1, 4, 4, 3))


def test_auto_is_float32_if_values_that_depend_on_z_are_multiplied(tmp_path, monkeypatch):
    monkeypatch.setattr("ganinv_cli.precision.has_fast_bfloat16", lambda: True)
    modulated = builders.trace_definition(_draw_modulated)
    given = ("--checkpoint", ".", *SHORT)
    with (
        mock.patch.object(formats, "read", return_value=modulated),
        mock.patch.object(formats, "find_format"),
    ):
        run_ganinv(tmp_path, "recover", *given)
    assert read_results(tmp_path / "recover.h5").attributes["precision"] == "float32"


QUICK = ("--trials", 2, "--clip", "none", "--budget", 60, "--restarts", 0)
DOUBT = "its batch norms were trained with another prior: z of 0.577 times the scale fits"


def test_an_experiment_says_it_once_and_keeps_it(tmp_path):
    """Of a generator that was trained with a uniform prior."""
    relu, out = Activation("relu"), tmp_path / "results.h5"
    definition = make_definition(settle_norms(make_network(relu, relu), "uniform"), "uniform")
    save_network(definition, tmp_path / "g.keras")
    generator = ("--checkpoint", "g.keras", "--prior", "normal")
    given = ("recover", *generator, *QUICK, "--out", out, "--format", "json")
    result = run_ganinv(tmp_path, *given)
    assert result.stderr.count("is not confirmed") == 1
    assert f"is not confirmed: {DOUBT}" in result.stderr
    report = json.loads(result.stdout)
    assert report["run"]["generator"]["confirmed"] is False
    note = f"The generator is not confirmed: {DOUBT}"
    assert any(each.startswith(note) for each in report["notes"])
    stored = read_results(out).attributes["generator"]
    assert stored["doubt"].startswith(DOUBT)
    (prior,) = (each for each in stored["conventions"] if each["name"] == "prior")
    assert (prior["value"], prior["source"]) == ("normal", "given")
    assert note in " ".join(run_ganinv(tmp_path, "report", out, "--format", "text").stdout.split())
    assert "confirmed" not in run_ganinv(tmp_path, *given, "--quiet").stderr
