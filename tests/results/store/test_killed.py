"""A kill between two file operations, or a full disk, loses nothing that was committed."""

import contextlib
import os
import resource
from itertools import count

import pytest
from stored import (
    KilledError,
    assert_holds,
    commit_batches,
    kill_after,
    make_provenance,
    merge,
    write_results_file,
    write_shards,
)

from ganinv_cli.results.store import SaveError, log, open_run, read_results


def _kill_at_each_step(monkeypatch, act):
    """Yield after each kill of `act`, later each time, until it is not killed."""
    for calls in range(100):
        with monkeypatch.context() as patch:
            left = kill_after(patch, calls)
            with contextlib.suppress(KilledError):
                act()
        yield calls
        if left[0] >= 0:
            assert calls > 0, "the calls are counted"
            return
    pytest.fail("it never ended")


@pytest.mark.parametrize("earlier", ["nothing", "log", "finished"])
def test_a_kill_during_a_commit(path, monkeypatch, earlier):
    known = [] if earlier == "nothing" else [0, 1]
    if known:
        write_results_file(path, known, finished=earlier == "finished")

    def commit():
        with open_run(path, make_provenance()) as run:
            commit_batches(run, [2, 3])

    for _ in _kill_at_each_step(monkeypatch, commit):
        with open_run(path, make_provenance()) as run:
            found = run.read_group("none")["trial"].tolist()
        assert found in (known, [*known, 2, 3])
        if found:
            assert_holds(read_results(path), found)
        log.name_log(path).unlink(missing_ok=True) if earlier != "log" else None
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1, 2, 3])
        run.finish()
    assert_holds(read_results(path), range(4))


def test_a_kill_during_the_finish(path, monkeypatch):
    write_results_file(path, [0, 1])

    def finish():
        with open_run(path, make_provenance()) as run:
            run.finish()

    for calls in _kill_at_each_step(monkeypatch, finish):
        assert_holds(read_results(path), range(2 + calls))
        with open_run(path, make_provenance()) as run:
            commit_batches(run, [2 + calls])
            run.saved_batch_file(0).write_bytes(b"")
    with open_run(path, make_provenance()) as run:
        run.finish()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_a_kill_after_the_renaming_has_left_is_removed(path):
    write_results_file(path, [0, 1], finished=False)
    content = log.name_log(path).read_bytes()
    with open_run(path, make_provenance()) as run:
        run.finish()
    log.name_log(path).write_bytes(content)
    with open_run(path, make_provenance()) as run:
        run.saved_batch_file(0).write_bytes(b"")
        assert run.read().complete
        run.finish()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.slow
def test_a_kill_during_a_merge(tmp_path, monkeypatch):
    paths, out = write_shards(tmp_path), tmp_path / "all.h5"
    for _ in _kill_at_each_step(monkeypatch, lambda: merge(out, paths, overwrite=True)):
        if out.exists():
            assert_holds(read_results(out), range(10))
        merge(out, paths, overwrite=True)
        assert_holds(read_results(out), range(10))
        out.unlink()


def _finish_earlier(path):
    """Finish a run of two trials, and commit a third."""
    write_results_file(path, [0, 1])
    write_results_file(path, [2], finished=False)


def _finish(path):
    with open_run(path, make_provenance()) as run:
        run.finish()


def _run_child(act, *arguments):
    """Run a function in a process of its own; return its status: 1 after a SaveError."""
    child = os.fork()
    if not child:
        status = 2
        try:
            act(*arguments)
            status = 0
        except SaveError:
            status = 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("calls", [0, 1, 100, 200])
def test_a_kill_while_hdf5_writes(path, monkeypatch, calls):
    _finish_earlier(path)
    writes = count(calls, -1)
    write = os.pwrite

    def write_or_end(*arguments):
        return write(*arguments) if next(writes) else os._exit(9)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", write_or_end)
        assert _run_child(_finish, path) == 9
    assert_holds(read_results(path), range(3))
    _finish(path)
    assert_holds(read_results(path), range(3))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def _fail_at(monkeypatch, name, calls):
    """Make a function of `os` fail from one of its calls on, as if the disk is full then."""
    left, function = count(calls, -1), getattr(os, name)

    def call(*arguments, **keywords):
        if next(left) <= 0:
            raise OSError(28, "No space left on device")
        return function(*arguments, **keywords)

    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize("finished", [False, True])
def test_a_full_disk_during_a_commit_loses_nothing(path, monkeypatch, finished):
    write_results_file(path, [0, 1], finished=finished)
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [2])
        before = log.name_log(path).read_bytes()
        with monkeypatch.context() as patch:
            _fail_at(patch, "fsync", 0)
            with pytest.raises(SaveError, match="run the same command to go on"):
                commit_batches(run, [3])
        assert log.name_log(path).read_bytes() == before, "a full disk needs the space"
        assert_holds(read_results(path), range(3))
        commit_batches(run, [3])
        run.finish()
    assert_holds(read_results(path), range(4))


FULL = [
    *(("pwrite", calls) for calls in (0, 3, 100)),
    *((name, 0) for name in ("ftruncate", "fsync", "replace")),
    *(
        pytest.param("pwrite", calls, marks=pytest.mark.slow)
        for calls in (1, 2, 5, 8, 13, 50, 150, 200, 220)
    ),
]


@pytest.mark.parametrize(("name", "calls"), FULL)
def test_a_full_disk_during_the_finish_or_a_merge_loses_nothing(path, monkeypatch, name, calls):
    _finish_earlier(path)
    paths, out = write_shards(path.parent), path.parent / "all.h5"
    files = {each: each.read_bytes() for each in path.parent.iterdir()}
    for act in (lambda: _finish(path), lambda: merge(out, paths)):
        with monkeypatch.context() as patch:
            _fail_at(patch, name, calls)
            with pytest.raises(SaveError) as refusal:
                act()
        assert "could not be written (No space left on device); all trials" in str(refusal.value)
        assert {each: each.read_bytes() for each in path.parent.iterdir()} == files
        act()
        files = {each: each.read_bytes() for each in path.parent.iterdir()}
    assert_holds(read_results(path), range(3))
    assert_holds(read_results(out), range(10))


@pytest.mark.parametrize("size", [0, 1000, 4096, 20_000, 40_000])
def test_a_limit_of_the_system_on_the_size_of_a_file(path, size):
    """HDF5, which may abort if a write fails, does not."""
    _finish_earlier(path)
    files = {each: each.read_bytes() for each in path.parent.iterdir()}

    def limit_and_finish():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        _finish(path)

    assert _run_child(limit_and_finish) == 1
    assert {each: each.read_bytes() for each in path.parent.iterdir()} == files
