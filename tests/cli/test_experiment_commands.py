"""The commands of experiments: their files, what they print, and what they refuse."""

import builders
import numpy as np
import pytest
from called import make_image, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator

COLUMNS, LINES = 80, 24


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    """A folder with two small checkpoints, and the generator of the first."""
    folder = tmp_path_factory.mktemp("generators")
    paths = [builders.make_checkpoint(folder / name, seed=at) for at, name in enumerate("ab")]
    return folder, make_generator(paths[0])


@pytest.fixture
def work(generators, tmp_path):
    """A folder with the checkpoints a and b, and a folder of their images."""
    for name in "ab":
        (tmp_path / name).symlink_to(generators[0] / name)
    (tmp_path / "faces").mkdir()
    for number in range(12):
        name = f"a-portrait-with-a-long-name-{number}.png"
        save_image(tmp_path / "faces" / name, make_image(generators[1], number))
    return tmp_path


RECOVER = ("recover", "--checkpoint", "a", "--trials", 3, "--batch-size", 8)
INVERT = ("invert", "faces", "--checkpoint", "a", "--starts", 1, "--batch-size", 16)


def test_the_answer_fits_a_small_terminal_and_v_prints_all_tables(work, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for command, first in ((RECOVER, "latent vector"), (INVERT, "The generator made ")):
        run = run_ganinv(work, *command, publishing=True)
        lines = run.stdout.splitlines()
        name = command[0]
        assert first in lines[0]
        assert lines[-2:] == [
            f"Tables, figures and report.html are in {name}/, z in {name}.h5.",
            f"Print all tables: -v, or ganinv report {name}.h5",
        ]
        assert max(map(len, lines)) <= COLUMNS
        said = [line for line in run.stderr.splitlines() if " is not confirmed: " not in line]
        assert sum(-(-len(line) // COLUMNS) or 1 for line in [*said, *lines]) <= LINES
    whole = run_ganinv(work, *RECOVER, "-v").stdout
    assert "McNemar" in whole
    assert whole == run_ganinv(work, "report", "recover.h5").stdout
    assert "McNemar" in run_ganinv(work, *RECOVER, "--format", "markdown").stdout
    assert "Print all" not in run_ganinv(work, *RECOVER, "-q").stdout


def test_a_shard_and_each_of_several_generators_have_files_of_their_own(work, monkeypatch):
    run_ganinv(work, *RECOVER, "--shard", "1/2")
    run_ganinv(work, *RECOVER, "--shard", "1/2", "--out", "mine.h5")
    shown = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: shown.append(address) or True)
    several = (*INVERT, "--checkpoint", "b", "--npz", "z.npz", "--open")
    run = run_ganinv(work, *several, publishing=True)
    assert {path.name for path in work.glob("*.h5")} == {
        *("recover-1-of-2.h5", "mine.h5", "invert-a.h5", "invert-b.h5"),
    }
    assert {path.name for path in work.glob("*.npz")} == {"z-a.npz", "z-b.npz"}
    assert "generator 2 of 2: b" in run.stderr
    assert run.stdout.startswith("Of 12 images, ")
    assert run.stdout.endswith("or ganinv report invert-a.h5 invert-b.h5\n")
    assert shown == [(work / "invert" / "report.html").resolve().as_uri()]
    assert "is given twice" in run_ganinv(work, *INVERT, "--checkpoint", "a", code=2).stderr


def test_the_note_and_the_generator_of_a_config_are_printed_unless_quiet(work):
    (work / "c.toml").write_text("note = 'slow today'\ncheckpoint = 'a'\ntrials = 1\n")
    given = ("recover", "--config", "c.toml", "--clip", "none")
    said = run_ganinv(work, *given).stderr
    assert "slow today\ngenerator: a, as c.toml has it\n" in said
    assert "generator: a, as" not in run_ganinv(work, *given, "--checkpoint", "a").stderr
    assert "slow today" not in run_ganinv(work, *given, "-q").stderr


def test_what_cannot_be_written_or_read_is_refused_before_any_work(work):
    np.savez(work / "mine.npz", image=np.zeros((4, 4)))
    for arguments, words in (
        ((*INVERT, "--npz", "z.h5"), "--npz z.h5: the name must end in .npz"),
        ((*INVERT, "--npz", "mine.npz"), "exists, and `ganinv invert` did not write it"),
        ((*INVERT, "--npz", "r.npz", "--out", "r.npz"), "is the results file as well"),
        ((*RECOVER, "--out", "none/r.h5"), "none/r.h5"),
        (("recover", "--checkpoint", "none"), "no such checkpoint"),
    ):
        run = run_ganinv(work, *arguments, code=2)
        assert run.stdout == "" and words in run.stderr.splitlines()[-1]
    assert not list(work.glob("*.h5"))
