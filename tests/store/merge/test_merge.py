"""Merged results files of one run equal the file of a single run."""

import numpy as np
import pytest
from stored import (
    CONSTANTS,
    CURVE_GRADIENTS,
    SHARDS,
    assert_holds,
    commit_batches,
    make_provenance,
    make_row,
    make_rows,
    merge,
    parts_folder,
    write_results_file,
    write_shards,
)

from ganinv_cli.store import Figure, finished_file, open_run, read_results
from ganinv_cli.store import provenance as provenance_

MIDNIGHT = "T00:00:00+00:00"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "all.h5"


def _pictures(*trials):
    shape = (1, len(trials), 2, 2, 3)
    return Figure(np.full(shape, trials[0], np.uint8), ("found",), trials)


def test_finished_and_interrupted_files_become_the_whole_run(out, tmp_path):
    combined = merge(out, write_shards(tmp_path))
    results = read_results(out)
    assert_holds(results, range(10))
    assert results.complete
    assert results.constants["curve_gradients"].tobytes() == CURVE_GRADIENTS.tobytes()
    assert combined.contents == "10 trials of 2 rules from 3 files"
    assert combined.notes == []
    assert not parts_folder(out).exists()


def test_the_files_are_left_as_they_were(out, tmp_path):
    paths = write_shards(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.h5")}
    merge(out, paths)
    assert {file: file.read_bytes() for file in before} == before
    for path, trials in zip(paths, SHARDS, strict=True):
        assert_holds(read_results(path), trials)


def test_a_file_that_was_finished_and_extended_gives_all_of_it(out, tmp_path):
    path = write_results_file(tmp_path / "a.h5", [1, 3, 5])
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [7, 9])
    merge(out, [path, write_results_file(tmp_path / "b.h5", [0, 2, 4, 6, 8])])
    assert_holds(read_results(out), range(10))


def test_a_part_file_alone_gives_its_rows(out, tmp_path):
    write_results_file(tmp_path / "a.h5", [7, 2], finished=False)
    (part,) = parts_folder(tmp_path / "a.h5").iterdir()
    merge(out, [part, write_results_file(tmp_path / "b.h5", [0, 1, 3, 4, 5, 6, 8, 9])])
    assert_holds(read_results(out), range(10))


def test_blocks_of_any_size_give_the_same(out, tmp_path, monkeypatch):
    monkeypatch.setattr(finished_file, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(finished_file, "CHUNK_BYTES", 64)
    order = np.random.default_rng(0).permutation(100)
    config = {"trials": 100}
    paths = [
        write_results_file(
            tmp_path / f"{n}.h5", order[n::3].tolist(), finished=n < 2, config=config
        )
        for n in range(3)
    ]
    merge(out, paths)
    assert_holds(read_results(out), range(100))


def test_what_was_merged_can_be_merged_again(out, tmp_path):
    paths = write_shards(tmp_path)
    half = tmp_path / "half.h5"
    merge(half, paths[:2], partial=True)
    merge(out, [half, paths[2]])
    assert_holds(read_results(out), range(10))


def test_a_merged_file_goes_on_with_more_trials(out, tmp_path):
    merge(out, write_shards(tmp_path))
    with open_run(out, make_provenance(config={"trials": 12})) as run:
        assert run.list_committed("none").tolist() == list(range(10))
        commit_batches(run, [10, 11])
        run.finish()
    assert_holds(read_results(out), range(12))


def test_where_two_files_have_a_trial_the_first_counts_and_it_is_said(out, tmp_path):
    first, second = write_shards(tmp_path)[0], write_results_file(tmp_path / "b.h5", range(2, 10))
    (note,) = merge(out, [first, second]).notes
    assert_holds(read_results(out), range(10))
    assert note == (
        f"{second} has 2 trials of none, stochastic (4-5) that a file before it has as well, "
        "which counts; outcomes and z agree"
    )


def _changed(path, trials, **columns):
    """The same trials; given functions change columns of the last one."""
    batch = make_rows(trials)
    for name, change in columns.items():
        batch["none"][name][-1] = change(batch["none"][name][-1])
    with open_run(path, make_provenance()) as run:
        run.commit(batch, CONSTANTS)
        run.finish()
    return path


@pytest.mark.parametrize("order", [1, -1])
def test_whether_the_same_trials_agree_is_said(out, tmp_path, order):
    first = write_results_file(tmp_path / "a.h5", range(10))
    other = _changed(
        tmp_path / "b.h5", [3, 5], outcome=lambda o: o % 5 + 1, z_found=lambda z: z + 0.01
    )
    (note,) = merge(out, [first, other][::order]).notes
    assert "another outcome have 1 trial of none (5), another z have 1 trial of none (5)" in note
    kept = read_results(out).groups["none"]["z_found"][5]
    assert (kept.tobytes() == make_row("none", 5)["z_found"].tobytes()) == (order == 1)


def test_rounding_is_no_disagreement(out, tmp_path):
    other = _changed(tmp_path / "b.h5", [3, 5], z_found=lambda z: z + 1e-4)
    (note,) = merge(out, [write_results_file(tmp_path / "a.h5", range(10)), other]).notes
    assert note.endswith("outcomes and z agree")


def test_the_attributes_are_those_of_all(out, tmp_path, monkeypatch):
    made = [
        {"device": "CPU", "config": {"trials": 4, "shard": "1/2"}},
        {
            **{"device": "GPU", "config": {"trials": 8, "shard": "2/2"}, "precision": "mixed"},
            "generator": {"confirmed": False, "doubt": "its layers", "conventions": []},
        },
        {"device": "CPU", "config": {"trials": 4, "shard": ""}},
    ]
    paths = []
    for number, changes in enumerate(made):
        monkeypatch.setattr(provenance_, "now", lambda n=number: f"2026-01-0{5 - n}{MIDNIGHT}")
        paths.append(write_results_file(tmp_path / f"{number}.h5", [number, 7 - number], **changes))
    monkeypatch.setattr(provenance_, "now", lambda: f"2027-01-01{MIDNIGHT}")
    merge(out, paths, partial=True)
    attributes = read_results(out).attributes
    assert attributes["started"] == f"2026-01-03{MIDNIGHT}"
    assert attributes["finished"] == f"2026-01-05{MIDNIGHT}"
    assert attributes["config"] == {"trials": 8, "shard": ""}
    assert attributes["device"] == "CPU; GPU"
    assert attributes["precision"] == "mixed"
    assert attributes["generator"]["doubt"] == "its layers"  # unknown to the other files
    for name in ("command", "identity", "checkpoint_sha256", "seed", "git", "versions"):
        assert attributes[name] == getattr(make_provenance(), name)


def test_what_was_interrupted_is_finished_with_the_merge(out, tmp_path, monkeypatch):
    paths = write_shards(tmp_path)
    monkeypatch.setattr(provenance_, "now", lambda: f"2099-01-01{MIDNIGHT}")
    merge(out, paths)
    assert read_results(out).attributes["finished"] == f"2099-01-01{MIDNIGHT}"


def test_versions_and_revisions_that_differ_are_said(out, tmp_path):
    first = write_results_file(tmp_path / "a.h5", SHARDS[0], versions={"numpy": "1", "h5py": "3"})
    second = write_results_file(
        tmp_path / "b.h5", SHARDS[1], versions={"numpy": "2", "h5py": "3"}, git=""
    )
    third = write_results_file(tmp_path / "c.h5", SHARDS[2], versions={"numpy": "1", "h5py": "3"})
    assert merge(out, [first, second, third]).notes == [
        f"numpy is 1 in {first} and 1 more, 2 in {second}",
        f"git is 0123456 in {first} and 1 more, not known in {second}",
    ]


def test_a_figure_is_that_of_the_first_trials(out, tmp_path):
    paths = [
        write_results_file(
            tmp_path / f"{number}.h5", trials, figures={"figure1-none": _pictures(*trials)}
        )
        for number, trials in enumerate(SHARDS)
    ]
    merge(out, paths[::-1])
    figure = read_results(out).figures["figure1-none"]
    assert figure.trials == (0, 1, 4, 5)
    assert not figure.pictures.any()


def test_a_file_without_a_trial_gives_none(out, tmp_path):
    empty = tmp_path / "empty.h5"
    with open_run(empty, make_provenance()) as run:
        run.finish()
    merge(out, [empty, *write_shards(tmp_path)])
    assert_holds(read_results(out), range(10))
