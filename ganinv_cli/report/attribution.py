"""Which of several generators made an image, from the results of `ganinv invert` on each.

Albright & McCloskey, Source Generator Attribution via Inversion (2019): a generator matches its own
images to the last grey level, and other images hardly ever.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.analysis.certificate import make_certificates
from ganinv_cli.analysis.image_results import ImageResults, read_images
from ganinv_cli.analysis.verdict import Verdict
from ganinv_cli.number_format import format_number
from ganinv_cli.report.images import (
    COPIES,
    LEFT,
    RMSE,
    VERDICT,
    describe_unread,
    make_image_table,
    make_unread_rows,
    make_unread_tables,
    name_images,
    shorten_name,
)
from ganinv_cli.report.report import Answer, Report
from ganinv_cli.report.run import capitalize
from ganinv_cli.report.table import Column, Row, Table, flatten, to_plain
from ganinv_cli.settings.names import name_generators

if TYPE_CHECKING:
    from ganinv_cli.store import Results

NAME = "attribution"  # of the table, and stem of its files
NONE_OF_THEM = "none of them"
MADE: Verdict = "made"
AMBIGUOUS: Verdict = "ambiguous"
SIBLING: Verdict = "sibling"
MAX_NAME, MAX_ANSWER = 20, 24  # characters of a generator's name and of an answer in the table


@dataclass(frozen=True)
class ComparedGenerator:
    """One of the generators, and the results that invert images on it."""

    name: str  # distinct
    file: str
    results: "Results"


def compares_generators(results: Sequence["Results"]) -> bool:
    """Return whether these are results of `ganinv invert` for one image on several generators."""
    if any(each.attributes.get("command") != "invert" for each in results):
        return False
    hashes = {each.attributes.get("checkpoint_sha256") for each in results}
    if len(hashes) < len(results) or len(results) < 2:
        return False
    images = [{image.sha256 for image in read_images(each)} - {""} for each in results]
    return any(first & second for i, first in enumerate(images) for second in images[:i])


def summarize_attribution(results: Sequence["Results"], files: Sequence[str]) -> Report:
    """Return the report that compares the generators of results of `ganinv invert`.

    `files` are the names of the results files, for the reader.
    """
    checkpoints = [str(each.attributes.get("config", {}).get("checkpoint", "")) for each in results]
    named = zip(name_generators(checkpoints), files, results, strict=True)
    generators = [ComparedGenerator(*each) for each in named]
    rows = _make_rows(generators)
    unread = [row for image in read_images(results[0]) for row in make_unread_rows(image)]
    evidence = [
        {key: row[key] for key in ("image", "number", "sha256", "answer")} | each
        for row in rows
        for each in row["generators"]
    ]
    return Report(
        NAME,
        _make_answer(rows, unread, generators),
        {"attribution": rows, "unread": unread},
        _make_tables(rows, evidence, unread),
        _make_notes(rows, generators),
        _describe_generators(generators),
        [flatten({key: row[key] for key in row if key != "number"}) for row in evidence],
    )


def _describe_generators(generators: Sequence[ComparedGenerator]) -> Row:
    """Return the provenance of a comparison: each generator's file, hash and state."""
    return {
        "complete": all(each.results.complete for each in generators),
        "generators": {
            each.name: {
                "file": each.file,
                "checkpoint": each.results.attributes.get("config", {}).get("checkpoint"),
                "checkpoint_sha256": each.results.attributes.get("checkpoint_sha256"),
                "complete": each.results.complete,
            }
            for each in generators
        },
    }


def _make_rows(generators: Sequence[ComparedGenerator]) -> list[Row]:
    """Return a row for each image that was inverted on at least two of the generators."""
    images: dict[tuple[str, int], list[tuple[ImageResults, Row]]] = {}
    for generator in generators:
        for key, image in _iterate_images(generator.results):
            if evidence := _make_evidence(generator.name, image):
                images.setdefault(key, []).append((image, evidence))
    compared = [found for found in images.values() if len(found) > 1]
    return [
        to_plain(_make_row(number, found[0][0], [evidence for _, evidence in found]))
        for number, found in enumerate(compared)
    ]


def _iterate_images(results: "Results") -> Iterator[tuple[tuple[str, int], ImageResults]]:
    """Yield each image with its key: its hash, and how many images before it have the same."""
    counts: Counter[str] = Counter()
    for image in read_images(results):
        yield (image.sha256, counts[image.sha256]), image
        counts[image.sha256] += 1


def _make_evidence(checkpoint: str, image: ImageResults) -> Row | None:
    """Return how well a generator matches an image, under the clipping rule that did best.

    None if no start has ended yet.
    """
    certificates = [to_plain(each) for each in make_certificates(image)]
    if not certificates:
        return None
    best = min(certificates, key=lambda each: (each["verdict"] != MADE, _get_rmse(each)))
    copied = (
        "technique", "verdict", "explanation", "chain", "excess", "excess_limit", "psnr",
        "rmse", "image_loss", "rounding_loss", "starts", "outside", "z_norm",
        "z_norm_range",
    )  # fmt: skip
    return {
        "checkpoint": checkpoint,  # name of the generator, which no other of them has
        **{key: best[key] for key in copied},
        "agree": best["agreement"]["same"],  # starts that found the best z
    }


def _make_row(number: int, image: ImageResults, evidence: Sequence[Row]) -> Row:
    """Return which generator made one image."""
    made_by = _find_makers(evidence)
    guesses = {"perhaps": AMBIGUOUS, "a sibling of": SIBLING}
    uncertain = [
        f"{words} {' or '.join(names)}"
        for words, verdict in guesses.items()
        if (names := _find_generators(evidence, verdict))
    ]
    return {
        "image": image.name,
        "number": number,
        "sha256": image.sha256,
        "answer": " or ".join(made_by) or [*uncertain, NONE_OF_THEM][0],
        "made_by": made_by,  # the generators in the answer, without the uncertain
        # the generator with the least RMSE, which need not have made the image
        "nearest": min(evidence, key=_get_rmse)["checkpoint"],
        "generators": evidence,
    }


def _find_makers(evidence: Sequence[Row]) -> list[str]:
    """Return the generators whose verdict is made.

    If rounding to 8 bits explains the image on some of them, these alone: the others need a change
    that it does not show.
    """
    exact = [row for row in evidence if (row["image_loss"] or 0) <= row["rounding_loss"]]
    return _find_generators(exact, MADE) or _find_generators(evidence, MADE)


def _find_generators(evidence: Sequence[Row], verdict: Verdict) -> list[str]:
    return [each["checkpoint"] for each in evidence if each["verdict"] == verdict]


def _get_rmse(row: Row) -> float:
    return np.inf if row["rmse"] is None else float(row["rmse"])


EVIDENCE = (
    *(VERDICT, LEFT, COPIES, RMSE),
    Column("one z", show=lambda row: f"{row['agree']:,} of {row['starts']:,}"),
    Column("outside", "outside"),
)


def _make_tables(rows: list[Row], evidence: list[Row], unread: list[Row]) -> list[Table]:
    """Return the tables: the answer for each image, each generator's evidence, unread files."""
    if not rows:
        return make_unread_tables(unread)
    made_by = Column("made by", "answer")
    return [
        make_image_table("Which generator made it", "image", rows, [made_by], max_length=24),
        make_image_table(
            "The evidence for each generator",
            "image",
            evidence,
            EVIDENCE,
            name_row=lambda row, name: f"{name},\n{row['checkpoint']}",
            max_length=20,
        ),
        *make_unread_tables(unread),
    ]


def _make_notes(rows: Sequence[Row], generators: Sequence[ComparedGenerator]) -> list[str]:
    """Return notes on the generators, on runs in progress, and on the answer."""
    lines = [f"{each.name}: {_describe_generator(each)}." for each in generators]
    lines += _list_incomplete(generators)
    if not rows:
        return [*lines, "No image has been inverted on two of the generators yet."]
    lines.append(
        f"Made by: the generators with the verdict {MADE}; only those that leave nothing but "
        "rounding, if there are any. If no generator has it: perhaps those with the verdict "
        f"{AMBIGUOUS}, otherwise a sibling of those with the verdict {SIBLING}, otherwise "
        f"{NONE_OF_THEM} (docs/invert.md)."
    )
    return lines


def _describe_generator(generator: ComparedGenerator) -> str:
    attributes = generator.results.attributes
    checkpoint = attributes.get("config", {}).get("checkpoint", "")
    known = [f"checkpoint {checkpoint}"] if checkpoint else []
    sha256 = attributes.get("checkpoint_sha256")
    known += [f"sha256 {sha256[:12]}"] if sha256 else []
    return ", ".join([*known, f"results {generator.file}"])


def _list_incomplete(generators: Sequence[ComparedGenerator]) -> list[str]:
    """Return a sentence for each run that is not complete."""
    return [
        f"{each.name}: trials are missing; the same command goes on."
        for each in generators
        if not each.results.complete
    ]


def _make_answer(
    rows: list[Row], unread: Sequence[Row], generators: Sequence[ComparedGenerator]
) -> Answer:
    """Return which generator made the image, or how many images each of them made."""
    warnings = _list_incomplete(generators)
    if not rows:
        said = describe_unread(unread) if unread else "no image is inverted on two generators yet"
        return Answer(f"{capitalize(said)}.", None, warnings)
    lost = f"; {describe_unread(unread)}" if unread else ""
    said = _describe_image(rows[0]) if len(rows) == 1 else _describe_images(rows)
    columns = [
        Column("made by", "answer", lambda answer: shorten_name(answer, MAX_ANSWER)),
        Column("nearest", "nearest", lambda nearest: shorten_name(nearest, MAX_NAME)),
        Column("its RMSE\n(of 255)", show=lambda row: format_number(_find_nearest(row)["rmse"])),
    ]
    return Answer(
        f"{said}{lost}.",
        make_image_table("Which generator made each image", "image", rows, columns, max_length=22),
        warnings,
        counted="answer",
    )


def _describe_image(row: Row) -> str:
    (name,) = name_images([row], max_length=40).values()
    if row["answer"] != NONE_OF_THEM:
        answer = row["answer"] if row["made_by"] else capitalize(row["answer"])
        return f"{answer} made {name}"
    return (
        f"None of the {len(row['generators'])} generators made {name}; {row['nearest']} comes "
        f"nearest, with an RMSE of {format_number(_find_nearest(row)['rmse'])} of 255"
    )


def _describe_images(rows: Sequence[Row]) -> str:
    counts = Counter(row["answer"] for row in rows)
    answers = sorted(counts, key=lambda answer: (answer == NONE_OF_THEM, -counts[answer]))
    said = ", ".join(f"{answer} made {counts[answer]:,}" for answer in answers)
    return f"Of {len(rows):,} images, {said}"


def _find_nearest(row: Row) -> Row:
    return next(each for each in row["generators"] if each["checkpoint"] == row["nearest"])
