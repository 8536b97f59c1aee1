"""The report of `ganinv consistency`: the paper's Table 2, and whether z is unique."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganinv_cli.analysis.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE
from ganinv_cli.number_format import format_concise, format_count, format_scientific
from ganinv_cli.report.consistency.rows import make_rows
from ganinv_cli.report.images import (
    describe_criterion,
    describe_handling,
    describe_unread,
    make_image_table,
    make_statement,
    make_unread_tables,
    name_images,
    read_rows,
)
from ganinv_cli.report.report import Answer, Report, ReportModule
from ganinv_cli.report.run import (
    capitalize,
    describe_rule,
    make_run_notes,
    make_warnings,
)
from ganinv_cli.report.table import Column, Row, Table, flatten

if TYPE_CHECKING:
    from ganinv_cli.store import Results

MAX_FIGURES = 20  # images that are drawn; more are too many to look through


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is neither a recovery nor a file that could not be read.
    """
    table2, unread, run = read_rows(results, name, make_rows)
    return Report(
        name,
        _make_answer(run, table2, unread),
        {"table2": table2, "unread": unread},
        _make_tables(table2, unread),
        _make_notes(run, table2),
        run,
        [flatten(row) for row in table2],
    )


REPORT = ReportModule(__name__, "table2", summarize, figures=r"image-\d+")

DISTANCES = (
    Column(
        "trials",
        "recoveries",
        help="Distance: ‖zᵢ − zⱼ‖₂ / latent over pairs of recoveries, not squared, as in the "
        "paper.",
    ),
    Column("mean", "distance.mean", format_scientific),
    Column(
        "unrefined\nmean",
        "distance_as_found",
        format_scientific,
        help="Unrefined: as the solver left z.",
    ),
    Column(
        "paper",
        "paper",
        format_scientific,
        help="Paper: its value, for its image and generator.",
    ),
    Column("median", "distance.median", format_scientific),
    Column("largest", "distance.largest", format_scientific),
    Column(
        "random",
        "baseline",
        format_scientific,
        help="Random: E‖u − v‖₂ / latent of independent u, v from the prior.",
    ),
)
MINIMA = (
    Column("trials", "recoveries"),
    Column("by\nsolver", "converged.solver"),
    Column("when\nrefined", show=lambda row: _format_polished(row)),
    Column("not\nconverged", "not_converged"),
    Column(
        "minima",
        "minima.distinct",
        help="Minima: converged recoveries are one minimum if distances below "
        f"{format_concise(SAME_Z_TOLERANCE)} link them (docs/consistency.md).",
    ),
    Column("most\nfrequent", "minima.largest"),
    Column(
        "outside\nmedian",
        "outside.median",
        help="Outside: components of z beyond a bound of the prior, which never draws such z.",
    ),
)
LOSSES = (
    Column("least", "image_loss.least", format_scientific),
    Column("median", "image_loss.median", format_scientific),
    Column("largest", "image_loss.largest", format_scientific),
    Column("largest /\nleast − 1", "image_loss.spread", format_scientific),
    Column("PSNR of\nbest (dB)", "psnr"),
    Column("gradients", "gradients"),
)
REACHED = (
    Column(
        "trials",
        "reached.recoveries",
        help=f"Least loss: within {100 * REACHED_SHARE:g} % of the least image loss, or no more "
        "than rounding to 8 bits leaves.",
    ),
    Column("mean\ndistance", "reached.distance.mean", format_scientific),
    Column("median\ndistance", "reached.distance.median", format_scientific),
    Column("squared", "reached.distance.mean_squared", format_scientific),
    Column("converged", "reached.converged"),
    Column("distinct\nminima", "reached.distinct"),
)


def _make_tables(table2: list[Row], unread: list[Row]) -> list[Table]:
    """Return the tables: distances, uniqueness, minima, losses, unread files."""
    if not table2:
        return make_unread_tables(unread)

    def make_table(title: str, columns: Sequence[Column]) -> Table:
        return make_image_table(
            title, "image,\nclipping", table2, columns, name_row=_name_row, max_length=16
        )

    def state(row: Row, name: str) -> str:
        return make_statement(f"{name}, {row['technique']}:", row["verdict"])

    return [
        make_table(
            "The paper's Table 2: distance between recoveries of one image",
            DISTANCES,
        ),
        make_image_table(
            "Is z unique?", "image, clipping: verdict", table2, name_row=state, max_length=40
        ),
        make_table("How many converged, and to how many minima", MINIMA),
        make_table("Image loss, squared error summed over pixels in [-1, 1]", LOSSES),
        make_table("Only the recoveries that reached the least image loss", REACHED),
        *make_unread_tables(unread),
    ]


def _name_row(row: Row, name: str) -> str:
    return f"{name},\n{row['technique']}"


def _format_polished(row: Row) -> str:
    """Return how many converged after refinement, and of how many if not all were refined."""
    count, polished = row["converged"]["polished"], row["polished"]
    if count is None:
        return "-"
    return f"{count:,}" + (f" of {polished:,}" if polished < row["recoveries"] else "")


def _make_notes(run: Row, table2: list[Row]) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on what was found."""
    lines = [*make_run_notes(run), *describe_handling(table2)]
    if table2:
        lines.append(describe_criterion(run, any(row["polished"] for row in table2)))
    if lost := sum(row["without_number"] for row in table2):
        lines.append(f"Without a finite z, not converged and in no distance: {lost:,} recoveries.")
    if len(name_images(table2)) > MAX_FIGURES:
        lines.append(f"Figures show the first {MAX_FIGURES} images.")
    return lines


def _format_largest(row: Row) -> str:
    count = row["minima"]["largest"]  # 0: no recovery converged
    return format_count(count, row["recoveries"]) if count else "-"


ANSWER = (
    Column("clipping", "technique"),
    Column("z is", "unique"),
    Column("trials", "recoveries"),
    Column(
        "most\nfrequent z",
        show=_format_largest,
    ),
    Column("mean\ndistance", "distance.mean", format_scientific),
    Column("random z", "baseline", format_scientific),
)


def _make_answer(run: Row, table2: list[Row], unread: Sequence[Row]) -> Answer:
    """Return for how many images z is unique, and how far the recoveries are apart."""
    if not table2:
        return Answer(capitalize(describe_unread(unread)) + ".", None, make_warnings(run))
    lost = f"; {describe_unread(unread)}" if unread else ""
    title = "Do recoveries agree? Distance: ‖zᵢ − zⱼ‖ / latent"
    return Answer(
        f"{capitalize(_describe_uniqueness(table2))}{lost}.",
        make_image_table(title, "image", table2, ANSWER, max_length=16),
        make_warnings(run),
    )


def _describe_uniqueness(table2: Sequence[Row]) -> str:
    if len(table2) == 1:
        (row,), (name,) = table2, name_images(table2, max_length=40).values()
        return f"the recovered z of {name} {describe_rule(row['technique'])}: {row['verdict']}"
    counts = Counter(row["unique"] for row in table2)
    others = [
        f", {word} in {counts[word]:,}" for word in ("not unique", "undecided") if counts[word]
    ]
    unique = f"{counts['unique']:,} of {len(table2):,} cases (images and clipping rules)"
    return f"the recovered z is unique in {unique}{''.join(others)}"
