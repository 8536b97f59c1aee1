"""Compare the cost of recovery with its goals, from stored results alone.

    python benchmarks/goals.py docs/results docs/solvers      # writes docs/solvers/goals.md

RESULTS holds recover.h5 (random starts), encoder.h5 (--start encoder) and float64.h5 (--polish
float64); SOLVERS holds roofline.json and peers.json, and goals.md is written there. Rows of a file
that is missing are left out.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from side_by_side.records import OURS, Record, format_speedup, read_records
from tabulate import tabulate

from ganinv_cli.analysis.groups import share_gradients
from ganinv_cli.settings.shipped import find
from ganinv_cli.store import Results, read_results

TITLE = "Goals and what was measured"
HEADER = ("goal", "to reach", "measured", "by")
RULE = "stochastic"
LIBRARIES = ("scipy", "tfp")  # first letters of the names of methods that libraries ship
Row = tuple[str, str, str, str]


@click.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("solvers", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(results: Path, solvers: Path) -> None:
    """Write SOLVERS/goals.md and print it."""
    write_page(results, solvers)
    click.echo((solvers / "goals.md").read_text("utf-8"), nl=False)


def write_page(results: Path, solvers: Path) -> None:
    """Write goals.md in the folder `solvers`, from the JSON files there and files of `results`."""
    files = {
        name: read_results(results / f"{name}.h5")
        for name in ("recover", "encoder", "float64")
        if (results / f"{name}.h5").exists()
    }
    rows = [
        *_recovery_rows(files),
        *(_polish_rows(files["float64"]) if "float64" in files else ()),
        *_roofline_rows(solvers / "roofline.json"),
        *_peer_rows(solvers / "peers.json"),
    ]
    table = tabulate(rows, HEADER, "pipe", disable_numparse=True)
    text = f"### {TITLE}\n\n{table}\n\n{_describe_runs(files)}"
    (solvers / "goals.md").write_text(text, "utf-8")


def count_encoder_gradients(checkpoint: str) -> int:
    """Return the cost of fitting the encoder beside a checkpoint, in gradients.

    It is half of the number of images, because an image is one forward pass, half of a gradient.
    """
    with np.load(find("checkpoint", checkpoint) / "encoder.npz", allow_pickle=False) as encoder:
        images: int = json.loads(str(encoder["json"]))["about"]["run"]["images"]
    return images // 2


def _recovery_rows(files: Mapping[str, Results]) -> Iterator[Row]:
    for name, words, most in (
        ("recover", "random starts", 70),
        ("encoder", "encoder starts", 30),
    ):
        if name not in files:
            continue
        results = files[name]
        rows, shared = results.groups[RULE], share_gradients(results)
        count = len(rows["trial"])
        recovered = int((rows["z_error"] < 1e-4).sum())
        first = int((rows["first/z_error"] < 1e-4).sum())
        held = int((rows["z_error"] <= rows["error_bound"]).sum())
        gradients = rows["gradients"] + shared
        fitting = ""
        if name == "encoder":
            once = count_encoder_gradients(Path(results.attributes["config"]["checkpoint"]).name)
            fitting = f", after {once:,} once for the encoder"
        by = f"`ganinv recover{' --start encoder' if name == 'encoder' else ''}`"
        yield (
            f"trials recovered below 1e-4, {words}, {RULE}",
            f"{count:,}",
            f"{recovered:,} of {count:,} ({first:,} at the first start)",
            by,
        )
        yield (
            f"gradients per trial, {words}",
            f"≤ {most}",
            f"{gradients.mean():.1f} (median {np.median(gradients):.0f}; {shared:.1f} of them its "
            f"share of the preconditioner){fitting}",
            by,
        )
        yield (
            f"trials in which the estimated bound on the error of z held, {words}",
            "",
            f"{held:,} of {count:,}; largest error: {_largest_share(rows):.2f} of its bound",
            by,
        )


def _largest_share(rows: Mapping[str, np.ndarray]) -> float:
    return float((rows["z_error"] / rows["error_bound"]).max())


def _polish_rows(results: Results) -> Iterator[Row]:
    rows = results.groups[RULE]
    errors, count = rows["polished/z_error"], len(rows["trial"])
    by = "`ganinv recover --polish float64`"
    yield (
        "trials below 1e-20 after the refinement in float64",
        f"{count:,}",
        f"{int((errors < 1e-20).sum()):,} of {count:,} (median {np.median(errors):.1e})",
        by,
    )
    mean = rows["polished/gradients"].mean()
    yield "float32 gradients per trial for the refinement", "≤ 150", f"{mean:.0f}", by


def _roofline_rows(path: Path) -> Iterator[Row]:
    if not path.exists():
        return
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["rows"]
    by = "`benchmarks/roofline.py`"
    loops = [row for row in rows if row["what"] == "bare loop, float32"]
    best = max(loops, key=lambda row: row["share"])
    yield (
        "speed of a bare loop of gradients, as a share of a float32 matrix product",
        "≥ .90",
        f"{_format_share(best)}, batch {best['batch']}",
        by,
    )
    solver = next(row for row in rows if row["what"] == "solver, float32")
    yield "speed of the solver, as a share of the bare loop", "≥ .95", _format_share(solver), by
    for row in rows:
        if row["what"].startswith("descent, "):
            yield (
                f"{row['what']}, batch {row['batch']}: speed as a share of the bare loop",
                "≥ .90" if row["what"].endswith("32×32×1") else "",
                _format_share(row),
                by,
            )


def _format_share(row: Mapping[str, Any]) -> str:
    return f"{row['share']:.3f} ({row['least']:.2f} to {row['most']:.2f})"


def _peer_rows(path: Path) -> Iterator[Row]:
    if not path.exists():
        return
    records, _ = read_records(path)
    ours = [records[name] for name in OURS if name in records]
    for words, goal, chosen in (
        ("another project's method", "≥ 10 times", False),
        ("a library's optimiser", "≥ 5 times", True),
    ):
        others = {
            name: record
            for name, record in records.items()
            if name not in OURS and name.startswith(LIBRARIES) is chosen
        }
        if others and ours:
            yield (
                f"trials recovered per second, beside the fastest of {words}",
                goal,
                _compare_fastest(ours, others),
                "`benchmarks/peers.py`",
            )


def _compare_fastest(ours: list[Record], others: Mapping[str, Record]) -> str:
    """Return the speed-up of our runs over the fastest other method, at equal pace."""
    name = max(others, key=lambda each: others[each].recovered / others[each].measure_time(True))
    if not others[name].recovered:
        return "none of these recovered a trial"
    return f"{format_speedup(ours, others[name], at_equal_pace=True)} times `{name}` at equal pace"


def _describe_runs(files: Mapping[str, Results]) -> str:
    """Return the device and seed of each results file."""
    runs = "; ".join(
        f"{name}.h5: {results.attributes['device']}, seed {results.attributes['config']['seed']}"
        for name, results in files.items()
    )
    return f"* Run: {runs}.\n" if runs else ""


if __name__ == "__main__":
    main()
