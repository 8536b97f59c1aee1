"""How to read Table 2 and its companions."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from ganinv_cli.report.consistency.minima import REACHED, SAME
from ganinv_cli.report.output.number_format import concise
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared.image_names import handling, listed, names
from ganinv_cli.report.shared.minimum import criterion
from ganinv_cli.report.shared.prior import distribution, prior_of
from ganinv_cli.report.shared.run import run_notes
from ganinv_cli.statistics.image_error import POOR, WORDS

FIGURES = 60  # images that are drawn; nobody looks through more


def notes(run: Row, table2: list[Row], said: Mapping[int, str]) -> list[str]:
    """What is missing, what was run, what was done to each file, and how to read the tables."""
    called = names(table2)
    lines = [*run_notes(run), *handling((name, said[of]) for of, name in called.items())]
    poor = [row for row in table2 if row["psnr"] is not None and row["psnr"] < min(WORDS)]
    if poor:
        lines.append(f"{listed(called[row['number']] for row in poor)}: {POOR}.")
    lines += [_outside(technique, list(of)) for technique, of in _beyond(table2)]
    lines.append(
        "Trials: recoveries. Distance: ‖zᵢ − zⱼ‖₂ / latent over pairs of recoveries, not squared, "
        "as the paper's; "
        "squared: E‖zᵢ − zⱼ‖₂² / latent. Paper: its value, for its own image and generator. "
        "Random: E‖u − v‖₂ / latent of independent u, v, "
        f"{distribution(prior_of(run['config']))}."
    )
    lines.append(
        f"A distinct minimum: recoveries that converged{_polish(table2)}, each nearer than "
        f"{concise(SAME)} to another of them; a table has their number at larger tolerances. How "
        "far what has converged still moves when it is solved on was measured on the shipped "
        "generator: docs/consistency.md. One that did not converge is no minimum and is counted "
        "apart. Most frequent: recoveries at the minimum that was found most often. "
        f"Least loss: an image loss within {100 * REACHED:g} % of the least of all, or no more "
        "than rounding the image to 8 bits leaves."
    )
    if table2:
        polished = any(row["polished"] for row in table2)
        lines.append(criterion(run, table2[0]["latent"], polished))
    if lost := sum(row["without_number"] for row in table2):
        are = (
            "recovery has no finite z; it is"
            if lost == 1
            else "recoveries have no finite z; they are"
        )
        lines.append(f"{lost:,} {are} counted as not converged, and in no distance.")
    if len(called) > FIGURES:
        lines.append(f"Figures show the first {FIGURES} images.")
    return lines


def _polish(table2: list[Row]) -> str:
    polished = {row["polished"] > 0 for row in table2}
    if polished == {True}:
        return " after polishing in float64"
    if polished == {False}:
        return ", by the solver's own word"
    return " after polishing in float64, or by the solver's own word where none was polished"


def _beyond(table2: list[Row]) -> Iterator[tuple[str, Iterator[Row]]]:
    """The rows of each technique whose recoveries mostly leave the box."""
    rows = (row for row in table2 if row["outside"]["median"])
    return groupby(sorted(rows, key=_technique), _technique)


def _outside(technique: str, rows: list[Row]) -> str:
    medians = sorted({row["outside"]["median"] for row in rows})
    ends = f"{medians[0]:g}" + (f" to {medians[-1]:g}" if len(medians) > 1 else "")
    return (
        f"With {technique}, {ends} of {rows[0]['latent']} components of z (median over the "
        "recoveries of an image) end outside the box, where no z is drawn."
    )


def _technique(row: Row) -> str:
    return str(row["technique"])
