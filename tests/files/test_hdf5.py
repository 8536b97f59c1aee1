"""An HDF5 file on which the library itself would crash is refused; a signal may come meanwhile."""

import signal
from collections import Counter

import h5py
import pytest

from ganinv_cli.files import hdf5
from ganinv_cli.files.hdf5 import Hdf5Error, open_file, read_attributes


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_chunk_without_its_checksum_is_refused(tmp_path, size):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", (100,), "f8", chunks=(10,), fletcher32=True)
        data.id.write_direct_chunk((20,), bytes(size))
    with (
        pytest.raises(Hdf5Error, match="/a has a chunk without its checksum"),
        open_file(path) as file,
    ):
        file["a"][:]


def test_a_checksum_that_is_itself_compressed_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((10,))
    plan.set_fletcher32()
    plan.set_deflate(1)
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((100,))
        h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_DOUBLE, space, plan)
    with (
        pytest.raises(Hdf5Error, match="/a is compressed after its checksum"),
        open_file(path),
    ):
        pass


@pytest.mark.parametrize("shift", range(18))
def test_a_damaged_heap_across_two_pieces_is_found(tmp_path, monkeypatch, shift):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["a"] = "text"
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL\1")
    monkeypatch.setattr(hdf5, "_PIECE", at + shift - 1)
    with open_file(path) as file:
        assert file.attrs["a"] == "text"
    content[at + 24 : at + 32] = (1 << 20).to_bytes(8, "little")  # bytes of its first text
    path.write_bytes(content)
    with pytest.raises(Hdf5Error, match="a heap of its texts"), open_file(path):
        pass


class SignalError(Exception):
    """What the handler of a signal raises."""


def test_a_signal_at_any_time_raises_what_its_handler_raises(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for number in range(200):
            file.create_group(f"group-{number}")
            file.attrs[f"attribute-{number}"] = number
    ended = Counter(_interrupt_reading(path, tries) for tries in range(100))
    assert SignalError in ended
    assert set(ended) <= {None, SignalError}


def _interrupt_reading(path, tries):
    """Return what ends a reading of the file that is interrupted later with each try."""

    def interrupt(number, frame):
        raise SignalError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-5 + tries * 3e-4)
        with open_file(path) as file:
            read_attributes(file)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception as error:
        return type(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return None
