"""Another program removes or replaces files of a run: the run ends, and says what is there."""

import shutil

import numpy as np
import pytest
from stored import (
    assert_holds,
    commit_batches,
    make_provenance,
    parts_folder,
    write_results_file,
)

from ganinv_cli.store import SaveError, files, lock, open_run, read_results


@pytest.fixture
def path(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "recover.h5"


def _lock_file(path):
    return path.with_name(f".{path.name}.lock")


def _remove_parts(path):
    shutil.rmtree(parts_folder(path))


def _remove_last_part(path):
    files.list_parts(path)[-1].unlink()


def _remove_first_part(path):
    files.list_parts(path)[0].unlink()


def _remove_lock(path):
    _lock_file(path).unlink()


def _replace_lock(path):
    _remove_lock(path)
    with lock.hold_lock(path):
        pass


def _remove_folder(path):
    shutil.rmtree(path.parent)


def _put_another_file(path):
    other = write_results_file(path.with_name("other.h5"), [7], seed=3)
    other.replace(path)


REMOVED = "another program removed or replaced files of"
LOCK = "the lock of"


def _read_group(run):
    run.read_group("none")


def _commit(run):
    commit_batches(run, [4])


def _finish(run):
    run.finish()


@pytest.mark.parametrize(
    ("disturb", "call", "reason", "saved"),
    [
        (_remove_parts, _commit, REMOVED, "; 0 trials are saved; run"),
        (_remove_parts, _finish, REMOVED, "; 0 trials are saved; run"),
        (_remove_last_part, _commit, REMOVED, "; 4 trials are saved in {parts}; run"),
        (
            _remove_first_part,
            _finish,
            "another program removed files of",
            "; 2 trials are saved in",
        ),
        (_remove_first_part, _read_group, "another program removed files of", "; 2 trials are"),
        (_remove_lock, _commit, LOCK, "; 6 trials are saved in {parts}; run"),
        (_replace_lock, _finish, LOCK, "; 6 trials are saved in {parts}; run"),
        (_remove_folder, _commit, LOCK, "; 0 trials are saved; run"),
        (_put_another_file, _commit, REMOVED, "; what is saved cannot be read ("),
        (_put_another_file, _finish, REMOVED, "; what is saved cannot be read ("),
    ],
)
def test_what_is_there_is_counted_again(disturb, call, reason, saved, path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1], [2])
        disturb(path)
        with pytest.raises(SaveError) as refusal:
            call(run)
    said = str(refusal.value)
    assert said.startswith(f"{reason} {path}")
    assert saved.format(parts=parts_folder(path)) in said
    assert said.endswith("; run the same command to go on")


def test_a_file_that_someone_has_put_there_is_kept(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        path.write_bytes(b"mine")
        with pytest.raises(SaveError, match=REMOVED):
            run.finish()
    assert path.read_bytes() == b"mine"
    path.unlink()
    with open_run(path, make_provenance()) as run:
        run.finish()
    assert_holds(read_results(path), [0, 1])


def test_the_trials_of_a_finished_file_that_was_removed_run_again(path):
    write_results_file(path, [0, 1])
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [2])
        path.unlink()
        with pytest.raises(SaveError, match="2 trials are saved in"):
            run.finish()
        assert_holds(read_results(path), [2])
    with open_run(path, make_provenance()) as run:
        assert run.is_missing("none", np.arange(3)).tolist() == [True, True, False]
        commit_batches(run, [0, 1])
        run.finish()
    assert_holds(read_results(path), [0, 1, 2])


def test_a_run_may_finish_twice(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        run.finish()
        commit_batches(run, [1])
        run.finish()
    assert_holds(read_results(path), [0, 1])
