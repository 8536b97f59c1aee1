"""Only regular files are opened: nothing waits for a pipe or reads a device."""

import os
import socket
from pathlib import Path

import pytest

from ganinv_cli.files.regular_file import check_regular_file, open_regular_file, read_regular_file


def test_a_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    with open_regular_file(tmp_path / "link") as file:
        assert file.read() == b"abc"
    assert read_regular_file(tmp_path / "link", 3) == b"abc"
    with pytest.raises(OSError, match="more than 2 bytes"):
        read_regular_file(tmp_path / "file", 2)


@pytest.mark.timeout(20)
def test_what_could_wait_or_never_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    for path, kind in (
        (tmp_path / "pipe", "a pipe"),
        (tmp_path / "socket", "a socket"),
        (Path("/dev/zero"), "a device"),
    ):
        for use in (open_regular_file, check_regular_file):
            with pytest.raises(OSError, match=f"it is {kind}, not a file"):
                use(path)


def test_what_is_missing_or_a_folder_raises_as_usual(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular_file(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        open_regular_file(tmp_path)
