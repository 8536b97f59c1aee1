"""The kept runs of `recover`, with the generator and method of each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.statistics import is_recovered
from ganinv_cli.store import Results, read_results

TEXT_UPDATES = 100_000  # as in the paper's text
BESIDE = ("theory", "snapshots")  # NAME.theory.json and NAME.snapshots.json


class Protocol(NamedTuple):
    """One run: a generator, a method, and a way of counting."""

    name: str  # of its file
    results: Results
    counts_ever: bool  # whether a trial counts if it was ever below ε; else by its last z
    theory: dict[str, Any] | None  # NAME.theory.json of `keep.py`
    snapshots: dict[str, Any] | None

    @property
    def config(self) -> dict[str, Any]:
        """The run's settings."""
        config: dict[str, Any] = self.results.attributes["config"]
        return config

    @property
    def is_descent(self) -> bool:
        """Whether the method is the paper's: gradient descent."""
        return bool(self.config["solver"] == "gd")

    @property
    def is_coupled(self) -> bool:
        """Whether batch norm takes its statistics from the batch, and so couples the trials."""
        return bool(self.config["batch_norm"] == "batch")

    @property
    def generator(self) -> str:
        """The name of the checkpoint, or of its folder if it is the only file there."""
        path = Path(self.config["checkpoint"])
        return path.parent.name.replace("_", "-") if path.suffix else path.name

    @property
    def title(self) -> str:
        """The generator, the method, and what differs from the paper's text."""
        config = self.config
        if not self.is_descent:
            prior = f"{config['prior'].partition(':')[0]} z, " if self.has_own_prior else ""
            return f"{self.generator}, {prior}L-BFGS, {config['loss']} loss"
        updates = round(config["budget"]) - 1
        return ", ".join(
            [
                f"{self.generator}, rate {config['gd']['rate']:g}",
                *([f"{updates:,} updates"] if updates != TEXT_UPDATES else []),
                *(["batch statistics"] if self.is_coupled else []),
                *(["ever"] if self.counts_ever else []),
            ]
        )

    @property
    def has_own_prior(self) -> bool:
        """Whether the prior is our choice, because the generator comes from another project."""
        return bool(Path(self.config["checkpoint"]).suffix)

    @property
    def rules(self) -> list[str]:
        """The clipping rules that were run."""
        return list(self.config["clip"])

    def find_successes(self, rule: str, epsilon: float) -> np.ndarray:
        """Return which first starts recovered z, bool (trials,)."""
        group = self.results.groups[rule]
        column = group["z_error_least"] if self.counts_ever else group["first/z_error"]
        return is_recovered(np.asarray(column), epsilon)


def read_protocols(folder: Path) -> Iterator[Protocol]:
    """Yield the runs of `recover` in a folder, by the names of their files.

    A run that counts trials that were ever below ε is yielded again, counted at the end. Runs with
    other questions are left out: one z alone, an encoder, refinement.
    """
    for path in sorted(folder.glob("*.h5")):
        results = read_results(path)
        if results.attributes["command"] == "recover" and _asks_table1(path, results):
            beside = [_read_beside(path, name) for name in BESIDE]
            if results.attributes["config"]["success"] == "ever":
                yield Protocol(path.stem, results, True, *beside)
            yield Protocol(path.stem, results, False, *beside)


def _asks_table1(path: Path, results: Results) -> bool:
    config = results.attributes["config"]
    plain = config["start"] == "random" and config["polish"] == "none"
    return plain and not path.name.startswith("table2-")


def _read_beside(path: Path, name: str) -> dict[str, Any] | None:
    beside = path.with_suffix(f".{name}.json")
    return json.loads(beside.read_text("utf-8")) if beside.exists() else None
