"""What `ganinv report` prints, writes and refuses."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import builders
import numpy as np
import pytest
from click.testing import CliRunner
from known_results import make_results

from ganinv_cli.cli import main
from ganinv_cli.report import render, summarize
from ganinv_cli.settings.names import STYLES
from ganinv_cli.store import Figure, Provenance, open_run, read_results


@pytest.fixture
def saved(tmp_path):
    """A finished file of 50 trials."""

    def save(name="recover.h5", groups=None, finish=True):
        path = tmp_path / name
        given = make_results(groups)
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
                run.finish({"figure1-stochastic": Figure(pictures, ("start", "found"), (0, 1, 2))})
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
        *(f"table1.{ending}" for ending in STYLES.values()),
        *(f"figure1-stochastic.{ending}" for ending in ("png", "pdf", "svg")),
        *(f"convergence.{ending}" for ending in ("png", "pdf", "svg")),
        "report.html",
    }
    assert (folder / "table1.md").read_text() == given.stdout
    assert "table1.md" in given.stderr
    assert "table1.md" not in given.stdout


@pytest.mark.parametrize("style", STYLES)
def test_out_takes_every_style_elsewhere(saved, tmp_path, style):
    given = ganinv(saved(), "--format", style, "--out", tmp_path / "deep" / "er")
    assert given.exit_code == 0, given.output
    written = tmp_path / "deep" / "er" / f"table1.{STYLES[style]}"
    assert written.read_text() == given.stdout
    assert not (tmp_path / "recover").exists()


def test_several_files_are_told_apart(saved, tmp_path):
    files = [saved("a.h5"), saved("b.h5")]
    assert [one["file"] for one in json.loads(ganinv(*files, "--format", "json").stdout)] == [
        str(file) for file in files
    ]
    rows = csv.DictReader(io.StringIO(ganinv(*files, "--format", "csv").stdout))
    assert len({row["file"] for row in rows}) == 2


def test_several_files_have_one_page_in_out(saved, tmp_path):
    files = [saved("a.h5"), saved("b.h5")]
    given = ganinv(*files, "--out", tmp_path / "both")
    assert given.exit_code == 0
    assert "--out DIR" not in given.stderr
    assert (tmp_path / "both" / "b" / "table1.txt").exists()
    whole, one = (tmp_path / "both" / name for name in ("report.html", "a/report.html"))
    assert whole.read_text().count("<article") == 2
    assert one.read_text().count("<article") == 1


def test_several_files_without_out_have_a_page_each_and_it_is_said(saved, tmp_path):
    given = ganinv(saved("a.h5"), saved("b.h5"))
    assert given.exit_code == 0
    assert "--out DIR also writes one page" in given.stderr
    for name in "ab":
        assert (tmp_path / name / "report.html").read_text().count("<article") == 1
    assert "--out DIR" not in ganinv(saved("c.h5")).stderr


def test_a_folder_is_never_made_in_the_place_of_the_page(saved, tmp_path):
    given = ganinv(saved("report.html.h5"), saved("b.h5"), "--out", tmp_path / "both")
    assert given.exit_code == 1
    assert_one_line(given, "cannot be written there")


def test_a_run_in_progress_is_reported(saved):
    given = ganinv(saved(finish=False), "--format", "json")
    assert given.exit_code == 0, given.output
    assert json.loads(given.stdout)["run"]["complete"] is False


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


NAMES_OF_NO_FOLDER = ("results", ".h5", "...h5")  # without an ending, or with no more than that


@pytest.mark.parametrize("name", NAMES_OF_NO_FOLDER)
def test_a_file_that_names_no_folder_is_refused(saved, tmp_path, name):
    path = saved(name)
    before = sorted(tmp_path.iterdir())
    assert_refused(ganinv(path), "such as recover.h5")
    assert sorted(tmp_path.iterdir()) == before
    assert ganinv(path, "--out", tmp_path / "elsewhere").exit_code == 0


def test_a_run_in_progress_keeps_its_name_from_the_folder(saved):
    path = saved(finish=False)
    assert_refused(ganinv(path, "--out", path), "--out")
    assert not path.exists()


@pytest.mark.parametrize("name", NAMES_OF_NO_FOLDER)
@pytest.mark.parametrize("command", ["recover", "report"])
def test_a_name_of_no_folder_is_refused_before_anything_heavy_loads(tmp_path, command, name):
    arguments = ["recover", "--checkpoint", "none", "--out"] if command == "recover" else ["report"]
    done = run_alone(*arguments, name, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"Error: {name}: tables and figures go into a folder named like the results file without "
        "its ending; give the file a name such as recover.h5\n"
    )
    assert done.stdout == "[]\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("style", STYLES)
def test_tables_are_printed_where_the_folder_cannot_be_written(saved, tmp_path, style):
    path = saved()
    (tmp_path / "recover" / "report.html").mkdir(parents=True)
    given = ganinv(path, "--format", style)
    assert given.exit_code == 1
    assert given.stdout == render([summarize(read_results(path), str(path))], style)
    assert_one_line(given, "cannot be written there")


def test_a_run_prints_its_tables_where_the_folder_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    builders.make_checkpoint(tmp_path / "generator")
    (tmp_path / "recover" / "report.html").mkdir(parents=True)
    arguments = ["--checkpoint", "generator", "--trials", "1", "--clip", "none", "--budget", "1"]
    given = CliRunner().invoke(main, ["recover", *arguments, "--format", "json", "-q"])
    assert given.exit_code == 1
    assert json.loads(given.stdout)["tables"]["table1"][0]["trials"] == 1
    assert_one_line(given, "cannot be written there")


def test_tables_of_all_files_are_printed_on_a_full_disk(saved, monkeypatch):
    files = [saved("a.h5"), saved("b.h5")]

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    given = ganinv(*files, "--format", "json")
    assert given.exit_code == 1
    assert [one["file"] for one in json.loads(given.stdout)] == [str(file) for file in files]
    assert_one_line(given, "No space left")


def test_without_a_file_the_command_is_misused():
    assert ganinv().exit_code == 2


def assert_refused(given, word):
    assert given.exit_code == 2, given.output
    assert given.stdout == ""
    assert_one_line(given, word)


def assert_one_line(given, word):
    assert given.stderr.startswith("Error: ")
    assert word in given.stderr
    assert len(given.stderr.splitlines()) == 1


def run_alone(*arguments, folder=None):
    """Run a command in a process of its own, which prints at its end what it has loaded."""
    script = (
        "import atexit, sys\nfrom ganinv_cli.cli import main\nheavy = ('tensorflow', 'numpy', "
        "'scipy', 'matplotlib', 'h5py')\natexit.register(lambda: print([name for name in heavy if "
        "name in sys.modules]))\nmain(sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_report_needs_no_tensorflow_and_its_help_no_numpy(saved):
    done = run_alone("report", saved())
    assert done.returncode == 0
    assert "numpy" in done.stdout.splitlines()[-1]
    assert "tensorflow" not in done.stdout.splitlines()[-1]
    assert run_alone("report", "--help").stdout.splitlines()[-1] == "[]"
