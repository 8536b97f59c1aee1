"""The report of `ganinv invert`: z for a user's images, each with a certificate."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ganinv_cli.analysis.certificate import make_certificates
from ganinv_cli.analysis.image_results import read_images
from ganinv_cli.analysis.prior import format_bounds, read_prior
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.analysis.verdict import MATCH_QUALITY, REACHED_SHARE, Verdict
from ganinv_cli.errors import ResultsError
from ganinv_cli.number_format import format_concise, format_number, format_scientific
from ganinv_cli.report.images import (
    describe_criterion,
    describe_handling,
    describe_unread,
    get_key,
    list_image_groups,
    list_trial_groups,
    make_image_table,
    make_statement,
    make_unread_rows,
    make_unread_tables,
    name_images,
)
from ganinv_cli.report.invert.pictures import FOLDER, MAX_SHOWN, iterate_pictures
from ganinv_cli.report.report import Answer, Report, ReportModule
from ganinv_cli.report.run import (
    capitalize,
    describe_count,
    describe_run,
    make_run_notes,
    make_warnings,
)
from ganinv_cli.report.table import Column, Row, Table, flatten, to_plain

if TYPE_CHECKING:
    from ganinv_cli.store import Results

MEANINGS: Mapping[Verdict, str] = {
    "ambiguous": "matched, but the image does not determine z",
    "near": "perhaps the generator made it",
    "implausible": "only a z that is never drawn makes it",
    "outside": "no z was found that makes it",
    "failed": "no start gave finite numbers",
}


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is neither a recovery nor a file that could not be read.
    """
    inverted: list[Row] = []
    unread: list[Row] = []
    readable: list[int] = []
    for image in read_images(results):
        inverted += map(to_plain, make_certificates(image))
        unread += make_unread_rows(image)
        readable += [] if image.error else [image.number]
    if not inverted and not unread:
        raise ResultsError(f"{name}: no recovery of an image is saved yet; let its run go on")
    run = describe_run(results, list_image_groups(results.attributes.get("config", {}), readable))
    return Report(
        name,
        _make_answer(run, inverted, unread),
        {"invert": inverted, "unread": unread},
        _make_tables(run, inverted, unread),
        _make_notes(run, inverted),
        run,
        [flatten({key: row[key] for key in row if key != "z_found"}) for row in inverted],
    )


REPORT = ReportModule(
    __name__,
    "invert",
    summarize,
    iterate_pictures,
    list_trial_groups=list_trial_groups,
)

VERDICT = Column("verdict", "verdict")
RMSE = Column("RMSE\n(of 255)", "rmse", help="RMSE: per pixel and channel, in grey levels of 255.")
PSNR = Column("PSNR\n(dB)", "psnr")
NEARNESS = (
    VERDICT,
    RMSE,
    PSNR,
    Column("image loss", "image_loss", format_scientific),
    Column(
        "nearest copy",
        show=lambda row: row["nearest_copy"] or "-",
        help="Nearest copy: the best quality of which copies of the generator's own pictures lose "
        "as much.",
    ),
)


def _make_certainty_columns(run: Row, labelled: bool) -> list[Column]:
    low, high = format_bounds(read_prior(run["config"]))
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
        Column("converged", "converged"),
        Column(
            "condition",
            "condition",
            help="Condition: of the Jacobian at z.",
        ),
        Column(
            "rank",
            show=lambda row: "-" if row["rank"] is None else f"{row['rank']:,}/{row['latent']:,}",
            help="Rank: directions of z that change the image.",
        ),
        Column(
            "at\nbound",
            "at_bound",
            help=f"At bound: components of z at or beyond {low} or {high}.",
        ),
        Column(
            "outside",
            "outside",
            help="Outside: components beyond them.",
        ),
    ]


def _make_tables(run: Row, inverted: list[Row], unread: list[Row]) -> list[Table]:
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
            max_length=24,
        ),
        make_image_table(
            "What the verdict says", "image: verdict", inverted, name_row=explain, max_length=40
        ),
        make_image_table(
            "How sure z is",
            "image",
            inverted,
            _make_certainty_columns(run, labelled),
            name_row=name_row,
            max_length=10 if labelled else 15,
        ),
        *make_unread_tables(unread),
    ]


def _make_notes(run: Row, inverted: list[Row]) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on what was measured."""
    called = name_images(inverted)
    said = {called[get_key(row)]: row["said"] for row in inverted}
    lines = [*make_run_notes(run), *describe_handling(said.items())]
    if mask := run["config"].get("mask"):
        lines.append(f"The mask {mask} leaves out some pixels; no number here counts them.")
    if inverted:
        lines.append(_describe_copies(inverted))
        lines.append(describe_criterion(run, any(row["z"] == "polished" for row in inverted)))
    if any(row["difference_amplified"] for row in inverted):
        lines.append(
            f"Original, reconstruction and difference of each image are PNG files in {FOLDER}/. In "
            "the difference, amplified by the factor difference_amplified of the JSON, brighter "
            "than grey means that the reconstruction is brighter. Figures show the first "
            f"{MAX_SHOWN} images."
        )
    return lines


def _describe_copies(inverted: list[Row]) -> str:
    """Return a note on what the verdicts are measured by, the copies of the images' own run."""
    measured = [row for row in inverted if len(row["copy_rmse"]) > 1]
    if not measured:
        return (
            "An earlier ganinv wrote this file, which does not say how much copies of the "
            "generator's own pictures lose. So an image is matched only if its error is not above "
            "rounding to 8 bits, and none is near. Run the command again with --overwrite to "
            "measure it."
        )
    losses = ", ".join(
        f"{name} {format_number(rmse)}" for name, rmse in measured[0]["copy_rmse"].items()
    )
    return (
        f"The largest RMSE of copies of the generator's own pictures: {losses}. An image is "
        f"matched if its nearest copy is JPEG {MATCH_QUALITY} or better, or 8 bits "
        "(docs/invert.md explains the verdicts)."
    )


def _make_answer(run: Row, inverted: list[Row], unread: Sequence[Row]) -> Answer:
    """Return the verdict on one image, or how many images have each verdict."""
    if not inverted:
        return Answer(capitalize(describe_unread(unread)) + ".", None, make_warnings(run))
    several = len({row["technique"] for row in inverted}) > 1
    lost = f"; {describe_unread(unread)}" if unread else ""
    columns = [
        *([Column("clipping", "technique")] if several else []),
        VERDICT,
        RMSE,
        PSNR,
        Column(
            "starts that\nfound this z",
            show=lambda row: f"{row['agreement']['same']:,} of {row['starts']:,}",
        ),
    ]
    return Answer(
        f"{_describe_verdicts(inverted)}{lost}.",
        make_image_table(
            "Verdict on each image, and how near its reconstruction is",
            "image",
            inverted,
            columns,
            max_length=24,
        ),
        make_warnings(run),
    )


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
    made = f"The generator made {describe_count(counts['made'], len(inverted))} {cases}"
    return made + (f"; {', '.join(others)}" if others else "")


def _describe_verdict(row: Row) -> str:
    """Return the explanation of a verdict, with the name of the image in it."""
    (name,) = name_images([row], max_length=40).values()
    explanation = row["explanation"]
    named = explanation.replace("this picture", name, 1)
    named = named.replace("these pixels", f"these pixels of {name}", 1)
    return capitalize(named) if named != explanation else f"{name}: {named}"
