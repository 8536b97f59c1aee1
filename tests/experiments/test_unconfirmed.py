"""A run on a generator that is not confirmed states this in all its outputs."""

import json

from called import run_ganinv
from settled import make_checkpoint, make_network, settle_norms

from ganinv_cli.conversion.write import write_generator
from ganinv_cli.network.layers import Activation
from ganinv_cli.store import read_results

QUICK = ("--trials", 2, "--clip", "none", "--budget", 60, "--restarts", 0)
DOUBT = "its batch norms were trained with another prior: z of 0.577 times the scale fits"


def test_an_experiment_says_it_once_and_keeps_it(tmp_path):
    """Of a generator that was trained with a uniform prior."""
    relu, out = Activation("relu"), tmp_path / "results.h5"
    checkpoint = make_checkpoint(settle_norms(make_network(relu, relu), "uniform"), "uniform")
    write_generator(checkpoint, tmp_path / "g.keras")
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
