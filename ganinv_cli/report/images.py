"""The reports of `ganinv consistency` (Table 2: is z unique?) and `ganinv invert` (verdicts)."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ganinv_cli.analysis.evidence import AGREEING_SHARE
from ganinv_cli.analysis.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE
from ganinv_cli.analysis.verdict import Verdict
from ganinv_cli.number_format import format_concise, format_count, format_scientific
from ganinv_cli.report.image_figures import (
    MAX_FIGURES,
    MAX_SHOWN,
    PICTURES,
    draw_reconstructions,
    draw_recoveries,
)
from ganinv_cli.report.image_measures import CONSISTENCY, INVERT
from ganinv_cli.report.measures import select_columns
from ganinv_cli.report.report import Answer, Command, Drawing, Grid
from ganinv_cli.report.run import capitalize, describe_rule
from ganinv_cli.report.table import (
    Column,
    Row,
    Table,
    describe_handling,
    label_images,
    make_image_table,
    make_statement,
    shorten_name,
)

MAX_CHAIN = 25  # characters of the changes of an image in the short table
MEANINGS: Mapping[Verdict, str] = {  # the best verdict first, after `made`
    "edited": "made, and changed in a way that is not known",
    "ambiguous": "made, but the image does not determine z",
    "sibling": "of nearly these weights, or a mixture",
    "outside": "nothing explains it",
    "failed": "no start gave finite numbers",
    "no verdict": "not re-enacted",
    "not finished": "the same command goes on",
}


def _format_largest(row: Row) -> str:
    count = row["minima"]["largest"]  # 0: no recovery converged
    return format_count(count, row["recoveries"]) if count else "-"


DISTANCES = select_columns(
    CONSISTENCY,
    "recoveries",
    Column("mean", "distance.mean", format_scientific),
    "distance_as_found",
    "paper",
    Column("median", "distance.median", format_scientific),
    Column("largest", "distance.largest", format_scientific),
    "baseline",
)
MINIMA = (
    Column("trials", "recoveries"),
    Column("by\nsolver", "converged.solver"),
    Column(
        "when\nrefined",
        "converged.polished",
        help="When refined: the image loss is as good as 0, or z passes Goldstein's test for a "
        "minimum (docs/consistency.md); - if no recovery was refined.",
    ),
    *select_columns(CONSISTENCY, "not_converged"),
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
ANSWER = (
    Column("clipping", "technique"),
    Column("z is", "unique"),
    Column("trials", "recoveries"),
    Column("most\nfrequent z", show=_format_largest),
    Column("mean\ndistance", "distance.mean", format_scientific),
    Column("random z", "baseline", format_scientific),
)


def _make_consistency_sections(grid: Grid) -> list[Table]:
    """Return the tables: distances, uniqueness, minima, losses."""

    def make_table(title: str, columns: Sequence[Column], topic: str = "") -> Table:
        return make_image_table(
            title,
            "image,\nclipping",
            grid.rows,
            columns,
            name_row=lambda row, name: f"{name},\n{row['technique']}",
            max_length=16,
            topic=topic,
        )

    def state(row: Row, name: str) -> str:
        return make_statement(f"{name}, {row['technique']}:", row["verdict"])

    return [
        make_table("The paper's Table 2: distance between recoveries of one image", DISTANCES),
        make_image_table(
            "Is z unique?", "image, clipping: verdict", grid.rows, name_row=state, max_length=40
        ),
        make_table("How many converged, and to how many minima", MINIMA),
        make_table("Image loss, squared error summed over pixels in [-1, 1]", LOSSES, "costs"),
        make_table("Only the recoveries that reached the least image loss", REACHED),
    ]


def _describe_consistency(grid: Grid) -> list[str]:
    """Return notes on changed files, and on what was found."""
    lines = describe_handling(grid.rows)
    if lost := sum(row["without_number"] for row in grid.rows):
        lines.append(f"Without a finite z, not converged and in no distance: {lost:,} recoveries.")
    if len(label_images(grid.rows)) > MAX_FIGURES:
        lines.append(f"Figures show the first {MAX_FIGURES} images.")
    return lines


def _answer_consistency(grid: Grid) -> Answer:
    """Return for how many images z is unique, and how far the recoveries are apart."""
    title = "Do recoveries agree? Distance: ‖zᵢ − zⱼ‖ / latent"
    table = make_image_table(title, "image", grid.rows, ANSWER, max_length=16)
    return Answer(_describe_uniqueness(grid.rows), table)


def _describe_uniqueness(rows: Sequence[Row]) -> str:
    if len(rows) == 1:
        (row,), (name,) = rows, label_images(rows, max_length=40).values()
        return f"the recovered z of {name} {describe_rule(row['technique'])}: {row['verdict']}"
    counts = Counter(row["unique"] for row in rows)
    others = [
        f", {word} in {counts[word]:,}" for word in ("not unique", "undecided") if counts[word]
    ]
    unique = f"{counts['unique']:,} of {len(rows):,} cases (images and clipping rules)"
    return f"the recovered z is unique in {unique}{''.join(others)}"


CONSISTENCY_COMMAND = Command(
    "table2",
    "table2",
    CONSISTENCY,
    _answer_consistency,
    _make_consistency_sections,
    _describe_consistency,
    figures=(Drawing(draw_recoveries, r"image-\d+"),),
)


def _make_inversion_sections(grid: Grid) -> list[Table]:
    """Return the tables: errors of the images, what the verdict says, certainty of z."""
    several = len({row["technique"] for row in grid.rows}) > 1
    labelled = any("label" in row for row in grid.rows)

    def name_row(row: Row, name: str) -> str:
        return f"{name},\n{row['technique']}" if several else name

    def explain(row: Row, name: str) -> str:
        rule = f", {row['technique']}" if several else ""
        heading = f"{name}{rule}: {row['verdict']}."
        return make_statement(heading, f"{capitalize(row['explanation'])}.")

    nearness = ("verdict", "excess", "excess_limit", "rmse", "psnr", "stranger_rmse")
    certainty = ("z_deviation_mean", "known_directions", "at_bound", "outside")
    return [
        make_image_table(
            "How near the reconstruction is, and the verdict",
            "image",
            grid.rows,
            select_columns(INVERT, *nearness),
            name_row=name_row,
            max_length=21,
        ),
        make_image_table(
            "What the verdict says", "image: verdict", grid.rows, name_row=explain, max_length=40
        ),
        make_image_table(
            "How sure z is",
            "image",
            grid.rows,
            [
                *select_columns(INVERT, *(["label"] if labelled else [])),
                *_make_agreement_columns(labelled),
                *select_columns(INVERT, *certainty),
            ],
            name_row=name_row,
            max_length=10 if labelled else 15,
            topic="costs",
        ),
    ]


def _make_agreement_columns(labelled: bool) -> list[Column]:
    same_label = " under the same label" if labelled else ""
    return [
        Column(
            "agree",
            show=lambda row: (
                f"{row['agreement']['reached']:,} of "
                f"{row.get('starts_under_label', row['starts']):,}"
            ),
            help=f"Agree: starts{same_label} with an image loss at most {100 * AGREEING_SHARE:g} % "
            "above the lowest one, or not above rounding.",
        ),
        Column(
            "one z",
            "agreement.same",
            help="One z: of these, the starts that found the best z, to within "
            f"{format_concise(SAME_Z_TOLERANCE)} (‖·‖ / latent) or the error that JPEG causes.",
        ),
    ]


def _describe_inversion(grid: Grid) -> list[str]:
    """Return notes on changed files, and on what was measured."""
    lines = describe_handling(grid.rows)
    if mask := grid.run["config"].get("mask"):
        lines.append(f"The mask {mask} leaves out some pixels; no number here counts them.")
    if any(row["difference_amplified"] for row in grid.rows):
        lines.append(
            f"Original, reconstruction and difference of each image are PNG files in {PICTURES}/. "
            "In the difference, amplified by the factor difference_amplified of the JSON, brighter "
            "than grey means that the reconstruction is brighter, and white that pixels are left "
            "out. Figures show the first "
            f"{MAX_SHOWN} images."
        )
    return lines


def _answer_inversion(grid: Grid) -> Answer:
    """Return the verdict on one image, or how many images have each verdict."""
    several = len({row["technique"] for row in grid.rows}) > 1
    chain = Column(
        "what was done",
        show=_describe_chain,
        show_short=lambda row: shorten_name(_describe_chain(row), MAX_CHAIN),
    )
    names = ["technique", "verdict"] if several else ["verdict"]
    table = make_image_table(
        "Verdict on each image, what was done to it, and what that leaves unexplained",
        "image",
        sorted(grid.rows, key=_get_rank),
        select_columns(INVERT, *names, chain, "excess", "z_deviation_mean"),
        max_length=12 if several else 20,
    )
    return Answer(_describe_verdicts(grid.rows), table, counted="verdict")


def _describe_chain(row: Row) -> str:
    return (row["chain"] or "rounded to 8 bits") if row["explained"] else "-"


def _get_rank(row: Row) -> tuple[int, float]:
    """Return a key that sorts the best verdicts and the smallest errors first."""
    return ["made", *MEANINGS].index(row["verdict"]), row["excess"] or row["rmse"] or 0.0


def _describe_verdicts(rows: Sequence[Row]) -> str:
    if len(rows) == 1:
        return _describe_verdict(rows[0])
    counts = Counter(row["verdict"] for row in rows)
    others = [
        f"{counts[verdict]:,} {verdict} ({meaning})"
        for verdict, meaning in MEANINGS.items()
        if verdict in counts
    ]
    rules = {row["technique"] for row in rows}
    cases = "images" if len(rules) == 1 else "cases (images and clipping rules)"
    finished = len(rows) - counts["not finished"]
    made = f"the generator made {counts['made']:,} of {finished:,} {cases}"
    return made + (f"; {', '.join(others)}" if others else "")


def _describe_verdict(row: Row) -> str:
    """Return the explanation of a verdict, with the name of the image in it."""
    (name,) = label_images([row], max_length=40).values()
    explanation: str = row["explanation"]
    named = explanation.replace("this picture", name, 1)
    named = named.replace("these pixels", f"these pixels of {name}", 1)
    return named if named != explanation else f"{name}: {named}"


INVERT_COMMAND = Command(
    "invert",
    "invert",
    INVERT,
    _answer_inversion,
    _make_inversion_sections,
    _describe_inversion,
    figures=(Drawing(draw_reconstructions, r"reconstructions(-\d+)?"),),
)
