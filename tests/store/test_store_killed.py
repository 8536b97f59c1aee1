"""A run that is killed, or one of two at once, loses nothing that was committed."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stored
from stored import (
    KilledError,
    assert_holds,
    commit_batches,
    kill_after,
    make_provenance,
    parts_folder,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import files, open_run, read_results


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"


@pytest.mark.slow
@pytest.mark.parametrize("earlier", [False, True], ids=["new", "extended"])
def test_a_kill_between_any_two_steps_keeps_every_commit(tmp_path, monkeypatch, earlier):
    for calls in range(100):
        path = tmp_path / f"{calls}.h5"
        done = [0, 1] if earlier else []
        with open_run(path, make_provenance()) as run:
            if earlier:
                commit_batches(run, done)
                run.finish()
        with monkeypatch.context() as patch:
            left = kill_after(patch, calls)
            try:
                with open_run(path, make_provenance()) as run:
                    for trial in (2, 3):
                        commit_batches(run, [trial])
                        done.append(trial)
                    run.finish()
            except KilledError:
                pass
        if left[0] >= 0:
            assert calls > 10  # the loop went through every step, up to a run that was not killed
            return
        if done:
            found = read_results(path).groups["none"]["trial"].tolist()
            assert found in (done, [*done, 2 + len(done) - 2 * earlier])
            assert_holds(read_results(path), found)
        with open_run(path, make_provenance()) as run:
            assert set(done) <= set(run.list_committed("none").tolist())
            commit_batches(run, [2], [3])
            run.finish()
        assert_holds(read_results(path), {2, 3} | ({0, 1} if earlier else set()))
        assert read_results(path).complete
        assert not parts_folder(path).exists()
    pytest.fail("the run never ended")


_ENDLESS = """
import sys, pathlib
sys.path.insert(0, sys.argv[2])
import stored as t
from ganinv_cli.store import SaveError, open_run
path = pathlib.Path(sys.argv[1])
with open_run(path, t.make_provenance()) as run:
    trial = len(run.list_committed("none"))
    print("open", trial, flush=True)
    while True:
        t.commit_batches(run, [trial, trial + 1])
        trial += 2
        print("saved", trial, flush=True)
        if trial % 8 == 0:
            run.finish()
"""


@pytest.mark.slow
def test_a_kill_at_any_instant_keeps_every_commit(path):
    instants = random.Random(0)
    saved = 0
    for number in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", _ENDLESS, path, Path(stored.__file__).parent],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout.readline().split() == ["open", str(saved)]
            first = [process.stdout.readline()] if number == 3 else []  # however slow the machine
            time.sleep(instants.uniform(0, 0.2))
            process.kill()
            lines = [*first, *process.stdout]
            said = [int(line.split()[1]) for line in lines if line.endswith("\n")]
        saved = max([saved, *said])
        if saved or path.exists() or files.list_parts(path):
            found = read_results(path)
            count = len(found.groups["none"]["trial"])
            assert count in (saved, saved + 2)  # killed after the rename, before it said so
            assert_holds(found, range(count))
            saved = count
    assert saved


def test_what_a_killed_commit_left_is_ignored_and_removed(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
    left = [parts_folder(path) / "part-00000002.h5.tmp", files.temporary_path(path)]
    for file in left:
        file.write_bytes(b"half")
    assert_holds(read_results(path), [0])
    with open_run(path, make_provenance()) as run:
        assert not any(file.exists() for file in left)
        commit_batches(run, [1])
    assert_holds(read_results(path), [0, 1])


def test_a_second_process_is_refused_until_the_first_is_gone(path):
    code = _ENDLESS.replace("while True:", "sys.stdin.read()\n    while False:")
    process = subprocess.Popen(
        [sys.executable, "-c", code, path, Path(stored.__file__).parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        process.stdout.readline()
        with (
            pytest.raises(ResultsError, match="another process"),
            open_run(path, make_provenance()),
        ):
            pass
        process.kill()
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])


@pytest.mark.parametrize("instant", ["before the list", "after the list", "before the file"])
def test_reading_while_the_run_is_being_finished_finds_everything(path, monkeypatch, instant):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0], [1])
        finish = [run.finish]
        list_parts, load = files.list_parts, files.open_results

        def finish_at(reached):
            if reached == instant and finish:
                finish.pop()()

        def listed(file):
            finish_at("before the list")
            parts = list_parts(file)
            finish_at("after the list")
            return parts

        def opened(file):
            finish_at("before the file")
            return load(file)

        monkeypatch.setattr(files, "list_parts", listed)
        monkeypatch.setattr(files, "open_results", opened)
        assert_holds(read_results(path), [0, 1])
    assert not finish
