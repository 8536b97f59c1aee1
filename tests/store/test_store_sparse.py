"""Memory and time for a file with few rows do not grow with the rows that it declares."""

import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from stored import assert_holds, make_rows, write_results_file

from ganinv_cli.errors import ResultsError
from ganinv_cli.limits import MAX_TRIALS
from ganinv_cli.store import checksums, read_results

MEMORY = 4 << 30  # bytes of addresses; a column of numbers of all declared rows has 16 GiB
SECONDS = 120
FEW = [0, 1, 700]
FAR = [*FEW, MAX_TRIALS - 1]
PRELUDE = f"""
import resource, sys
from pathlib import Path
from stored import commit_batches, make_provenance
from ganinv_cli.cli import main
from ganinv_cli.store import open_run
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
path, out = map(Path, sys.argv[1:3])
"""
REPORT = "main(['report', str(path)], standalone_mode=False)"
MERGE = "main(['merge', '--partial', str(out), str(path)], standalone_mode=False)"
RESUME = """
with open_run(path, make_provenance()) as run:
    print(*run.notes)
    commit_batches(run, list(map(int, sys.argv[3:])))
    run.finish()
"""


def _write_far(path):
    """Write a file that has a row for the largest trial number."""
    write_results_file(path, FAR)
    return FAR


def _write_declared(path, **storage):
    """Write a file that has few rows and declares very many, which were never written."""
    write_results_file(path, FEW)
    storage = storage or checksums.STORAGE
    with h5py.File(path, "r+") as file:
        for group, columns in make_rows(FEW).items():
            for name in columns:
                _declare(file, f"{group}/{name}", storage)
    return FEW


def _write_without_sums(path):
    return _write_declared(path, compression="lzf")


def _declare(file, name, storage):
    data = file[name]
    values, chunks, fill, about = data[()], data.chunks, data.fillvalue, dict(data.attrs)
    del file[name]
    data = file.create_dataset(
        name,
        (MAX_TRIALS, *values.shape[1:]),
        values.dtype,
        chunks=chunks,
        fillvalue=fill,
        **storage,
    )
    data[: len(values)] = values
    data.attrs.update(about)
    checksums.write_index_sum(data)


def _run(code, path, trials=()):
    """Run code in a process with little memory; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, path, path.with_name("out.h5"), *map(str, trials)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"


@pytest.mark.parametrize("write", [_write_far, _write_declared, _write_without_sums])
def test_a_file_is_reported_merged_and_continued_in_little_memory(path, write):
    trials = write(path)
    assert path.stat().st_size < 4 << 20
    assert f"of {len(trials)} latent vectors" in _run(REPORT, path)
    _run(MERGE, path)
    assert_holds(read_results(path.with_name("out.h5")), trials)
    assert _run(RESUME, path, [5]) == "\n"
    assert_holds(read_results(path), [*trials, 5])


@pytest.mark.parametrize("write", [_write_far, _write_declared])
def test_rows_that_are_damaged_run_again(path, write):
    trials = write(path)
    content = bytearray(path.read_bytes())
    content[content.index(make_rows([1], ("none",))["none"]["z_error"].tobytes())] ^= 1
    path.write_bytes(content)
    lost = f"{path} is damaged: 2 trials of none (0-1) cannot be read"
    assert lost in _run(RESUME, path, [0, 1, 5])
    assert_holds(read_results(path), [*trials, 5])


def test_if_the_places_of_trial_numbers_are_lost_the_written_rows_are(path):
    trials = _write_declared(path)
    with h5py.File(path, "r+") as file:
        file["none/trial"].attrs[checksums.INDEX_ATTRIBUTE] = np.uint32(1)
    lost = f"{path} is damaged: 704 trials of none (0-703) cannot be read"
    assert lost in _run(RESUME, path, [*trials, 5])
    assert_holds(read_results(path), [*trials, 5])


def test_rows_that_were_never_written_cannot_count_as_run(path):
    _write_declared(path)
    with h5py.File(path, "r+") as file:
        values = file["none/trial"][:701]
        del file["none/trial"]
        data = file.create_dataset("none/trial", (MAX_TRIALS,), np.int64, chunks=(701,))
        data[:701] = values
    with pytest.raises(ResultsError, match="none/trial has rows that were never written"):
        read_results(path)


def test_chunks_that_were_never_written_take_no_time(path):
    trials = np.arange(0, 10_000_000, 20_000)
    with h5py.File(path, "w", libver=checksums.SPARSE) as file:
        data = file.create_dataset(
            "trial", (10_000_000,), np.int64, chunks=(1,), fillvalue=-1, **checksums.STORAGE
        )
        for trial in trials.tolist():
            data[trial] = trial
        before = time.process_time()
        assert np.array_equal(checksums.read_trials(data).rows, trials)
        assert not checksums.find_damaged_rows(data, trials).any()
        assert time.process_time() - before < 3  # 0.02 s, and 20 s with the chunks between
