"""Missing trials of a merged file are listed, and an incomplete file can be continued."""

import pytest
from stored import (
    CONSTANTS,
    SHARDS,
    assert_holds,
    commit_batches,
    make_provenance,
    make_rows,
    merge,
    write_results_file,
)

from ganinv_cli.store import open_run, read_results
from ganinv_cli.store.merge.merge_files import MissingError


@pytest.fixture
def out(tmp_path):
    return tmp_path / "all.h5"


def test_missing_trials_are_named_and_nothing_is_written(out, tmp_path):
    path = write_results_file(tmp_path / "a.h5", [0, 1, 4])
    with open_run(path, make_provenance()) as run:
        run.commit(make_rows([7], ("none",)), CONSTANTS)
        run.finish()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(MissingError) as refusal:
        merge(out, [path])
    said = str(refusal.value)
    assert refusal.value.exit_code == 1
    assert "6 trials of none (2-3, 5-6, 8-9), 7 trials of stochastic (2-3, 5-9);" in said
    assert "--partial" in said and "without --shard" in said
    assert "\n" not in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_group_that_no_file_has_is_missing_whole(out, tmp_path):
    path = tmp_path / "a.h5"
    with open_run(path, make_provenance()) as run:
        run.commit(make_rows(range(10), ("", "none")), CONSTANTS)
        run.finish()
    with pytest.raises(MissingError, match=r"10 trials of stochastic \(0-9\)"):
        merge(out, [path])


def test_the_file_that_was_to_have_most_trials_says_how_many(out, tmp_path):
    paths = [
        write_results_file(tmp_path / "a.h5", range(10)),
        write_results_file(tmp_path / "b.h5", [10], config={"trials": 12}),
    ]
    with pytest.raises(MissingError, match=r"1 trial of none, stochastic \(11\)"):
        merge(out, paths)


def test_a_partial_file_holds_what_there_is_and_the_run_goes_on(out, tmp_path):
    combined = merge(out, [write_results_file(tmp_path / "a.h5", SHARDS[0])], partial=True)
    assert combined.contents == "4 trials of 2 rules from 1 file"
    assert combined.notes == ["missing are 6 trials of none, stochastic (2-3, 6-9)"]
    assert_holds(read_results(out), SHARDS[0])
    with open_run(out, make_provenance()) as run:
        commit_batches(run, range(10))
        run.finish()
    assert_holds(read_results(out), range(10))


def test_many_ranges_and_groups_are_cut_off(out, tmp_path):
    identity = {"clip": ["none"], "variances": [number / 10 for number in range(9)]}
    path = tmp_path / "a.h5"
    made_by = make_provenance(command="noise-sweep", identity=identity, config={"trials": 40})
    with open_run(path, made_by) as run:
        for number, variance in enumerate(identity["variances"]):
            run.commit(
                make_rows(range(0, 40, 2 + number), (f"variance={variance:g}/none",)), CONSTANTS
            )
        run.finish()
    with pytest.raises(MissingError) as refusal:
        merge(out, [path])
    said = str(refusal.value)
    assert "20 trials of variance=0/none (1, 3, 5, 7, 9, 11 and 14 more)" in said
    assert "and some of 5 more" in said
    assert len(said) < 700


def test_every_variance_is_counted(out, tmp_path):
    groups = ("variance=0.1/none", "variance=0.5/none")
    identity = {"clip": ["none"], "variances": [0.1, 0.5]}
    paths = []
    for number, trials in enumerate(SHARDS):
        paths.append(tmp_path / f"{number}.h5")
        made_by = make_provenance(command="noise-sweep", identity=identity)
        with open_run(paths[-1], made_by) as run:
            run.commit(make_rows(trials, ("", *groups)), CONSTANTS)
            run.finish()
    with pytest.raises(MissingError, match=r"variance=0.1/none, variance=0.5/none \(8-9\)"):
        merge(out, paths[:2])
    combined = merge(out, paths)
    assert combined.contents == "10 trials of 1 rule at 2 variances from 3 files"
    for group in groups:
        assert read_results(out).groups[group]["trial"].tolist() == list(range(10))
