"""Numbers too large to mean anything are refused before memory is allocated for them."""

import zipfile

import builders
import pytest
from called import run_ganinv
from click.testing import CliRunner

from ganinv_cli.cli import main
from ganinv_cli.cli.parameters import WholeNumber
from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.load import load
from ganinv_cli.solvers import make_solver

HUGE = str(10**12)


@pytest.mark.parametrize(
    ("arguments", "largest"),
    [
        (["recover", "--batch-size"], "65,536"),
        (["recover", "--trials"], "2,147,483,648"),
        (["invert", "x.png", "--starts"], "2,147,483,648"),
        (["recover", "--restarts"], "2,147,483,647"),
        (["recover", "--workers"], "65,536"),
        (["recover", "--cpus-per-worker"], "65,536"),
        (["recover", "--label"], "2,147,483,647"),
        (["recover", "--labels"], "2,147,483,647"),
        (["sample", "g", "--out", "a", "--count"], "2,147,483,647"),
        (["sample", "g", "--out", "a.png", "--columns"], "2,147,483,647"),
        (["inspect", "g", "--points"], "10,000"),
        (["train", "a", "--out", "b", "--steps"], "2,147,483,647"),
        (["train", "a", "--out", "b", "--batch-size"], "8,192"),
        (["train-encoder", "--images"], "2,147,483,647"),
        (["train-encoder", "--batch-size"], "8,192"),
    ],
)
def test_every_option_that_counts_has_a_largest_number(arguments, largest):
    result = CliRunner().invoke(main, [*arguments, HUGE])
    assert result.exit_code == 2
    assert f"{HUGE} is too large; give at most {largest}" in result.stderr


@pytest.mark.parametrize("digits", [100, 5000])  # Python converts at most 4,300
def test_a_number_of_thousands_of_digits_is_too_large_too(digits):
    for option, largest in (("--batch-size", "65,536"), ("--trials", "2,147,483,648")):
        result = CliRunner().invoke(main, ["recover", option, "9" * digits])
        assert result.exit_code == 2
        assert f"{'9' * 40}… is too large; give at most {largest}" in result.stderr
        assert len(result.stderr) < 300


def test_zeros_before_a_number_do_not_matter():
    for option, text in (("--seed", "0" * 200 + "-"), ("--trials", "0" * 200 + "x")):
        result = CliRunner().invoke(main, ["recover", option, text])
        assert "is not a whole number" in result.stderr
    seeds = [WholeNumber(0).convert(text, None, None) for text in ("0" * 200 + "5", "007", "-0")]
    assert seeds == [5, 7, 0]


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("option", ["--budget", "--tolerance", "--gpus-per-worker"])
def test_a_number_is_finite(option, number):
    result = CliRunner().invoke(main, ["recover", option, number])
    assert result.exit_code == 2
    assert f"{number} is not a number of at least" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"batch_size = {HUGE}", "at most 65,536"),
        (f"trials = {HUGE}", "at most 2,147,483,648"),
        (f"restarts = {HUGE}", "0 and 4095"),
        (f"label = {HUGE}", "give a label from 0"),
        (f"seed = {HUGE}", "0 and 4294967295"),
        (f"engine = 'ray'\nworkers = {HUGE}", "at most 65,536"),
        (f"engine = 'ray'\ncpus_per_worker = {HUGE}", "at most 65,536"),
        (f"snapshots = [{HUGE}]", "from 0 to 2,147,483,647"),
        (f"snapshots = {[10] * 2000}", "2,000 numbers: give at most 1000"),
    ],
)
def test_every_setting_that_counts_has_a_largest_number(tmp_path, text, words):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"own\.toml") as refused:
        load(RecoverConfig, path, {})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("solver", "setting"),
    [
        ("lbfgs", "memory"),
        ("lbfgs", "patience"),
        ("lbfgs", "metric"),
        ("lbfgs", "redraws"),
        ("gd", "halve_every"),
    ],
)
def test_every_setting_of_a_solver_has_a_largest_number(solver, setting):
    with pytest.raises(ConfigError, match=rf"\[{solver}\] {setting} must be at most"):
        make_solver(solver, {setting: int(HUGE)})


def test_no_z_is_drawn_for_too_many_pictures(tmp_path, monkeypatch):
    builders.make_checkpoint(tmp_path / "colour")
    monkeypatch.setattr(
        "ganinv_cli.inspection.latents.draw_true_z", lambda *_: pytest.fail("z was drawn")
    )
    sample = ("sample", "colour", "--count", 10**9)
    sheet = run_ganinv(tmp_path, *sample, "--out", "sheet.png", code=2)
    assert "a sheet of 1,000,000,000 pictures" in sheet.stderr
    folder = run_ganinv(tmp_path, *sample, "--out", "folder/", code=2)
    assert "too many to draw together; give --count " in folder.stderr
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("name", ["z.npy", "z.npz"])
def test_latent_vectors_are_not_read_beyond_their_file(name, tmp_path):
    builders.make_checkpoint(tmp_path / "colour")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 6)}\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    if name == "z.npz":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("z.npy", content)
    else:
        (tmp_path / name).write_bytes(content)
    sample = ("sample", "colour", "--z", name, "--out", "a.png")
    refused = run_ganinv(tmp_path, *sample, code=2)
    assert f"{name} is not a NumPy file of numbers (its header and its size disagree)" in (
        refused.stderr
    )
