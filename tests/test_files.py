"""A file is written whole or not at all, and arrays are read without unpickling anything."""

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ganinv_cli import files
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.files import ArrayFileError, encode_arrays, open_replacement, read_arrays

ARRAYS = {"z": np.arange(6.0).reshape(2, 3).T, "names": np.array(["a", "größer"])}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(OSError, match="full"), open_replacement(path) as written:
        written.write_text("half", encoding="utf-8")
        raise OSError("full")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("his")
    (tmp_path / ".a.txt.tmp").symlink_to(victim)
    with open_replacement(tmp_path / "a.txt") as written:
        written.write_text("mine")
    assert (victim.read_text(), (tmp_path / "a.txt").read_text()) == ("his", "mine")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, GaninvError), (errno.EACCES, UsageError), (errno.EROFS, UsageError)],
)
def test_a_write_error_is_a_sentence_with_its_exit_status(code, kind):
    with (
        pytest.raises(GaninvError, match=r"out\.h5 cannot be written .*choose another") as caught,
        files.explain_write_errors(Path("out.h5")),
    ):
        raise OSError(code, os.strerror(code))
    assert type(caught.value) is kind


def _make_header(shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def test_an_array_that_python_2_wrote_is_read_without_a_warning(tmp_path):
    (tmp_path / "a.npy").write_bytes(_make_header("(2L,)", bytes(16)))
    assert read_arrays(tmp_path / "a.npy")[""].shape == (2,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG" * 100,
        encode_arrays(ARRAYS, "key")[:300],
        encode_arrays(ARRAYS, "other"),
        pickle.dumps(ARRAYS),
        _make_header("(1099511627776,)"),
        _make_header("(-1, -1)", bytes(8)),
        _make_header("(1is, 1)", bytes(8)),
    ],
)
def test_damaged_arrays_and_those_of_another_key_are_refused(content, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(ArrayFileError):
        read_arrays(path, key="key")
    with pytest.raises(ArrayFileError):
        read_arrays(path, max_bytes=20)
