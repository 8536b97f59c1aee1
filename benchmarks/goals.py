"""What inverting costs, beside what was to be reached: from the files that `make bench` writes.

    python benchmarks/goals.py build/bench > docs/solvers/goals.md

FOLDER holds recover.h5 (three rules), encoder.h5 (--start encoder), float64.h5 (--polish float64),
roofline.json and peers.json; what is missing is left out.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
from tabulate import tabulate

from ganinv_cli.report.shared.run import share_gradients
from ganinv_cli.store import read_results
from ganinv_cli.store.results import Results

RULE = "stochastic"
ENCODER_GRADIENTS = (
    122_890 // 2
)  # pictures of random z that fitting portraits64's took, in gradients
Row = tuple[str, str, str, str]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(folder: Path) -> None:
    """Print a Markdown table of what was reached."""
    rows = [*_recovery_rows(folder), *_roofline_rows(folder), *_peer_rows(folder)]
    click.echo("### What was to be reached\n")
    click.echo(
        tabulate(rows, ("what", "to reach", "measured", "by"), "pipe", disable_numparse=True)
    )
    device = read_results(folder / "recover.h5").attributes["device"]
    click.echo(f"\n* Run: {device}, by `make bench`.")


def _recovery_rows(folder: Path) -> Iterator[Row]:
    for name, words, most in (
        ("recover", "random starts", 70),
        ("encoder", "from the encoder", 30),
    ):
        if (folder / f"{name}.h5").exists():
            found = read_results(folder / f"{name}.h5")
            rows, shared = found.groups[RULE], share_gradients(found)
            by = "ganinv recover" + (" --start encoder" if name == "encoder" else "")
            count = len(rows["trial"])
            right = int((rows["z_error"] < 1e-4).sum())
            first = int((rows["first/z_error"] < 1e-4).sum())
            gradients = rows["gradients"] + shared
            fitting = f", after some {ENCODER_GRADIENTS:,} once for it" if name == "encoder" else ""
            held = int((rows["z_error"] <= rows["error_bound"]).sum())
            yield (
                f"recovered below 1e-4, {words}, {RULE}",
                f"{count:,}",
                f"{right:,} of {count:,} ({first:,} at the first start)",
                f"`{by}`",
            )
            yield (
                f"gradients a trial until done, {words}",
                f"≤ {most}",
                f"{gradients.mean():.1f} (median {np.median(gradients):.0f}; {shared:.1f} of them "
                f"its share of the preconditioner){fitting}",
                f"`{by}`",
            )
            yield (
                f"estimated bound on the error of z held, {words}",
                "",
                f"{held:,} of {count:,}; largest share {_largest_share(rows):.2f}",
                f"`{by}`",
            )
            if name == "recover":
                yield _wall_clock_row(found, by)
    if (folder / "float64.h5").exists():
        yield from _polish_rows(read_results(folder / "float64.h5").groups[RULE])


def _largest_share(rows: Mapping[str, np.ndarray]) -> float:
    return float((rows["z_error"] / rows["error_bound"]).max())


def _wall_clock_row(found: Results, by: str) -> Row:
    began, ended = (
        datetime.fromisoformat(found.attributes[name]) for name in ("started", "finished")
    )
    trials = sum(len(rows["trial"]) for rows in found.groups.values() if "z_error" in rows)
    took = (ended - began).total_seconds()
    words = (
        f"wall clock, {trials:,} trials under {len(found.groups) - 1} rules, low precision first"
    )
    return words, "≤ 5 min", f"{took // 60:.0f} min {took % 60:.0f} s", f"`{by}`"


def _polish_rows(rows: Mapping[str, np.ndarray]) -> Iterator[Row]:
    errors, count = rows["polished/z_error"], len(rows["trial"])
    by = "`ganinv recover --polish float64`"
    yield (
        "below 1e-20 after polishing",
        f"{count:,}",
        f"{int((errors < 1e-20).sum()):,} of {count:,} (median {np.median(errors):.1e})",
        by,
    )
    mean = rows["polished/gradients"].mean()
    yield "float32 gradients a trial for that", "≤ 150", f"{mean:.0f}", by


def _roofline_rows(folder: Path) -> Iterator[Row]:
    if not (folder / "roofline.json").exists():
        return
    rows: list[dict[str, Any]] = json.loads((folder / "roofline.json").read_text())["rows"]
    by = "`benchmarks/roofline.py`"
    loops = [row for row in rows if row["what"] == "bare loop, float32"]
    best = max(loops, key=lambda row: row["share"])
    yield (
        "bare loop to a float32 matrix product",
        "≥ .90",
        f"{best['share']:.3f} at batch {best['batch']} ({best['least']:.2f} to {best['most']:.2f})",
        by,
    )
    solver = next(row for row in rows if row["what"] == "solver, float32")
    yield (
        "inside the solver to the bare loop",
        "≥ .95",
        f"{solver['share']:.3f} ({solver['least']:.2f} to {solver['most']:.2f})",
        by,
    )
    for row in rows:
        if row["what"].startswith("descent, "):
            yield (
                f"{row['what']} at batch {row['batch']}, to the bare loop",
                "≥ .90" if row["what"].endswith("32×32×1") else "",
                f"{row['share']:.3f} ({row['least']:.2f} to {row['most']:.2f})",
                by,
            )


def _peer_rows(folder: Path) -> Iterator[Row]:
    if not (folder / "peers.json").exists():
        return
    stored = json.loads((folder / "peers.json").read_text())["methods"]
    methods: dict[str, dict[str, Any]] = dict(stored)
    ours = [record for name, record in methods.items() if name in ("ganinv", "ganinv again")]
    rate = sum(each["recovered"] for each in ours) / sum(each["seconds"] for each in ours)
    libraries = ("scipy", "tfp")
    for words, least, chosen in (
        ("a method that a peer ships", 10, False),
        ("a library's optimiser", 5, True),
    ):
        others = {
            name: each["recovered"] / each["seconds"]
            for name, each in methods.items()
            if not name.startswith("ganinv") and name.startswith(libraries) is chosen
        }
        name = max(others, key=lambda each: others[each])
        said = f"{rate / others[name]:.1f} times {name}" if others[name] else "none recovered any"
        yield f"trials a second beside {words}", f"≥ {least} times", said, "`benchmarks/peers.py`"


if __name__ == "__main__":
    main()
