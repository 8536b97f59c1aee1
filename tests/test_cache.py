"""Measurements are kept safely within a size limit; losing them costs only time."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

import ganinv_cli as ganinv
from checks.measurements import GENERATORS
from ganinv_cli import cache
from ganinv_cli.inversion.objective.preconditioner import find_preconditioner
from ganinv_cli.inversion.solvers.lbfgs import LBFGS
from ganinv_cli.reenact.known_pictures import find_stranger_errors

ARRAYS = {
    "numbers": np.random.default_rng(0).standard_normal((30, 7)).astype(np.float32),
    "one": np.array(1 / 3),
    "names": np.array(["relu", "größer"]),
    "across": np.arange(6.0).reshape(2, 3).T,
    "none": np.zeros((0, 4), np.int64),
}
KEY = "generator", 1.5


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The cache folder of a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(cache.SWITCH, raising=False)
    return tmp_path / "ganinv"


def _find_file(folder: Path) -> Path:
    (file,) = folder.glob("kind/*.npz")
    return file


def test_what_is_loaded_is_what_was_saved_bit_for_bit():
    assert cache.load_arrays("kind", *KEY) is None
    cache.save_arrays("kind", ARRAYS, *KEY)
    loaded = cache.load_arrays("kind", *KEY)
    assert loaded and list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()
    assert cache.load_arrays("another kind", *KEY) is None
    assert cache.load_arrays("kind", "generator", 2.5) is None


def test_a_measurement_of_another_user_is_not_used(folder, monkeypatch):
    cache.save_arrays("kind", ARRAYS, *KEY)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert cache.load_arrays("kind", *KEY) is None
    assert _find_file(folder).exists()


@pytest.mark.parametrize(
    "changed",
    ["tensorflow.__version__", "numpy.__version__", "ganinv_cli.cache.describe_current_device"],
)
def test_a_measurement_of_another_version_or_device_is_not_used(changed, monkeypatch):
    cache.save_arrays("kind", ARRAYS, *KEY)
    assert cache.load_arrays("kind", *KEY)
    monkeypatch.setattr(changed, lambda: "another")
    assert cache.load_arrays("kind", *KEY) is None


def test_it_can_be_switched_off(folder, monkeypatch):
    cache.save_arrays("kind", ARRAYS, *KEY)
    monkeypatch.setenv("GANINV_NO_CACHE", "1")
    assert cache.load_arrays("kind", *KEY) is None
    cache.save_arrays("kind", ARRAYS, "another")
    assert len([*folder.rglob("*.npz")]) == 1


@pytest.mark.parametrize("place", ["a file", "no home"])
def test_a_folder_that_cannot_be_written_does_no_harm(place, tmp_path, monkeypatch, capfd):
    home = tmp_path / "home"
    home.write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    if place == "no home":
        monkeypatch.setattr(cache, "user_cache_path", _find_no_home)
    before = sorted(tmp_path.rglob("*"))
    cache.save_arrays("kind", ARRAYS, *KEY)
    assert cache.load_arrays("kind", *KEY) is None
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


def _find_no_home(*_: object, **__: object) -> Path:
    raise RuntimeError


@pytest.mark.parametrize("damage", [lambda _: b"", lambda content: content[: len(content) // 2]])
def test_a_damaged_entry_is_measured_again(damage, folder):
    cache.save_arrays("kind", ARRAYS, *KEY)
    file = _find_file(folder)
    file.write_bytes(damage(file.read_bytes()))
    assert cache.load_arrays("kind", *KEY) is None
    cache.save_arrays("kind", ARRAYS, *KEY)
    assert cache.load_arrays("kind", *KEY)


def test_it_stays_below_its_bound_and_keeps_what_was_used_last(folder, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 50_000)
    for number in range(12):
        cache.save_arrays("kind", {"x": np.zeros(1000)}, number)
        for file in folder.glob("kind/*.npz"):
            os.utime(file, (time.time() - 1000, file.stat().st_mtime - 1000))
        assert cache.load_arrays("kind", 0)  # used again and again
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 50_000
    assert [n for n in range(12) if cache.load_arrays("kind", n)] == [0, *range(7, 12)]


@pytest.mark.parametrize("name", GENERATORS)
def test_what_invert_measures_of_a_shipped_generator_is_shipped(name, monkeypatch):
    monkeypatch.setattr("ganinv_cli.generators.network.norms.measure.prepare_norms", None)
    monkeypatch.setattr("ganinv_cli.reenact.known_pictures.measure_stranger_errors", None)
    monkeypatch.setattr(
        "ganinv_cli.inversion.objective.preconditioner.measure_preconditioner", None
    )
    generator = ganinv.load(name).build()
    assert (find_stranger_errors(generator, None) > 0).all()
    assert find_preconditioner(generator, LBFGS().preconditioner_points, preconditioned=False)
