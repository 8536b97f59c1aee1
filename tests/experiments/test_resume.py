"""A run that was stopped goes on, ends as an undisturbed one, and loses nothing."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from called import make_image, make_random_pixels, run_and_stop, run_ganinv, save_image

from ganinv_cli.experiments import worker
from ganinv_cli.experiments.progress_counter import ProgressCounter
from ganinv_cli.inversion.loop import sizing
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.rows import get_numbers
from ganinv_cli.settings.names import name_certificates

EXACT = ("z_found", "image_loss", "gradients", "seconds")
NEARNESS = {  # of two runs that are rounded differently
    "z_found": {"atol": 0.1},
    "image_loss": {"rtol": 1e-3, "atol": 1e-5},
}
NAMES = ("recover", "consistency")
GD = 'solver = "gd"\nsnapshots = [100, 2000]\ncompare = "none"\n[gd]\nmetric = 0\nrate = 0.023\n'
UPDATES = 2001
WITHOUT_TENSORFLOW = """
import json, sys
sys.modules["tensorflow"] = None
from click.testing import CliRunner
from ganinv_cli.cli import main
runs = [CliRunner().invoke(main, typed) for typed in json.loads(sys.argv[1])]
print(json.dumps([(run.exit_code, run.stdout, repr(run.exception)) for run in runs]))
"""


@pytest.fixture(scope="module")
def commands(easy, hard, tmp_path_factory):
    """The arguments of an experiment of each kind, without --trials."""
    folder = tmp_path_factory.mktemp("pictures")
    save_image(folder / "made.png", make_image(easy.generator, 0))
    save_image(folder / "noise.png", make_random_pixels(easy.generator))
    small = ("--batch-size", 3, "--format", "json")
    return {
        "recover": (
            *("recover", "--checkpoint", hard.folder, "--solver", "lbfgs", "--tolerance", "1e-7"),
            *small,
        ),
        "consistency": (
            *("consistency", "--checkpoint", easy.folder, "--image", folder),
            *("--clip", "none,stochastic", *small),
        ),
    }


@pytest.fixture(scope="module")
def finished(commands, tmp_path_factory):
    """A folder with an undisturbed run of each command, and what was printed."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, {
        name: run_ganinv(folder, *command, "--trials", 5) for name, command in commands.items()
    }


def _assert_same_end(folder, other, name):
    """Check that every trial is there once, with the same end except for rounding."""
    one, two = (read_results(each / f"{name}.h5") for each in (folder, other))
    assert one.complete and two.complete
    assert one.groups.keys() == two.groups.keys()
    assert one.figures.keys() == two.figures.keys()
    for group, rows in one.groups.items():
        for number in {"image", "trial"} & set(rows):
            assert np.array_equal(rows[number], two.groups[group][number]), group
        if "outcome" in rows:
            assert np.array_equal(rows["z_start"], two.groups[group]["z_start"])
            assert np.array_equal(rows["outcome"], two.groups[group]["outcome"])
            found, others = rows["outcome"] == 1, two.groups[group]
            for column, limits in NEARNESS.items():
                np.testing.assert_allclose(rows[column][found], others[column][found], **limits)


def _read_trials(path):
    groups = read_results(path).groups
    return {
        name: {"number": get_numbers(rows), **{column: rows[column] for column in EXACT}}
        for name, rows in groups.items()
        if "outcome" in rows
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("recover", signal.SIGKILL),
        pytest.param("consistency", signal.SIGTERM, marks=pytest.mark.nightly),
    ],
)
def test_a_stopped_run_goes_on_and_ends_the_same(commands, finished, tmp_path, name, stop):
    command = (*commands[name], "--trials", 5)
    status, out, said = run_and_stop(tmp_path, stop, *command)
    assert (status, out) == (-stop if stop == signal.SIGKILL else 130, "")
    assert ("the same command goes on" in said) == (stop != signal.SIGKILL)
    early = _read_trials(tmp_path / f"{name}.h5")
    assert early and not read_results(tmp_path / f"{name}.h5").complete
    assert "resuming: " in run_ganinv(tmp_path, *command).stderr
    late = _read_trials(tmp_path / f"{name}.h5")
    for group, rows in early.items():
        kept = np.isin(late[group]["number"], rows["number"])
        for column in EXACT:
            assert np.array_equal(late[group][column][kept], rows[column]), column
    _assert_same_end(finished[0], tmp_path, name)
    assert [each.name for each in tmp_path.glob("[!.]*.h5*")] == [f"{name}.h5"]


@pytest.mark.parametrize("name", ["recover", pytest.param("consistency", marks=pytest.mark.slow)])
def test_a_run_that_is_extended_at_another_batch_size_is_the_larger_run(
    commands, finished, tmp_path, name
):
    run_ganinv(tmp_path, *commands[name], "--trials", 3, "--batch-size", 4)
    short = {group: {**rows} for group, rows in _read_trials(tmp_path / f"{name}.h5").items()}
    run_ganinv(tmp_path, *commands[name], "--trials", 5, "--batch-size", 7)
    extended = read_results(tmp_path / f"{name}.h5")
    for group, rows in short.items():
        kept = np.isin(get_numbers(extended.groups[group]), rows["number"])
        for column in EXACT:
            assert np.array_equal(extended.groups[group][column][kept], rows[column]), column
        if name == "consistency":
            certificate = extended.groups[name_certificates(group.partition("/")[0])]
            assert certificate["recoveries"].tolist() == [5] * len(certificate["image"])
    _assert_same_end(finished[0], tmp_path, name)
    for figure in extended.figures.values():
        assert figure.trials == tuple(range(5))
    before = (tmp_path / f"{name}.h5").stat().st_mtime_ns
    run_ganinv(tmp_path, *commands[name], "--trials", 5)
    assert (tmp_path / f"{name}.h5").stat().st_mtime_ns == before


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_run_prints_again_and_solves_nothing(commands, finished, monkeypatch, name):
    folder, results = finished
    before = (folder / f"{name}.h5").stat().st_mtime_ns
    monkeypatch.setattr(worker, "solve", None)
    for trials in (5, 3):
        again = run_ganinv(folder, *commands[name], "--trials", trials)
        assert again.stdout == results[name].stdout
        more = f"{name}.h5 holds 5 trials, more than the 3 asked for; all are shown"
        assert (more in again.stderr) == (trials == 3)
    assert (folder / f"{name}.h5").stat().st_mtime_ns == before


def test_what_a_kill_left_beside_a_finished_file_is_removed(commands, finished):
    left = finished[0] / "recover.h5.batch-0"
    left.write_bytes(b"")
    run_ganinv(finished[0], *commands["recover"], "--trials", 5)
    assert not left.exists()


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("consistency", ("--crop", "0,0,8"), "--crop is center in the file, and 0,0,8 here"),
        ("recover", ("--checkpoint", "faces16"), "--checkpoint is"),
        ("recover", ("--loss", "plain"), "--loss is preconditioned in the file, and plain here"),
    ],
)
def test_other_settings_are_refused_with_what_differs(commands, finished, name, other, words):
    path = finished[0] / f"{name}.h5"
    before = path.read_bytes()
    result = run_ganinv(finished[0], *commands[name], "--trials", 5, *other, code=2)
    assert words in result.stderr
    assert "--overwrite" in result.stderr
    assert result.stdout == ""
    assert path.read_bytes() == before


@pytest.fixture(scope="module")
def descent(easy, tmp_path_factory):
    """The arguments of a plain descent of six rows."""
    config = tmp_path_factory.mktemp("descent") / "gd.toml"
    config.write_text(GD, encoding="utf-8")
    limits = ("--budget", UPDATES, "--tolerance", 0, "--restarts", 0)
    rows = ("--clip", "standard,stochastic", "--trials", 3, "--batch-size", 6)
    return ("recover", "--config", config, "--checkpoint", easy.folder, *limits, *rows)


def _count_gradients(monkeypatch):
    """Return a list to which the gradients of all results from now on are added."""
    gradients = []
    add = ProgressCounter.add

    def count(counter, result):
        gradients.append(result.counts.gradients)
        return add(counter, result)

    monkeypatch.setattr(ProgressCounter, "add", count)
    return gradients


@pytest.mark.nightly
def test_a_killed_descent_goes_on_from_its_saved_batch(descent, tmp_path, monkeypatch):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for each in (killed, whole):
        each.mkdir()
    total = _count_gradients(monkeypatch)
    run_ganinv(whole, *descent)
    spent = sum(total)
    total.clear()
    run_and_stop(killed, signal.SIGKILL, *descent, watched="*.batch-0")
    run_ganinv(killed, *descent)
    assert sum(total) < spent
    assert [each.name for each in killed.glob("[!.]*.h5*")] == ["recover.h5"]
    one, two = (read_results(each / "recover.h5").groups for each in (killed, whole))
    for rule, group in one.items():
        for column in group.keys() - {"seconds", "first/seconds"}:
            np.testing.assert_allclose(group[column], two[rule][column], 1e-3, 1e-5, err_msg=column)


def _interrupt(folder, monkeypatch, *arguments):
    """Run a command of many short increments, and interrupt it after some of them."""
    calls = []
    add = ProgressCounter.add

    def count(counter, result):
        calls.extend([result] * bool(result.counts.gradients))
        if len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return add(counter, result)

    with monkeypatch.context() as patch:
        patch.setattr(sizing, "INCREMENT_SECONDS", 0.0)
        patch.setattr(ProgressCounter, "add", count)
        return run_ganinv(folder, *arguments, code=130).stderr


@pytest.mark.parametrize(
    ("other", "resumes"),
    [
        ((), True),
        pytest.param(("--overwrite",), False, marks=pytest.mark.slow),
    ],
    ids=["whole", "overwrite"],
)
def test_an_interrupted_descent_goes_on_from_a_whole_saved_batch_of_its_own(
    descent, tmp_path, monkeypatch, other, resumes
):
    command = (*descent, "--budget", 301)
    assert "the same command goes on" in _interrupt(tmp_path, monkeypatch, *command)
    assert list(tmp_path.glob("*.batch-*"))
    gradients = _count_gradients(monkeypatch)
    run_ganinv(tmp_path, *command, *other)
    whole = 6 * 301
    assert sum(gradients) <= 0.9 * whole if resumes else sum(gradients) == whole


def test_a_finished_command_prints_its_report_without_tensorflow_while_its_inputs_are_the_same(
    easy, tmp_path
):
    shutil.copytree(easy.folder, tmp_path / "g")
    command = ("recover", "--checkpoint", "g", "--clip", "none", "--trials", 2, "--quiet")
    first = run_ganinv(tmp_path, *command)
    data = next((tmp_path / "g").glob("*.data*"))

    def repeat(*more):
        """Return the commands with more options, in a process without TensorFlow."""
        typed = json.dumps([[str(word) for word in (*command, *each)] for each in more])
        run = [sys.executable, "-c", WITHOUT_TENSORFLOW, typed]
        return json.loads(subprocess.check_output(run, cwd=tmp_path, encoding="utf-8"))

    others = (("--trials", 3), ("--seed", 1), ("--overwrite",))
    again, threshold, *refused = repeat((), ("--threshold", 1e-3), *others)
    assert again == [0, first.stdout, "None"]
    assert threshold[0] == 0  # which is of the report
    data.write_bytes(data.read_bytes() + b"0")
    for status, _, error in (*refused, *repeat(())):
        assert status and "tensorflow" in error
