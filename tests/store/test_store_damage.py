"""A changed byte of a results file is never read as another number; resume runs what is lost."""

import re

import h5py
import numpy as np
import pytest
from stored import (
    CONSTANTS,
    IMAGE_GROUPS,
    assert_holds,
    commit_batches,
    make_provenance,
    make_rows,
    merge,
    parts_folder,
    write_results_file,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.hdf5 import list_chunks
from ganinv_cli.store import Figure, checksums, open_run, read_results


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "CHUNK_ROWS", 4)
    return tmp_path / "recover.h5"


def _damage(path, value):
    """Change a bit of a value that is in the file once."""
    content = bytearray(path.read_bytes())
    place = content.index(value.tobytes())
    content[place] ^= 1
    path.write_bytes(content)


def _make_figures():
    draw = np.random.default_rng(1)
    return {
        f"figure1-{rule}": Figure(
            draw.integers(256, size=(2, 3, 8, 8, 3), dtype=np.uint8), ("start", "end"), (0, 1, 2)
        )
        for rule in ("none", "stochastic")
    }


def _get_value(trial, group="none", column="z_error"):
    return make_rows([trial], (group,))[group][column][0]


def _fill(path, trials):
    with open_run(path, make_provenance()) as run:
        notes, missing = run.notes, ~np.isin(trials, run.list_committed("none"))
        commit_batches(run, trials)
        run.finish()
    return notes, np.array(trials)[missing].tolist()


def test_report_names_the_rows_and_resume_runs_just_these(path):
    write_results_file(path, range(10))
    _damage(path, _get_value(5))
    results = read_results(path)
    with pytest.raises(ResultsError, match=r"4 trials of none \(4-7\) cannot be read") as refusal:
        _ = results.groups["none"]["z_error"]
    assert "ganinv merge --partial" in str(refusal.value)
    notes, again = _fill(path, range(10))
    assert again == [4, 5, 6, 7]
    assert notes == [
        f"{path} is damaged: 4 trials of none (4-7) cannot be read and count as missing"
    ]
    assert_holds(read_results(path), range(10))


def test_the_trials_of_a_damaged_true_z_run_again(path):
    write_results_file(path, range(10))
    _damage(path, _get_value(9, "", "z_true"))
    notes, again = _fill(path, range(10))
    assert again == [8, 9]
    assert "2 trials of none, stochastic (8-9)" in notes[0]
    assert_holds(read_results(path), range(10))


@pytest.mark.parametrize("place", [-1, 100])
def test_a_damaged_part_counts_for_what_can_be_read(path, place):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1], [2, 3])
    part = min(parts_folder(path).iterdir())
    if place < 0:
        _damage(part, _get_value(1))
    else:
        part.write_bytes(part.read_bytes()[:place])
    notes, again = _fill(path, range(4))
    assert again == [0, 1]
    assert len(notes) == 1
    assert_holds(read_results(path), range(4))
    assert not parts_folder(path).exists()


def test_merge_takes_damaged_rows_from_another_file_or_leaves_them_out(path, tmp_path):
    write_results_file(path, range(10))
    _damage(path, _get_value(5))
    out = tmp_path / "all.h5"
    combined = merge(out, [path], partial=True)
    assert any("4 trials of none (4-7) cannot be read" in note for note in combined.notes)
    assert read_results(out).groups["none"]["trial"].tolist() == [0, 1, 2, 3, 8, 9]
    merge(out, [path, write_results_file(tmp_path / "b.h5", range(4, 8))], overwrite=True)
    assert_holds(read_results(out), range(10))


@pytest.mark.parametrize("finished", [True, False])
def test_a_changed_bit_anywhere_is_harmless_or_refused(path, finished):
    write_results_file(path, range(6), finished=finished)
    file = path if finished else next(parts_folder(path).iterdir())
    content = file.read_bytes()
    refused = 0
    for place in np.linspace(0, len(content) - 1, 80).astype(int).tolist():
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        try:
            assert_holds(read_results(path), range(6))
        except ResultsError as error:
            assert re.search("damaged|not an HDF5 file|did not write|newer", str(error)), place
            refused += 1
    assert refused > 8


@pytest.mark.parametrize("name", ["none/z_error", "figure1-none/pictures"])
def test_chunks_that_are_swapped_are_refused(path, monkeypatch, name):
    monkeypatch.setattr(checksums, "CHUNK_BYTES", 400)
    write_results_file(path, range(8), figures=_make_figures())
    with h5py.File(path) as file:
        first, second = (
            chunk.byte_offset.to_bytes(8, "little") for chunk in list_chunks(file[name].id)[:2]
        )
    content = bytearray(path.read_bytes())
    at, other = content.index(first), content.index(second)
    content[at : at + 8], content[other : other + 8] = second, first
    path.write_bytes(content)
    with pytest.raises(ResultsError, match="damaged"):
        assert_holds(read_results(path), range(8))


def test_a_damaged_figure_is_named_and_made_again(path):
    figures = _make_figures()
    write_results_file(path, range(10), figures=figures)
    _damage(path, next(iter(figures.values())).pictures[0, 0])
    with pytest.raises(ResultsError, match=r"figure1-none cannot be read.*makes just these"):
        read_results(path)
    with open_run(path, make_provenance()) as run:
        assert run.notes == [f"{path} is damaged: figure1-none cannot be read and count as missing"]
        run.finish()
        assert list(read_results(path).figures) == ["figure1-stochastic"]
        run.finish(figures)
        assert not run.notes
    found = read_results(path)
    assert_holds(found, range(10))
    assert found.figures.keys() == figures.keys()


def test_an_image_whose_row_is_damaged_counts_for_nothing(path):
    groups = IMAGE_GROUPS[0], f"{IMAGE_GROUPS[0]}/none"
    rows = make_rows([0], groups[:1]) | make_rows(range(3), groups[1:])
    with open_run(path, make_provenance(command="invert")) as run:
        run.commit(rows, CONSTANTS)
        run.finish()
    _damage(path, rows[groups[0]]["target"])
    with open_run(path, make_provenance(command="invert")) as run:
        assert f"3 trials of {groups[1]} (0-2)" in run.notes[0]
        assert not any(len(run.list_committed(group)) for group in groups)
        run.commit(rows, CONSTANTS)
        run.finish()
    found = read_results(path).groups[groups[0]]["target"]
    assert found.tobytes() == rows[groups[0]]["target"].tobytes()


def test_changed_attributes_are_refused(path):
    write_results_file(path, range(2))
    content = path.read_bytes()
    assert content.count(b'"trials": 10') == 1
    path.write_bytes(content.replace(b'"trials": 10', b'"trials": 11'))
    with pytest.raises(ResultsError, match=r"is damaged.*do not match their checksum"):
        read_results(path)


def test_a_file_without_checksums_is_read(path):
    write_results_file(path, range(10))
    old = path.with_name("old.h5")
    with h5py.File(path) as file, h5py.File(old, "w") as copy:
        copy.attrs.update(
            {name: value for name, value in file.attrs.items() if name != checksums.ATTRIBUTE}
        )
        columns = [
            f"{group}/{name}" for group, columns in make_rows([0]).items() for name in columns
        ]
        for name in (*columns, "curve_gradients", "snapshot_gradients"):
            copy[name] = file[name][()]
    assert_holds(read_results(old), range(10))
    assert _fill(old, range(12)) == ([], [10, 11])
    assert_holds(read_results(old), range(12))


def test_a_chunk_of_zeros_is_refused(path):
    """A lost block, to which a Fletcher-32 sum of 0 would fit."""
    write_results_file(path, range(10))
    with h5py.File(path) as file:
        chunk = list_chunks(file["none/z_error"].id)[1]
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"4 trials of none \(4-7\) cannot be read"):
        assert_holds(read_results(path), range(10))


@pytest.mark.parametrize("other", [np.void(b"abc"), "text", np.arange(3), 1.5, h5py.Empty("f4")])
def test_a_sum_of_another_type_does_not_match(path, other):
    with h5py.File(path, "w") as file:
        checksums.write_rows(file, "values", np.arange(9.0))
        checksums.write_index_sum(file["values"])
        checksums.check_index(file["values"])
        file["values"].attrs[checksums.INDEX_ATTRIBUTE] = other
        with pytest.raises(OSError, match="do not match"):
            checksums.check_index(file["values"])
