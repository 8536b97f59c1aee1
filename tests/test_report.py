"""What `ganinv report` prints, writes and refuses."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from known_results import group, results

from ganinv_cli.cli import main
from ganinv_cli.errors import GaninvError
from ganinv_cli.report import STYLES, publish
from ganinv_cli.store import Figure, Provenance, open_run


@pytest.fixture
def saved(tmp_path):
    """A finished file of 50 trials."""

    def save(name="recover.h5", groups=None, finish=True):
        path = tmp_path / name
        given = results(groups)
        provenance = Provenance(
            command="recover",
            config=given.attributes["config"],
            identity={"solver": "lbfgs"},
            checkpoint_sha256="ab" * 32,
            versions={},
            device="CPU",
            seed=7,
            git="",
        )
        with open_run(path, provenance) as run:
            if groups != {}:
                run.commit(given.groups, given.constants)
            if finish:
                pictures = np.zeros((2, 3, 16, 16, 1), np.uint8)
                run.finish({"figure1": Figure(pictures, ("start", "found"), (0, 1, 2))})
        return path

    return save


def ganinv(*arguments):
    arguments = ["report", *map(str, arguments)]
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "80"})  # a file's width


def test_report_prints_and_writes_beside_the_file(saved, tmp_path):
    given = ganinv(saved(), "--format", "markdown")
    assert given.exit_code == 0, given.output
    folder = tmp_path / "recover"
    assert {file.name for file in folder.iterdir()} == {
        *(f"table1.{ending}" for ending, _ in STYLES.values()),
        "figure1.png",
        "convergence.png",
    }
    assert (folder / "table1.md").read_text() == given.stdout
    assert "table1.md" in given.stderr
    assert "table1.md" not in given.stdout


@pytest.mark.parametrize("style", STYLES)
def test_out_takes_every_style_elsewhere(saved, tmp_path, style):
    given = ganinv(saved(), "--format", style, "--out", tmp_path / "deep" / "er")
    assert given.exit_code == 0, given.output
    written = tmp_path / "deep" / "er" / f"table1.{STYLES[style][0]}"
    assert written.read_text() == given.stdout
    assert not (tmp_path / "recover").exists()


def test_several_files_are_told_apart(saved, tmp_path):
    files = [saved("a.h5"), saved("b.h5")]
    assert [one["file"] for one in json.loads(ganinv(*files, "--format", "json").stdout)] == [
        str(file) for file in files
    ]
    rows = csv.DictReader(io.StringIO(ganinv(*files, "--format", "csv").stdout))
    assert len({row["file"] for row in rows}) == 2
    assert ganinv(*files, "--out", tmp_path / "both").exit_code == 0
    assert (tmp_path / "both" / "b" / "table1.txt").exists()


def test_a_run_in_progress_is_reported(saved):
    given = ganinv(saved(finish=False), "--format", "json")
    assert given.exit_code == 0, given.output
    assert json.loads(given.stdout)["run"]["complete"] is False


def test_a_report_made_twice_is_the_same(tmp_path):
    def contents():
        publish(results(), tmp_path / "out")
        return {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}

    assert contents() == contents()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(GaninvError, match="cannot be written") as error:
        publish(results(), tmp_path / "taken" / "out")
    assert error.value.exit_code == 1


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    publish(results(), tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(GaninvError, match="No space left"):
        publish(results({"none": group(np.arange(3), 0)}), tmp_path)
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [None, b"", b"not HDF5 at all" * 100])
def test_a_file_that_is_no_results_file_is_refused(tmp_path, content):
    path = tmp_path / "wrong.h5"
    if content is not None:
        path.write_bytes(content)
    assert_refused(ganinv(path), "wrong.h5")
    assert not (tmp_path / "wrong").exists()


def test_a_file_without_trials_is_refused(saved):
    assert_refused(ganinv(saved(groups={})), "recover.h5")


def test_a_wrong_file_among_right_ones_writes_nothing(saved, tmp_path):
    assert_refused(ganinv(saved(), tmp_path / "missing.h5"), "missing.h5")
    assert not (tmp_path / "recover").exists()


def test_files_that_would_fill_one_folder_are_refused(saved):
    path = saved()
    assert_refused(ganinv(path, path), "recover")


def test_a_file_named_like_its_folder_is_refused(saved):
    assert_refused(ganinv(saved("recover")), "--out")


def test_without_a_file_the_command_is_misused():
    assert ganinv().exit_code == 2


def assert_refused(given, word):
    assert given.exit_code == 2, given.output
    assert given.stdout == ""
    assert given.stderr.startswith("Error: ")
    assert word in given.stderr
    assert len(given.stderr.splitlines()) == 1


def test_report_needs_no_tensorflow_and_its_help_no_numpy(saved):
    script = (
        "import sys\n"
        "from ganinv_cli.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print([m for m in ('tensorflow', 'numpy', 'scipy', 'matplotlib') if m in sys.modules])"
    )

    def imported(*arguments):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1]

    assert "tensorflow" not in imported("report", saved())
    assert imported("report", "--help") == "[]"
