"""The report of `ganinv consistency`: the paper's Table 2, and whether z is unique."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ganinv_cli.analysis.image_results import ImageKey, read_images
from ganinv_cli.analysis.prior import describe_distribution, read_prior
from ganinv_cli.analysis.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE
from ganinv_cli.errors import ResultsError
from ganinv_cli.number_format import format_concise, format_count, format_scientific
from ganinv_cli.report.consistency.rows import make_label_rows, make_rows
from ganinv_cli.report.images import (
    describe_criterion,
    describe_handling,
    describe_unread,
    get_key,
    get_polish_precision,
    join_names,
    list_image_groups,
    list_trial_groups,
    make_image_table,
    make_statement,
    make_unread_rows,
    make_unread_tables,
    name_images,
)
from ganinv_cli.report.report import Answer, Report, ReportModule
from ganinv_cli.report.run import (
    capitalize,
    describe_count,
    describe_rule,
    describe_run,
    make_run_notes,
    make_warnings,
)
from ganinv_cli.report.table import Column, Row, Table, flatten

if TYPE_CHECKING:
    from ganinv_cli.store import Results

MAX_FIGURES = 60  # images that are drawn; more are too many to look through


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is neither a recovery nor a file that could not be read.
    """
    table2: list[Row] = []
    unread: list[Row] = []
    label_rows: list[Row] = []
    readable: list[int] = []
    handling_by_image: dict[ImageKey, str] = {}
    for image in read_images(results):
        table2 += make_rows(image)
        unread += make_unread_rows(image)
        label_rows += make_label_rows(image)
        readable += [] if image.error else [image.number]
        handling_by_image[image.key] = image.handling
    if not table2 and not unread:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = describe_run(results, list_image_groups(results.attributes.get("config", {}), readable))
    labels = {"labels": label_rows} if label_rows else {}
    return Report(
        name,
        _make_answer(run, table2, unread),
        {"table2": table2, "unread": unread} | labels,
        _make_tables(run, table2, unread, label_rows),
        _make_notes(run, table2, handling_by_image),
        run,
        [flatten(row) for row in table2],
    )


REPORT = ReportModule(
    __name__,
    "table2",
    summarize,
    max_page_figures=20,  # one per image
    list_trial_groups=list_trial_groups,
)

MINIMA = (
    Column("trials", "recoveries"),
    Column("by\nsolver", "converged.solver"),
    Column("when\nrefined", show=lambda row: _format_polished(row)),
    Column("not\nconverged", "not_converged"),
    Column(
        "distinct\nminima",
        "minima.distinct",
        help="Distinct minima: converged recoveries are one minimum if distances below "
        f"{format_concise(SAME_Z_TOLERANCE)} link them (docs/consistency.md).",
    ),
    Column("most\nfrequent", "minima.largest"),
)
LABELS = (
    Column("label", "label", str),
    Column("trials", "recoveries"),
    Column("converged", "converged"),
    Column("distinct\nminima", "distinct"),
    Column("least\nloss", "image_loss", format_scientific),
    Column("trials\nat it", "reached"),
    Column(
        "mean\ndistance",
        "distance",
        format_scientific,
        help="The same z makes another image under another label, so distances are between "
        "recoveries under the same label.",
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


def _make_tables(
    run: Row, table2: list[Row], unread: list[Row], label_rows: list[Row]
) -> list[Table]:
    """Return the tables: distances, uniqueness, minima, labels, losses, unread files."""
    if not table2:
        return make_unread_tables(unread)

    def make_table(title: str, columns: Sequence[Column], rows: list[Row] = table2) -> Table:
        return make_image_table(
            title, "image,\nclipping", rows, columns, name_row=_name_row, max_length=16
        )

    def state(row: Row, name: str) -> str:
        return make_statement(f"{name}, {row['technique']}:", row["verdict"])

    labels = [make_table("Labels under which the recoveries ended", LABELS, label_rows)]
    return [
        make_table(
            "The paper's Table 2: distance between recoveries of one image",
            _make_distance_columns(run),
        ),
        make_image_table(
            "Is z unique?", "image, clipping: verdict", table2, name_row=state, max_length=40
        ),
        make_table("How many converged, and to how many minima", MINIMA),
        *(labels if label_rows else []),
        make_table("Image loss, squared error summed over pixels in [-1, 1]", LOSSES),
        make_table("Only the recoveries that reached the least image loss", REACHED),
        *make_unread_tables(unread),
    ]


def _make_distance_columns(run: Row) -> list[Column]:
    prior = describe_distribution(read_prior(run["config"]))
    return [
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
            help=f"Random: E‖u − v‖₂ / latent of independent u, v, {prior}.",
        ),
    ]


def _name_row(row: Row, name: str) -> str:
    return f"{name},\n{row['technique']}"


def _format_polished(row: Row) -> str:
    """Return how many converged after refinement, and of how many if not all were refined."""
    count, polished = row["converged"]["polished"], row["polished"]
    if count is None:
        return "-"
    return f"{count:,}" + (f" of {polished:,}" if polished < row["recoveries"] else "")


def _make_notes(
    run: Row, table2: list[Row], handling_by_image: Mapping[ImageKey, str]
) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on what was found.

    `run` is as `describe_run` returns it, `handling_by_image` how each file was changed.
    """
    called = name_images(table2)
    lines = [
        *make_run_notes(run),
        *describe_handling((name, handling_by_image[key]) for key, name in called.items()),
    ]
    if far := [called[get_key(row)] for row in table2 if row["nearest_copy"] == "none"]:
        lines.append(
            f"{join_names(far)}: no recovery is as near as the worst JPEG copies (quality 10) of "
            "the generator's own pictures, so the generator did not make this image."
        )
    lines += _describe_outside(table2)
    if table2:
        polished = [row["polished"] > 0 for row in table2]
        lines.append(describe_criterion(run, any(polished)))
        if len(set(polished)) > 1:
            lines.append(
                f"Not every recovery was refined in {get_polish_precision(run)}; the others "
                "converged by the solver's test."
            )
    if lost := sum(row["without_number"] for row in table2):
        are = (
            "recovery has no finite z; it is"
            if lost == 1
            else "recoveries have no finite z; they are"
        )
        lines.append(f"{lost:,} {are} counted as not converged, and in no distance.")
    if len(called) > MAX_FIGURES:
        lines.append(f"Figures show the first {MAX_FIGURES} images.")
    return lines


def _describe_outside(table2: Sequence[Row]) -> list[str]:
    """Return a sentence per rule whose recoveries are mostly outside the bounds."""
    medians_by_rule: dict[str, set[float]] = {}
    for row in table2:
        if row["outside"]["median"]:
            medians_by_rule.setdefault(row["technique"], set()).add(row["outside"]["median"])
    return [
        f"{capitalize(describe_rule(rule))}, "
        f"{' to '.join(f'{each:g}' for each in dict.fromkeys((min(medians), max(medians))))} of "
        f"{table2[0]['latent']} components of z (median over the recoveries of an image) end "
        "outside the bounds. The prior never draws such z."
        for rule, medians in sorted(medians_by_rule.items())
    ]


ANSWER = (
    Column("clipping", "technique"),
    Column("z is", "unique"),
    Column("trials", "recoveries"),
    Column(
        "most\nfrequent z",
        show=lambda row: format_count(row["minima"]["largest"], row["recoveries"]),
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
    names = name_images(table2, max_length=40)
    if len(table2) == 1:
        (row,) = table2
        case = f"{names[get_key(row)]} {describe_rule(row['technique'])}"
        reason = row["verdict"].partition(": ")[2]
        if row["unique"] == "undecided":
            return f"whether the recovered z is unique for {case} is undecided: {reason}"
        return f"the recovered z is {row['unique']} for {case}: {reason}"
    rules = {row["technique"] for row in table2}
    words_by_image: dict[ImageKey, set[str]] = {key: set() for key in names}
    for row in table2:
        words_by_image[get_key(row)].add(row["unique"])
    if any(len(words) > 1 for words in words_by_image.values()):
        cases = "cases (images and clipping rules)"
        return _describe_counts(Counter(row["unique"] for row in table2), "in", cases)
    under = describe_rule(rules.pop()) if len(rules) == 1 else "under every clipping rule"
    counts = Counter(word for words in words_by_image.values() for word in words)
    return f"{_describe_counts(counts, 'for', 'images')}, {under}"


def _describe_counts(counts: Counter[str], preposition: str, cases: str) -> str:
    """Return e.g. "z is unique for 2 of 3 images, not unique for 1"."""
    others = [
        f", {word} {preposition} {counts[word]:,}"
        for word in ("not unique", "undecided")
        if counts[word]
    ]
    unique = f"{describe_count(counts['unique'], counts.total())} {cases}"
    return f"the recovered z is unique {preposition} {unique}{''.join(others)}"
