"""The results of a torture run, in a JSON file that is written as it goes, and their table."""

import json
import os
import platform
import threading
from collections import Counter
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tabulate import tabulate

from ganinv_cli.experiments.provenance import read_git_revision

from .faults import FAULTS
from .mutated_files import Judged

PACKAGES = ("tensorflow", "keras", "h5py", "numpy", "pillow", "onnx")
TITLE = "Torture"


class Record:
    """The cases that were judged, by their names."""

    def __init__(self, path: Path, seed: int, again: bool = False) -> None:
        self.path, self.seed = path, seed
        self._lock = threading.Lock()
        self.cases: dict[str, dict[str, Any]] = {}
        self.seconds = 0.0
        self.command = f"python -m benchmarks.torture --seed {seed}"
        if path.exists() and not again:
            stored = json.loads(path.read_text())
            self.cases, self.seconds = stored["cases"], stored["seconds"]

    def has(self, name: str) -> bool:
        return name in self.cases

    def add(self, judged: Judged) -> None:
        with self._lock:
            self.cases[judged.name] = asdict(judged)

    def save(self) -> None:
        """Write all cases."""
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = {"seed": self.seed, "seconds": self.seconds, "cases": self.cases}
            text = json.dumps(content, indent=1)
        self.path.with_suffix(".new").write_text(text)
        self.path.with_suffix(".new").replace(self.path)

    def summarize(self) -> dict[str, Any]:
        """Return the table and its origin, and the cases with faults, as JSON has them."""
        return {
            "title": TITLE,
            "about": self._describe(),
            "rows": self._count_faults(),
            "faults": [case for case in self.cases.values() if case["faults"]],
        }

    def format_page(self) -> str:
        """Return the table as Markdown."""
        return _format(self.summarize())

    def write_summary(self, path: Path) -> None:
        """Write the table as JSON, and as Markdown beside it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.summarize(), indent=1) + "\n", "utf-8")
        write_page(path)

    def _count_faults(self) -> list[dict[str, object]]:
        """Return a row for each kind of case: how many, how they ended, and the faults."""
        rows: list[dict[str, object]] = []
        for kind in dict.fromkeys(case["kind"] for case in self.cases.values()):
            cases = [case for case in self.cases.values() if case["kind"] == kind]
            counts = Counter(fault for case in cases for fault in case["faults"])
            ended = sum(case["status"] == 0 for case in cases)
            faults = {head: counts[fault] for fault, head in FAULTS.items()}
            rows.append({"": kind, "cases": len(cases), "exit 0": ended} | faults)
        return rows

    def _describe(self) -> str:
        versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        return (
            f"`{self.command}`, {self.seconds / 60:.0f} minutes, "
            f"{_read_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"{versions}, revision {read_git_revision() or 'unknown'}"
        )


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of `write_summary`."""
    path.with_suffix(".md").write_text(_format(json.loads(path.read_text("utf-8"))), "utf-8")


def _format(summary: dict[str, Any]) -> str:
    table = tabulate(summary["rows"], "keys", "pipe", intfmt=",")
    return f"### {summary['title']}\n\n{table}\n\n* Run: {summary['about']}.\n"


def _read_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
