"""A kill between two file operations, or a full disk, loses nothing that was committed."""

import contextlib
import os

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

DISK_CALLS = ("fsync", "replace", "posix_fallocate")


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


def _fail_with_a_full_disk(*_, **__):
    raise OSError(28, "No space left on device")


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


@pytest.mark.parametrize("call", DISK_CALLS)
@pytest.mark.parametrize("finished", [False, True])
def test_a_full_disk_loses_nothing(path, monkeypatch, call, finished):
    write_results_file(path, [0, 1], finished=finished)
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [2])
        before = log.name_log(path).read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, call, _fail_with_a_full_disk)
            with pytest.raises(SaveError) as refusal:
                commit_batches(run, [3])
                run.finish()
        said = str(refusal.value)
        assert f"{path} could not be written (No space left on device)" in said
        saved = 6 if call == "fsync" else 8
        assert "run the same command to go on" in said
        assert log.name_log(path).read_bytes().startswith(before)
        assert_holds(read_results(path), range(saved // 2))
        assert not list(path.parent.glob(".*.tmp")), "a full disk needs the space"
        commit_batches(run, [3])
        run.finish()
    assert_holds(read_results(path), range(4))
