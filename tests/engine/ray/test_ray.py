"""Workers of a Ray cluster: the same trials, each once, whoever comes, goes or falls."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import builders
import clusters
import numpy as np
import pytest
from called import make_random_pixels, run_ganinv, save_image

from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import Results, read_results

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="processes")]

# commands, one after another, that commit all they see and draw nothing
COMMANDS = """
import json, sys
from unittest import mock
from ganinv_cli.cli import main
from ganinv_cli.experiments import run
run.COMMIT_SECONDS = 0
with mock.patch("ganinv_cli.report.output.folder.write_report", return_value=""):
    for command in json.loads(sys.argv[1]):
        main(command, standalone_mode=False)
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hard")
    builders.make_hard_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def recover(checkpoint) -> tuple[object, ...]:
    """All of a command but --trials."""
    return (
        *("recover", "--checkpoint", checkpoint, "--clip", "none,stochastic"),
        *("--batch-size", 4, "--seed", 3, "--format", "json"),
    )


@pytest.fixture(scope="module")
def alone(recover, tmp_path_factory) -> Results:
    """What one process finds of 20 trials."""
    folder = tmp_path_factory.mktemp("alone")
    run_ganinv(folder, *recover, "--trials", 20)
    return read_results(folder / "recover.h5")


@pytest.fixture(scope="module")
def head():
    """A cluster that is there already, with room for two."""
    with clusters.start_cluster(2) as started:
        yield started


@pytest.fixture
def start(tmp_path):
    """Starts commands in a folder, the test's own where none is named; all end with the test."""
    with contextlib.ExitStack() as stack:

        def started(
            *commands: tuple[object, ...], folder: Path = tmp_path
        ) -> subprocess.Popen[str]:
            typed = [[*map(str, command), "--engine", "ray"] for command in commands]
            process = subprocess.Popen(
                [sys.executable, "-c", COMMANDS, json.dumps(typed)],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def _ended(process: subprocess.Popen[str], code: int = 0) -> list[str]:
    """What it said, line by line."""
    _, said = process.communicate(timeout=180)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return [line for line in said.splitlines() if line]


def _works(folder: Path, process: subprocess.Popen[str]) -> bool:
    """Whether some of a run is committed; it has not ended."""
    assert process.poll() is None, process.communicate()
    return len(list(folder.glob("*.h5.parts/*.h5"))) > 1


def _each_once(folder: Path, trials: int) -> None:
    for rows in read_results(folder / "recover.h5").groups.values():
        assert rows["trial"].tolist() == list(range(trials))


def _same(first: Results, second: Results) -> None:
    """Each trial once, with the same outcome, and where it converged the same z."""
    assert first.groups.keys() == second.groups.keys()
    for name, rows in first.groups.items():
        others = second.groups[name]
        np.testing.assert_array_equal(rows["trial"], others["trial"])
        if "outcome" in rows:
            np.testing.assert_array_equal(rows["outcome"], others["outcome"])
            converged = rows["outcome"] == Outcome.converged
            found = (group["z_found"][converged] for group in (rows, others))
            np.testing.assert_allclose(*found, atol=1e-3)


def test_two_workers_find_what_one_process_finds(recover, alone, start, tmp_path):
    said = _ended(start((*recover, "--trials", 20, "--workers", 2, "-v")))
    assert any(line.startswith("on Ray, 2 workers: CPU ") for line in said)
    assert sum(line.startswith("40/40 trials ") for line in said) == 1
    _same(alone, read_results(tmp_path / "recover.h5"))


def test_other_experiments_give_what_they_give_alone(checkpoint, head, start, tmp_path):
    image = save_image(
        tmp_path / "a.png", make_random_pixels(Generator(builders.make_hard_checkpoint(checkpoint)))
    )
    alone, workers = tmp_path / "alone", tmp_path / "workers"
    shared = ("--checkpoint", checkpoint, "--clip", "stochastic", "--trials", 4, "--batch-size", 4)
    sharp = ("--stationary", "1e-7", "--format", "json")
    commands = [
        ("noise-sweep", *shared, *sharp, "--variances", "0.01,0.1"),
        ("consistency", *shared, *sharp, "--image", image),
        ("invert", *shared, *sharp, image),
    ]
    for folder in (alone, workers):
        folder.mkdir()
    process = start(
        *((*command, "--address", head.address) for command in commands), folder=workers
    )
    for command in commands:
        run_ganinv(alone, *command)
    _ended(process)
    for command in commands:
        _same(read_results(alone / f"{command[0]}.h5"), read_results(workers / f"{command[0]}.h5"))


def test_a_client_of_a_cluster_elsewhere_works_too(recover, alone, head, start, tmp_path):
    _ended(start((*recover, "--trials", 20, "--address", head.client)))
    _same(alone, read_results(tmp_path / "recover.h5"))


def test_a_worker_that_is_killed_loses_no_trial(recover, alone, head, start, tmp_path):
    process = start((*recover, "--trials", 20, "--address", head.address))
    clusters.wait_until(lambda: _works(tmp_path, process), 90)
    os.kill(clusters.list_workers(head.pid)[0], signal.SIGKILL)
    _ended(process)
    _same(alone, read_results(tmp_path / "recover.h5"))


def test_a_node_that_joins_is_used_and_one_that_goes_loses_no_trial(recover, head, start, tmp_path):
    command = (*recover, "--trials", 200, "--address", head.address, "--cpus-per-worker", 2)
    process = start(command)
    clusters.wait_until(lambda: clusters.list_workers(head.pid), 90)
    node = head.add_node(2)
    clusters.wait_until(lambda: _computes(node.pid, process), 60)
    head.kill_node(node)
    _ended(process)
    _each_once(tmp_path, 200)


def _computes(pid: int, process: subprocess.Popen[str]) -> bool:
    """Whether a worker below `pid` does a run's jobs, while the run goes on."""
    assert process.poll() is None, process.communicate()
    return "ray::Worker.work" in clusters.list_descendants(pid).values()


def test_a_run_that_was_stopped_and_killed_goes_on(recover, alone, start, tmp_path):
    command = (*recover, "--trials", 20)
    process = start(command)
    clusters.wait_until(lambda: _works(tmp_path, process), 90)
    rays = clusters.list_descendants(process.pid)
    process.send_signal(signal.SIGINT)
    said = _ended(process, 130)
    assert said[-1].startswith("interrupted; the trials that had finished are kept")
    assert not any(map(clusters.is_alive, rays))

    kept = len(list(tmp_path.glob("*.h5.parts/*.h5")))
    process = start(command)
    clusters.wait_until(lambda: len(list(tmp_path.glob("*.h5.parts/*.h5"))) > kept, 90)
    rays = clusters.list_descendants(process.pid)
    process.kill()
    process.communicate()
    computing = [ray for ray, name in rays.items() if not name.endswith("Agent")]
    clusters.wait_until(lambda: not any(map(clusters.is_alive, computing)), 30)

    said = _ended(start(command))
    assert not said[0].startswith("0/")
    _same(alone, read_results(tmp_path / "recover.h5"))
    clusters.wait_until(
        lambda: not any(map(clusters.is_alive, rays)), 90
    )  # Ray's agents wait a minute
