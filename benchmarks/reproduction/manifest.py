"""The kept results: the question of each, its command, and its duration.

`docs/results/runs.toml` lists them. The seed, the time and the revision are in the files. It also
lists measurements, which have their JSON in other folders of docs/.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.store import read_results

MANIFEST = "runs.toml"
HASHES = "SHA256SUMS"


@dataclass(frozen=True)
class Run:
    """An entry of the manifest."""

    file: str  # in docs/results
    answers: str
    command: str  # without the output file
    keep: tuple[str, ...] = ()  # options of keep.py
    needs: str = ""  # inputs that are not in the repository; empty: none


@dataclass(frozen=True)
class Measurement:
    """A measurement that writes a JSON file of docs/ itself."""

    file: str  # in docs/
    answers: str
    command: str
    needs: str = ""


@dataclass(frozen=True)
class Facts:
    """Facts about a run, from its kept file."""

    seed: int
    seconds: float  # from start to end
    revision: str
    size: int  # bytes
    sha256: str


def read_manifest(results: Path) -> list[Run]:
    """Return the runs in the order of the manifest."""
    entries = tomllib.loads((results / MANIFEST).read_text("utf-8"))["run"]
    return [Run(**{**entry, "keep": tuple(entry.get("keep", ()))}) for entry in entries]


def read_measurements(results: Path) -> list[Measurement]:
    """Return the measurements in the order of the manifest."""
    entries = tomllib.loads((results / MANIFEST).read_text("utf-8"))["measurement"]
    return [Measurement(**entry) for entry in entries]


def read_facts(path: Path) -> Facts:
    """Return the facts of a kept file."""
    content = path.read_bytes()
    found: dict[str, Any]
    if path.suffix == ".npz":
        with np.load(path) as saved:
            found = {
                "seed": int(saved["seed"]),
                "seconds": float(saved["seconds"]),
                "revision": str(saved["git"]),
            }
    else:
        attributes = read_results(path).attributes
        begin, end = (datetime.fromisoformat(attributes[name]) for name in ("started", "finished"))
        found = {
            "seed": int(attributes["seed"]),
            "seconds": (end - begin).total_seconds(),
            "revision": attributes["git"],
        }
    return Facts(**found, size=len(content), sha256=hashlib.sha256(content).hexdigest())
