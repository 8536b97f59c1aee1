"""Images, their certificates and very many groups come back as they were committed."""

import h5py
import numpy as np
import pytest
from PIL import Image
from stored import (
    CONSTANTS,
    IMAGE_GROUPS,
    PIXELS,
    commit_batches,
    make_provenance,
    make_row,
    make_rows,
)

from ganinv_cli.experiments.image_files import read_image_files
from ganinv_cli.experiments.image_rows import make_image_row
from ganinv_cli.images import Crop
from ganinv_cli.store import open_run, read_results, schema

IMAGE, CERTIFICATE = IMAGE_GROUPS
TRIALS = f"{IMAGE}/stochastic"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "consistency.h5"


def _assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype, name
        assert found[name].tobytes() == values.tobytes(), name


@pytest.mark.parametrize("finished", [False, True])
def test_an_image_and_its_certificate_are_read_bit_for_bit(path, finished):
    with open_run(path, make_provenance(command="consistency")) as run:
        run.commit(make_rows([0], (IMAGE,)) | make_rows([0, 1, 2], (TRIALS,)), CONSTANTS)
        run.commit(make_rows([0], (CERTIFICATE,)), CONSTANTS)
        if finished:
            run.finish()
    groups = read_results(path).groups
    assert set(groups) == {IMAGE, TRIALS, CERTIFICATE}
    _assert_equal(groups[IMAGE], make_rows([0], (IMAGE,))[IMAGE])
    _assert_equal(groups[CERTIFICATE], make_rows([0], (CERTIFICATE,))[CERTIFICATE])
    _assert_equal(groups[TRIALS], make_rows([0, 1, 2], (TRIALS,))[TRIALS])


def test_a_group_takes_no_more_room_than_its_own_rows(path):
    with open_run(path, make_provenance(command="consistency")) as run:
        run.commit(
            make_rows([0], (IMAGE, CERTIFICATE)) | make_rows(range(50), (TRIALS,)), CONSTANTS
        )
        run.finish()
    with h5py.File(path) as file:
        assert len(file[IMAGE]["target"]) == len(file[CERTIFICATE]["reconstruction"]) == 1
        assert len(file[TRIALS]["z_found"]) == 50


def test_a_later_certificate_stands_beside_the_earlier_one(path):
    with open_run(path, make_provenance()) as run:
        for number in range(2):
            run.commit(make_rows([number], (CERTIFICATE,)), CONSTANTS)
            run.finish()
    assert read_results(path).groups[CERTIFICATE]["trial"].tolist() == [0, 1]
    last = read_results(path).groups[CERTIFICATE]["reconstruction"][-1]
    assert last.tobytes() == make_row(CERTIFICATE, 1)["reconstruction"].tobytes()


def test_only_the_rows_of_a_rule_count_as_trials(path):
    with open_run(path, make_provenance()) as run:
        run.commit(make_rows([0], (IMAGE, CERTIFICATE)) | make_rows([0, 1], (TRIALS,)), CONSTANTS)
        assert run._committed.saved_trials == 2
    ruled = ("none", "variance=0.1/none", TRIALS)
    assert all(schema.is_trial_group(group) for group in ruled)
    assert not any(schema.is_trial_group(group) for group in ("", IMAGE, CERTIFICATE))


def test_a_row_that_is_no_trial_needs_no_outcome_and_a_trial_does(path):
    batch = make_rows([0], (TRIALS,))
    del batch[TRIALS]["outcome"]
    with open_run(path, make_provenance()) as run, pytest.raises(ValueError, match="outcome"):
        run.commit(batch, CONSTANTS)


def test_a_text_that_is_too_long_is_refused_rather_than_cut(path):
    batch = make_rows([0], (IMAGE,))
    batch[IMAGE]["error"] = np.array([b"x" * 256])
    with open_run(path, make_provenance()) as run, pytest.raises(ValueError, match="error"):
        run.commit(batch, CONSTANTS)


def test_a_long_text_is_cut_between_two_characters(path):
    """One byte longer and longer names: a cut at 255 bytes would fall inside a character."""
    folder = path.parent / ("é" * 120) / ("ü" * 120)
    folder.mkdir(parents=True)
    names = ["xö.png", "ö.png"]
    for name in names:
        (folder / name).write_text("no image")
    readable = path.parent / "readable.png"
    _picture(readable)
    images = read_image_files(
        [str(folder), str(readable)], PIXELS, Crop("center"), path.with_suffix("")
    )
    with open_run(path, make_provenance()) as run:
        run.commit({f"image={n:04d}": make_image_row(images[n]) for n in range(3)})
        run.finish()
    for number in range(2):
        found = read_results(path).groups[f"image={number:04d}"]
        said, whole = found["error"][0], images[number].error
        assert found["name"][0].decode() == names[number]
        assert 252 <= len(said) <= 255 < len(whole.encode())
        assert whole.startswith(said.decode())


@pytest.mark.slow
def test_a_long_list_of_groups_is_kept(path):
    """By default, an attribute of HDF5 can hold at most 64 kB."""
    names = [f"case={number:0500d}/stochastic" for number in range(150)]
    (rows,) = make_rows([0], ("none",)).values()
    with open_run(path, make_provenance(command="invert")) as run:
        run.commit(dict.fromkeys(names, rows), CONSTANTS)
        assert run.list_committed(names[-1]).tolist() == [0]
    assert list(read_results(path).groups) == names
    with open_run(path, make_provenance(command="invert")) as run:
        assert run.list_committed(names[-1]).tolist() == [0]
        run.finish()
    with h5py.File(path) as file:
        assert len(file.attrs["groups"]) > 65536
    assert list(read_results(path).groups) == names


def test_truths_and_bounds_are_kept_where_they_come_trial_by_trial(path):
    with open_run(path, make_provenance(command="noise-sweep")) as run:
        commit_batches(run, [0, 1])
        run.finish()
    found = read_results(path).groups[""]["cramer_rao"]
    assert found.tolist() == [make_row("", trial)["cramer_rao"] for trial in range(2)]


def _picture(path):
    Image.fromarray(np.zeros(PIXELS, np.uint8)).save(path)
