"""The reports of `ganinv consistency` (Table 2: is z unique?) and `ganinv invert` (verdicts)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ganinv_cli.results.analysis.evidence import AGREEING_SHARE
from ganinv_cli.results.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.results.number_format import (
    format_concise,
    format_scientific,
)
from ganinv_cli.results.report.grid import Answer, Drawing, Grid, ReportKind
from ganinv_cli.results.report.image_figures import (
    MAX_FIGURES,
    MAX_SHOWN,
    PICTURES,
    draw_reconstructions,
    draw_recoveries,
)
from ganinv_cli.results.report.image_measures import CONSISTENCY, INVERT
from ganinv_cli.results.report.run_notes import describe_rule
from ganinv_cli.results.report.table import (
    Column,
    Row,
    Table,
    capitalize,
    label_images,
)
from ganinv_cli.results.store.columns import Verdict

NOT_READ = "not read"  # in place of the verdict on a file that is not an image
READING_ORDER = (  # of the short table: what needs a look comes first
    *(NOT_READ, "failed", "no verdict", "ambiguous", "sibling", "edited", "outside", "made"),
    "not finished",
)
MEANINGS: Mapping[Verdict, str] = {  # the best verdict first
    "made": "by this generator",
    "edited": "z is known, what was done is less sure",
    "ambiguous": "made, but the image does not determine z",
    "sibling": "of nearly these weights, a mixture, or an edit that was not tried",
    "outside": "nothing that was tried explains it",
    "failed": "no start gave finite numbers, or judging failed",
    "no verdict": "edits could not be tried",
    "not finished": "the same command goes on",
}


UNIQUENESS = (
    "unique",
    "recoveries",
    Column("mean", "distance.mean", format_scientific),
    "paper",
    "baseline",
)
DISTANCES = (
    "distance_as_found",
    Column("median", "distance.median", format_scientific),
    Column("largest", "distance.largest", format_scientific),
)
MINIMA = (
    "recoveries",
    "converged",
    "at_minimum",
    "minima.distinct",
    "minima.largest",
    "outside.median",
)
LOSSES = (
    Column("least", "image_loss.least", format_scientific),
    Column("median", "image_loss.median", format_scientific),
    Column("largest", "image_loss.largest", format_scientific),
    Column("largest /\nleast − 1", "image_loss.spread", format_scientific),
    Column("PSNR of\nbest (dB)", "psnr"),
)


def _list_consistency_notes(grid: Grid) -> list[str]:
    lines = []
    if lost := sum(row["without_number"] or 0 for row in grid.rows):
        lines.append(f"Without a finite z, at no minimum and in no distance: {lost:,} recoveries.")
    if len(label_images(grid.rows)) > MAX_FIGURES:
        lines.append(f"Figures show the first {MAX_FIGURES} images.")
    return lines


def _answer_uniqueness(grid: Grid) -> Answer:
    return Answer(_count_unique(grid.rows))


def _count_unique(rows: Sequence[Row]) -> str:
    rows = [row for row in rows if row["exercised"]]
    if len(rows) == 1:
        (row,), (name,) = rows, label_images(rows).values()
        return f"the recovered z of {name} {describe_rule(row['technique'])}: {row['verdict']}"
    cases = f"of {len(rows):,} cases (images and clipping rules)"
    if len({row["verdict"] for row in rows}) == 1 and rows[0]["unique"] == "undecided":
        return f"in {len(rows):,} {cases} {rows[0]['verdict']}"
    counts = Counter(row["unique"] for row in rows)
    words = ("unique", "not unique", "undecided")
    *others, last = [f"{word} in {counts[word]:,}" for word in words if counts[word]]
    said = " and ".join(filter(None, (", ".join(others), last)))
    return f"the recovered z is {said} {cases}"


CONSISTENCY_REPORT = ReportKind(
    "table2",
    "table2",
    CONSISTENCY,
    _answer_uniqueness,
    (
        ("Table 2: distance between recoveries of one image, ‖zᵢ − zⱼ‖ / latent", UNIQUENESS),
        ("Is z unique?", (Column("agreement", "verdict", capitalize),)),
        ("Other distances between recoveries", DISTANCES),
        ("How many ended at a minimum, and at how many minima", MINIMA),
        ("Image loss, squared error summed over pixels in [-1, 1]", LOSSES),
    ),
    _list_consistency_notes,
    figures=(Drawing(draw_recoveries, r"image-\d+"),),
)
CERTAINTY = (
    "starts",
    "label",
    Column(
        "agree",
        show=lambda row: (
            f"{row['agreement']['same']:,} of {row.get('starts_under_label', row['starts']):,}"
        ),
        help="Agree: starts (under the same label) that found the best z, to within "
        f"{format_concise(SAME_Z_TOLERANCE)} (‖·‖ / latent) or the error that the residual "
        f"explains, with an image loss at most {100 * AGREEING_SHARE:g} % above the lowest one, "
        "or not above rounding.",
    ),
    "known_directions",
    "at_bound",
    "outside",
)


NUMBERS = ("residual", "limit", "z_deviation_mean", "left", "rmse")  # that rank or show a row


def _name_chain(row: Row) -> str:
    if not row["explained"]:
        is_named = row["verdict"] == "edited" or (row["verdict"] == "sibling" and row["chain"])
        return row["chain"] if is_named else "-"
    chain: str = row["chain"] or "rounded to 8 bits"
    return f"{chain}, but z is never drawn" if row["verdict"] == "outside" else chain


DONE = Column("what was done", show=_name_chain)
VERDICTS = "Verdict on each image, what was done to it, and the residual"
NEARNESS = ("rmse", "psnr", "stranger_rmse")


def _list_verdicts(grid: Grid) -> Iterator[Table]:
    """Yield the verdicts in the order to read them, with the files that could not be read."""
    none = dict.fromkeys(["technique", "explained", *NUMBERS])
    unread = [{**each, **none, "verdict": NOT_READ} for each in grid.tables["unread"]]
    rows = sorted([*unread, *grid.rows], key=_get_rank)
    columns = ("verdict", DONE, "residual", "limit", "z_deviation_mean")
    yield grid.make_table(VERDICTS, *columns, rows=rows)


def _list_inversion_notes(grid: Grid) -> list[str]:
    lines = []
    if mask := grid.run["config"].get("mask"):
        lines.append(f"The mask {mask} leaves out some pixels; no number here counts them.")
    if any(row["difference_amplified"] for row in grid.rows):
        lines.append(
            f"Original, reconstruction and difference of each image are PNG files in {PICTURES}/. "
            "In the difference, amplified by the factor difference_amplified of the JSON, brighter "
            "than grey means that the reconstruction is brighter, and white that pixels are left "
            f"out. Figures show the first {MAX_SHOWN} images."
        )
    return lines


def _answer_verdicts(grid: Grid) -> Answer:
    sentence = _count_verdicts(grid.rows)
    doubt = (grid.run.get("generator") or {}).get("doubt")
    if doubt and any(row["verdict"] == "outside" for row in grid.rows):
        sentence = f"the generator is not confirmed, which may be the reason: {sentence}"
    return Answer(sentence)


def _get_rank(row: Row) -> tuple[int, float]:
    """Return a key that sorts rows in the order to read them, the smallest errors first."""
    left = row["rmse"] if row["left"] is None else row["left"]
    return READING_ORDER.index(row["verdict"]), left or 0.0


def _count_verdicts(rows: Sequence[Row]) -> str:
    if len(rows) == 1:
        return _name_in_explanation(rows[0])
    counts = Counter(row["verdict"] for row in rows)
    verdicts = [
        f"{counts[verdict]:,} {verdict} ({meaning})"
        for verdict, meaning in MEANINGS.items()
        if verdict in counts
    ]
    rules = {row["technique"] for row in rows}
    cases = "images" if len(rules) == 1 else "cases (images and clipping rules)"
    return f"of {len(rows):,} {cases}, {', '.join(verdicts)}"


def _name_in_explanation(row: Row) -> str:
    (name,) = label_images([row]).values()
    explanation: str = row["explanation"]
    named = explanation.replace("this picture", name, 1)
    return named if named != explanation else f"image {name}: {named}"


INVERT_REPORT = ReportKind(
    "invert",
    "invert",
    INVERT,
    _answer_verdicts,
    (
        _list_verdicts,
        ("How near G(z) is before anything is done to it", NEARNESS),
        ("What the verdict says", ("verdict", Column("explanation", "explanation", capitalize))),
        ("How sure z is", CERTAINTY),
    ),
    _list_inversion_notes,
    figures=(Drawing(draw_reconstructions, r"reconstructions(-\d+)?"),),
)
