"""Compare the cost of recovery with its goals, from stored results alone.

    python -m benchmarks.speed.goals docs/results docs/solvers      # writes docs/solvers/goals.md

RESULTS holds recover.h5 (random starts), encoder.h5 (--start encoder) and float64.h5 (--polish
float64); SOLVERS holds roofline.json and peers.json, and goals.md is written there.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from tabulate import tabulate

from benchmarks.speed import peers
from ganinv_cli.report import summarize
from ganinv_cli.settings.shipped import find
from ganinv_cli.store import Results, read_results

HEADER = ("goal", "to reach", "measured", "by")
RULE = "stochastic"
Row = tuple[str, str, str, str]


@click.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("solvers", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(results: Path, solvers: Path) -> None:
    """Write SOLVERS/goals.md and print it."""
    page = make_page(results, solvers)
    (solvers / "goals.md").write_text(page, "utf-8")
    click.echo(page, nl=False)


def make_page(results: Path, solvers: Path) -> str:
    """Return the table of goals as Markdown."""
    files = {
        name: read_results(results / f"{name}.h5") for name in ("recover", "encoder", "float64")
    }
    rows = [
        *_list_recovery(files["recover"], "random", 70, ""),
        *_list_recovery(files["encoder"], "encoder", 30, _describe_fitting(files["encoder"])),
        *_list_polish(files["float64"]),
        *_list_roofline(json.loads((solvers / "roofline.json").read_text("utf-8"))),
        *_list_peers(json.loads((solvers / "peers.json").read_text("utf-8"))),
    ]
    table = tabulate(rows, HEADER, "pipe", disable_numparse=True)
    runs = "; ".join(
        f"{name}.h5: {each.attributes['device']}, seed {each.attributes['config']['seed']}"
        for name, each in files.items()
    )
    return f"### Goals and what was measured\n\n{table}\n\n* Run: {runs}.\n"


def _describe_fitting(results: Results) -> str:
    """Return the cost of fitting the encoder; an image is one forward pass, half a gradient."""
    checkpoint = Path(results.attributes["config"]["checkpoint"]).name
    with np.load(find("checkpoint", checkpoint) / "encoder.npz", allow_pickle=False) as encoder:
        images = json.loads(str(encoder["json"]))["about"]["run"]["images"]
    return f", after {images // 2:,} once for the encoder"


def _list_recovery(results: Results, start: str, most: int, fitting: str) -> Iterator[Row]:
    (row,) = (each for each in _tabulate(results, "table1") if each["technique"] == RULE)
    group, count = results.groups[RULE], row["trials"]
    largest = float((group["z_error"] / group["error_bound"]).max())
    by = "`ganinv recover`" if start == "random" else "`ganinv recover --start encoder`"
    yield (
        f"trials recovered below 1e-4, {start} starts, {RULE}",
        f"{count:,}",
        f"{row['recovered']['1e-4']:,} of {count:,} ({row['first_start']['1e-4']:,} at the first "
        "start)",
        by,
    )
    yield (
        f"gradients per trial, {start} starts",
        f"≤ {most}",
        f"{row['gradients']:.1f} (median {row['gradients_median']:.0f}; "
        f"{row['gradients_shared']:.1f} of them its share of the preconditioner){fitting}",
        by,
    )
    yield (
        f"trials in which the estimated bound on the error of z held, {start} starts",
        "",
        f"{row['bound']['held']:,} of {count:,}; largest error: {largest:.2f} of its bound",
        by,
    )


def _list_polish(results: Results) -> Iterator[Row]:
    (row,) = _tabulate(results, "polished")
    by, count = "`ganinv recover --polish float64`", row["trials"]
    found = f"{row['recovered']['1e-20']:,} of {count:,} (median {row['z_error_median']:.1e})"
    yield "trials below 1e-20 after the refinement in float64", f"{count:,}", found, by
    yield "float32 gradients per trial for the refinement", "≤ 150", f"{row['gradients']:.0f}", by


def _list_roofline(record: Mapping[str, Any]) -> Iterator[Row]:
    rows, by = record["rows"], "`benchmarks/speed/roofline.py`"
    best = max(
        (row for row in rows if row["what"] == "bare loop, float32"), key=lambda row: row["share"]
    )
    yield (
        "speed of a bare loop of gradients, as a share of a float32 matrix product",
        "≥ .90",
        f"{_format_share(best)}, batch {best['batch']}",
        by,
    )
    (solver,) = (row for row in rows if row["what"] == "solver, float32")
    yield "speed of the solver, as a share of the bare loop", "≥ .95", _format_share(solver), by
    for row in rows:
        if row["what"].startswith("descent, "):
            goal = "≥ .90" if row["what"].startswith("descent, 32×32") else ""
            what = f"{row['what']}, batch {row['batch']}: speed as a share of the bare loop"
            yield what, goal, _format_share(row), by


def _list_peers(record: Mapping[str, Any]) -> Iterator[Row]:
    results = peers.read_results(record)
    ours = [results[name] for name in peers.OURS]
    for words, goal, names in (
        ("another project's method", "≥ 10 times", ("paper-code",)),
        ("a library's optimiser", "≥ 5 times", ("scipy-lbfgsb-50", "tfp-lbfgs-50")),
    ):
        others = {name: results[name] for name in names if name in results}
        if not others:
            continue
        best = max(
            others, key=lambda name: others[name].recovered / others[name].measure_time(True)
        )
        speedup = peers.format_speedup(ours, others[best], at_equal_pace=True)
        yield (
            f"trials recovered per second, beside the fastest of {words}",
            goal,
            f"{speedup} times `{best}` at equal pace"
            if others[best].recovered
            else "none of these recovered a trial",
            "`benchmarks/speed/peers.py`",
        )


def _tabulate(results: Results, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = summarize(results, "results").tables[table]
    return rows


def _format_share(row: Mapping[str, Any]) -> str:
    return f"{row['share']:.3f} ({row['least']:.2f} to {row['most']:.2f})"


if __name__ == "__main__":
    main()
