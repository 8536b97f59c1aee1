"""A killed run continues with the trials that were running, and ends as without the kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import builders
import numpy as np
import pytest
import stored
from called import list_messages, run_ganinv
from ganinv_cli.loop.saved_trials import SavedTrial

from ganinv_cli.experiments import running_trials
from ganinv_cli.experiments.progress import ProgressCounter
from ganinv_cli.experiments.running_trials import RunningTrials
from ganinv_cli.jobs import Job
from ganinv_cli.loop import increments
from ganinv_cli.store import open_run, read_results
from ganinv_cli.store.files import parts_folder
from ganinv_cli.store.running import count_running_trials

SAVED = "running-0.npz"
UPDATES = 4001
UNCOUPLED = ("--clip", "standard,stochastic", "--trials", 3, "--batch-size", 6)
FOLLOWING = ("--clip", "none,stochastic", "--trials", 3, "--batch-size", 6)
COUPLED = ("--clip", "stochastic", "--trials", 4, "--batch-size", 4, "--batch-norm", "batch")

# A command that saves its running trials often.
_OFTEN = """
import sys
from ganinv_cli.cli import main
from ganinv_cli.experiments import running_trials
running_trials.SAVE_SECONDS = 0.3
main()
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The arguments of a command, without the option that couples its trials."""
    folder = tmp_path_factory.mktemp("small")
    builders.make_checkpoint(folder)
    config = folder / "gd.toml"
    config.write_text('solver = "gd"\nsnapshots = [100, 2000]\n[gd]\nlearning_rate = 3e-4\n')
    limits = ("--budget", UPDATES, "--tolerance", 0, "--restarts", 0)
    return ("recover", "--config", config, "--checkpoint", folder, *limits)


def _kill_when_saved(folder: Path, *arguments: object) -> dict[str, np.ndarray]:
    """Start a command, kill it after its second save, and return the saved trials."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OFTEN, *map(str, arguments)], cwd=folder, stderr=subprocess.DEVNULL
    )
    path = parts_folder(folder / "recover.h5") / SAVED
    saves: set[int] = set()  # the first may be of the beginning
    while process.poll() is None and len(saves) < 2:
        time.sleep(0.01)
        if path.exists():
            saves.add(path.stat().st_mtime_ns)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    with np.load(path) as arrays:
        return dict(arrays)


def _count_gradients(monkeypatch) -> list[float]:
    """Return the gradients of all counts from now on."""
    gradients = []
    real = ProgressCounter.add

    def add(self, counts):
        gradients.append(counts.gradients)
        return real(self, counts)

    monkeypatch.setattr(ProgressCounter, "add", add)
    return gradients


def _assert_same_results(folder: Path, other: Path) -> None:
    one, two = (read_results(each / "recover.h5").groups for each in (folder, other))
    assert one.keys() == two.keys()
    for rule, group in one.items():
        for column in group:
            if not column.endswith("seconds"):
                np.testing.assert_array_equal(group[column], two[rule][column], f"{rule}/{column}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "coupling", [UNCOUPLED, FOLLOWING, COUPLED], ids=["frozen", "following", "batch"]
)
def test_a_killed_run_goes_on_from_its_last_save(command, coupling, tmp_path, monkeypatch):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for folder in (killed, whole):
        folder.mkdir()
    run_ganinv(whole, *command, *coupling)
    groups = read_results(whole / "recover.h5").groups
    run = {rule: group["shared"] == 0 for rule, group in groups.items() if rule}
    total = sum(groups[rule]["gradients"][rows].sum() for rule, rows in run.items())
    saved = _kill_when_saved(killed, *command, *coupling)
    assert (saved["spent"] > 0).all()
    gradients = _count_gradients(monkeypatch)
    run_ganinv(killed, *command, *coupling)
    assert sum(gradients) == total - saved["spent"].sum()
    assert not parts_folder(killed / "recover.h5").exists()
    _assert_same_results(killed, whole)


@pytest.fixture
def short(monkeypatch):
    """Many short increments; the first few end soon."""
    monkeypatch.setattr(increments, "INCREMENT_SECONDS", 0.0)
    return ("--budget", 301)


def _interrupt(folder, monkeypatch, *arguments: object) -> str:
    """Run a command, interrupt it after several increments, and return its output."""
    calls = []
    real = ProgressCounter.add

    def add(self, counts):
        if counts.gradients:
            calls.append(counts)
            if len(calls) == 7:
                signal.raise_signal(signal.SIGINT)
        return real(self, counts)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressCounter, "add", add)
        return run_ganinv(folder, *arguments, code=130).stderr


def test_an_interrupted_run_loses_nothing(command, short, tmp_path, monkeypatch):
    said = _interrupt(tmp_path, monkeypatch, *command, *UNCOUPLED, *short)
    assert "kept for recover.h5: the state of 6 running trials; the same command goes on" in (
        " ".join(said.split())
    )
    gradients = _count_gradients(monkeypatch)
    run_ganinv(tmp_path, *command, *UNCOUPLED, *short)
    assert sum(gradients) < 6 * 301 - 6 * 50
    whole = tmp_path / "whole"
    whole.mkdir()
    run_ganinv(whole, *command, *UNCOUPLED, *short)
    _assert_same_results(tmp_path, whole)


def test_the_running_trials_of_all_devices_are_counted_once(tmp_path):
    path = tmp_path / "recover.h5"
    trials = [_make_trial(number, 10) for number in range(3)]
    with open_run(path, stored.make_provenance()) as run:
        running = RunningTrials(run)
        for saved in (trials[:2], trials[1:]):
            running.open_worker().save(saved)
    assert count_running_trials(path) == 3
    (parts_folder(path) / SAVED).write_bytes(b"damaged")
    assert count_running_trials(path) == 2


@pytest.mark.parametrize("content", [b"", b"nothing", None], ids=["empty", "garbage", "cut"])
def test_a_damaged_file_is_named_and_its_trials_start_again(
    command, short, tmp_path, monkeypatch, content
):
    _interrupt(tmp_path, monkeypatch, *command, *UNCOUPLED, *short)
    file = parts_folder(tmp_path / "recover.h5") / SAVED
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    gradients = _count_gradients(monkeypatch)
    said = run_ganinv(tmp_path, *command, *UNCOUPLED, *short)
    assert [line for line in list_messages(said) if "start again" in line] == [
        f"recover.h5.parts/{SAVED} has running trials that are damaged or of another run; "
        "they start again"
    ]
    assert sum(gradients) == 6 * 301


def test_running_trials_of_another_run_are_not_used(command, short, tmp_path, monkeypatch):
    _interrupt(tmp_path, monkeypatch, *command, *UNCOUPLED, *short)
    assert not list(parts_folder(tmp_path / "recover.h5").glob("*.h5")), "a trial has finished"
    gradients = _count_gradients(monkeypatch)
    said = run_ganinv(tmp_path, *command, *UNCOUPLED, *short, "--seed", 1)
    assert "of another run" in said.stderr
    assert sum(gradients) == 6 * 301


def test_starting_again_removes_running_trials(command, short, tmp_path, monkeypatch):
    _interrupt(tmp_path, monkeypatch, *command, *UNCOUPLED, *short)
    gradients = _count_gradients(monkeypatch)
    said = run_ganinv(tmp_path, *command, *UNCOUPLED, *short, "--overwrite")
    assert "start again" not in said.stderr
    assert sum(gradients) == 6 * 301


def _make_trial(number: int, spent: float) -> SavedTrial:
    arrays = {"start.seconds": np.zeros(0), "spent": np.asarray(spent)}
    return SavedTrial(Job(number, "none"), arrays)


def test_each_device_has_a_file_and_the_latest_save_of_a_trial_counts(tmp_path):
    path = tmp_path / "recover.h5"
    with open_run(path, stored.make_provenance()) as run:
        workers = RunningTrials(run)
        first, second = workers.open_worker(), workers.open_worker()
        first.save([_make_trial(0, 10), _make_trial(1, 10)])
        second.save([_make_trial(1, 20), _make_trial(2, 20)])
        os.utime(parts_folder(path) / SAVED, (1, 1))  # the first device stopped long ago
        again = RunningTrials(run)
        assert not again.damaged_files
        assert sorted(again.jobs) == [Job(number, "none") for number in range(3)]
        spent = [float(again.pop(Job(number, "none"))["spent"]) for number in range(3)]
        assert spent == [10, 20, 20]
        assert again.pop(Job(0, "none")) is None
        run.finish()
    assert not parts_folder(path).exists()


def test_running_trials_are_saved_every_few_minutes():
    assert running_trials.SAVE_SECONDS == 300
