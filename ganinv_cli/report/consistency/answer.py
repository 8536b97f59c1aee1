"""Whether the recoveries of an image agree on one z: a sentence and a short table."""

from collections import Counter
from collections.abc import Sequence

from ganinv_cli.report.consistency.numbers import Table2Row
from ganinv_cli.report.consistency.verdict import Uniqueness
from ganinv_cli.report.output.number_format import format_count, format_scientific
from ganinv_cli.report.report import Answer, Columns
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.image_tables import (
    ImageKey,
    UnreadRow,
    describe_unread,
    make_image_table,
    name_images,
)
from ganinv_cli.report.shared.phrases import (
    capitalize,
    describe_count,
    describe_rule,
    make_warnings,
)

COLUMNS: Columns[Table2Row] = {
    "clipping": lambda row: row.technique,
    "z is": lambda row: row.unique,
    "trials": lambda row: row.recoveries,
    "most\nfrequent z": lambda row: format_count(row.minima.largest, row.recoveries),
    "mean\ndistance": lambda row: format_scientific(row.distance.mean),
    "random z": lambda row: format_scientific(row.baseline),
}


def make_answer(run: Json, table2: list[Table2Row], unread: Sequence[UnreadRow]) -> Answer:
    """Return for how many images z is unique, and how far the recoveries are apart."""
    if not table2:
        return Answer(capitalize(describe_unread(unread)) + ".", None, make_warnings(run))
    lost = f"; {describe_unread(unread)}" if unread else ""
    return Answer(
        f"{capitalize(_describe_uniqueness(table2))}{lost}.",
        make_image_table(
            "Do recoveries agree? Distance: ‖zᵢ − zⱼ‖ / latent",
            "image",
            table2,
            lambda row, name: name,
            COLUMNS,
            max_length=16,
        ),
        make_warnings(run),
    )


def _describe_uniqueness(table2: Sequence[Table2Row]) -> str:
    names = name_images(table2, max_length=40)
    if len(table2) == 1:
        (row,) = table2
        case = f"{names[row.key]} {describe_rule(row.technique)}"
        reason = row.verdict.partition(": ")[2]
        if row.unique == "undecided":
            return f"whether the recovered z is unique for {case} is undecided: {reason}"
        return f"the recovered z is {row.unique} for {case}: {reason}"
    rules = {row.technique for row in table2}
    words_by_image: dict[ImageKey, set[Uniqueness]] = {key: set() for key in names}
    for row in table2:
        words_by_image[row.key].add(row.unique)
    if any(len(words) > 1 for words in words_by_image.values()):
        cases = "cases (images and clipping rules)"
        return _describe_counts(Counter(row.unique for row in table2), "in", cases)
    under = describe_rule(rules.pop()) if len(rules) == 1 else "under every clipping rule"
    counts = Counter(word for words in words_by_image.values() for word in words)
    return f"{_describe_counts(counts, 'for', 'images')}, {under}"


def _describe_counts(counts: Counter[Uniqueness], preposition: str, cases: str) -> str:
    """Return e.g. "z is unique for 2 of 3 images, not unique for 1"."""
    others = [
        f", {word} {preposition} {counts[word]:,}"
        for word in ("not unique", "undecided")
        if counts[word]
    ]
    unique = f"{describe_count(counts['unique'], counts.total())} {cases}"
    return f"the recovered z is unique {preposition} {unique}{''.join(others)}"
