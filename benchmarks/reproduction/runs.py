"""The kept runs of `recover`, with the generator and method of each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.results.statistics import EPSILONS, is_recovered
from ganinv_cli.results.store import Results, read_results

TEXT_UPDATES = 100_000  # as in the paper's text


class Run(NamedTuple):
    """One run: a generator, a method, and a way of counting."""

    name: str  # of its file
    results: Results
    config: dict[str, Any]  # its settings
    rules: list[str]  # the clipping rules that were run
    trials: int  # under each rule
    is_descent: bool  # whether the method is the paper's: gradient descent
    counts_ever: bool  # whether a trial counts if it was ever below ε; else by its last z

    @property
    def title(self) -> str:
        """The generator, the method, and what differs from the paper's text."""
        config, path = self.config, Path(self.config["checkpoint"])
        if config["solver"] == "lbfgs":
            loss = f"L-BFGS, {config['loss']} loss"
            if not path.suffix:
                return f"{path.name}, {loss}"
            prior = config["prior"].partition(":")[0]  # our choice for another project's generator
            return f"{path.parent.name.replace('_', '-')}, {prior} z, {loss}"
        updates = round(config["budget"]) - 1
        settings = config[config["solver"]]
        parts = [f"{path.name}, rate {settings['rate']:g}"]
        parts += ["in a metric"] if settings.get("metric") else []
        if momentum := settings.get("momentum"):
            parts.append(f"momentum {momentum:g}")
        parts += [f"{updates:,} updates"] if updates != TEXT_UPDATES else []
        parts += ["batch statistics"] if config["batch_norm"] == "batch" else []
        return ", ".join([*parts, "ever"] if self.counts_ever else parts)

    def read(self, rule: str, column: str) -> np.ndarray:
        """Return a column of a rule's trials."""
        return np.asarray(self.results.groups[rule][column])

    def find_successes(self, rule: str, epsilon: str) -> np.ndarray:
        """Return which first starts recovered z, bool (trials,)."""
        column = "z_error_least" if self.counts_ever else "first/z_error"
        return is_recovered(self.read(rule, column), EPSILONS[epsilon])


def read_runs(folder: Path) -> Iterator[Run]:
    """Yield the runs of `recover` in a folder, by the names of their files.

    A run that counts trials that were ever below ε is yielded again, counted at the end. Runs with
    other questions are left out: one z alone, an encoder, polishing.
    """
    for path in sorted(folder.glob("*.h5")):
        results = read_results(path)
        config = results.attributes["config"]
        if results.attributes["command"] != "recover" or path.name.startswith("table2-"):
            continue
        if config["start"] == "random" and config["polish"] == "none":
            trials, is_descent = len(results.groups[""]["trial"]), config["solver"] == "gd"
            for counts_ever in (True, False) if config["success"] == "ever" else (False,):
                about = config, config["clip"], trials, is_descent, counts_ever
                yield Run(path.stem, results, *about)
