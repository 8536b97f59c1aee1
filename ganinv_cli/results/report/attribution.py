"""Which of several generators made an image, from the results of `ganinv invert` on each.

Albright & McCloskey, Source Generator Attribution via Inversion (2019): a generator matches its own
images to the last grey level, and other images hardly ever.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.results.number_format import format_number
from ganinv_cli.results.report.grid import Answer, Report
from ganinv_cli.results.report.table import (
    Z_NUMBERS,
    Column,
    Row,
    Table,
    capitalize,
    describe_unread,
    flatten,
    label_images,
    make_unread_table,
    name_rows,
)
from ganinv_cli.settings.names import name_generators

if TYPE_CHECKING:
    from ganinv_cli.results.store import Image

NAME = "attribution"  # of the table, and stem of its files
UNEXPLAINED = "not explained"
# Words before the generators, and their verdict, if none has `made`; the first that holds counts.
UNCERTAIN = {"before an edit,": "edited", "perhaps": "ambiguous", "a sibling of": "sibling"}
ANSWER_HELP = (
    "Made by: the generators with the verdict made; only those that leave nothing but rounding, if "
    "there are any. If no generator has it, the first of these verdicts that one has: edited "
    "(before an edit), ambiguous (perhaps), sibling (a sibling of); otherwise "
    f"{UNEXPLAINED} (docs/invert.md)."
)
LEFT_OUT = {"image", "number", *Z_NUMBERS}  # of a row of `invert`


def compares_generators(reports: Sequence[Report]) -> bool:
    """Return whether these are reports of one image on several generators, which they attribute."""
    if not all(report.run.get("command") == "invert" for report in reports):
        return False
    hashes = {report.run.get("checkpoint_sha256") for report in reports}
    if len(hashes) < len(reports) or len(reports) < 2:
        return False
    images = [
        {trial_set.image.sha256 for trial_set in report.trial_sets} - {""} for report in reports
    ]
    return any(first & second for i, first in enumerate(images) for second in images[:i])


def summarize_attribution(reports: Sequence[Report]) -> Report:
    """Return the report that compares the generators of reports of `ganinv invert`."""
    names = name_generators([str(r.run["config"].get("checkpoint", "")) for r in reports])
    by_name = dict(zip(names, reports, strict=True))
    rows, unread = _compare_images(by_name), reports[0].tables["unread"]
    generators = {
        name: {
            "file": report.name,
            "checkpoint": report.run["config"].get("checkpoint"),
            "checkpoint_sha256": report.run.get("checkpoint_sha256"),
            "complete": report.run["complete"],
        }
        for name, report in by_name.items()
    }
    incomplete = [
        f"{name}: trials are missing; the same command goes on."
        for name, generator in generators.items()
        if not generator["complete"]
    ]
    return Report(
        NAME,
        NAME,
        _answer_attribution(rows, unread, incomplete),
        {"attribution": rows, "unread": unread},
        [table for table in (*_list_tables(rows, names), make_unread_table(unread)) if table.rows],
        incomplete,
        {"complete": not incomplete, "generators": generators},
        [
            flatten({key: row[key] for key in ("image", "sha256", "answer")} | each)
            for row in rows
            for each in row["generators"]
        ],
    )


def _compare_images(reports: dict[str, Report]) -> list[Row]:
    """Return a row for each image whose inversion ended on at least two of the generators."""
    images: dict[tuple[str, int], list[tuple[str, Row]]] = {}
    for generator, report in reports.items():
        for key, rows in _list_rows_by_hash(report).items():
            if any(row["verdict"] == "not finished" for row in rows):
                continue
            best = min(rows, key=lambda row: (row["verdict"] != "made", _get_rmse(row)))
            evidence = {"checkpoint": generator}
            evidence |= {key: value for key, value in best.items() if key not in LEFT_OUT}
            evidence["agree"] = best["agreement"]["same"]  # starts that found the best z
            images.setdefault(key, []).append((best["image"], evidence))
    compared = [(sha256, found) for (sha256, _), found in images.items() if len(found) > 1]
    return [
        _find_maker(number, sha256, found[0][0], [evidence for _, evidence in found])
        for number, (sha256, found) in enumerate(compared)
    ]


def _list_rows_by_hash(report: Report) -> dict[tuple[str, int], list[Row]]:
    """Return the rows of each image by its hash, and how many images before it have the same."""
    rows: dict[Image, list[Row]] = {}
    for trial_set, row in zip(report.trial_sets, report.rows, strict=True):
        rows.setdefault(trial_set.image, []).append(row)
    listed: dict[tuple[str, int], list[Row]] = {}
    before = Counter[str]()
    for image, own in rows.items():
        listed[image.sha256, before[image.sha256]] = own
        before[image.sha256] += 1
    return listed


def _find_maker(number: int, sha256: str, image: str, evidence: Sequence[Row]) -> Row:
    # If rounding to 8 bits explains the image on some of them, these alone: the others need a
    # change that it does not show.
    within_rounding = [row for row in evidence if (row["image_loss"] or 0) <= row["rounding_loss"]]
    made_by = _find_generators(within_rounding, "made") or _find_generators(evidence, "made")
    uncertain = [
        f"{words} {' or '.join(names)}"
        for words, verdict in UNCERTAIN.items()
        if (names := _find_generators(evidence, verdict))
    ]
    return {
        "image": image,
        "number": number,
        "sha256": sha256,
        "answer": " or ".join(made_by) or [*uncertain, UNEXPLAINED][0],
        "made_by": made_by,  # the generators in the answer, without the uncertain
        # the generator with the least RMSE, which need not have made the image
        "nearest": min(evidence, key=_get_rmse)["checkpoint"],
        "generators": evidence,
    }


def _find_generators(evidence: Sequence[Row], verdict: str) -> list[str]:
    return [each["checkpoint"] for each in evidence if each["verdict"] == verdict]


def _get_rmse(row: Row) -> float:
    return np.inf if row["rmse"] is None else float(row["rmse"])


def _list_tables(rows: Sequence[Row], generators: Sequence[str]) -> list[Table]:
    """Return the table of makers, and that of verdicts, the generators side by side."""

    def make_column(generator: str) -> Column:
        def show(row: Row) -> str:
            found = [each for each in row["generators"] if each["checkpoint"] == generator]
            said = [f"{each['verdict']}, {format_number(each['residual'])}" for each in found]
            return said[0] if said else "-"

        help_text = "Each generator: its verdict, and the residual in grey levels."
        return Column(generator, show=show, help=help_text)

    makers = [
        Column("made by", "answer", help=ANSWER_HELP),
        Column("nearest", "nearest"),
        Column(
            "residual",
            show=lambda row: format_number(_find_named(row)["residual"]),
            help="Residual: what this generator does not explain, root mean square in grey levels; "
            "it is the first that is named in made by, or else the nearest.",
        ),
    ]
    names = name_rows(rows)
    return [
        Table("Which generator made each image", rows, [*names, *makers]),
        Table("What each generator explains", rows, [*names, *map(make_column, generators)]),
    ]


def _answer_attribution(rows: list[Row], unread: Sequence[Row], remarks: Sequence[str]) -> Answer:
    lost = describe_unread(unread)
    if not rows:
        said = lost or "no image is inverted on two generators yet"
        return Answer(f"{capitalize(said)}.", remarks)
    said = _name_maker(rows[0]) if len(rows) == 1 else count_made(rows)
    return Answer(f"{'; '.join(filter(None, (said, lost)))}.", remarks)


def _name_maker(row: Row) -> str:
    (name,) = label_images([row]).values()
    if row["answer"] != UNEXPLAINED:
        answer = row["answer"] if row["made_by"] else capitalize(row["answer"])
        return f"{answer} made {name}"
    return (
        f"{name} is explained by {_name_none([row])}; {row['nearest']} comes nearest, "
        f"with a residual of {format_number(_find_named(row)['residual'])} grey levels"
    )


def count_made(rows: Sequence[Row]) -> str:
    counts = Counter(row["answer"] for row in rows)
    unexplained = counts.pop(UNEXPLAINED, 0)
    said = [f"{answer} made {count:,}" for answer, count in counts.most_common()]
    if unexplained:
        said.append(f"{unexplained:,} explained by {_name_none(rows)}")
    return f"Of {len(rows):,} images, {', '.join(said)}"


def _name_none(rows: Sequence[Row]) -> str:
    are_two = max(len(row["generators"]) for row in rows) == 2
    return f"{'neither' if are_two else 'none'} of the generators"


def _find_named(row: Row) -> Row:
    """Return the evidence of the first generator that made the image, or else of the nearest."""
    name = (row["made_by"] or [row["nearest"]])[0]
    return next(each for each in row["generators"] if each["checkpoint"] == name)
