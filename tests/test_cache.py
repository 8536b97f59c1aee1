"""Measurements are kept safely within a size limit; losing them costs only time."""

import io
import multiprocessing
import os
import pickle
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ganinv_cli import cache

ARRAYS = {
    "numbers": np.random.default_rng(0).standard_normal((30, 7)).astype(np.float32),
    "one": np.array(1 / 3),
    "names": np.array(["relu", "größer"]),
    "across": np.arange(6.0).reshape(2, 3).T,
    "none": np.zeros((0, 4), np.int64),
}
KEY = cache.make_key("generator", 1.5)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The cache folder of a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(cache.SWITCH, raising=False)
    return tmp_path / "ganinv"


def _find_file(folder: Path) -> Path:
    return folder / "kind" / f"{KEY}.npz"


def test_what_is_loaded_is_what_was_saved_bit_for_bit():
    assert cache.load("kind", KEY) is None
    cache.save("kind", KEY, ARRAYS)
    loaded = cache.load("kind", KEY)
    assert loaded and list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()
    assert cache.load("another kind", KEY) is None
    assert cache.load("kind", cache.make_key("generator", 2.5)) is None


def test_a_measurement_of_another_user_is_not_used(folder, monkeypatch):
    cache.save("kind", KEY, ARRAYS)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert cache.load("kind", KEY) is None
    assert _find_file(folder).exists()


def test_xdg_cache_home_is_heeded(folder, tmp_path, monkeypatch):
    cache.save("kind", KEY, ARRAYS)
    assert _find_file(folder).is_file()
    assert folder.stat().st_mode & 0o77 == 0 or folder.parent.stat().st_mode & 0o77 == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache.load("kind", KEY) is None


def test_it_can_be_switched_off(folder, monkeypatch):
    cache.save("kind", KEY, ARRAYS)
    monkeypatch.setenv("GANINV_NO_CACHE", "1")
    assert cache.load("kind", KEY) is None
    cache.save("kind", cache.make_key("another"), ARRAYS)
    assert [path.name for path in folder.rglob("*.npz")] == [f"{KEY}.npz"]


@pytest.mark.parametrize("place", ["a file", "read-only", "no home", "a name"])
def test_a_folder_that_cannot_be_written_does_no_harm(place, tmp_path, monkeypatch, capfd):
    home = tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    if place == "a file":
        home.write_text("")
    elif place == "read-only":
        home.mkdir(mode=0o500)
        monkeypatch.setattr(os, "mkdir", _refuse)  # root may write anywhere
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    if place == "no home":
        monkeypatch.setattr(cache, "user_cache_path", _find_no_home)
    elif place == "a name":  # as older versions of platformdirs do
        monkeypatch.setattr(cache, "user_cache_path", lambda *_, **__: Path("~/.cache/ganinv"))
    before = sorted(tmp_path.rglob("*"))
    cache.save("kind", KEY, ARRAYS)
    assert cache.load("kind", KEY) is None
    assert cache.list_entries() == cache.clear() == []
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


def _find_no_home(*_: object, **__: object) -> Path:
    raise RuntimeError


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError


def _flip_a_bit(content: bytes) -> bytes:
    middle = content.index(ARRAYS["numbers"].tobytes()) + 100
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _make_npz(name: str, content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """An .npz file of one member, with the key of this cache."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.comment = KEY.encode()
        archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def _make_npy(header: str, data: bytes = b"") -> bytes:
    return (
        b"\x93NUMPY\x01\x00"
        + (len(header) + 1).to_bytes(2, "little")
        + f"{header}\n".encode()
        + data
    )


DAMAGES = {
    "empty": lambda _: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "a flipped bit": _flip_a_bit,
    "of another key": lambda content: content.replace(KEY.encode(), KEY[::-1].encode()),
    "not an archive": lambda _: b"\x89PNG" * 100,
    "terabytes": lambda _: _make_npz(
        "x", _make_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}")
    ),
    "a bomb": lambda _: _make_npz("x", bytes(1 << 20), zipfile.ZIP_DEFLATED),
    "negative": lambda _: _make_npz(
        "x", _make_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", bytes(8))
    ),
    "a header that ends early": lambda _: _make_npz("x", _make_npy("{'descr': ('''")),
    "nested too deeply": lambda _: _make_npz("x", _make_npy("(" * 5000)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_removed_and_measured_again(damage, folder):
    cache.save("kind", KEY, ARRAYS)
    file = _find_file(folder)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert cache.load("kind", KEY) is None
    assert not file.exists()
    cache.save("kind", KEY, ARRAYS)
    assert cache.load("kind", KEY)


class _Trap:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_no_entry_is_ever_unpickled(folder):
    file = _find_file(folder)
    file.parent.mkdir(parents=True)
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"
    for data in (pickle.dumps([_Trap()]), b"12345678"):
        file.write_bytes(_make_npz("x", _make_npy(header, data)))
        assert cache.load("kind", KEY) is None
    with pytest.raises(ValueError, match="Object arrays"):
        cache.save("kind", KEY, {"x": np.array([{}])})


def test_what_is_no_regular_file_is_not_read(folder, tmp_path):
    cache.save("kind", KEY, ARRAYS)
    file = _find_file(folder)
    file.rename(tmp_path / "elsewhere.npz")
    file.symlink_to(tmp_path / "elsewhere.npz")
    assert cache.load("kind", KEY) is None
    os.mkfifo(file)
    assert cache.load("kind", KEY) is None  # and does not wait for a writer
    file.mkdir()
    assert cache.load("kind", KEY) is None
    cache.save("kind", KEY, ARRAYS)
    assert cache.list_entries() == []


def test_it_stays_below_its_bound_and_keeps_what_was_used_last(monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 50_000)
    keys = [cache.make_key(number) for number in range(12)]
    for number, key in enumerate(keys):
        cache.save("kind", key, {"x": np.zeros(1000)})
        _date(key, number)
        assert cache.load("kind", keys[0])  # used again and again
    assert sum(entry.bytes for entry in cache.list_entries()) <= 50_000
    kept = [key for key in keys if cache.load("kind", key)]
    assert kept == [keys[0], *keys[-5:]]


def test_a_measurement_that_would_fill_the_cache_is_not_kept(monkeypatch):
    monkeypatch.setattr(cache, "MAX_ENTRY_BYTES", 1000)
    cache.save("kind", KEY, {"x": np.zeros(200)})
    assert cache.load("kind", KEY) is None
    cache.save("kind", KEY, {"x": np.zeros(100)})
    assert cache.load("kind", KEY)


def test_temporary_files_of_processes_that_were_killed_are_removed(folder):
    cache.save("kind", KEY, ARRAYS)
    old, new = (folder / "kind" / f".{KEY}.npz.{part}" for part in ("0123", "4567"))
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    _date_file(old, -2 * cache.ABANDONED_SECONDS)
    cache.save("kind", cache.make_key("another"), ARRAYS)
    assert not old.exists() and new.exists()


def test_writers_do_not_disturb_one_another():
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        answers = pool.map(_save_and_load, range(8))
    assert all(answers)
    assert len(cache.list_entries()) == 3


def _save_and_load(_: int) -> bool:
    """Save and load the same three measurements again and again; whether each was whole."""
    good = True
    for turn in range(60):
        key = cache.make_key(turn % 3)
        cache.save("kind", key, {"x": np.full(5000, turn % 3)})
        loaded = cache.load("kind", key)
        good = good and loaded is not None and bool((loaded["x"] == turn % 3).all())
    return good


def test_clear_removes_what_was_kept_and_nothing_else(folder):
    cache.save("kind", KEY, ARRAYS)
    cache.save("another kind", KEY, ARRAYS)
    note = folder / "kind" / "note.txt"
    note.write_text("mine")
    assert sorted(entry.kind for entry in cache.clear()) == ["another kind", "kind"]
    assert cache.load("kind", KEY) is None
    assert list(folder.rglob("*.*")) == [note]
    assert not (folder / "another kind").exists()


def _date(key: str, moment: float) -> None:
    """Say that a measurement was last used so many seconds after the first of some days ago."""
    folder = cache.find_cache_folder()
    assert folder
    _date_file(folder / "kind" / f"{key}.npz", moment - 1000)


def _date_file(path: Path, since_now: float) -> None:
    os.utime(path, (time.time() + since_now,) * 2)
