"""Rows that were committed are read as they were written, during a run and after it."""

import h5py
import numpy as np
import pytest
from stored import (
    CONSTANTS,
    CURVE_GRADIENTS,
    assert_holds,
    commit_batches,
    make_provenance,
    make_rows,
    write_results_file,
)

from ganinv_cli import lock
from ganinv_cli.errors import ResultsError, UsageError
from ganinv_cli.results.store import Figure, open_run, read, read_results
from ganinv_cli.results.store.log import name_log

FIGURE = Figure(np.arange(24, dtype=np.uint8).reshape(1, 2, 2, 2, 3), ("found",), (0, 3))


def test_rows_are_read_bit_for_bit_before_and_after_the_end(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [4, 0], [2, 7], [3])
        during = read_results(path)
        assert_holds(during, [0, 2, 3, 4, 7])
        assert not during.complete and during.attributes["finished"] == ""
        run.finish({"figure1-none": FIGURE})
    after = read_results(path)
    for found in (during, after):  # the log is gone
        assert_holds(found, [0, 2, 3, 4, 7])
        assert found.constants["curve_gradients"].tobytes() == CURVE_GRADIENTS.tobytes()
        assert found.attributes["config"]["trials"] == 10
    assert after.complete and after.attributes["finished"]
    assert after.figures["figure1-none"].pictures.tobytes() == FIGURE.pictures.tobytes()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("step", ["read_file", "has_content"])
def test_a_run_that_finishes_while_it_is_opened_is_read_whole(path, monkeypatch, step):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        open_next = getattr(read, step)

        def finish_and_open(given):
            monkeypatch.setattr(read, step, open_next)
            run.finish()
            return open_next(given)

        monkeypatch.setattr(read, step, finish_and_open)
        assert_holds(read_results(path), [0, 1])


def test_the_finished_file_is_as_the_documentation_says(path):
    write_results_file(path, [4, 1])
    with h5py.File(path) as file:
        assert file["trial"][()].tolist() == [-1, 1, -1, -1, 4]
        assert file["none/outcome"][0] == 0 and np.isnan(file["none/z_found"][3]).all()
        assert file["none/first/z_start"] == file["none/z_start"]
        assert file["none/z_error"].attrs["unit"] == "z²"
        assert file["none/z_error"].attrs["meaning"].startswith("‖z_found")
        assert {"schema", "seed"} <= file.attrs.keys()


def test_a_finished_run_is_extended_and_keeps_its_figures(path):
    write_results_file(path, [0, 1], figures={"figure1-none": FIGURE})
    with open_run(path, make_provenance(device="GPU")) as run:
        commit_batches(run, [1, 2])
    extended = read_results(path)
    assert_holds(extended, [0, 1, 2])
    assert not extended.complete and extended.attributes["device"] == "GPU"
    with open_run(path, make_provenance()) as run:
        run.finish()
    assert read_results(path).figures.keys() == {"figure1-none"}
    written = path.read_bytes()
    with open_run(path, make_provenance()) as run:
        run.finish()
    assert path.read_bytes() == written  # nothing was added


def test_the_first_row_of_a_trial_counts(path):
    other = make_rows([5])["none"] | {"trial": np.array([1])}
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        run.commit({"none": other})
        run.finish()
    with open_run(path, make_provenance()) as run:
        run.commit({"none": other})
        run.finish()
    assert_holds(read_results(path), [0, 1])


def test_the_writer_knows_and_reads_what_it_has_committed(path):
    for number in range(2):
        with open_run(path, make_provenance()) as run:
            commit_batches(run, [5 + number], [2 * number])
            assert run.read_group("none")["trial"].tolist() == [[0, 5], [0, 2, 5, 6]][number]
            assert run.read_group("wall")["trial"].size == 0
            group = run.read_group("none")
            assert (
                group["z_found"].tobytes() == make_rows(group["trial"])["none"]["z_found"].tobytes()
            )


def test_optional_columns_may_be_missing_in_some_rows(path):
    batch = make_rows([1], ("none",))
    del batch["none"]["label"], batch["none"]["curve_loss"]
    with open_run(path, make_provenance()) as run:
        run.commit(make_rows([0], ("none",)), CONSTANTS)
        run.commit(batch)
        for _ in range(2):
            group = read_results(path).groups["none"]
            assert group["label"][1] == 0 and np.isnan(group["curve_loss"][1]).all()
            run.finish()


def test_a_commit_writes_its_rows_alone_however_many_there_are(path, monkeypatch):
    """Whatever the config has, such as the names of 10,000 images; no earlier row is touched."""
    sizes = []
    for images in (0, 10_000):
        config = {"image": [f"picture-{number}.png" for number in range(images)]}
        with open_run(path, make_provenance(config=config), overwrite=True) as run:
            contents = [0]
            with monkeypatch.context() as patch:
                patch.setattr("ganinv_cli.results.store.run.JoinedRows", None)  # it is not made
                for trial in range(20):
                    commit_batches(run, [trial])
                    contents.append(name_log(path).stat().st_size)
        sizes.append(np.diff(contents))
    few, many = sizes
    assert set(few[1:]) == set(many[1:]) == {few[1]}
    assert many[0] - few[0] > 10_000  # it has the config


def test_settings_that_are_recorded_later_are_in_the_next_block(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0], [1])
        run.record({"images": 5})
        commit_batches(run, [2], [3])
    assert_holds(read_results(path), range(4))
    assert read_results(path).attributes["config"]["images"] == 5


def test_one_process_writes_at_a_time(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        for overwrite in (False, True):
            with (
                pytest.raises(ResultsError, match="is being written by another process"),
                open_run(path, make_provenance(), overwrite),
            ):
                pass
        assert_holds(read_results(path), [0])


def test_a_place_that_cannot_be_written_is_refused_before_any_work(path, monkeypatch):
    def deny(*_):
        raise PermissionError(13, "Permission denied")

    with pytest.raises(ResultsError, match="is a folder"), open_run(path.parent, make_provenance()):
        pass
    monkeypatch.setattr(lock.FileLock, "acquire", deny)
    words = r"cannot be written \(Permission denied\)"
    with pytest.raises(UsageError, match=words), open_run(path, make_provenance()):
        pass


def test_a_folder_without_locks_is_refused(path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    words = r"cannot be written \(Function not implemented\); .*choose another place"
    with pytest.raises(UsageError, match=words), open_run(path, make_provenance()):
        pass
