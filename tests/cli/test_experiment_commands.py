"""The commands of experiments: their files, what they print, and what they refuse."""

import shutil
from unittest import mock

import builders
import h5py
import numpy as np
import pytest
from called import make_image, run_ganinv, save_image

import ganinv_cli as ganinv
from ganinv_cli.generators.network.make_generator import make_generator

COLUMNS, LINES = 80, 24


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with the checkpoints a and b, and a folder of images of a."""
    folder = tmp_path_factory.mktemp("inputs")
    first, _ = (builders.make_definition(folder / name, seed=n) for n, name in enumerate("ab"))
    generator = make_generator(first)
    (folder / "faces").mkdir()
    for number in range(12):
        name = f"portrait-{number}.png"
        save_image(folder / "faces" / name, make_image(generator, number))
    return folder


@pytest.fixture
def work(inputs, tmp_path):
    """A copy of that folder."""
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    return tmp_path


RECOVER = ("recover", "--checkpoint", "a", "--trials", 3, "--batch-size", 8)
INVERT = ("invert", "faces", "--checkpoint", "a", "--starts", 1, "--batch-size", 16)


def test_the_answer_fits_a_small_terminal_and_v_prints_all_tables(work, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for command, first in ((RECOVER, "latent vector"), (INVERT, " made (by this generator)")):
        run = run_ganinv(work, *command, publishing=True)
        lines = run.stdout.splitlines()
        name = command[0]
        assert first in lines[0]
        assert lines[-2:] == [
            f"Tables, figures and report.html are in {name}/, z in {name}.h5.",
            f"Print all tables: -v, or ganinv report {name}.h5",
        ]
        doubt = 3 if "is not confirmed" in run.stdout else 0
        assert max(map(len, lines)) <= COLUMNS and len(lines) - doubt <= LINES
    whole = run_ganinv(work, *RECOVER, "-v").stdout
    assert "time in solvers" in whole
    assert whole == run_ganinv(work, "report", "recover.h5").stdout
    assert "time in solvers" in run_ganinv(work, *RECOVER, "--format", "markdown").stdout
    assert "Print all" not in run_ganinv(work, *RECOVER, "-q").stdout


def test_a_finished_run_is_shown_by_another_threshold_and_not_run_again(work):
    assert "1e-30" not in run_ganinv(work, *RECOVER).stdout
    written = (work / "recover.h5").read_bytes()
    stored = ganinv.open(work / "recover.h5").config
    assert "threshold" not in stored and stored["device"] == "auto"
    with mock.patch("ganinv_cli.engine.local.LocalEngine.run") as run_trials:
        again = run_ganinv(work, *RECOVER, "--threshold", "1e-30").stdout
    assert not run_trials.called and (work / "recover.h5").read_bytes() == written
    assert "0 of 3 latent vectors were recovered" in again and "below 1e-30" in again
    assert "ganinv report recover.h5 --threshold 1e-30" in again
    known = ganinv.recover(work / "a", trials=3, batch_size=8, clip="none", threshold=1e-30)
    counts = known.tables["table1"][0]["recovered"]
    assert counts == {"1e-30": 0, "1e-4": 3, "1e-3": 3, "1e-2": 3, "1e-1": 3}
    few = ("--trials", 1, "--clip", "none", "--out", "new/r.h5")
    assert "makes the new folder new/" in run_ganinv(work, *RECOVER[:3], *few).stderr.splitlines()
    longer = run_ganinv(work, *RECOVER[:3], "--trials", 4, "--threshold", "1e-30")
    assert "resuming: 9 of 12" in longer.stderr and ", 0 of 3 recovered" in longer.stderr


def test_a_mistake_beside_overwrite_leaves_the_results(work):
    (work / "bad.png").write_bytes(b"no image")
    run_ganinv(work, "invert", next((work / "faces").iterdir()), *INVERT[2:])
    before = (work / "invert.h5").read_bytes()
    for arguments, code in (
        (("invert", "bad.png", *INVERT[2:]), 2),
        (("invert", "faces", *INVERT[2:], "--crop", "0,0,99"), 2),
        (("invert", "faces", *INVERT[2:], "--shard", "99/99", "--out", "invert.h5"), 0),
    ):
        run_ganinv(work, *arguments, "--overwrite", code=code)
        assert (work / "invert.h5").read_bytes() == before


def test_a_page_that_ganinv_did_not_write_is_kept(work):
    (work / "recover").mkdir()
    (work / "recover" / "report.html").write_text("<title>mine</title>")
    said = run_ganinv(work, *RECOVER, code=2).stderr
    assert "recover/report.html exists, and ganinv did not write it" in said
    assert not list(work.glob("*.h5"))


@pytest.mark.slow
def test_a_shard_and_each_of_several_generators_have_files_of_their_own(work):
    run_ganinv(work, *RECOVER, "--shard", "1/2", "--clip", "none")
    run_ganinv(work, *INVERT, "--shard", "1/4", "--npz", "s.npz")
    assert [path.name for path in work.glob("*.npz")] == ["s-1-of-4.npz"]
    for name in ("s-1-of-4.npz", "invert-1-of-4.h5"):
        (work / name).unlink()
    images = sorted((work / "faces").iterdir())[:2]
    several = ("invert", *images, *INVERT[2:], "--checkpoint", "b", "--npz", "z.npz")
    run = run_ganinv(work, *several, publishing=True)
    assert {path.name for path in work.glob("*.h5")} == {
        *("recover-1-of-2.h5", "invert-a.h5", "invert-b.h5"),
    }
    assert {path.name for path in work.glob("*.npz")} == {"z-a.npz", "z-b.npz"}
    assert "generator 2 of 2: b" in run.stderr
    assert run.stdout.startswith("Of 2 images, ")
    assert run.stdout.endswith("or ganinv report invert-a.h5 invert-b.h5\n")
    assert (work / "invert" / "report.html").exists()


def test_the_note_and_the_generator_of_a_config_are_printed_unless_quiet(work):
    (work / "c.toml").write_text(
        "note = 'slow today'\ncheckpoint = 'a'\ntrials = 1\n", encoding="utf-8"
    )
    given = ("recover", "--config", "c.toml", "--clip", "none")
    said = run_ganinv(work, *given).stderr
    assert "slow today\ngenerator: a, as c.toml has it\n" in said
    for named in (("--checkpoint", "a"), ("--set", "checkpoint=a")):
        assert "generator: a, as" not in run_ganinv(work, *given, *named).stderr
    assert "slow today" not in run_ganinv(work, *given, "-q").stderr


def test_what_cannot_be_written_or_read_is_refused_before_any_work(work):
    for arguments, words in (
        ((*RECOVER, "--out", "faces/portrait-0.png/r.h5"), "Not a directory"),
        (("recover", "--checkpoint", "none"), "no such checkpoint"),
        ((*INVERT, "--checkpoint", "a"), "is given twice"),
        ((*RECOVER, "--out", ""), ". is a folder; name a results file"),
        (("report", "."), ". is a folder; name a results file, e.g. recover.h5"),
        (("merge", "m.h5", "."), ". is a folder; name a results file, e.g. recover.h5"),
    ):
        run = run_ganinv(work, *arguments, code=2)
        assert run.stdout == "" and words in run.stderr.splitlines()[-1]
    with mock.patch("ganinv_cli.generators.formats.read") as read:
        run = run_ganinv(work, *RECOVER, "--set", "gd.momentm=.3", code=2)
    assert not read.called and "did you mean momentum = 0.3?" in run.stderr
    assert not list(work.glob("*.h5"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("faces/x.png", "--starts", 2),
            "not a command; type ganinv invert faces/x.png --starts 2",
        ),
        (("faces32",), "'faces32' is not a command; type ganinv inspect faces32"),
        (("a", "sample", "--out", "x.png"), "not a command; type ganinv sample a --out x.png"),
        (("invert", "r.h5"), "r.h5 is not an image of a known format"),
        (("invert", "faces/*.jpg"), "or a folder of images, without quotes around a pattern"),
        (("recover", "--lr", 0.1), "no option --lr; type --solver gd --set gd.rate=0.5"),
        (("noise-sweep", "--variances", 0.1, -0.2), "type --variances 0.1,-0.2 (a list has"),
        (("noise-sweep", "--variances", 0.1, 0.2), "type --variances 0.1,0.2 (a list has commas)"),
        (("recover", "--clip", "none", "standard"), "type --clip none,standard (a list has"),
        (
            ("recover", "--clip=none,", "zero", "reflect"),
            "type --clip none,zero,reflect (a list has",
        ),
        (("recover", "--clip", "stochstic"), "reflect; did you mean stochastic?"),
        (("recover", "a"), "unexpected argument a; type --checkpoint a"),
        (("recover", "faces32"), "unexpected argument faces32; type --checkpoint faces32"),
        (("recover", "gd"), "unexpected argument gd; type --solver gd"),
        (("recover", 100), "unexpected argument 100; type --trials 100"),
        (("recover", "c.toml"), "unexpected argument c.toml; type --config c.toml"),
        (
            ("recover", "--set", "a=1", "gd.rate=1"),
            "unexpected argument gd.rate=1; type --set gd.rate=1",
        ),
        (("recover", "what"), "Error: unexpected argument what (see "),
        (("consistency", "x.png"), "unexpected argument x.png; type --image x.png"),
        (("consistency", "faces"), "unexpected argument faces; type --image faces"),
        (("consistency",), "no image is named; type e.g. ganinv consistency --image portrait.png"),
        (("invert", "faces32", "x.png"), "faces32 is a generator, not an image; type --checkpoint"),
        (("invert", "faces", "--starts", 0), "--starts = 0: give at least 1"),
        (("invert", "https://example.org/a.png"), "org/a.png is an address; download the file"),
        (("recover", "--checkpoint", "https://example.org/a.pt"), "is an address; download"),
        (("invert",), "no image is named; type e.g. ganinv invert portrait.png"),
        (("invert", "faces", "--mask", "m.npy"), "from 255 to 255; scale them to 0 to 1, or"),
        (
            ("recover", "--threshold", "1%"),
            "'1%' is not a valid number; give one such as 0.01 (see",
        ),
        (("merge", "r.h5", "a.h5", "--out", "m.h5"), "type ganinv merge OUT.h5 PART.h5... (the"),
        (("merge", "r.h5", "a.h5"), "type ganinv merge all.h5 r.h5 a.h5, or replace it"),
        (("recover", "--solver", "lbfgs", "--tolerance", 0), 'e.g. solver = "gd" (--solver gd)'),
        (("noise-sweep", "--levels", 0.1), "give --variances 0.1, or --noise salt-and-pepper"),
        (("recover", "--prior", "uniform:1,-1"), "LOW comes first, as in uniform:-1,1"),
        (("recover", "--prior", "gaussian"), "'gaussian' is not a prior of z: give normal"),
        (("invert", "/dev/null"), "/dev/null is a pipe, a device or a folder; name an image"),
        (("invert", "faces", "--mask", "other.png"), "other.png cannot be read (No such file"),
    ],
)
def test_a_likely_slip_is_answered_with_what_to_type(work, given, said):
    with h5py.File(work / "r.h5", "w") as file:
        file.attrs.update({"command": "recover", "identity": "{}"})
    np.save(work / "m.npy", np.full((8, 8), 255.0))
    if given[0] != "merge" and "--checkpoint" not in given and "type --checkpoint" not in said:
        given = (*given, "--checkpoint", "a")
    assert said in run_ganinv(work, *given, code=2).stderr
