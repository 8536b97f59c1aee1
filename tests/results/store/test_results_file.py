"""A finished file is checked when it is opened, and no changed value is read."""

import contextlib
import multiprocessing
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
    set_attribute,
    write_results_file,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.results.store import Figure, hdf5, load_results, open_run, read_results

FIGURE = Figure(np.arange(24, dtype=np.uint8).reshape(1, 2, 2, 2, 3), ("found",), (0, 3))
DAMAGED = "is not a ganinv results file, or is damaged"


@pytest.fixture
def path(tmp_path):
    return write_results_file(tmp_path / "recover.h5", [0, 1, 5], figures={"figure1-none": FIGURE})


def _check_read(path):
    """Check that a file has what was written, or is refused in a sentence."""
    with contextlib.suppress(ResultsError):
        results = read_results(path)
        assert_holds(results, [0, 1, 5])
        assert (results.attributes["seed"], results.attributes["config"]["trials"]) == (7, 10)
        assert results.figures["figure1-none"].pictures.tobytes() == FIGURE.pictures.tobytes()
        assert results.constants.keys() == CONSTANTS.keys()
        for name, values in CONSTANTS.items():
            assert results.constants[name].tobytes() == values.tobytes()


def _check_changed(path, content, places, changes):
    for place in places:
        for change in changes:
            changed = bytearray(content)
            changed[place] ^= change
            path.write_bytes(changed)
            _check_read(path)


def test_a_changed_byte_is_noticed_or_changes_nothing(path):
    """In another process, because HDF5 may crash or hang."""
    content = path.read_bytes()
    draw = np.random.default_rng(0)
    places = draw.choice(len(content), 60, replace=False).tolist()
    texts = content.index(b"GCOL")
    places += range(texts, texts + 40, 2)
    with h5py.File(path) as file:
        for name in ("none/z_found", "trial", "figure1-none/pictures"):
            chunk = file[name].id.get_chunk_info(0)
            places.append(chunk.byte_offset + chunk.size // 2)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_check_changed, args=(path, content, places, (1, 0xFF)))
    process.start()
    process.join(300)
    assert process.exitcode == 0


def _add_dataset(path):
    """Change the file as another program may."""
    with h5py.File(path, "r+") as file:
        file["mine"] = 1


EARLIER = (
    r"written by an earlier ganinv \(schema {}, this one reads 4\); read it with the version t"
)
SPOILED = {
    "text": (lambda path: path.write_text("hello", encoding="utf-8"), "is not an HDF5 file"),
    "another's": (lambda path: h5py.File(path, "w").close(), "ganinv did not write"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-5000]), DAMAGED),
    "changed": (_add_dataset, f"{DAMAGED} .its checksum is missing"),
    "path": (lambda path: set_attribute(path, "groups", '["../none"]'), DAMAGED),
    "newer": (lambda path: set_attribute(path, "schema", 5), "written by a newer ganinv"),
    "schema 1": (lambda path: set_attribute(path, "schema", 1), EARLIER.format(1)),
    "schema 2": (lambda path: set_attribute(path, "schema", 2), EARLIER.format(2)),
}


@pytest.mark.parametrize("spoil, said", SPOILED.values(), ids=SPOILED.keys())
def test_a_file_that_cannot_be_read_is_explained_and_left(path, spoil, said):
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(ResultsError, match=said) as reading:
        read_results(path)
    with pytest.raises(ResultsError, match=said) as opening, open_run(path, make_provenance()):
        pass
    for error in (reading.value, opening.value):
        assert error.exit_code == 2
        assert str(path) in str(error) and "\n" not in str(error)
    assert path.read_bytes() == before
    if said in ("is not an HDF5 file", "ganinv did not write"):
        with pytest.raises(ResultsError), open_run(path, make_provenance(), overwrite=True):
            pass
        assert path.read_bytes() == before
    else:
        with open_run(path, make_provenance(), overwrite=True) as run:
            commit_batches(run, [4])
        assert_holds(read_results(path), [4])


def test_a_damaged_file_is_refused_before_it_is_extended_and_its_log_is_kept(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [2])
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        content[file["none/z_found"].id.get_chunk_info(0).byte_offset + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ResultsError, match="or move it away and run") as refusal:
        open_run(path, make_provenance()).__enter__()
    assert "--overwrite" not in str(refusal.value)
    path.unlink()
    assert_holds(read_results(path), [2])


def _replace(path):
    write_results_file(path.with_name("other.h5"), [2]).replace(path)


@pytest.mark.parametrize("change", [_replace, _add_dataset, lambda path: path.write_bytes(b"")])
def test_a_file_that_is_changed_or_replaced_after_it_was_read_is_no_wrong_number(path, change):
    in_memory, rows = load_results(path), read_results(path).groups["none"]
    change(path)
    os.utime(path, (0, 0))  # a system may count time in steps of milliseconds
    assert_holds(in_memory, [0, 1, 5])
    with pytest.raises(ResultsError, match="changed, replaced or damaged while it w") as refusal:
        rows["z_found"]
    assert refusal.value.exit_code == 1


@pytest.mark.parametrize(("chunk", "chunks"), [(4096, 3), (1 << 19, 128)])
def test_chunks_and_slices_of_any_size_give_the_same(tmp_path, monkeypatch, chunk, chunks):
    monkeypatch.setattr(hdf5, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(hdf5, "SLICE_CHUNKS", chunks)
    trials = np.random.default_rng(0).permutation(150)[:100].tolist()
    path = write_results_file(tmp_path / "a.h5", trials)
    assert_holds(read_results(path), trials)


def test_the_file_of_a_shard_has_its_own_rows_alone(tmp_path):
    trials, whole, shard = [5, 10**9], {"trials": 10**9 + 1}, {"shard": "1/1000"}
    path = write_results_file(tmp_path / "shard.h5", trials, config=whole | shard)
    assert_holds(read_results(path), trials)
    with h5py.File(path) as file:
        assert file["trial"][()].tolist() == file["none/trial"][()].tolist() == trials
        assert len(file["none/z_found"]) == 2
    small = write_results_file(tmp_path / "small.h5", [0, 1])
    assert path.stat().st_size < 1.1 * small.stat().st_size


def test_rows_of_both_widths_of_floats_keep_their_digits(path):
    wide = make_rows([2])["none"]
    wide["z_found"] = wide["z_found"].astype(np.float64) / 3
    for finish in (False, True):
        with open_run(path, make_provenance()) as run:
            run.commit({"none": wide})
            if finish:
                run.finish()
        found = read_results(path).groups["none"]["z_found"]
        assert found.dtype == np.float64
        assert found[2].tobytes() == wide["z_found"][0].tobytes()
