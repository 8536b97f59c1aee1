"""A log is read up to where it is torn or damaged, and the trials after that run again."""

import os

import pytest
from stored import (
    CONSTANTS,
    assert_holds,
    commit_batches,
    make_provenance,
    write_results_file,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.results.store import log, open_run, read_results

EARLIER = bytes.fromhex("d5a3c1874e0b92f66c18e7b03d5f2a99") + bytes(50)  # its mark


def _commit(path, *batches):
    """Commit the batches; return the bytes of the log after each."""
    contents = []
    with open_run(path, make_provenance()) as run:
        for batch in batches:
            commit_batches(run, batch)
            contents.append(log.name_log(path).read_bytes())
    return contents


def test_a_commit_torn_at_any_byte_is_cut_off(path):
    first, both = _commit(path, [0], [1])
    for size in [*range(len(first), len(both), 97), len(both) - 1]:
        log.name_log(path).write_bytes(both[:size])
        assert_holds(read_results(path), [0])
        with open_run(path, make_provenance()) as run:
            assert run.read_group("none")["trial"].tolist() == [0]
            assert run.notes == []
            commit_batches(run, [1])
        assert log.name_log(path).read_bytes()[: len(first)] == first


def test_a_log_is_read_up_to_the_first_damaged_block(path):
    contents = [b"", *_commit(path, [0], [1], [2])]
    for number in range(3):
        low, high = len(contents[number]), len(contents[number + 1])
        for place in [*range(low, low + 44, 4), *range(low + 44, high, 700), high - 1]:
            changed = bytearray(contents[-1])
            changed[place] ^= 0x40
            log.name_log(path).write_bytes(changed)
            if number:
                results = read_results(path)
                assert_holds(results, range(number))
                assert results.attributes["seed"] == 7
                assert results.constants.keys() == CONSTANTS.keys()
                assert "recover.h5.log is damaged" in results.notes[0]
        with open_run(path, make_provenance()) as run:
            assert run.read_group("none")["trial"].tolist() == [*range(number)]
            assert "recover.h5.log is damaged; trials" in run.notes[0]
            commit_batches(run, *([trial] for trial in range(number, 3)))
            assert log.name_log(path).read_bytes()[: len(contents[number])] == contents[number]
            run.finish()
        assert read_results(path).notes == ()
        assert_holds(read_results(path), range(3))
        path.unlink()


def test_a_run_goes_on_from_a_log_without_a_whole_block(path):
    (content,) = _commit(path, [0])
    changed = bytearray(content)
    changed[-9] ^= 1
    log.name_log(path).write_bytes(changed)
    with pytest.raises(ResultsError, match=r"no trial in it can be read; run its command again"):
        read_results(path)
    with open_run(path, make_provenance()) as run:
        assert "recover.h5.log is damaged" in run.notes[0]
        commit_batches(run, [0])
        run.finish()
    assert_holds(read_results(path), [0])


@pytest.mark.parametrize("place", range(0, 40, 3))
def test_damage_to_the_last_block_is_said(path, place):
    first, both = _commit(path, [0], [1])
    changed = bytearray(both)
    changed[len(first) + place] ^= 0x40
    log.name_log(path).write_bytes(changed)
    assert_holds(read_results(path), [0])
    assert "is damaged" in read_results(path).notes[0]


def _flip_bit(content, older):
    return bytes([*content[:-9], content[-9] ^ 1, *content[-8:]])


CHANGES = {
    "cut off": lambda content, older: content[:-50],
    "a flipped bit": _flip_bit,
    "an older copy": lambda content, older: older,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_log_that_changes_while_the_run_goes_on_becomes_no_wrong_numbers(path, change):
    file = log.name_log(path)
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        older = file.read_bytes()
        commit_batches(run, [1])
        file.write_bytes(change(file.read_bytes(), older))
        os.utime(file, (0, 0))  # a system may count time in steps of milliseconds
        changed = file.read_bytes()
        with pytest.raises(ResultsError, match="run the same command again") as refusal:
            commit_batches(run, [2])
    assert refusal.value.exit_code == 1
    assert file.read_bytes() == changed and not path.exists()
    with open_run(path, make_provenance()) as run:
        assert run.read_group("none")["trial"].tolist() == [0]
        commit_batches(run, [1, 2])
        run.finish()
    assert_holds(read_results(path), [0, 1, 2])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_finished_file_is_written_from_memory(path, change):
    file = log.name_log(path)
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        older = file.read_bytes()
        commit_batches(run, [1])
        file.write_bytes(change(file.read_bytes(), older))
        run.finish()
    assert_holds(read_results(path), [0, 1])


@pytest.mark.parametrize("content", [b"what the shell wrote\n", EARLIER], ids=["text", "earlier"])
def test_a_file_with_the_name_of_a_log_is_left(path, content):
    log.name_log(path).write_bytes(content)
    for overwrite in (False, True):
        with (
            pytest.raises(
                ResultsError, match="is the log of an earlier ganinv, or none of ganinv; f"
            ),
            open_run(path, make_provenance(), overwrite),
        ):
            pass
    assert log.name_log(path).read_bytes() == content


def test_a_log_of_another_run_beside_the_file_is_refused(path, tmp_path):
    write_results_file(path, [0])
    write_results_file(tmp_path / "other.h5", [5], finished=False, seed=8)
    (tmp_path / "other.h5.log").rename(log.name_log(path))
    with pytest.raises(ResultsError, match=r"is of another run than .*--seed.* move it away"):
        read_results(path)
