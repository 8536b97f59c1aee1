"""Tables as Markdown for docs/, and as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tabulate import tabulate


def write_sections(sections: Mapping[str, Sequence[Mapping[str, str]]], path: Path) -> None:
    """Write titled tables as Markdown to `path` and as JSON beside it; empty ones are left out."""
    shown = {title: rows for title, rows in sections.items() if rows}
    page = "\n\n".join(
        f"### {title}\n\n{tabulate(rows, 'keys', 'pipe', disable_numparse=True)}"
        for title, rows in shown.items()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page + "\n", "utf-8")
    path.with_suffix(".json").write_text(json.dumps(shown, indent=1) + "\n", "utf-8")
