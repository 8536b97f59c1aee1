"""Write the notes on an attribution."""

from collections.abc import Sequence

from ganinv_cli.report.attribution.numbers import (
    AMBIGUOUS,
    MADE,
    NONE_OF_THEM,
    AttributionRow,
    ComparedGenerator,
)
from ganinv_cli.report.invert.notes import VERDICTS
from ganinv_cli.report.invert.verdict import MATCH_QUALITY


def make_notes(
    rows: Sequence[AttributionRow], generators: Sequence[ComparedGenerator]
) -> list[str]:
    """Return notes on the generators, on runs in progress, and on reading the tables."""
    lines = [f"{each.name}: {_describe_generator(each)}." for each in generators]
    lines += [
        f"{each.name}: its run is not complete; give the same command again to go on."
        for each in generators
        if not each.results.complete
    ]
    if not rows:
        return [*lines, "No image has been inverted on two of the generators yet."]
    lines.append(
        f"Made by: the generators whose verdict is {MADE}; those alone on which nothing but "
        "rounding is left, if there are any. If there is none: perhaps those whose verdict is "
        f"{AMBIGUOUS}, which match the image by several z, or else {NONE_OF_THEM}. How "
        "near the others come is evidence, not an answer: a generator may come near to pictures "
        f"that another one made. RMSE: in grey levels of 255; matched up to: what JPEG "
        f"{MATCH_QUALITY} changes in the generator's own pictures. {VERDICTS}"
    )
    return lines


def _describe_generator(generator: ComparedGenerator) -> str:
    attributes = generator.results.attributes
    checkpoint = attributes.get("config", {}).get("checkpoint", "")
    known = [f"checkpoint {checkpoint}"] if checkpoint else []
    sha256 = attributes.get("checkpoint_sha256")
    known += [f"sha256 {sha256[:12]}"] if sha256 else []
    return ", ".join([*known, f"results {generator.file}"])
