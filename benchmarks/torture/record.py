"""The results of a torture run, in a JSON file that is written as it goes."""

import json
import threading
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tabulate import tabulate

from .faults import FAULTS
from .mutated_files import Judged


class Record:
    """The cases that were judged, by their names."""

    def __init__(self, path: Path, seed: int, again: bool = False) -> None:
        self.path, self.seed = path, seed
        self._lock = threading.Lock()
        self.cases: dict[str, dict[str, Any]] = {}
        if path.exists() and not again:
            self.cases = json.loads(path.read_text())["cases"]

    def has(self, name: str) -> bool:
        return name in self.cases

    def add(self, judged: Judged) -> None:
        with self._lock:
            self.cases[judged.name] = asdict(judged)

    def save(self) -> None:
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"seed": self.seed, "cases": self.cases}, indent=1)
        self.path.with_suffix(".new").write_text(text)
        self.path.with_suffix(".new").replace(self.path)

    def format_table(self) -> str:
        """Return a row for each kind of file: cases, how they ended, and the faults."""
        rows = []
        for kind in dict.fromkeys(case["kind"] for case in self.cases.values()):
            cases = [case for case in self.cases.values() if case["kind"] == kind]
            counts = Counter(fault for case in cases for fault in case["faults"])
            read = sum(case["status"] == 0 for case in cases)
            rows.append([kind, len(cases), read, *(counts[fault] for fault in FAULTS)])
        return tabulate(rows, ["kind of file", "cases", "accepted", *FAULTS])
