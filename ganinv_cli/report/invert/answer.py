"""How many images the generator made: a sentence and a short table."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ganinv_cli.report.invert.numbers import InvertRow
from ganinv_cli.report.invert.verdict import Verdict
from ganinv_cli.report.output.number_format import format_number
from ganinv_cli.report.report import Answer, Columns
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.image_tables import (
    UnreadRow,
    describe_unread,
    make_image_table,
    name_images,
)
from ganinv_cli.report.shared.phrases import capitalize, describe_count, make_warnings

MEANINGS: Mapping[Verdict, str] = {
    "ambiguous": "matched, but the image does not determine z",
    "near": "perhaps the generator made it",
    "implausible": "only a z that is never drawn makes it",
    "outside": "no z was found that makes it",
    "failed": "no start gave finite numbers",
}
RULE: Columns[InvertRow] = {"clipping": lambda row: row.technique}
COLUMNS: Columns[InvertRow] = {
    "verdict": lambda row: row.verdict,
    "RMSE\n(of 255)": lambda row: format_number(row.rmse),
    "PSNR\n(dB)": lambda row: format_number(row.psnr),
    "starts that\nfound this z": lambda row: f"{row.agreement.same:,} of {row.starts:,}",
}


def make_answer(run: Json, inverted: list[InvertRow], unread: Sequence[UnreadRow]) -> Answer:
    """Return the verdict on one image, or how many images have each verdict."""
    if not inverted:
        return Answer(capitalize(describe_unread(unread)) + ".", None, make_warnings(run))
    several = len({row.technique for row in inverted}) > 1
    lost = f"; {describe_unread(unread)}" if unread else ""
    return Answer(
        f"{_describe_verdicts(inverted)}{lost}.",
        make_image_table(
            "Verdict on each image, and how near its reconstruction is",
            "image",
            inverted,
            lambda row, name: name,
            {**RULE, **COLUMNS} if several else COLUMNS,
            max_length=24,
        ),
        make_warnings(run),
    )


def _describe_verdicts(inverted: Sequence[InvertRow]) -> str:
    if len(inverted) == 1:
        return _describe_verdict(inverted[0])
    counts = Counter(row.verdict for row in inverted)
    others = [
        f"{counts[verdict]:,} {verdict} ({meaning})"
        for verdict, meaning in MEANINGS.items()
        if verdict in counts
    ]
    rules = {row.technique for row in inverted}
    cases = "images" if len(rules) == 1 else "cases (images and clipping rules)"
    made = f"The generator made {describe_count(counts['made'], len(inverted))} {cases}"
    return made + (f"; {', '.join(others)}" if others else "")


def _describe_verdict(row: InvertRow) -> str:
    """Return the explanation of a verdict, with the name of the image in it."""
    (name,) = name_images([row], max_length=40).values()
    named = row.explanation.replace("this picture", name, 1)
    named = named.replace("these pixels", f"these pixels of {name}", 1)
    return capitalize(named) if named != row.explanation else f"{name}: {named}"
