"""Runs on a Ray cluster solve each trial once, even if workers and nodes are added or lost."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import builders
import clusters
import numpy as np
import pytest
from called import make_random_pixels, run_ganinv, save_image
from stored import count_commits

from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import Results, read_results

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="processes")]

ALONE = 20  # trials that one process runs, to compare
STOPPED = 100  # trials of a run that is stopped before its end
DISTURBED = 300  # trials of a run that goes on while a node is started

# a command that commits all it sees and draws nothing
COMMAND = """
import json, sys
from unittest import mock
from ganinv_cli.cli import main
from ganinv_cli.experiments import run
run.COMMIT_SECONDS = 0
with mock.patch("ganinv_cli.report.output.folder.write_report", return_value=""):
    main(json.loads(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hard")
    builders.make_hard_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def recover(checkpoint) -> tuple[object, ...]:
    """The arguments of a command, without --trials."""
    return (
        *("recover", "--checkpoint", checkpoint, "--clip", "none,stochastic"),
        *("--batch-size", 4, "--seed", 3, "--format", "json"),
    )


@pytest.fixture(scope="module")
def alone(recover, tmp_path_factory) -> Results:
    """The results of one process."""
    folder = tmp_path_factory.mktemp("alone")
    run_ganinv(folder, *recover, "--trials", ALONE)
    return read_results(folder / "recover.h5")


@pytest.fixture(scope="module")
def ending() -> Iterator[list[int]]:
    """Processes that must have ended soon after the last test; Ray's agents take a minute."""
    processes: list[int] = []
    yield processes
    clusters.wait_until(lambda: not any(map(clusters.is_alive, processes)), 90)


def _run_on(address: str, folder: Path, *arguments: object) -> list[str]:
    """Run a command on a cluster and return the lines of its stderr."""
    with mock.patch.dict(os.environ):
        result = run_ganinv(folder, *arguments, "--engine", "ray", "--address", address)
    return result.stderr.splitlines()


@contextlib.contextmanager
def _start_locally(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process and on a cluster of its own."""
    typed = json.dumps([*map(str, arguments), "--engine", "ray", "--workers", "2"])
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, typed],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait_for_end(process: subprocess.Popen[str], code: int = 0) -> list[str]:
    """Return the lines of its stderr."""
    _, said = process.communicate(timeout=180)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return [line for line in said.splitlines() if line]


def _wait_for_commits(folder: Path, process: subprocess.Popen[str], count: int) -> None:
    """Wait until a running command has made this number of commits."""

    def has_committed() -> bool:
        assert process.poll() is None, process.communicate()
        return count_commits(folder / "recover.h5") >= count

    clusters.wait_until(has_committed, 90)


def _check_trials(folder: Path, trials: int, alone: Results) -> None:
    """Check that each trial is there once, and the first ones are as in a single process."""
    results = read_results(folder / "recover.h5")
    for rows in results.groups.values():
        assert rows["trial"].tolist() == list(range(trials))
    _check_same(alone, results)


def _check_same(first: Results, second: Results) -> None:
    """Check that the trials of `first` have the same outcome, and the same z if they converged."""
    assert first.groups.keys() == second.groups.keys()
    for name, rows in first.groups.items():
        others = {
            column: values[: len(rows["trial"])] for column, values in second.groups[name].items()
        }
        np.testing.assert_array_equal(rows["trial"], others["trial"])
        if "outcome" in rows:
            np.testing.assert_array_equal(rows["outcome"], others["outcome"])
            converged = rows["outcome"] == Outcome.converged
            found = (group["z_found"][converged] for group in (rows, others))
            np.testing.assert_allclose(*found, atol=1e-3)


def test_a_run_that_was_stopped_and_killed_goes_on(recover, alone, ending, tmp_path):
    command = (*recover, "--trials", STOPPED)
    with _start_locally(tmp_path, *command) as process:
        _wait_for_commits(tmp_path, process, 2)
        rays = clusters.list_descendants(process.pid)
        for ray in rays:  # as a signal for the process group of the command does
            with contextlib.suppress(ProcessLookupError):
                os.kill(ray, signal.SIGTERM)
        _wait_for_commits(tmp_path, process, count_commits(tmp_path / "recover.h5") + 2)
        process.send_signal(signal.SIGINT)
        said = _wait_for_end(process, 130)
    assert said[-1].startswith("interrupted; kept for recover.h5: the trials that had finished")
    assert not any(map(clusters.is_alive, rays))

    with _start_locally(tmp_path, *command) as process:
        _wait_for_commits(tmp_path, process, count_commits(tmp_path / "recover.h5") + 1)
        rays = clusters.list_descendants(process.pid)
        process.kill()
        process.communicate()
    ending.extend(rays)
    computing = [ray for ray, name in rays.items() if not name.endswith("Agent")]
    clusters.wait_until(lambda: not any(map(clusters.is_alive, computing)), 30)

    with _start_locally(tmp_path, *command) as process:
        said = _wait_for_end(process)
    assert not said[0].startswith("0/")
    _check_trials(tmp_path, STOPPED, alone)


def test_a_client_of_two_workers_finds_what_one_process_finds(recover, alone, cluster, tmp_path):
    said = _run_on(cluster.client, tmp_path, *recover, "--trials", ALONE, "-v")
    assert any(line.startswith("on Ray, 2 workers: CPU ") for line in said)
    assert sum(line.startswith("40/40 trials ") for line in said) == 1
    _check_trials(tmp_path, ALONE, alone)


@pytest.mark.parametrize("command", ["noise-sweep", "consistency", "invert"])
def test_other_experiments_give_what_they_give_alone(command, checkpoint, cluster, tmp_path):
    image = save_image(
        tmp_path / "a.png",
        make_random_pixels(make_generator(builders.make_hard_checkpoint(checkpoint))),
    )
    arguments = {
        "noise-sweep": ("--variances", "0.01,0.1"),
        "consistency": ("--image", image),
        "invert": (image,),
    }[command]
    typed = (
        *(command, "--checkpoint", checkpoint, "--clip", "stochastic", "--trials", 4),
        *("--batch-size", 4, "--stationary", "1e-7", "--format", "json", *arguments),
    )
    alone, on_ray = tmp_path / "alone", tmp_path / "ray"
    for folder in (alone, on_ray):
        folder.mkdir()
    run_ganinv(alone, *typed)
    _run_on(cluster.address, on_ray, *typed, "--workers", 1)
    _check_same(read_results(alone / f"{command}.h5"), read_results(on_ray / f"{command}.h5"))


def test_a_python_file_is_traced_for_workers_that_do_not_have_it(cluster, tmp_path):
    (tmp_path / "generator.py").write_text(
        "import tensorflow as tf\nLATENT = 6\n"
        "matrix = tf.reshape(tf.sin(tf.range(6 * 48, dtype=tf.float32) ** 2), (6, 48))\n"
        "def generate(z): return tf.tanh(tf.reshape(z @ matrix, (-1, 4, 4, 3)))\n"
    )
    typed = ("recover", "--checkpoint", "generator.py", "--trust", "--trials", 6, "--clip", "none")
    _run_on(cluster.address, tmp_path, *typed, "--workers", 2)
    errors = read_results(tmp_path / "recover.h5").groups["none"]["z_error"]
    assert len(errors) == 6 and (errors < 1e-4).all()


def test_a_node_that_joins_is_used_and_what_dies_loses_no_trial(recover, alone, cluster, tmp_path):
    def disturb() -> None:
        clusters.wait_until(lambda: _computes(cluster.pid), 90)
        node = cluster.add_node(2)
        try:
            clusters.wait_until(lambda: _computes(node.pid), 90)
            workers = clusters.list_workers(cluster.pid)  # now: one of before may have ended
            assert workers, "no worker is left to kill"
            os.kill(workers[-1], signal.SIGKILL)
        finally:
            cluster.kill_node(node)

    with ThreadPoolExecutor(1) as pool:
        disturbed = pool.submit(disturb)
        command = (*recover, "--trials", DISTURBED, "--cpus-per-worker", 2)
        _run_on(cluster.address, tmp_path, *command)
        assert disturbed.done(), "the run was too short"
        disturbed.result()
    _check_trials(tmp_path, DISTURBED, alone)


def _computes(pid: int) -> bool:
    """Return whether a worker below a process runs jobs."""
    return "ray::Worker.work" in clusters.list_descendants(pid).values()
