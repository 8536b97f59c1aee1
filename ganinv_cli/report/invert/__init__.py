"""The report of `ganinv invert`: z for a user's images, each with a certificate."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ganinv_cli.analysis.certificate import make_certificates
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.analysis.verdict import REACHED_SHARE, Verdict
from ganinv_cli.number_format import format_concise
from ganinv_cli.report.images import (
    COPIES,
    LEFT,
    RMSE,
    VERDICT,
    describe_handling,
    describe_unread,
    make_image_table,
    make_statement,
    make_unread_tables,
    name_images,
    read_rows,
    shorten_name,
)
from ganinv_cli.report.invert.pictures import FOLDER, MAX_SHOWN, iterate_pictures
from ganinv_cli.report.report import Answer, Report, ReportModule
from ganinv_cli.report.run import (
    capitalize,
    make_run_notes,
    make_warnings,
)
from ganinv_cli.report.table import Column, Row, Table, flatten

if TYPE_CHECKING:
    from ganinv_cli.store import Results

MEANINGS: Mapping[Verdict, str] = {  # the worst verdict first
    "failed": "no start gave finite numbers",
    "outside": "no z was found that makes it",
    "sibling": "nearer than strangers, but not its own",
    "ambiguous": "made, but the image does not determine z",
    "no verdict": "not re-enacted",
    "not finished": "starts are missing",
}


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is neither a recovery nor a file that could not be read.
    """
    inverted, unread, run = read_rows(results, name, make_certificates)
    return Report(
        name,
        _make_answer(run, inverted, unread),
        {"invert": inverted, "unread": unread},
        _make_tables(inverted, unread),
        _make_notes(run, inverted),
        run,
        [flatten({key: row[key] for key in row if key not in LISTS}) for row in inverted],
    )


REPORT = ReportModule(
    __name__, "invert", summarize, iterate_pictures, figures=r"reconstructions(-\d+)?"
)

LISTS = ("z_found", "z_explained", "z_deviation")  # a number per component
MAX_CHAIN = 25  # characters of the changes of an image in the short table

DEVIATION = Column(
    "z ±",
    "z_deviation_mean",
    help="z ±: standard error of a component, their mean; at most the prior's deviation.",
)
NEARNESS = (
    *(VERDICT, LEFT, COPIES, RMSE),
    Column("PSNR\n(dB)", "psnr"),
    Column(
        "nearest\nstranger",
        "stranger_rmse",
        help="Nearest stranger: least RMSE of pictures that are averages of two of its own.",
    ),
)


def _make_certainty_columns(labelled: bool) -> list[Column]:
    same_label = " under the same label" if labelled else ""
    label = Column(
        "label",
        "label",
        str,
        help="Each start tries one label, and the starts take the labels in turn; z under "
        "different labels cannot be compared.",
    )
    return [
        *([label] if labelled else []),
        Column(
            "agree",
            show=lambda row: (
                f"{row['agreement']['reached']:,} of "
                f"{row.get('starts_under_label', row['starts']):,}"
            ),
            help=f"Agree: starts{same_label} with an image loss at most {100 * REACHED_SHARE:g} % "
            "above the lowest one, or not above rounding.",
        ),
        Column(
            "one z",
            "agreement.same",
            help="One z: of these, the starts that found the best z, to within "
            f"{format_concise(SAME_Z_TOLERANCE)} (‖·‖ / latent) or the error that JPEG causes.",
        ),
        DEVIATION,
        Column(
            "directions\nknown",
            "known_directions",
            help="Directions known: of z, with a standard error below half the prior's deviation.",
        ),
        Column(
            "at\nbound",
            "at_bound",
            help="At bound: components of z at or beyond a bound of the prior.",
        ),
        Column("outside", "outside", help="Outside: components beyond a bound."),
    ]


def _make_tables(inverted: list[Row], unread: list[Row]) -> list[Table]:
    """Return the tables: errors of the images, certainty of z, and unread files."""
    if not inverted:
        return make_unread_tables(unread)
    several = len({row["technique"] for row in inverted}) > 1
    labelled = any("label" in row for row in inverted)

    def name_row(row: Row, name: str) -> str:
        return f"{name},\n{row['technique']}" if several else name

    def explain(row: Row, name: str) -> str:
        rule = f", {row['technique']}" if several else ""
        heading = f"{name}{rule}: {row['verdict']}."
        return make_statement(heading, f"{capitalize(row['explanation'])}.")

    return [
        make_image_table(
            "How near the reconstruction is, and the verdict",
            "image",
            inverted,
            NEARNESS,
            name_row=name_row,
            max_length=21,
        ),
        make_image_table(
            "What the verdict says", "image: verdict", inverted, name_row=explain, max_length=40
        ),
        make_image_table(
            "How sure z is",
            "image",
            inverted,
            _make_certainty_columns(labelled),
            name_row=name_row,
            max_length=10 if labelled else 15,
        ),
        *make_unread_tables(unread),
    ]


def _make_notes(run: Row, inverted: list[Row]) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on what was measured."""
    lines = [*make_run_notes(run), *describe_handling(inverted)]
    if mask := run["config"].get("mask"):
        lines.append(f"The mask {mask} leaves out some pixels; no number here counts them.")
    if any(row["difference_amplified"] for row in inverted):
        lines.append(
            f"Original, reconstruction and difference of each image are PNG files in {FOLDER}/. In "
            "the difference, amplified by the factor difference_amplified of the JSON, brighter "
            "than grey means that the reconstruction is brighter. Figures show the first "
            f"{MAX_SHOWN} images."
        )
    return lines


def _make_answer(run: Row, inverted: list[Row], unread: Sequence[Row]) -> Answer:
    """Return the verdict on one image, or how many images have each verdict."""
    if not inverted:
        return Answer(capitalize(describe_unread(unread)) + ".", None, make_warnings(run))
    several = len({row["technique"] for row in inverted}) > 1
    lost = f"; {describe_unread(unread)}" if unread else ""
    columns = [
        *([Column("clipping", "technique")] if several else []),
        VERDICT,
        Column(
            "what was done",
            show=_describe_chain,
            show_short=lambda row: shorten_name(_describe_chain(row), MAX_CHAIN),
        ),
        LEFT,
        DEVIATION,
    ]
    return Answer(
        f"{_describe_verdicts(inverted)}{lost}.",
        make_image_table(
            "Verdict on each image, what was done to it, and what that leaves unexplained",
            "image",
            sorted(inverted, key=_get_rank),
            columns,
            max_length=12 if several else 20,
        ),
        make_warnings(run),
        counted="verdict",
    )


def _describe_chain(row: Row) -> str:
    return (row["chain"] or "rounded to 8 bits") if row["explained"] else "-"


def _get_rank(row: Row) -> tuple[int, float]:
    """Return a key that sorts the worst verdicts and the largest errors first, `made` last."""
    return [*MEANINGS, "made"].index(row["verdict"]), -(row["excess"] or row["rmse"] or 0.0)


def _describe_verdicts(inverted: Sequence[Row]) -> str:
    if len(inverted) == 1:
        return _describe_verdict(inverted[0])
    counts = Counter(row["verdict"] for row in inverted)
    others = [
        f"{counts[verdict]:,} {verdict} ({meaning})"
        for verdict, meaning in MEANINGS.items()
        if verdict in counts
    ]
    rules = {row["technique"] for row in inverted}
    cases = "images" if len(rules) == 1 else "cases (images and clipping rules)"
    made = f"The generator made {counts['made']:,} of {len(inverted):,} {cases}"
    return made + (f"; {', '.join(others)}" if others else "")


def _describe_verdict(row: Row) -> str:
    """Return the explanation of a verdict, with the name of the image in it."""
    (name,) = name_images([row], max_length=40).values()
    explanation = row["explanation"]
    named = explanation.replace("this picture", name, 1)
    named = named.replace("these pixels", f"these pixels of {name}", 1)
    return capitalize(named) if named != explanation else f"{name}: {named}"
