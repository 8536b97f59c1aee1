"""Write the notes on Table 2 and its companions."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from ganinv_cli.report.consistency.numbers import LabelRow, Table2Row
from ganinv_cli.report.output.number_format import format_concise
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.image_tables import (
    ImageKey,
    describe_criterion,
    describe_handling,
    get_polish_precision,
    join_names,
    name_images,
)
from ganinv_cli.report.shared.phrases import capitalize, describe_rule
from ganinv_cli.report.shared.prior import describe_distribution, read_prior
from ganinv_cli.report.shared.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE
from ganinv_cli.report.shared.run import make_run_notes

MAX_FIGURES = 60  # images that are drawn; more are too many to look through


LABEL_NOTE = (
    "The same z makes another image under another label. So distances are between recoveries under "
    "the same label, each minimum has one label, and the verdict on z is for the label with the "
    "least image loss."
)


def make_notes(
    run: Json,
    table2: list[Table2Row],
    label_rows: list[LabelRow],
    handling_by_image: Mapping[ImageKey, str],
) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on reading the tables.

    `run` is as `describe_run` returns it, `handling_by_image` how each file was changed.
    """
    called = name_images(table2)
    lines = [
        *make_run_notes(run),
        *describe_handling((name, handling_by_image[key]) for key, name in called.items()),
    ]
    if far := [called[row.key] for row in table2 if row.nearest_copy == "none"]:
        lines.append(
            f"{join_names(far)}: no recovery is as near as the worst JPEG copies (quality 10) of "
            "the generator's own pictures, so the generator did not make this image."
        )
    lines += [_describe_outside(rule, list(of)) for rule, of in _group_outside(table2)]
    lines.append(
        "Trials: recoveries. Distance: ‖zᵢ − zⱼ‖₂ / latent over pairs of recoveries, not squared, "
        "as in the paper. Unrefined: before refinement, as the solver left z. Paper: the paper's "
        "value, for its image and generator. Random: E‖u − v‖₂ / latent of independent u, v, "
        f"{describe_distribution(read_prior(run['config']))}."
    )
    polishing = _describe_polishing(table2, get_polish_precision(run))
    lines.append(
        f"Distinct minima: recoveries that converged{polishing} are one minimum if they are linked "
        f"by distances below {format_concise(SAME_Z_TOLERANCE)}; another table has larger limits. "
        "docs/consistency.md says how far converged recoveries move if the solver goes on. "
        "Recoveries that did not converge are counted apart. Most frequent: recoveries at the "
        f"minimum that was found most often. Least loss: within {100 * REACHED_SHARE:g} % of the "
        "least image loss, or no more than rounding to 8 bits leaves."
    )
    if table2:
        polished = any(row.polished for row in table2)
        lines.append(describe_criterion(run, polished))
    if lost := sum(row.without_number for row in table2):
        are = (
            "recovery has no finite z; it is"
            if lost == 1
            else "recoveries have no finite z; they are"
        )
        lines.append(f"{lost:,} {are} counted as not converged, and in no distance.")
    if len(called) > MAX_FIGURES:
        lines.append(f"Figures show the first {MAX_FIGURES} images.")
    if label_rows:
        lines.append(LABEL_NOTE)
    return lines


def _describe_polishing(table2: list[Table2Row], precision: str) -> str:
    polished = {row.polished > 0 for row in table2}
    if polished == {True}:
        return f" after refinement in {precision}"
    if polished == {False}:
        return " by the solver's test"
    return f" after refinement in {precision}, or by the solver's test if they were not refined,"


def _group_outside(table2: list[Table2Row]) -> Iterator[tuple[str, Iterator[Table2Row]]]:
    """Yield by rule the rows whose recoveries are mostly outside the bounds."""
    rows = (row for row in table2 if row.outside.median)
    return groupby(sorted(rows, key=_get_rule), _get_rule)


def _describe_outside(rule: str, rows: list[Table2Row]) -> str:
    medians = sorted({row.outside.median or 0 for row in rows})
    ends = f"{medians[0]:g}" + (f" to {medians[-1]:g}" if len(medians) > 1 else "")
    return (
        f"{capitalize(describe_rule(rule))}, {ends} of {rows[0].latent} components of z (median "
        "over the recoveries of an image) end outside the bounds. The prior never draws such z."
    )


def _get_rule(row: Table2Row) -> str:
    return row.technique
