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
        f"Made by: the generators with the verdict {MADE}; only those that leave nothing but "
        "rounding, if there are any. If no generator has it: perhaps those with the verdict "
        f"{AMBIGUOUS}, which match the image by several z, otherwise {NONE_OF_THEM}. A small RMSE "
        "is evidence, not an answer: a generator can come near to pictures that another one made. "
        f"RMSE: in grey levels of 255. Matched up to: the RMSE of JPEG {MATCH_QUALITY} copies of "
        f"the generator's own pictures. {VERDICTS}"
    )
    return lines


def _describe_generator(generator: ComparedGenerator) -> str:
    attributes = generator.results.attributes
    checkpoint = attributes.get("config", {}).get("checkpoint", "")
    known = [f"checkpoint {checkpoint}"] if checkpoint else []
    sha256 = attributes.get("checkpoint_sha256")
    known += [f"sha256 {sha256[:12]}"] if sha256 else []
    return ", ".join([*known, f"results {generator.file}"])
