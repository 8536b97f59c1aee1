"""What a killed process has left of temporary files and folders does not stay."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ganinv_cli.files import temporary
from ganinv_cli.files.temporary import make_temporary_folder
from ganinv_cli.files.write import open_replacement, replace_file

_KILLED_IN_A_FILE = """
import os, pathlib, sys
from ganinv_cli.files.write import open_replacement
with open_replacement(pathlib.Path(sys.argv[1])) as written:
    written.write_bytes(b"half")
    os._exit(9)
"""
_KILLED_IN_A_FOLDER = """
import os, pathlib, sys
from ganinv_cli.files.temporary import make_temporary_folder
with make_temporary_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "below").mkdir()
    (folder / "below" / "file").write_bytes(b"half")
    os._exit(9)
"""


def _run_killed(code: str, *arguments: object) -> None:
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=False)
    assert done.returncode == 9


def _list_names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_the_next_write_uses_what_a_killed_one_has_left(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    path.write_bytes(b"old")
    _run_killed(_KILLED_IN_A_FILE, path)
    assert path.read_bytes() == b"old"
    assert len(_list_names(tmp_path)) == 2
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert _list_names(tmp_path) == ["table.md"]


def test_a_write_waits_for_another_of_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.md"
    second = threading.Thread(target=replace_file, args=(path, b"second"))
    with open_replacement(path) as written:
        written.write_bytes(b"first")
        second.start()
        second.join(0.1)
        assert second.is_alive()
        monkeypatch.setattr(temporary, "WAIT_SECONDS", 0.0)
        with pytest.raises(OSError, match="another process is writing it"):
            replace_file(path, b"third")
        assert written.read_bytes() == b"first"
    second.join(10)
    assert path.read_bytes() == b"second"
    assert _list_names(tmp_path) == ["table.md"]


def test_a_link_or_a_pipe_in_place_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    (tmp_path / ".table.md.tmp").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        replace_file(tmp_path / "table.md", b"new")
    assert other.read_bytes() == b"other"
    os.mkfifo(tmp_path / ".page.html.tmp")
    with pytest.raises(OSError, match="Invalid argument"):
        replace_file(tmp_path / "page.html", b"new")


def test_a_folder_that_a_killed_process_has_left_is_removed_and_a_living_ones_is_not(
    tmp_path: Path,
) -> None:
    _run_killed(_KILLED_IN_A_FOLDER, tmp_path)
    (left,) = tmp_path.iterdir()
    with make_temporary_folder(tmp_path) as first:
        assert not left.exists()
        assert first.stat().st_mode & 0o777 == 0o700
        with make_temporary_folder(tmp_path) as second:
            assert first.is_dir() and second.is_dir()
    assert not _list_names(tmp_path)


def test_a_folder_without_its_lock_is_removed_too(tmp_path: Path) -> None:
    left = tmp_path / f"{temporary.PREFIX}left"
    left.mkdir()
    with make_temporary_folder(tmp_path):
        assert not left.exists()


def test_a_folder_that_another_process_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, removed = temporary.tempfile.mkdtemp, []

    def make_and_remove(**arguments: object) -> str:
        name = make(**arguments)
        if not removed:
            removed.append(Path(name))
            temporary._remove_abandoned_folder(removed[0])
        return name

    monkeypatch.setattr(temporary.tempfile, "mkdtemp", make_and_remove)
    with make_temporary_folder(tmp_path) as folder:
        assert folder.is_dir() and folder != removed[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a file of another user")
def test_what_another_user_has_left_in_a_shared_folder_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / ".table.md.tmp").write_bytes(b"half")
    (folder / ".table.md.tmp").chmod(0o600)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    tmp_path.chmod(0o711)
    writer = os.fork()
    if not writer:
        try:
            os.setuid(65534)
            replace_file(folder / "table.md", b"new")
        finally:
            os._exit(0)
    os.waitpid(writer, 0)
    assert (folder / "table.md").read_bytes() == b"new"
    assert _list_names(folder) == ["table.md"]
