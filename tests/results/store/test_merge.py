"""Merged results files of one run equal the file of a single run."""

import errno
from itertools import count

import numpy as np
import pytest
from stored import (
    CONSTANTS,
    assert_holds,
    commit_batches,
    make_provenance,
    make_rows,
    merge,
    write_results_file,
    write_shards,
)

from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.lock import hold_lock
from ganinv_cli.results.store import Figure, log, open_run, read_results

RECOVERIES = "image=0000/stochastic"
CERTIFICATE = f"{RECOVERIES}/certificate"


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
    whole = write_results_file(tmp_path / "whole.h5", range(10))
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
        run.commit(make_rows([0], ("image=0000",)))
    assert "no file has a trial: the run was interrupted" in _refuse(out, [empty])


def _write_image(path, recoveries, certificates=(), error=b""):
    """Write an image's row, its recoveries, and certificates as trial -> how many they are of."""
    made_by = make_provenance(
        command="consistency", identity={"clip": ["stochastic"]}, config={"trials": 4, "images": 1}
    )
    image = make_rows([0], ("image=0003",))["image=0003"] | {"error": np.array([error], "S255")}
    with open_run(path, made_by) as run:
        run.commit({"image=0000": image})
        if len(recoveries):
            run.commit({RECOVERIES: make_rows(recoveries, ("none",))["none"]}, CONSTANTS)
        for trial, count in certificates:
            row = make_rows([trial], ("image=0003/certificate",))["image=0003/certificate"]
            run.commit({CERTIFICATE: row | {"recoveries": np.array([count])}})
        run.finish()
    return path


def test_shards_to_which_an_image_was_added_are_of_one_run(out, tmp_path):
    shards = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for number, path in enumerate(shards):
        _write_image(path, [number])
        with open_run(
            path,
            make_provenance(
                command="consistency", identity={"clip": ["stochastic"]}, config={"trials": 4}
            ),
        ) as run:
            run.record({"images": 2})
            run.finish()
    assert merge(out, shards).contents == "2 trials of 1 rule in 1 case from 2 files"
    assert read_results(out).attributes["config"]["images"] == 2


def test_more_files_than_the_system_opens_are_not_called_damaged(out, tmp_path, monkeypatch):
    path = write_results_file(tmp_path / "a.h5", range(4))

    def fail(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("os.open", fail)
    with pytest.raises(GaninvError, match=r"a.h5.* cannot be read \(Too many open files\)"):
        merge(out, [path])


def test_a_certificate_counts_if_it_is_of_all_trials(out, tmp_path):
    half = _write_image(tmp_path / "a.h5", [0, 1], [(0, 2)])
    rest = _write_image(tmp_path / "b.h5", [2, 3], [(0, 2)])
    combined = merge(out, [half, rest])
    assert combined.contents == "4 trials of 1 rule in 1 case from 2 files"
    assert "lacks certificates (reconstructions, singular values); the" in combined.notes[0]
    assert CERTIFICATE not in read_results(out).groups
    whole = _write_image(tmp_path / "c.h5", range(4), [(0, 2), (1, 4)])
    assert merge(out, [whole, half], overwrite=True).notes == [
        "2 trials are in several files; the first file counts"
    ]
    assert read_results(out).groups[CERTIFICATE]["recoveries"].tolist() == [2, 4]
    outdated = _write_image(tmp_path / "d.h5", range(4), [(0, 2)])
    merge(out, [outdated], overwrite=True)
    assert CERTIFICATE not in read_results(out).groups
    merge(out, [half, whole], overwrite=True)
    assert read_results(out).groups[CERTIFICATE]["recoveries"].tolist() == [2, 4]
