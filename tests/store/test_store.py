"""A results file returns the committed data."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from stored import (
    CONSTANTS,
    CURVE_GRADIENTS,
    IMAGE_GROUPS,
    assert_holds,
    commit_batches,
    make_provenance,
    make_row,
    make_rows,
    parts_folder,
)

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import (
    Figure,
    catalogue,
    columns,
    finished_file,
    format_tables,
    open_run,
    read_results,
    schema,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"


@pytest.mark.parametrize("finished", [False, True])
def test_what_is_read_is_bit_for_bit_what_was_committed(path, finished):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1], [2])
        if finished:
            run.finish()
    results = read_results(path)
    assert_holds(results, [0, 1, 2])
    assert results.constants["curve_gradients"].tobytes() == CURVE_GRADIENTS.tobytes()
    assert results.complete == finished
    assert (results.attributes["finished"] != "") == finished
    for name in ("command", "config", "identity", "versions", "checkpoint_sha256", "seed", "git"):
        assert results.attributes[name] == getattr(make_provenance(), name)


def test_either_float_width_is_kept(path):
    batch = make_rows([0, 1])
    batch["none"]["z_found"] = batch["none"]["z_found"].astype(np.float64) / 3
    with open_run(path, make_provenance()) as run:
        run.commit(batch, CONSTANTS)
        run.finish()
    found = read_results(path).groups["none"]["z_found"]
    assert found.tobytes() == batch["none"]["z_found"].tobytes()


def test_the_row_is_the_trial_number_and_rows_not_run_say_so(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [4], [1])
        run.finish()
    with h5py.File(path) as file:
        outcome = file["stochastic/outcome"][:]
        assert np.flatnonzero(outcome).tolist() == [1, 4]
        assert len(file["z_true"]) == len(outcome) == 5
        assert np.isnan(file["stochastic/z_found"][[0, 2, 3]]).all()
        assert np.isnan(file["stochastic/first/gradients"][0])
        assert file["none/z_start"][4].tobytes() == make_row("none", 4)["z_start"].tobytes()
        assert file["none/first/z_start"] == file["none/z_start"]
        assert file["none/z_error"].chunks
        assert file["none/z_error"].attrs["unit"] == "z²"
    assert not parts_folder(path).exists()


def test_the_order_of_commits_does_not_matter(path, tmp_path):
    other = tmp_path / "other.h5"
    for name, batches in ((path, ([0, 1], [2], [5, 3])), (other, ([5, 3], [1, 0], [2]))):
        with open_run(name, make_provenance()) as run:
            commit_batches(run, *batches)
            if name == path:
                run.finish()
    assert_holds(read_results(path), [0, 1, 2, 3, 5])
    assert_holds(read_results(other), [0, 1, 2, 3, 5])


def test_merging_block_by_block_gives_what_merging_at_once_gives(path, monkeypatch):
    monkeypatch.setattr(finished_file, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(finished_file, "CHUNK_BYTES", 64)
    trials = np.random.default_rng(0).permutation(60)
    with open_run(path, make_provenance()) as run:
        commit_batches(run, *trials[:40].reshape(8, 5).tolist())
        run.finish()
        commit_batches(run, *trials[40:].reshape(4, 5).tolist())
        run.finish()
    assert_holds(read_results(path), range(60))


def test_a_finished_run_goes_on_with_more_trials(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        run.finish()
    started = read_results(path).attributes["started"]
    with open_run(path, make_provenance(config={"trials": 20})) as run:
        assert run.list_committed("none").tolist() == [0, 1]
        assert run.list_committed("standard").tolist() == []
        commit_batches(run, [2, 3])
        assert run.list_committed("none").tolist() == [0, 1, 2, 3]
        going_on = read_results(path)
        assert_holds(going_on, range(4))
        assert not going_on.complete
        assert going_on.attributes["finished"] == ""
        assert going_on.attributes["config"] == {"trials": 20}
        run.finish()
    results = read_results(path)
    assert_holds(results, range(4))
    assert results.complete
    assert results.attributes["started"] == started
    assert results.attributes["config"] == {"trials": 20}


def test_a_run_that_stopped_goes_on_where_it_was(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 2])
    with open_run(path, make_provenance()) as run:
        assert run.list_committed("stochastic").tolist() == [0, 2]
        commit_batches(run, [1])
        run.finish()
    assert_holds(read_results(path), [0, 1, 2])


def test_finishing_twice_changes_nothing(path):
    for _ in range(2):
        with open_run(path, make_provenance()) as run:
            commit_batches(run, [0])
            run.finish()
            first = path.read_bytes()
            run.finish()
        assert path.read_bytes() == first


def test_a_committed_trial_keeps_its_first_row(path):
    other = make_rows([0, 1])
    other["none"]["z_found"] = other["none"]["z_found"] + 1
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        run.commit(other, CONSTANTS)
        run.finish()
    found = read_results(path).groups["none"]["z_found"]
    assert found[0].tobytes() == make_row("none", 0)["z_found"].tobytes()
    assert found[1].tobytes() == other["none"]["z_found"][1].tobytes()


def test_where_two_files_have_a_trial_the_first_one_counts(path, tmp_path):
    other = tmp_path / "other.h5"
    batch = make_rows([0])
    batch["none"]["z_found"] = batch["none"]["z_found"] + 1
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
    with open_run(other, make_provenance()) as run:
        run.commit(batch, CONSTANTS)
    (parts_folder(other) / "part-00000001.h5").rename(parts_folder(path) / "part-00000002.h5")
    assert_holds(read_results(path), [0])
    with open_run(path, make_provenance()) as run:
        run.finish()
    assert_holds(read_results(path), [0])


def test_groups_may_be_committed_apart_and_lie_deep(path):
    with open_run(path, make_provenance()) as run:
        run.commit(make_rows([0, 1], ("variance=0.01/none",)), CONSTANTS)
        run.commit(make_rows([1], ("variance=0.1/none",)), CONSTANTS)
        assert run.list_committed("variance=0.1/none").tolist() == [1]
        run.finish()
    groups = read_results(path).groups
    assert groups["variance=0.01/none"]["trial"].tolist() == [0, 1]
    assert groups["variance=0.1/none"]["trial"].tolist() == [1]


def test_figures_come_back_and_stay_when_the_run_is_extended(path):
    pictures = np.arange(2 * 3 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 4, 3)
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        run.finish({"figure1": Figure(pictures, ("true", "found"), (0, 1, 2))})
        commit_batches(run, [1])
        run.finish()
    figure = read_results(path).figures["figure1"]
    assert figure.pictures.tobytes() == pictures.tobytes()
    assert (figure.panels, figure.trials) == (("true", "found"), (0, 1, 2))


def test_a_part_describes_itself(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [3])
    (part,) = parts_folder(path).iterdir()
    alone = path.with_name("alone.h5")
    alone.write_bytes(part.read_bytes())
    results = read_results(alone)
    assert_holds(results, [3])
    assert not results.complete


def test_a_long_config_is_kept(path):
    config = {"image": [f"folder/picture-{number:06d}.png" for number in range(10_000)]}
    with open_run(path, make_provenance(config=config)) as run:
        commit_batches(run, [0])
        run.finish()
    assert read_results(path).attributes["config"] == config


def test_every_column_is_in_the_round_trip():
    assert make_row("", 0).keys() == schema.get_columns("").keys()
    assert make_row("none", 0).keys() == schema.get_columns("none").keys()
    for group in IMAGE_GROUPS:
        assert make_row(group, 0).keys() == schema.get_columns(group).keys()
    assert {outcome.value for outcome in Outcome} == {1, 2, 3, 4, 5}


def test_the_store_knows_what_is_missing():
    committed = catalogue.Catalogue()
    committed.add(Path("a"), {"none": np.array([3, 0])})
    assert committed.is_missing("none", np.array([0, 1, 3, 99])).tolist() == [
        False,
        True,
        False,
        True,
    ]
    assert not committed.add(Path("b"), {"none": np.array([3])})


def test_the_documented_columns_are_those_of_the_schema():
    page = Path(__file__).parents[2] / "docs" / "results-format.md"
    text = page.read_text(encoding="utf-8")
    assert format_tables.update_tables(text) == text
    trials = (*columns.ROOT, *columns.RULE, *columns.FIRST, *columns.POLISHED)
    images = (*columns.IMAGE, *columns.CERTIFICATE)
    for column in (*trials, *images, *columns.CONSTANTS):
        assert f"| `{column.name}` | {column.dtype} |" in text


def test_the_store_does_not_load_tensorflow():
    code = "import sys, ganinv_cli.store; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
