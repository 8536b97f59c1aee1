"""Files that cannot be merged are refused in a sentence, and nothing is lost."""

import contextlib
import os

import h5py
import numpy as np
import pytest
from stored import (
    CONSTANTS,
    assert_holds,
    commit_batches,
    make_provenance,
    make_rows,
    merge,
    parts_folder,
    write_results_file,
)

from ganinv_cli.errors import ResultsError, UsageError
from ganinv_cli.store import SaveError, files, lock, open_run, read_results
from ganinv_cli.store.merge.merge_files import MissingError


@pytest.fixture
def out(tmp_path):
    return tmp_path / "all.h5"


@pytest.fixture
def pair(tmp_path):
    """Two files that are a whole run together."""
    return [
        write_results_file(tmp_path / "a.h5", range(5)),
        write_results_file(tmp_path / "b.h5", range(5, 10)),
    ]


def _refusal(out, paths, kind=ResultsError, **options):
    """Return the sentence; check that the folder is unchanged."""
    before = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}
    with pytest.raises(kind) as refusal:
        merge(out, paths, **options)
    said = str(refusal.value)
    assert "\n" not in said
    assert refusal.value.exit_code == (1 if kind in (MissingError, SaveError) else 2)
    after = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}
    after.pop(out.with_name(f".{out.name}.lock"), None)
    before.pop(out.with_name(f".{out.name}.lock"), None)
    assert after == before
    return said


ANOTHER = {
    "seed": ({"seed": 8}, "--seed is 8 and not 7"),
    "checkpoint": ({"checkpoint_sha256": "cd" * 32}, "the sha256 of the generator is"),
    "settings": (
        {"identity": {"solver": "lbfgs", "lbfgs": {"memory": 20}, "clip": ["none", "stochastic"]}},
        "[lbfgs] memory is 20 and not 50",
    ),
    "command": ({"command": "invert"}, "holds results of `ganinv invert`, and"),
}


@pytest.mark.parametrize("changes, said", ANOTHER.values(), ids=ANOTHER.keys())
def test_a_file_of_another_run_is_named_with_what_differs(out, pair, tmp_path, changes, said):
    other = write_results_file(tmp_path / "c.h5", [10], **changes)
    sentence = _refusal(out, [*pair, other])
    assert sentence.startswith(f"{other} ")
    assert said in sentence
    assert str(pair[0]) in sentence


def test_constants_and_columns_of_another_shape_are_refused(out, pair, tmp_path):
    other = tmp_path / "c.h5"
    with open_run(other, make_provenance()) as run:
        run.commit(make_rows([9]), CONSTANTS | {"curve_gradients": np.zeros(4)})
        run.finish()
    assert "curve_gradients is not the same" in _refusal(out, [*pair, other])
    narrow = make_rows([9], ("none",))
    narrow["none"]["z_found"] = narrow["none"]["z_found"].astype(np.float64)
    with open_run(other, make_provenance(), overwrite=True) as run:
        run.commit(narrow, CONSTANTS)
        run.finish()
    sentence = _refusal(out, [*pair, other])
    assert sentence.startswith(f"{other} does not fit {pair[0]}: none/z_found")


def test_a_file_that_exists_is_not_replaced_unasked(out, pair):
    write_results_file(out, [3])
    assert "--overwrite" in _refusal(out, pair)
    assert_holds(read_results(out), [3])
    merge(out, pair, overwrite=True)
    assert_holds(read_results(out), range(10))


def test_an_interrupted_run_is_not_replaced_unasked(out, pair):
    write_results_file(out, [3], finished=False, seed=8)
    assert "exists" in _refusal(out, pair)
    merge(out, pair, overwrite=True)
    assert_holds(read_results(out), range(10))
    assert not parts_folder(out).exists()


def test_a_file_that_is_not_ours_is_never_replaced(out, pair):
    out.write_text("a letter")
    assert "not an HDF5 file" in _refusal(out, pair, overwrite=True)
    with h5py.File(out, "w") as file:
        file["weights"] = [1.0]
    assert "ganinv did not write" in _refusal(out, pair, overwrite=True)


def test_a_file_named_twice_or_both_read_and_written_is_refused(out, pair, tmp_path):
    again = tmp_path / "folder" / ".." / "a.h5"
    (tmp_path / "folder").mkdir()
    assert f"{again} is named twice" in _refusal(out, [*pair, again])
    assert "is the file to write as well" in _refusal(pair[0], pair, overwrite=True)
    link = tmp_path / "link.h5"
    link.symlink_to(pair[0])
    assert "is the file to write as well" in _refusal(link, pair, overwrite=True)
    assert_holds(read_results(pair[0]), range(5))


def test_a_file_that_is_not_there_is_named(out, pair, tmp_path):
    missing = tmp_path / "c.h5"
    assert f"{missing}: there is no such file" in _refusal(out, [*pair, missing])
    assert "is a folder" in _refusal(out, [*pair, tmp_path])


SPOILED = {
    "text": (lambda path: path.write_text("hello"), "not an HDF5 file"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-5000]), "is damaged"),
    "another's": (lambda path: h5py.File(path, "w").close(), "ganinv did not write"),
}


@pytest.mark.parametrize("spoil, said", SPOILED.values(), ids=SPOILED.keys())
def test_a_file_that_cannot_be_read_is_named(out, pair, spoil, said):
    spoil(pair[1])
    sentence = _refusal(out, pair)
    assert said in sentence
    assert str(pair[1]) in sentence


def test_damage_that_shows_late_leaves_the_oldresults_file(out, pair):
    write_results_file(out, [3])
    with h5py.File(pair[1], "r+") as file:
        del file["none/z_found"]
        chunks = {"chunks": (10, 3), "compression": "gzip"}
        broken = file["none"].create_dataset("z_found", (10, 3), "float32", **chunks)
        broken.id.write_direct_chunk((0, 0), b"no zlib stream")
    assert f"{pair[1]} is damaged" in _refusal(out, pair, overwrite=True)
    assert_holds(read_results(out), [3])


def test_a_file_that_is_being_written_is_refused(out, pair):
    with lock.hold_lock(pair[1]):
        assert f"{pair[1]} is being written by another process" in _refusal(out, pair)
    with lock.hold_lock(out):
        assert f"{out} is being written by another process" in _refusal(out, pair)
    merge(out, pair)


def test_a_file_that_goes_away_meanwhile_is_a_sentence(out, pair, monkeypatch):
    opened = files.reopen_results

    def gone(path, **options):
        if path == pair[1] and files.temporary_path(out).exists():
            pair[1].unlink()
        return opened(path, **options)

    monkeypatch.setattr(files, "reopen_results", gone)
    with pytest.raises(ResultsError, match="was removed while it was read"):
        merge(out, pair)
    assert not out.exists()
    assert not parts_folder(out).exists()


def test_a_folder_that_is_not_there_is_named(pair, tmp_path):
    with pytest.raises(UsageError, match="is in a folder that does not exist"):
        merge(tmp_path / "missing" / "all.h5", pair)
    assert not (tmp_path / "missing").exists()


def test_files_without_any_trial_are_refused_even_partial(out, tmp_path):
    path = tmp_path / "a.h5"
    with open_run(path, make_provenance()) as run:
        run.finish()
    assert "none of the files holds a trial" in _refusal(out, [path], partial=True)


def _full(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("call", ["posix_fallocate", "fsync", "replace"])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_full_disk_leaves_the_old_file_and_nothing_more(out, pair, monkeypatch, call, earlier):
    if earlier:
        write_results_file(out, [3])
    with monkeypatch.context() as patch:
        patch.setattr(os, call, _full)
        said = _refusal(out, pair, SaveError, overwrite=True)
    assert f"{out} could not be written (No space left on device)" in said
    assert not parts_folder(out).exists()
    merge(out, pair, overwrite=True)
    assert_holds(read_results(out), range(10))


class _KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(pair, tmp_path, monkeypatch):
    for calls in range(100):
        out = write_results_file(tmp_path / f"out-{calls}.h5", [3])
        with open_run(out, make_provenance()) as run:
            commit_batches(run, [4])
        left = [calls]

        def counted(function, left=left):
            def call(*arguments, **keywords):
                left[0] -= 1
                if left[0] < 0:
                    raise _KilledError
                return function(*arguments, **keywords)

            return call

        with monkeypatch.context() as patch:
            for name in ("fsync", "replace", "unlink", "rmdir", "posix_fallocate"):
                patch.setattr(os, name, counted(getattr(os, name)))
            with contextlib.suppress(_KilledError):
                merge(out, pair, overwrite=True)
        if left[0] >= 0:
            assert calls > 4
            return
        found = read_results(out).groups["none"]["trial"].tolist()
        assert found in ([3, 4], list(range(10)))
        merge(out, pair, overwrite=True)
        assert_holds(read_results(out), range(10))
    pytest.fail("the merge never ended")
