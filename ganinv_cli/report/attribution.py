"""Which of several generators made an image, from the results of `ganinv invert` on each.

Albright & McCloskey, Source Generator Attribution via Inversion (2019): a generator matches its own
images to the last grey level, and other images hardly ever.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ganinv_cli.number_format import format_number
from ganinv_cli.report.report import Answer, Report
from ganinv_cli.report.run import capitalize
from ganinv_cli.report.table import (
    Column,
    Row,
    Table,
    describe_unread,
    flatten,
    label_images,
    make_image_table,
    make_unread_table,
    shorten_name,
)
from ganinv_cli.settings.names import name_generators

NAME = "attribution"  # of the table, and stem of its files
NONE_OF_THEM = "none of them"
# Words before the generators, and their verdict, if none has `made`; the first that holds counts.
UNCERTAIN = {"before an edit,": "edited", "perhaps": "ambiguous", "a sibling of": "sibling"}
MAX_NAME, MAX_ANSWER = 20, 24  # characters of a generator's name and of an answer in the table
COPIED = (  # keys of a row of `invert`
    *("technique", "verdict", "explanation", "chain", "excess", "excess_limit", "psnr", "rmse"),
    *("image_loss", "rounding_loss", "starts", "outside", "z_norm", "z_norm_range"),
)


def compares_generators(reports: Sequence[Report]) -> bool:
    """Return whether these are reports of `ganinv invert` for one image on several generators."""
    if any(report.run.get("command") != "invert" for report in reports):
        return False
    hashes = {report.run.get("checkpoint_sha256") for report in reports}
    if len(hashes) < len(reports) or len(reports) < 2:
        return False
    images = [{cell.image.sha256 for cell in report.cells} - {""} for report in reports]
    return any(first & second for i, first in enumerate(images) for second in images[:i])


def summarize_attribution(reports: Sequence[Report]) -> Report:
    """Return the report that compares the generators of reports of `ganinv invert`."""
    names = name_generators([str(r.run["config"].get("checkpoint", "")) for r in reports])
    by_name = dict(zip(names, reports, strict=True))
    rows, unread = _make_rows(by_name), reports[0].tables["unread"]
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
        _make_answer(rows, unread, incomplete),
        {"attribution": rows, "unread": unread},
        [table for table in (_make_table(rows, names), make_unread_table(unread)) if table.rows],
        [*map(_describe_generator, generators.items()), *incomplete, _explain_answer(rows)],
        {"complete": not incomplete, "generators": generators},
        [
            flatten({key: row[key] for key in ("image", "sha256", "answer")} | each)
            for row in rows
            for each in row["generators"]
        ],
    )


def _make_rows(reports: dict[str, Report]) -> list[Row]:
    """Return a row for each image that was inverted on at least two of the generators."""
    images: dict[tuple[str, int], list[tuple[str, Row]]] = {}
    for generator, report in reports.items():
        for key, rows in _list_images(report).items():
            best = min(rows, key=lambda row: (row["verdict"] != "made", _get_rmse(row)))
            evidence = {"checkpoint": generator} | {key: best[key] for key in COPIED}
            evidence["agree"] = best["agreement"]["same"]  # starts that found the best z
            images.setdefault(key, []).append((best["image"], evidence))
    compared = [(sha256, found) for (sha256, _), found in images.items() if len(found) > 1]
    return [
        _make_row(number, sha256, found[0][0], [evidence for _, evidence in found])
        for number, (sha256, found) in enumerate(compared)
    ]


def _list_images(report: Report) -> dict[tuple[str, int], list[Row]]:
    """Return the rows of each image by its hash, and how many images before it have the same."""
    rows: dict[tuple[int, str, str], list[Row]] = {}
    for cell, row in zip(report.cells, report.rows, strict=True):
        rows.setdefault((*cell.image.key, cell.image.sha256), []).append(row)
    listed: dict[tuple[str, int], list[Row]] = {}
    for (_, _, sha256), own in rows.items():
        listed[sha256, sum(sha256 == other for other, _ in listed)] = own
    return listed


def _make_row(number: int, sha256: str, image: str, evidence: Sequence[Row]) -> Row:
    """Return which generator made one image."""
    # If rounding to 8 bits explains the image on some of them, these alone: the others need a
    # change that it does not show.
    exact = [row for row in evidence if (row["image_loss"] or 0) <= row["rounding_loss"]]
    made_by = _find_generators(exact, "made") or _find_generators(evidence, "made")
    uncertain = [
        f"{words} {' or '.join(names)}"
        for words, verdict in UNCERTAIN.items()
        if (names := _find_generators(evidence, verdict))
    ]
    return {
        "image": image,
        "number": number,
        "sha256": sha256,
        "answer": " or ".join(made_by) or [*uncertain, NONE_OF_THEM][0],
        "made_by": made_by,  # the generators in the answer, without the uncertain
        # the generator with the least RMSE, which need not have made the image
        "nearest": min(evidence, key=_get_rmse)["checkpoint"],
        "generators": evidence,
    }


def _find_generators(evidence: Sequence[Row], verdict: str) -> list[str]:
    return [each["checkpoint"] for each in evidence if each["verdict"] == verdict]


def _get_rmse(row: Row) -> float:
    return np.inf if row["rmse"] is None else float(row["rmse"])


def _make_table(rows: Sequence[Row], names: Sequence[str]) -> Table:
    """Return the table of verdicts, the generators side by side."""

    def show(name: str) -> Column:
        def find(row: Row) -> str:
            found = [each for each in row["generators"] if each["checkpoint"] == name]
            if not found:
                return "-"
            left = found[0]["rmse" if found[0]["excess"] is None else "excess"]
            return f"{found[0]['verdict']}, {format_number(left)}"

        help_text = "Each generator: its verdict, and the grey levels that are left (RMS)."
        return Column(shorten_name(name, MAX_NAME), show=find, help=help_text)

    columns = [Column("made by", "answer"), *map(show, names)]
    return make_image_table("Which generator made it", "image", rows, columns, max_length=24)


def _describe_generator(generator: tuple[str, Row]) -> str:
    name, about = generator
    sha256 = (about["checkpoint_sha256"] or "")[:12]
    known = {"checkpoint": about["checkpoint"], "sha256": sha256, "results": about["file"]}
    return f"{name}: {', '.join(f'{word} {value}' for word, value in known.items() if value)}."


def _explain_answer(rows: Sequence[Row]) -> str:
    if not rows:
        return "No image has been inverted on two of the generators yet."
    return (
        "Made by: the generators with the verdict made; only those that leave nothing but "
        "rounding, if there are any. If no generator has it, the first of these verdicts that one "
        "has: edited (before an edit), ambiguous (perhaps), sibling (a sibling of); otherwise "
        f"{NONE_OF_THEM} (docs/invert.md)."
    )


def _make_answer(rows: list[Row], unread: Sequence[Row], warnings: Sequence[str]) -> Answer:
    """Return which generator made the image, or how many images each of them made."""
    lost = describe_unread(unread)
    if not rows:
        said = lost or "no image is inverted on two generators yet"
        return Answer(f"{capitalize(said)}.", None, warnings)
    said = _describe_image(rows[0]) if len(rows) == 1 else describe_images(rows)
    columns = [
        Column("made by", "answer", lambda answer: shorten_name(answer, MAX_ANSWER)),
        Column("nearest", "nearest", lambda nearest: shorten_name(nearest, MAX_NAME)),
        Column("its RMSE\n(of 255)", show=lambda row: format_number(_find_nearest(row)["rmse"])),
    ]
    title = "Which generator made each image"
    return Answer(
        f"{'; '.join(filter(None, (said, lost)))}.",
        make_image_table(title, "image", rows, columns, max_length=22),
        warnings,
        counted="answer",
    )


def _describe_image(row: Row) -> str:
    (name,) = label_images([row], max_length=40).values()
    if row["answer"] != NONE_OF_THEM:
        answer = row["answer"] if row["made_by"] else capitalize(row["answer"])
        return f"{answer} made {name}"
    return (
        f"None of the {len(row['generators'])} generators made {name}; {row['nearest']} comes "
        f"nearest, with an RMSE of {format_number(_find_nearest(row)['rmse'])} of 255"
    )


def describe_images(rows: Sequence[Row]) -> str:
    counts = Counter(row["answer"] for row in rows)
    answers = sorted(counts, key=lambda answer: (answer == NONE_OF_THEM, -counts[answer]))
    said = ", ".join(f"{answer} made {counts[answer]:,}" for answer in answers)
    return f"Of {len(rows):,} images, {said}"


def _find_nearest(row: Row) -> Row:
    return next(each for each in row["generators"] if each["checkpoint"] == row["nearest"])
