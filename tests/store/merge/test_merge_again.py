"""A merge that was killed, or had ended, goes on with the same command; an empty file is none."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
import stored
from stored import (
    KilledError,
    assert_holds,
    commit_batches,
    kill_after,
    make_provenance,
    merge,
    parts_folder,
    write_results_file,
    write_shards,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import files, open_run, read_results


@pytest.fixture
def out(tmp_path):
    return tmp_path / "all.h5"


def test_the_same_merge_goes_on_after_a_kill_at_any_step(tmp_path, monkeypatch):
    paths = write_shards(tmp_path)
    for calls in range(100):
        out = tmp_path / f"out-{calls}.h5"
        with monkeypatch.context() as patch:
            left = kill_after(patch, calls)
            with contextlib.suppress(KilledError):
                merge(out, paths)
        assert merge(out, paths).contents == "10 trials of 2 rules from 3 files"
        assert_holds(read_results(out), range(10))
        assert not parts_folder(out).exists()
        if left[0] >= 0:
            assert calls > 4
            return
    pytest.fail("the merge never ended")


_EXIT = """
import os, sys, pathlib
sys.path.insert(0, sys.argv[1])
import stored
replace = pathlib.Path.replace
pathlib.Path.replace = lambda *names: (replace(*names), os._exit(9))
stored.merge(*map(pathlib.Path, sys.argv[2:3]), [*map(pathlib.Path, sys.argv[3:])])
"""


def test_a_process_that_ends_after_the_renaming_leaves_a_merged_file(out, tmp_path):
    paths = write_shards(tmp_path)
    folder = Path(stored.__file__).parent
    command = [sys.executable, "-c", _EXIT, folder, out, *paths]
    assert subprocess.run(command, timeout=60).returncode == 9
    before = out.read_bytes()
    assert parts_folder(out).exists()
    merge(out, paths)
    assert out.read_bytes() == before
    assert not parts_folder(out).exists()


def test_a_merged_file_with_any_other_value_is_not_taken_for_this_one(out, tmp_path, monkeypatch):
    paths = write_shards(tmp_path)
    merge(out, paths)
    make_row = stored.make_row

    def changed(group, trial):
        return make_row(group, trial) | (
            {"gradients": 0.25} if (group, trial) == ("none", 9) else {}
        )

    monkeypatch.setattr(stored, "make_row", changed)
    write_results_file(tmp_path / "other.h5", stored.SHARDS[2])
    with pytest.raises(ResultsError, match=r"all\.h5 exists"):
        merge(out, [*paths[:2], tmp_path / "other.h5"])
    with pytest.raises(ResultsError, match=r"all\.h5 exists"):
        merge(out, paths[:2], partial=True)


def test_an_interrupted_run_with_the_name_is_not_a_merged_file(out, tmp_path):
    paths = write_shards(tmp_path)
    merge(out, paths)
    with open_run(out, make_provenance(config={"trials": 11})) as run:
        commit_batches(run, [10])
    with pytest.raises(ResultsError, match=r"all\.h5 exists"):
        merge(out, paths)


@pytest.mark.parametrize("write", ["run", "merge"])
def test_an_empty_file_is_replaced_as_if_there_was_none(out, tmp_path, write):
    out.touch()
    with pytest.raises(ResultsError, match=r"all\.h5: there are no results"):
        read_results(out)
    if write == "run":
        with open_run(out, make_provenance()) as run:
            commit_batches(run, [0])
            assert_holds(read_results(out), [0])
            run.finish()
    else:
        merge(out, [write_results_file(tmp_path / "a.h5", [0])], partial=True)
    assert_holds(read_results(out), [0])
    assert not files.list_parts(out)
