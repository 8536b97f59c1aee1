"""A column is read when it is first used, and returns the committed data in all cases."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from known_results import make_results as known
from stored import (
    CONSTANTS,
    LATENT,
    assert_holds,
    commit_batches,
    make_provenance,
    make_row,
    make_rows,
    parts_folder,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.report import recover, summarize
from ganinv_cli.report.shared.failures import list_failures
from ganinv_cli.store import contents, open_run, read_results
from ganinv_cli.store import rows as rows_
from ganinv_cli.store.checksums import TrialRows
from ganinv_cli.store.rows import FileRows, GroupRows, ResultsFile, take_rows, take_trials


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"


@pytest.fixture
def bytes_read(monkeypatch):
    """The number of bytes read of each column, by its path."""
    read_of, copy_rows = {}, contents.copy_rows

    def count_bytes(data, rows, values, places):
        read_of[data.name] = read_of.get(data.name, 0) + values[places].nbytes
        copy_rows(data, rows, values, places)

    monkeypatch.setattr(contents, "copy_rows", count_bytes)
    return read_of


def _saved(path, finished):
    given = known()
    with open_run(path, make_provenance(config=given.attributes["config"])) as run:
        for trials in (slice(0, 30), slice(30, None)):
            batch = {
                name: {column: values[trials] for column, values in group.items()}
                for name, group in given.groups.items()
            }
            run.commit(batch, given.constants)
        if finished:
            run.finish()


@pytest.mark.parametrize("finished", [False, True])
def test_a_report_of_recoveries_reads_no_z(path, bytes_read, finished):
    _saved(path, finished)
    bytes_read.clear()  # finishing reads the parts
    results = read_results(path)
    assert all(name.endswith("/outcome") for name in bytes_read)  # these are checked
    summarize(results, "x")
    recover.REPORT.draw(results)
    list_failures(results, recover.REPORT.classify_failures(results))
    latent = {name for name in bytes_read if "/z_" in name}
    errors = {name for name in latent if "z_error" in name}
    assert errors and latent == errors
    assert not any(name.endswith(("curve_loss", "z_true")) for name in bytes_read)


def test_a_report_says_the_same_of_a_file_as_of_arrays(path):
    _saved(path, finished=True)
    assert summarize(read_results(path), "x").sections == summarize(known(), "x").sections
    drawn, expected = (
        recover.REPORT.draw(given)["convergence"] for given in (read_results(path), known())
    )
    assert drawn[1:] == expected[1:]
    for line, other in zip(drawn.figure.axes[0].lines, expected.figure.axes[0].lines, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), other.get_ydata())


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 100, contents.BLOCK_BYTES])
def test_some_rows_are_those_rows_wherever_they_lie(path, monkeypatch, block_bytes, finished):
    monkeypatch.setattr(contents, "BLOCK_BYTES", block_bytes)
    trials = np.random.default_rng(0).permutation(60)
    with open_run(path, make_provenance()) as run:
        commit_batches(run, trials[:20].tolist())
        run.finish()
        commit_batches(run, *trials[20:].reshape(8, 5).tolist())
        if finished:
            run.finish()
    group, whole = read_results(path).groups["none"], make_rows(range(60), ["none"])["none"]
    some = ([49, 0, 7, 7], [3, 3, 5], [])
    for places in (slice(3, 45), slice(60, 70), *(np.array(each, int) for each in some)):
        for name in ("trial", "z_found", "z_error", "outcome"):
            np.testing.assert_array_equal(take_rows(group, name, places), whole[name][places])
            np.testing.assert_array_equal(take_rows(whole, name, places), whole[name][places])


def test_rows_are_found_by_their_trials(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [9, 2], [4], [7])
    few = np.array([7, 2])
    expected = [make_row("none", trial)["z_snapshots"] for trial in few]
    for group in (read_results(path).groups["none"], make_rows([2, 4, 7, 9], ["none"])["none"]):
        np.testing.assert_array_equal(take_trials(group, "z_snapshots", few), expected)
        for absent in (3, 11):
            with pytest.raises(KeyError, match=f"z_snapshots: there is no trial {absent}"):
                take_trials(group, "z_snapshots", np.array([2, absent]))


def test_a_row_of_a_dataset_may_be_asked_for_twice(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("a", data=np.arange(9))
        for rows_asked in ([3, 3, 5], [3, 4, 5], [0, 0], [8]):
            assert contents.read_rows(data, np.array(rows_asked)).tolist() == rows_asked


def test_a_column_that_some_files_lack_is_not_a_number_there(path):
    batch = make_rows([2, 3])
    polished = {name for name in batch["none"] if name.startswith("polished/")}
    for column in (*polished, "label", "first/label"):
        del batch["none"][column]
    with open_run(path, make_provenance()) as run:
        run.commit(batch, CONSTANTS)
        commit_batches(run, [0, 1])
    group = read_results(path).groups["none"]
    assert (
        np.isnan(group["polished/z_found"]).tolist()
        == [[False] * LATENT] * 2 + [[True] * LATENT] * 2
    )
    assert group["polished/outcome"][2:].tolist() == [0, 0]
    assert take_rows(group, "label", slice(2, 4)).tolist() == [0, 0]
    assert "label" in group and "colour" not in group
    with pytest.raises(KeyError):
        group["colour"]


def test_what_was_read_in_progress_is_found_after_the_run_has_gone_on(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [5, 0], [1])
        early = read_results(path)
        run.finish()
        assert not parts_folder(path).exists()
        middle = read_results(path)
        commit_batches(run, [2], [9])
        late = read_results(path)
        run.finish()
    for results, trials in ((early, [0, 1, 5]), (middle, [0, 1, 5]), (late, [0, 1, 2, 5, 9])):
        assert_holds(results, trials)


def test_a_run_that_was_started_again_meanwhile_is_not_mixed_with_the_first(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0], [1])
    in_progress = read_results(path)
    with open_run(path, make_provenance(seed=8), overwrite=True) as run:
        commit_batches(run, [2], [3])
        with pytest.raises(ResultsError, match="started again while it was read") as caught:
            in_progress.groups["none"]["z_found"]
        assert caught.value.exit_code == 2
        run.finish()
    with pytest.raises(ResultsError, match="started again"):
        in_progress.groups["none"]["z_found"]
    finished = read_results(path)
    path.unlink()
    assert_holds(finished, [2, 3])


@pytest.mark.parametrize("seed", [7, 8])
def test_nor_where_it_has_the_same_trials_by_now(path, monkeypatch, seed):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0], [1])
    in_progress = read_results(path)
    monkeypatch.setattr("ganinv_cli.store.provenance.now", lambda: "2099-01-01T00:00:00+00:00")
    with open_run(path, make_provenance(seed=seed), overwrite=True) as run:
        commit_batches(run, [0], [1])
        run.finish()
    with pytest.raises(ResultsError, match="started again while it was read"):
        in_progress.groups["none"]["z_found"]
    assert_holds(read_results(path), [0, 1])


def test_a_file_without_rows_that_is_gone_is_no_damage(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        run.finish()
    gone = ResultsFile(
        path.with_name("gone.h5"),
        path,
        (0, 0),
        run_key=rows_.select_run_key(read_results(path).attributes),
    )
    none = np.array([], np.int64)
    group = GroupRows("none", [FileRows(gone, TrialRows(none, none), ["z_found"])])
    assert group["z_found"].shape == (0, LATENT)


def test_damage_that_shows_late_is_a_sentence(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0], [1])
    results = read_results(path)
    part = parts_folder(path) / "part-00000002.h5"
    about = part.stat()
    with part.open("r+b") as file:
        file.truncate(part.stat().st_size - 5000)
    os.utime(part, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.raises(ResultsError, match=r"part-00000002.h5 is damaged.*run the same"):
        results.groups["none"]["z_found"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what Linux says is open")
def test_many_parts_are_not_held_open(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        run.finish()
        commit_batches(run, *([trial] for trial in range(1, 40)))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # Path.iterdir holds one itself
    results = read_results(path)
    assert_holds(results, range(40))
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208
