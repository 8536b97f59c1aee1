"""Merged results files of one run equal the file of a single run."""

import errno
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pytest
from stored import (
    CONSTANTS,
    assert_equal,
    assert_holds,
    commit_batches,
    make_provenance,
    make_rows,
    make_starts,
    merge,
    write_results_file,
    write_shards,
)

from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.lock import hold_lock
from ganinv_cli.results.store import Figure, log, open_run, read_results

CERTIFICATES = "stochastic/certificates"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "all.h5"


def _refuse(out, paths, **options):
    """Return the sentence; check that no file has changed."""
    before = {path: path.read_bytes() for path in out.parent.glob("[!.]*")}
    with pytest.raises(ResultsError) as refusal:
        merge(out, paths, **options)
    assert {path: path.read_bytes() for path in out.parent.glob("[!.]*")} == before
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 2
    return str(refusal.value)


def test_finished_and_interrupted_shards_become_the_whole_run(out, tmp_path):
    paths = write_shards(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.glob("*.h5*")}
    combined = merge(out, paths)
    results = read_results(out)
    assert_holds(results, range(10))
    assert results.complete
    config = {"trials": 10, "shard": None}
    whole = write_results_file(tmp_path / "whole.h5", range(10), config=config)
    assert results.constants.keys() == read_results(whole).constants.keys()
    times = {"started": "", "finished": ""}
    assert results.attributes | times == read_results(whole).attributes | times
    assert combined.contents == "10 trials of 2 rules from 3 files"
    assert combined.notes == []
    assert {file: file.read_bytes() for file in before} == before


def test_a_file_that_exists_is_replaced_only_by_overwrite(out, tmp_path):
    paths = write_shards(tmp_path)
    merge(out, paths)
    with open_run(out, make_provenance()) as run:
        commit_batches(run, [10])
    assert "all.h5 exists" in _refuse(out, paths)
    merge(out, paths, overwrite=True)
    assert_holds(read_results(out), range(10))
    assert not log.name_log(out).exists()


def test_attributes_and_figures_are_of_all_files(out, tmp_path, monkeypatch):
    seconds = count()  # so that no two files were started at the same time
    monkeypatch.setattr(
        "ganinv_cli.results.store.run.now", lambda: f"2026-01-01T00:00:{next(seconds):02d}+00:00"
    )

    def draw(*trials):
        shape = (1, len(trials), 2, 2, 3)
        return {"figure1-none": Figure(np.full(shape, trials[0], np.uint8), ("found",), trials)}

    config = {"trials": 9, "shard": "1/2"}
    paths = [
        write_results_file(tmp_path / "a.h5", [4, 5], figures=draw(4), device="CPU", config=config),
        write_results_file(tmp_path / "b.h5", [0, 1], figures=draw(0), device="GPU; CPU"),
        write_results_file(tmp_path / "c.h5", range(10), device="TPU", precision="mixed"),
    ]
    merge(out, paths)
    results = read_results(out)
    assert results.figures["figure1-none"].trials == (0,)
    assert results.attributes["device"] == "CPU; GPU; TPU"
    assert results.attributes["precision"] == "mixed"
    assert results.attributes["config"]["trials"] == 10
    each = [read_results(path).attributes for path in paths]
    assert results.attributes["started"] == min(a["started"] for a in each)
    assert results.attributes["finished"] == max(a["finished"] for a in each)
    merge(out, paths[:1], overwrite=True)
    assert read_results(out).attributes["config"]["shard"] is None


def test_missing_rows_are_counted_and_run_later(out, tmp_path):
    path = write_results_file(tmp_path / "a.h5", [0, 1, 4])
    with open_run(path, make_provenance()) as run:
        run.commit(make_rows([7], ("none",)), CONSTANTS)
        run.finish()
    combined = merge(out, [path])
    assert combined.contents == "4 trials of 2 rules from 1 file"
    assert combined.notes == [
        f"{out} lacks 13 rows; the same command without --shard, with --out {out}, makes them"
    ]
    with open_run(out, make_provenance()) as run:
        commit_batches(run, range(10))
        run.finish()
    assert_holds(read_results(out), range(10))


def test_files_that_do_not_fit_or_cannot_be_used_are_refused(out, tmp_path):
    first = write_results_file(tmp_path / "a.h5", range(5))
    other = write_results_file(tmp_path / "c.h5", range(5, 10), seed=8)
    assert f"c.h5 is of another run than {first}: it differs in --seed" in _refuse(
        out, [first, other]
    )
    about = {"command": "invert", "config": {"images": 2}}
    other = write_results_file(tmp_path / "invert.h5", range(5, 10), **about)
    assert "it differs in the command" in _refuse(out, [first, other])
    again = tmp_path / ".." / tmp_path.name / "a.h5"
    assert "is the file to write as well" in _refuse(first, [again], overwrite=True)
    assert "no.h5: there is no such file" in _refuse(out, [first, tmp_path / "no.h5"])
    out.write_text("a letter", encoding="utf-8")
    assert "not an HDF5 file" in _refuse(out, [first], overwrite=True)
    out.unlink()
    with hold_lock(out):
        assert "is being written by another process" in _refuse(out, [first])
    empty = tmp_path / "empty.h5"
    with open_run(empty, make_provenance()) as run:
        run.commit(make_rows([0], ("images",)))
    assert "no file has a trial: the run was interrupted" in _refuse(out, [empty])


def _write_images(path, starts, certificates=(), images=(0, 3), of=2, errors=(), answered=0):
    """Write rows of images: image -> its starts, certificates as image -> how many they are of."""
    made_by = make_provenance(
        command="consistency",
        identity={"clip": ["stochastic"]},
        config={"trials": 4, "images": of, "shard": "1/2"},
    )
    rows = make_rows(images, ("images",))
    said = [b"no image" if image in errors else b"" for image in images]
    rows["images"]["error"] = np.array(said, "S255")
    with open_run(path, made_by) as run:
        run.commit(rows)
        for image, trials in starts.items():
            run.commit(make_starts([image], trials, "stochastic/starts"), CONSTANTS)
        for image, count in certificates:
            row = make_rows([image], (CERTIFICATES,))[CERTIFICATES]
            row |= {"recoveries": np.array([count]), "answered": np.array([answered])}
            run.commit({CERTIFICATES: row})
        run.finish()
    return path


def test_rows_of_images_are_merged_at_their_numbers(out, tmp_path):
    """A shard has some starts of each image, or all of some images."""
    first = _write_images(tmp_path / "a.h5", {0: [0, 1], 3: [0]}, images=(0, 3))
    second = _write_images(tmp_path / "b.h5", {3: [1, 2, 3], 0: [2, 3]}, images=(0, 1), errors=[1])
    merged = merge(out, [second, first])
    assert merged.contents == "8 starts of 3 images under 1 rule from 2 files"
    results = read_results(out)
    assert results.groups["images"]["image"].tolist() == [0, 1, 3]
    starts = make_starts([0, 3], range(4), "stochastic/starts")
    assert_equal(results.groups, starts | {"images": results.groups["images"]})
    with h5py.File(out) as file:
        assert file["images/image"][()].tolist() == [0, 1, -1, 3]
        assert file["stochastic/starts/image"][()].tolist() == [0] * 4 + [3] * 4
        assert file["stochastic/starts/trial"][()].tolist() == [*range(4)] * 2


def test_what_lacks_of_images_is_said(out, tmp_path):
    first = _write_images(tmp_path / "a.h5", {0: range(4)}, [(0, 4)], images=(0,))
    assert merge(out, [first]).notes == [
        f"{out} lacks 4 rows and certificates (reconstructions, singular values); the same command "
        f"without --shard, with --out {out}, makes them"
    ]
    unread = _write_images(tmp_path / "b.h5", {}, images=(3,), errors=[3])
    assert merge(out, [first, unread], overwrite=True).notes == []


def test_shards_to_which_an_image_was_added_are_of_one_run(out, tmp_path):
    shards = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for number, path in enumerate(shards):
        _write_images(path, {0: [number]}, images=(0,), of=1)
        about = read_results(path).attributes
        made_by = make_provenance(
            command="consistency", identity=about["identity"], config=about["config"]
        )
        with open_run(path, made_by) as run:
            run.record({"images": 2})
            run.finish()
    assert merge(out, shards).contents == "2 starts of 1 image under 1 rule from 2 files"
    assert read_results(out).attributes["config"]["images"] == 2


def test_more_files_than_the_system_opens_are_not_called_damaged(out, tmp_path, monkeypatch):
    path = write_results_file(tmp_path / "a.h5", range(4))

    def fail(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(GaninvError, match=r"a.h5.* cannot be read \(Too many open files\)"):
        merge(out, [path])


def test_a_certificate_counts_if_it_is_of_all_trials(out, tmp_path):
    def merge_both(*paths):
        lacks = "lacks certificates" in " ".join(merge(out, paths, overwrite=True).notes)
        return lacks, read_results(out).groups[CERTIFICATES]["recoveries"].tolist()

    half = _write_images(tmp_path / "a.h5", {0: [0, 1]}, [(0, 2)], images=(0,), of=1)
    rest = _write_images(tmp_path / "b.h5", {0: [2, 3]}, [(0, 2)], images=(0,), of=1)
    again = _write_images(tmp_path / "c.h5", {0: range(4)}, [(0, 2), (0, 4)], images=(0,), of=1)
    assert merge_both(half, rest) == (True, [2])
    assert merge_both(half, again) == merge_both(again, half) == (False, [4])


def test_an_image_that_is_answered_lacks_no_starts(out, tmp_path):
    starts, made = {0: range(2), 3: range(3)}, [(0, 2), (3, 2)]  # one ran beside
    path = _write_images(tmp_path / "a.h5", starts, made, answered=1)
    assert merge(out, [path]).notes == []
    path = _write_images(tmp_path / "b.h5", starts, made)
    assert "lacks 3 rows and certificates" in " ".join(merge(out, [path], overwrite=True).notes)
