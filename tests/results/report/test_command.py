"""What `ganinv report` prints, writes and refuses."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import builders
import numpy as np
import pytest
from click.testing import CliRunner
from known_results import make_results
from stored import make_provenance, make_rows

import ganinv_cli as ganinv
from ganinv_cli.cli import main
from ganinv_cli.results.store import Figure, open_run

CANNOT = "cannot be written there"
LOADED = """
import atexit, sys
import ganinv_cli as ganinv
from ganinv_cli.cli import main
heavy = ('tensorflow', 'numpy', 'scipy', 'scipy.special', 'matplotlib', 'h5py')
atexit.register(lambda: print([name for name in heavy if name in sys.modules]))
main(sys.argv[1:])
"""


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Save a file of 50 trials in the current folder."""
    monkeypatch.chdir(tmp_path)

    def save(name="recover.h5", finish=True):
        given = make_results()
        with open_run(Path(name), make_provenance(config=given.attributes["config"])) as run:
            run.commit(given.groups, given.constants)
            if finish:
                pictures = np.zeros((1, 2, 16, 16, 1), np.uint8)
                run.finish({"figure1-stochastic": Figure(pictures, ("start",), (0, 1))})
        return name

    return save


def run(*arguments, code=0, error=""):
    """Run a command; an error is one line, and a misuse prints nothing else."""
    result = CliRunner().invoke(main, arguments, env={"COLUMNS": "80"})  # a file's width
    assert result.exit_code == code, result.output
    if code:
        assert result.stderr.startswith("Error: ") and error in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert code == 1 or result.stdout == ""
    return result


def test_a_report_is_printed_and_written_beside_the_file(save, tmp_path):
    result = run("report", save(), "--format", "markdown")
    folder = tmp_path / "recover"
    usual = {f"table1.{ending}" for ending in ("txt", "csv", "json")} | {"report.html"}
    stems = ("figure1-stochastic", "convergence")
    figures = {f"{stem}.png" for stem in stems}
    assert {file.name for file in folder.iterdir()} == usual | figures | {"table1.md"}
    assert (folder / "table1.md").read_text(encoding="utf-8") == result.stdout
    assert "are in recover/." in result.stderr and "are in recover" not in result.stdout
    run("report", "recover.h5", "--format", "latex", "--figures", "pdf,svg")
    others = {f"{stem}.{ending}" for stem in stems for ending in ("pdf", "svg")}
    assert {file.name for file in folder.iterdir()} == usual | others | {"table1.tex"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "table1.txt, .csv, .tex and .json, and the figures as PDF and SVG" in page


@pytest.mark.usefixtures("without_encoding")
def test_a_threshold_counts_the_same_trials_in_another_way(save, tmp_path):
    """The errors of the 100 trials are 1e-6, but of two that converged elsewhere, .05."""
    name = save()
    usual = run("report", name).stdout
    for threshold, recovered, elsewhere in (("2.5e-7", 0, 50), ("1e-4", 48, 2), ("6e-2", 50, 0)):
        given = ("report", name, "--threshold", threshold)
        row = json.loads(run(*given, "--format", "json").stdout)["tables"]["table1"][0]
        assert row["recovered"][threshold] == recovered
        assert [*map(float, row["recovered"])] == sorted(map(float, row["recovered"]))
        assert row["elsewhere"]["recovered"] == elsewhere
        assert row["threshold"] == float(threshold)
        text = run(*given).stdout
        assert f"clipping rules at {threshold}, paired" in text
        assert f"error of z is not below {threshold}." in " ".join(text.split())
        answer = ganinv.open(name, threshold=float(threshold)).answer
        assert f"{recovered} of 50" in answer and answer in " ".join(text.split())
    drawn = ganinv.open(name, threshold=1e-7).figures()["convergence"].figure
    assert "ε = 1e-7" in [text.get_text() for text in drawn.axes[0].texts]
    assert run("report", name).stdout == usual
    wrong = "threshold = 0.0: give a number above 0 and below 1"
    run("report", name, "--threshold", "0", code=2, error=wrong)


@pytest.mark.usefixtures("without_encoding")
def test_several_files_are_told_apart_and_have_one_page_in_out(save, tmp_path):
    files = [save("a.h5"), save("b.h5", finish=False)]
    result = run("report", *files, "--format", "json")
    reports = [(each["file"], each["run"]["complete"]) for each in json.loads(result.stdout)]
    assert reports == [("a.h5", True), ("b.h5", False)]
    assert "--out DIR also writes one page" in result.stderr
    assert "--out DIR" not in run("report", *files, "--out", "deep/both").stderr
    assert (tmp_path / "deep" / "both" / "b" / "table1.txt").exists()
    for place, count in (("deep/both", 2), ("deep/both/a", 1), ("a", 1)):
        assert (tmp_path / place / "report.html").read_text(encoding="utf-8").count(
            "<article"
        ) == count


@pytest.mark.usefixtures("without_encoding")
def test_tables_are_printed_if_the_folder_cannot_be_written(save, tmp_path):
    (tmp_path / "recover" / "report.html").mkdir(parents=True)
    builders.make_definition(tmp_path / "generator")
    options = ["--trials", "1", "--clip", "none", "--budget", "1", "--format", "json", "-q"]
    result = run("recover", "--checkpoint", "generator", *options, code=1, error=CANNOT)
    assert json.loads(result.stdout)["tables"]["table1"][0]["trials"] == 1
    again = run("report", "recover.h5", "--format", "json", code=1, error=CANNOT)
    assert again.stdout == result.stdout
    run("report", save("report.html.h5"), "recover.h5", "--out", "all", code=1, error=CANNOT)


@pytest.mark.parametrize("content", [None, b"", b"not HDF5 at all" * 100])
def test_a_file_of_no_results_is_refused_and_nothing_is_written(save, tmp_path, content):
    if content is not None:
        (tmp_path / "wrong.h5").write_bytes(content)
    run("report", save(), "wrong.h5", code=2, error="wrong.h5")
    assert not (tmp_path / "recover").exists()


def test_what_people_type_in_place_of_a_results_file_is_answered_with_its_name(save, tmp_path):
    path = save(finish=False)
    (tmp_path / "recover").mkdir()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    given = {
        "recover": "recover is a folder; name a results file, e.g. recover.h5",
        f"{path}.log": f"{path}.log is not an HDF5 file; name a results file, e.g. {path}",
        "picture.png": "picture.png is not an HDF5 file; name a results file, e.g. recover.h5",
        "no.h5": "no.h5: there is no such file; name one that a run has written",
    }
    for name, error in given.items():
        for command in (("report",), ("merge", "all.h5")):
            run(*command, name, code=2, error=error)


def test_a_run_that_was_interrupted_before_its_first_trial_ended_is_called_that(save, tmp_path):
    said = "interrupted before its first trial ended, or has just begun; the same command goes on"
    Path(save()).unlink()
    Path("recover.h5.batch-0").touch()
    about = make_provenance(command="invert")
    with open_run(Path("invert.h5"), about) as begun:
        begun.commit(make_rows([0], ("images",)))
    for name in ("recover.h5", "invert.h5"):
        run("report", name, code=2, error=said)
        run("merge", "all.h5", name, code=2, error=said)
    with pytest.raises(ganinv.ResultsError, match="interrupted before its first trial ended"):
        ganinv.open("recover.h5")


def test_files_that_would_fill_one_folder_or_none_are_refused(save, tmp_path):
    path = save(finish=False)
    run("report", path, path, code=2, error="recover")
    run("report", path, "--out", path, code=2, error="--out")
    for name in ("results", ".h5", "...h5"):  # no ending, or nothing else
        run("report", save(name), code=2, error="such as recover.h5")
    assert not [each for each in tmp_path.iterdir() if each.is_dir()]
    assert CliRunner().invoke(main, ["report"]).exit_code == 2


def test_report_needs_no_tensorflow_and_a_refusal_of_a_name_nothing_heavy(save):
    def list_loaded(*arguments):
        command = [sys.executable, "-c", LOADED, *arguments]
        return subprocess.run(command, capture_output=True, encoding="utf-8").stdout.splitlines()[
            -1
        ]

    loaded = list_loaded("report", save())
    assert "numpy" in loaded and "tensorflow" not in loaded
    assert list_loaded("recover", "--checkpoint", "none", "--out", "results") == "[]"
    for missing in (
        ("recover", "--checkpoint", "none"),
        ("invert", "none.png"),
        ("report", "none.h5"),
    ):
        loaded = list_loaded(*missing)
        assert not {"tensorflow", "scipy.special", "matplotlib"} & set(ast.literal_eval(loaded))
