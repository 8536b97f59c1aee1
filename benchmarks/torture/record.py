"""The table of a torture run, in a JSON file, and as Markdown beside it."""

import json
import os
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tabulate import tabulate

from ganinv_cli.experiments.provenance import read_git_revision

from .faults import FAULTS, Judged

PACKAGES = ("tensorflow", "keras", "h5py", "numpy", "pillow", "onnx")
TITLE = "Torture"


def summarize(cases: Sequence[Judged], command: str, seconds: float) -> dict[str, Any]:
    """Return the table, its origin, and the cases with faults, as JSON has them."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    about = (
        f"`{command}`, {seconds / 60:.0f} minutes, {os.cpu_count()} cores of {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}, "
        f"revision {read_git_revision() or 'unknown'}"
    )
    faults = [asdict(case) for case in cases if case.faults]
    return {"title": TITLE, "about": about, "rows": _count_faults(cases), "faults": faults}


def write_summary(summary: dict[str, Any], path: Path) -> None:
    """Write the table as JSON, and as Markdown beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
    write_page(path)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of `write_summary`."""
    page = format_page(json.loads(path.read_text("utf-8")))
    path.with_suffix(".md").write_text(page, "utf-8")


def format_page(summary: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    table = tabulate(summary["rows"], "keys", "pipe", intfmt=",")
    return f"### {summary['title']}\n\n{table}\n\n* Run: {summary['about']}.\n"


def _count_faults(cases: Sequence[Judged]) -> list[dict[str, object]]:
    """Return a row for each kind of case: how many, how they ended, and the faults."""
    rows: list[dict[str, object]] = []
    for kind in dict.fromkeys(case.kind for case in cases):
        some = [case for case in cases if case.kind == kind]
        counts = Counter(fault for case in some for fault in case.faults)
        ended = sum(case.status == 0 for case in some)
        faults = {head: counts[fault] for fault, head in FAULTS.items()}
        rows.append({"": kind, "cases": len(some), "exit 0": ended} | faults)
    return rows
