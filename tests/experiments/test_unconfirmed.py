"""A run on a generator that is not confirmed states this in all its outputs."""

import json
from pathlib import Path

import pytest
from called import make_image, run_ganinv, save_image
from settled import make_checkpoint, make_network, settle_norms

from ganinv_cli import formats
from ganinv_cli.conversion.destination import parse_destination
from ganinv_cli.conversion.write import write_generator
from ganinv_cli.network.layers import Activation
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.network.norms import cached_check
from ganinv_cli.store import read_results

QUICK = ("--trials", 2, "--clip", "none", "--budget", 60, "--restarts", 0)
DOUBT = "its batch norms were trained with another prior: z of 0.577 times the scale fits"
NOTE = f"The generator is not confirmed: {DOUBT}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a generator that was trained with a uniform prior, `g`."""
    made = tmp_path_factory.mktemp("unconfirmed")
    relu = Activation("relu")
    checkpoint = make_checkpoint(settle_norms(make_network(relu, relu), "uniform"), "uniform")
    write_generator(checkpoint, parse_destination(made / "g", overwrite=False))
    save_image(made / "a.png", make_image(make_generator(formats.read(made / "g")), 0))
    return made


@pytest.mark.parametrize(
    "command",
    [
        ("recover", *QUICK),
        ("noise-sweep", *QUICK, "--variances", "0.01"),
        ("consistency", "--image", "a.png", *QUICK),
        ("invert", "a.png", *QUICK),
    ],
    ids=lambda command: command[0],
)
def test_every_experiment_says_it_once_and_keeps_it(
    folder: Path, tmp_path: Path, command: tuple[object, ...]
) -> None:
    out = tmp_path / "results.h5"
    options = (*command, "--checkpoint", "g", "--out", out, "--format", "json")
    result = run_ganinv(folder, *options, "--prior", "normal")
    assert result.stderr.count("is not confirmed") == 1
    assert f"is not confirmed: {DOUBT}" in result.stderr
    told = json.loads(result.stdout)
    assert told["run"]["generator"]["confirmed"] is False
    assert any(note.startswith(NOTE) for note in told["notes"])
    attribute = read_results(out).attributes["generator"]
    assert attribute["doubt"].startswith(DOUBT)
    (prior,) = (each for each in attribute["conventions"] if each["name"] == "prior")
    assert (prior["value"], prior["source"]) == ("normal", "given")
    assert NOTE in " ".join(run_ganinv(folder, "report", out, "--format", "text").stdout.split())


def test_a_confirmed_generator_is_not_remarked_on(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "recover.h5"
    result = run_ganinv(folder, "recover", *QUICK, "--checkpoint", "g", "--out", out)
    assert "not confirmed" not in result.output
    assert read_results(out).attributes["generator"]["confirmed"] is True


def test_a_run_goes_on_whatever_the_check_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("recover", *QUICK, "--checkpoint", "g", "--out", tmp_path / "recover.h5")
    run_ganinv(folder, *options)
    known = cached_check.load_check
    monkeypatch.setattr(
        cached_check,
        "load_check",
        lambda checkpoint: known(make_checkpoint(checkpoint.network, "normal")),
    )
    run_ganinv(folder, *options, "--trials", 3)
    results = read_results(tmp_path / "recover.h5")
    assert len(results.groups["none"]["trial"]) == 3
    assert results.attributes["generator"]["confirmed"] is False


def test_a_quiet_run_prints_nothing_and_keeps_it(folder: Path, tmp_path: Path) -> None:
    options = ("recover", *QUICK, "--checkpoint", "g", "--prior", "normal", "--quiet")
    result = run_ganinv(folder, *options, "--out", tmp_path / "recover.h5")
    assert "confirmed" not in result.stderr
    assert read_results(tmp_path / "recover.h5").attributes["generator"]["doubt"]
