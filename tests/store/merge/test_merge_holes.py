"""A file with few of a run's trials is accordingly small, and is read like any other."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from stored import add_missing_columns, make_provenance

from ganinv_cli.store import checksums, contents, finished_file, open_run, read_results

WIDE = 20  # components of z


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"


def _rows(trials):
    trials = np.asarray(trials)
    return {
        "": {"trial": trials, "z_true": trials[:, None] + np.zeros((1, WIDE), np.float32)},
        "none": {
            "trial": trials,
            "z_found": trials[:, None] * np.ones((1, WIDE), np.float32),
            "outcome": (1 + trials % 5).astype(np.uint8),
            "gradients": trials / 2,
            "redraws": trials,
            "z_error": trials.astype(np.float64),
            "image_loss": trials.astype(np.float32),
        },
    }


def _finished(path: Path, *batches: object) -> int:
    with open_run(path, make_provenance()) as run:
        for batch in batches:
            rows = _rows(batch)
            run.commit(rows | {"none": add_missing_columns(rows["none"], WIDE)})
        run.finish()
    return path.stat().st_size


def _shard(number, of, total, block=8):
    trials = np.arange(total)
    return trials[trials // block % of == number - 1]


def _assert_holds(path, trials):
    for group, expected in _rows(np.sort(trials)).items():
        found = read_results(path).groups[group]
        for name, values in expected.items():
            assert np.array_equal(found[name], values), name


@pytest.mark.parametrize("block", [8, 64])
@pytest.mark.parametrize("of", [4, 100])
def test_a_part_takes_its_share_of_the_room(tmp_path, of, block):
    total = 40_000
    whole = _finished(tmp_path / "whole.h5", range(total))
    part = _finished(tmp_path / "part.h5", _shard(2, of, total, block))
    index = 40_000  # of columns with hardly a row
    assert part < 2 * whole / of + index
    _assert_holds(tmp_path / "part.h5", _shard(2, of, total, block))


PATTERNS = {
    "one": [12_000],
    "first and last": [0, 11_999],
    "scattered": np.random.default_rng(0).choice(12_000, 120, replace=False),
    "shard": _shard(3, 7, 12_000),
    "dense, but for one": np.delete(np.arange(5000), 2500),
    "every other": np.arange(0, 2000, 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("trials", PATTERNS.values(), ids=PATTERNS.keys())
@pytest.mark.parametrize("sizes", [(1 << 26, 1 << 18), (1 << 13, 1 << 9)], ids=["usual", "small"])
def test_whatever_is_left_out_the_trials_are_read_right(path, monkeypatch, trials, sizes):
    monkeypatch.setattr(finished_file, "BLOCK_BYTES", sizes[0])
    monkeypatch.setattr(finished_file, "CHUNK_BYTES", sizes[1])
    reserved = []
    monkeypatch.setattr(os, "posix_fallocate", lambda _, __, size: reserved.append(size))
    _finished(path, trials)
    _assert_holds(path, trials)
    assert path.stat().st_size <= reserved[0]


def test_the_room_reserved_is_that_of_what_is_written(path, monkeypatch):
    reserved = []
    reserve = os.posix_fallocate
    monkeypatch.setattr(
        os, "posix_fallocate", lambda fd, at, size: reserved.append(size) or reserve(fd, at, size)
    )
    _finished(path, _shard(1, 1000, 1_000_000))
    assert reserved[0] < 3_000_000  # the rows would take 250 MB


def test_a_row_in_what_is_left_out_reads_as_not_run(path):
    _finished(path, [50_000])
    with h5py.File(path) as file:
        assert len(file["none/trial"]) == 50_001
        assert file["none/trial"].id.get_num_chunks() == 1
        assert (file["none/trial"][:-1] == -1).all()
        assert not file["none/outcome"][:-1].any()
        assert not file["none/redraws"][:-1].any()
        assert np.isnan(file["none/z_found"][:-1]).all()
        assert np.isnan(file["none/gradients"][:-1]).all()
        assert (file["none/trial"][-1], file["none/redraws"][-1]) == (50_000, 50_000)


def test_a_part_goes_on_and_keeps_its_holes(path):
    first, more = _shard(2, 50, 20_000), _shard(2, 50, 40_000)[len(_shard(2, 50, 20_000)) :]
    before = _finished(path, first)
    after = _finished(path, more[::2], more[1::2])
    assert after < 2.2 * before
    _assert_holds(path, np.concatenate([first, more]))


@pytest.mark.parametrize("trials", PATTERNS.values(), ids=PATTERNS.keys())
def test_a_column_is_read_whole_or_in_part_as_h5py_reads_it(path, trials):
    _finished(path, trials)
    at = np.sort(np.concatenate([trials, [1, 2, 100, max(trials) // 2]]))
    at = np.unique(at[at <= max(trials)])
    with h5py.File(path) as file:
        found = checksums.read_trials(file["none/trial"])
        assert np.array_equal(found.rows, np.flatnonzero(file["none/trial"][:] >= 0))
        assert np.array_equal(found.trials, found.rows)
        for name in ("none/trial", "none/z_found"):
            whole = file[name][:]
            assert np.array_equal(contents.read_rows(file[name], at), whole[at], equal_nan=True)
