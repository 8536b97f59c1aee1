"""The kept results: the question of each, its command, and its duration.

`docs/results/runs.toml` lists them. The seed, the time and the revision are in the files.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.results.number_format import format_duration
from ganinv_cli.results.store import read_results


class Facts(NamedTuple):
    """Facts about a run, from its kept file."""

    seed: int
    seconds: float  # from start to end, or of the trials if the run went on later
    revision: str
    device: str  # empty: not known


@dataclass(frozen=True)
class Entry:
    """A kept results file."""

    file: str  # in docs/results
    answers: str
    command: str  # without the output file
    keep: tuple[str, ...] = ()  # options of keep.py
    needs: str = ""  # inputs that are not in the repository
    commit: str = ""  # that has the program, if this one does not
    continued: bool = False  # whether the run went on after a pause


def read_manifest(results: Path) -> list[Entry]:
    """Return the entries in the order of the manifest."""
    entries = tomllib.loads((results / "runs.toml").read_text("utf-8"))["run"]
    return [Entry(**{**entry, "keep": tuple(entry.get("keep", ()))}) for entry in entries]


def read_facts(path: Path, continued: bool = False) -> Facts:
    """Return the facts of a kept file."""
    if path.suffix == ".npz":
        with np.load(path) as saved:
            return Facts(int(saved["seed"]), float(saved["seconds"]), str(saved["git"]), "")
    results = read_results(path)
    attributes = results.attributes
    begin, end = (datetime.fromisoformat(attributes[name]) for name in ("started", "finished"))
    seconds = (end - begin).total_seconds()
    if continued:
        run = [group for group in results.groups.values() if "seconds" in group]
        seconds = sum(float(group["seconds"][group["shared"] == 0].sum()) for group in run)
    device = re.sub(r"^CPU |\(R\)| Processor|(?<= 1 core)s", "", attributes["device"])
    return Facts(int(attributes["seed"]), seconds, attributes["git"], device)


def list_rows(results: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of the table of kept results."""
    for entry in read_manifest(results):
        facts = read_facts(results / entry.file, entry.continued)
        yield {
            "file": f"`{entry.file}`",
            "answers": entry.answers,
            "command": f"`{entry.command}`" + (f" (commit {entry.commit})" if entry.commit else ""),
            "seed": f"{facts.seed}",
            "took": str(format_duration(facts.seconds)),
            "on": facts.device,
            "revision": facts.revision,
            "kB": f"{(results / entry.file).stat().st_size / 1000:,.0f}",
        }


def list_hashes(results: Path) -> str:
    """Return the lines of SHA256SUMS."""
    contents = {entry.file: (results / entry.file).read_bytes() for entry in read_manifest(results)}
    return "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in contents.items())
