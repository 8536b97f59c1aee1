"""`ganinv cache` lists the kept measurements, and removes them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from called import run_ganinv

from ganinv_cli import cache

KIND = re.compile(r"^(?:CACHE_)?KIND = \"(\w+)\"|cache\.save\(\"(\w+)\"", re.M)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ganinv"


def test_it_says_what_is_kept_and_how_large_it_is(folder):
    for number in range(3):
        cache.save("some" if number else "others", cache.make_key(number), {"x": np.zeros(10)})
    facts = json.loads(run_ganinv(folder, "cache", "show", "--format", "json").stdout)
    sizes = [path.stat().st_size for path in folder.rglob("*.npz")]
    assert facts["folder"] == str(folder)
    assert (facts["bytes"], facts["max_bytes"]) == (sum(sizes), 1 << 30)
    assert [(each["kind"], each["measurements"]) for each in facts["kinds"]] == [
        ("others", 1),
        ("some", 2),
    ]
    text = run_ganinv(folder, "cache", "show").stdout
    assert text.startswith(f"{folder}: 0.00")
    assert "2 measurements" in text and "last used 20" in text


def test_clear_says_what_it_removed(folder):
    cache.save("some", cache.make_key(1), {"x": np.zeros(10**6)})
    assert (
        run_ganinv(folder, "cache", "clear").stdout == f"{folder}: removed 1 measurement, 8.0 MB\n"
    )
    nothing = f"{folder}: nothing is kept\n"
    assert run_ganinv(folder, "cache", "clear").stdout == nothing
    assert run_ganinv(folder, "cache", "show").stdout == nothing


def test_a_file_that_cannot_be_removed_is_one_sentence(folder, monkeypatch):
    cache.save("some", cache.make_key(1), {"x": np.zeros(10)})
    monkeypatch.setattr(Path, "unlink", _refuse)
    result = run_ganinv(folder, "cache", "clear", code=2)
    assert result.stderr.startswith(f"Error: {folder} cannot be written (")


def test_where_it_is_switched_off_it_says_so(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GANINV_NO_CACHE", "1")
    for command in ("show", "clear"):
        result = run_ganinv(tmp_path, "cache", command, code=2)
        assert result.stderr.startswith("Error: there is no cache: GANINV_NO_CACHE is set")


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_every_kind_of_measurement_is_explained(folder):
    package = Path(cache.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    kinds = {a or b for text in sources for a, b in KIND.findall(text)}
    assert kinds == {"conventions", "copies", "norms", "preconditioner", "spectrum"}
    for kind in kinds:
        cache.save(kind, cache.make_key(1), {"x": np.zeros(10)})
    facts = json.loads(run_ganinv(folder, "cache", "show", "--format", "json").stdout)["kinds"]
    assert {each["kind"] for each in facts} == kinds
    text = run_ganinv(folder, "cache", "show").stdout
    for each in facts:
        assert f"\n  {each['explanation']}\n" in text
        assert "another version" not in each["explanation"]
    assert max(map(len, text.splitlines()[1:])) <= 80
