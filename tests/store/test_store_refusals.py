"""The results store refuses bad files, each with a sentence."""

import re

import h5py
import numpy as np
import pytest
from stored import (
    CONSTANTS,
    LATENT,
    assert_holds,
    commit_batches,
    make_provenance,
    make_rows,
    parts_folder,
    set_attribute,
    write_results_file,
)

from ganinv_cli.errors import ResultsError, UsageError
from ganinv_cli.store import checksums, lock, open_run, read_results, schema


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"


@pytest.mark.parametrize("finished", [False, True])
def test_another_run_is_refused_with_every_difference(path, finished):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        if finished:
            run.finish()
    other = make_provenance(
        identity={"solver": "lbfgs", "lbfgs": {"memory": 20, "step": 1}, "clip": ["none"]},
        seed=8,
    )
    with pytest.raises(ResultsError) as refusal, open_run(path, other):
        pass
    said = str(refusal.value)
    assert refusal.value.exit_code == 2
    assert str(path) in said
    assert "[lbfgs] memory is 50 in the file, and 20 here" in said
    assert "[lbfgs] step is not set in the file, and 1 here" in said
    assert "--clip is none,stochastic in the file, and none here" in said
    assert "--seed is 7 in the file, and 8 here" in said
    assert "--solver is" not in said
    assert "--overwrite" in said
    assert "--out" in said
    assert_holds(read_results(path), [0])


def test_what_makes_another_generator_of_a_file_is_said(path):
    told = {"checkpoint": "g.pth", "labels": 8, "strides": [1, 2], "range": ""}
    with open_run(path, make_provenance(config=told)) as run:
        commit_batches(run, [0])
    here = told | {"labels": -1, "strides": (1, 1), "range": "sigmoid"}
    other = make_provenance(config=here, checkpoint_sha256="cd" * 32)
    with pytest.raises(ResultsError) as refusal, open_run(path, other):
        pass
    said = str(refusal.value)
    assert "--labels is 8 in the file, and -1 here" in said
    assert "--strides is 1,2 in the file, and 1,1 here" in said
    assert "--range is not set in the file, and sigmoid here" in said
    assert "--checkpoint is" not in said
    assert "sha256" not in said


def test_what_follows_from_another_setting_is_not_named(path):
    there = {"checkpoint": "a.pth", "strides": [1, 2], "range": "", "mask": "a.png"}
    solved = {"solver": "lbfgs", "lbfgs": {"memory": 50}, "prior": "normal:1"}
    hashes = {"mask_sha256": "1", "encoder_sha256": "2"}
    with open_run(path, make_provenance(config=there, identity=solved | hashes)) as run:
        commit_batches(run, [0])

    def say(config=None, sha256="ab" * 32, **identity):
        settings = {"config": there | (config or {}), "identity": solved | hashes | identity}
        other = make_provenance(checkpoint_sha256=sha256, **settings)
        with pytest.raises(ResultsError) as refusal, open_run(path, other):
            pass
        return str(refusal.value).partition("another run: ")[2].partition(". Name")[0]

    other = {"checkpoint": "b.pth", "strides": [], "range": "sigmoid"}
    derived = {"prior": "uniform:-1,1", "mask_sha256": "3", "encoder_sha256": "4"}
    checkpoint = "--checkpoint is a.pth in the file, and b.pth here"
    given = "--range is not set in the file, and sigmoid here"
    assert say(other, "cd" * 32, **derived) == f"{checkpoint}; {given}"
    assert say(solver="gd", gd={"rate": 1}) == "--solver is lbfgs in the file, and gd here"
    mask = "--mask is a.png in the file, and b.png here"
    assert say({"mask": "b.png"}, mask_sha256="3") == mask
    assert say(mask_sha256="3") == "the sha256 of the mask is 1 in the file, and 3 here"
    changed = f"the sha256 of the generator is {'ab' * 32} in the file, and {'cd' * 32} here"
    assert say(None, "cd" * 32, **derived) == changed


@pytest.mark.parametrize("checkpoint", ["g.pb", "g.pth"])
def test_why_a_saved_model_has_another_hash_than_before_is_said(path, checkpoint):
    config = {"checkpoint": checkpoint}
    with open_run(path, make_provenance(config=config)) as run:
        commit_batches(run, [0])
    other = make_provenance(config=config, checkpoint_sha256="cd" * 32)
    with pytest.raises(ResultsError) as refusal, open_run(path, other):
        pass
    assert ("SavedModels as TensorFlow operations" in str(refusal.value)) == (checkpoint == "g.pb")


def test_a_run_from_before_priors_and_labels_goes_on(path):
    with open_run(path, make_provenance(identity={"clip": ["none"]})) as run:
        commit_batches(run, [0])
    now = {"clip": ["none"], "prior": "uniform:-1,1", "label": -1}
    with open_run(path, make_provenance(identity=now)) as run:
        assert run.list_committed("none").tolist() == [0]
    other = make_provenance(identity=now | {"label": 3})
    with (
        pytest.raises(ResultsError, match="--label is each in turn in the file, and 3 here"),
        open_run(path, other),
    ):
        pass


def test_settings_that_do_not_decide_the_results_may_change(path):
    with open_run(path, make_provenance(identity={"clip": ("none",), "step": 1.0})) as run:
        commit_batches(run, [0])
    with open_run(path, make_provenance(identity={"step": 1, "clip": ["none"]}, config={})) as run:
        assert run.list_committed("none").tolist() == [0]


def test_overwrite_starts_again(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        run.finish()
        commit_batches(run, [2])
    with open_run(path, make_provenance(seed=8), overwrite=True) as run:
        assert run.list_committed("none").size == 0
        commit_batches(run, [5])
    assert_holds(read_results(path), [5])


def test_overwrite_removes_nothing_while_another_process_writes(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        with pytest.raises(ResultsError), open_run(path, make_provenance(), overwrite=True):
            pass
        assert_holds(read_results(path), [0])


def test_overwrite_leaves_files_that_are_not_results(path):
    path.write_text("a letter")
    with pytest.raises(ResultsError), open_run(path, make_provenance(), overwrite=True):
        pass
    assert path.read_text() == "a letter"
    with h5py.File(path, "w") as file:
        file["weights"] = [1.0]
    with pytest.raises(ResultsError), open_run(path, make_provenance(), overwrite=True):
        pass
    with h5py.File(path) as file:
        assert "weights" in file


def _finished(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        run.finish()


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-5000])


def _break(path):
    with h5py.File(path, "r+") as file:
        del file["none/trial"]


SPOILED = {
    "text": (lambda path: path.write_text("hello"), "not an HDF5 file"),
    "cut short": (_truncate, "damaged"),
    "broken": (_break, "none/trial is missing"),
    "newer": (lambda path: set_attribute(path, "schema", schema.SCHEMA_VERSION + 1), "newer"),
    "attributes": (
        lambda path: set_attribute(path, "config", "{"),
        "attribute config is not JSON",
    ),
    "another's": (lambda path: h5py.File(path, "w").close(), "ganinv did not write"),
}


@pytest.mark.parametrize("spoil, said", SPOILED.values(), ids=SPOILED.keys())
def test_a_file_that_cannot_be_read_is_explained_and_left(path, spoil, said):
    _finished(path)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(ResultsError, match=said) as reading:
        read_results(path)
    with pytest.raises(ResultsError, match=said) as opening, open_run(path, make_provenance()):
        pass
    for error in (reading.value, opening.value):
        assert error.exit_code == 2
        assert str(path) in str(error)
        assert "\n" not in str(error)
    assert path.read_bytes() == before


@pytest.mark.parametrize("spoil", ["cut short", "broken", "newer"])
def test_overwrite_replaces_a_results_file_that_cannot_be_read(path, spoil):
    _finished(path)
    SPOILED[spoil][0](path)
    with open_run(path, make_provenance(), overwrite=True) as run:
        commit_batches(run, [4])
        run.finish()
    assert_holds(read_results(path), [4])


def test_a_damaged_part_is_named(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0], [1])
    part = parts_folder(path) / "part-00000002.h5"
    part.write_bytes(part.read_bytes()[:-5000])
    with pytest.raises(ResultsError, match=r"part-00000002.h5 is damaged.*run the same"):
        read_results(path)
    part.unlink()
    assert_holds(read_results(path), [0])


def test_parts_of_another_run_beside_the_file_are_refused(path, tmp_path):
    _finished(path)
    other = tmp_path / "other.h5"
    with open_run(other, make_provenance(seed=8)) as run:
        commit_batches(run, [5])
    parts_folder(other).rename(parts_folder(path))
    with pytest.raises(ResultsError, match="another run"):
        read_results(path)


def test_nothing_to_read_is_a_sentence(path):
    with pytest.raises(ResultsError, match="no results"):
        read_results(path)
    with pytest.raises(ResultsError, match="folder"):
        read_results(path.parent)


def test_a_place_that_cannot_be_written_is_refused_before_any_work(path, monkeypatch):
    missing = path.parent / "missing" / "recover.h5"
    with pytest.raises(UsageError, match="does not exist"), open_run(missing, make_provenance()):
        pass
    assert not missing.parent.exists()
    with pytest.raises(ResultsError, match="is a folder"), open_run(path.parent, make_provenance()):
        pass

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(lock.FileLock, "acquire", denied)
    with (
        pytest.raises(ResultsError, match=r"cannot be written \(Permission denied\)"),
        open_run(path, make_provenance()),
    ):
        pass


@pytest.mark.parametrize(
    "change",
    [
        {"z_found": np.zeros((2, LATENT + 1), np.float32)},
        {"z_found": np.zeros((2, LATENT), np.float64)},
        {"z_found": np.zeros((1, LATENT), np.float32)},
        {"outcome": np.array([0, 1], np.uint8)},
        {"first/outcome": np.array([0, 1], np.uint8)},
        {"polished/outcome": np.array([6, 1], np.uint8)},
        {"restarts": np.array([0.5, 1])},
        {"trial": np.array([2, 2])},
        {"trial": np.array([-1, 2])},
        {"colour": np.zeros(2)},
    ],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_written(path, change):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        batch = make_rows([2, 3])
        batch["none"] = batch["none"] | change
        with pytest.raises(ValueError):
            run.commit(batch)
        assert run.list_committed("none").tolist() == [0, 1]
    assert_holds(read_results(path), [0, 1])


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("name", ["curve_gradients", "snapshot_gradients", "none/z_error"])
def test_rows_that_do_not_fit_a_changed_file_are_refused(path, name, finished):
    write_results_file(path, [0, 1], finished=finished)
    stored = path if finished else next(parts_folder(path).iterdir())
    with h5py.File(stored, "r+") as file:
        del file.attrs[checksums.ATTRIBUTE]
        if name in CONSTANTS:
            file[name][...] += 1
        else:
            values = file[name][()]
            del file[name]
            file[name] = values.astype(np.float32)
    message = f"{re.escape(str(path))} does not fit its own config .*{name}.*--overwrite"
    with open_run(path, make_provenance()) as run, pytest.raises(ResultsError, match=message):
        commit_batches(run, [2, 3])


@pytest.mark.parametrize("value", [np.inf, np.nan, -1.0])
@pytest.mark.parametrize("name", ["curve_gradients", "snapshot_gradients"])
def test_constants_that_are_no_counts_are_refused(path, name, value):
    write_results_file(path, [0, 1])
    with h5py.File(path, "r+") as file:
        file[name][0] = value
        checksums.write_attributes_sum(file)
    with pytest.raises(ResultsError, match=f"{name} has a value that is negative or not finite"):
        read_results(path)
