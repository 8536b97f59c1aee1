"""The tables of the calibration as Markdown, from its lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from benchmarks.records import format_counted_share, format_section
from benchmarks.verdicts.lines import Line
from benchmarks.verdicts.listed_edits import EDITS

VERDICTS = ("made", "edited", "ambiguous", "sibling", "outside", "failed")
CLASSES = {"no": "without JPEG", "yes": "with JPEG"}  # WebP counts as JPEG
NOTES = """\
* Own pictures have the edits of `benchmarks/verdicts/listed_edits.py`, as have half of the
  strangers. *Right change*: of those that are `made`, how many are explained by their edit.
* Near strangers are averages, and pictures of generators whose weights differ by 3 % or have
  8 bits. Intervals count several squares of one photograph once.
"""
Row = dict[str, object]


def format_page(lines: Sequence[Line]) -> str:
    """Return all tables, which revision of ganinv was measured, and what the pictures are."""
    generators = [*dict.fromkeys(line.generator for line in lines)]
    lines = sorted(lines, key=lambda line: (generators.index(line.generator), line.lossy))
    own = [line for line in lines if line.is_own]
    strangers = sorted((line for line in lines if not line.is_own), key=lambda line: line.source)
    sections = {
        "Summary": [
            {"generator": name, "class": CLASSES[lossy], **_summarise([*some])}
            for (name, lossy), some in groupby(lines, lambda line: (line.generator, line.lossy))
        ],
        "Own pictures": [
            {"edit": kind, **_count_verdicts(some), **_count_right(some)}
            for kind in EDITS
            if (some := [line for line in own if line.kind == kind])
        ],
        "Strangers": [
            {"source": source, "class": CLASSES[lossy], **_count_verdicts([*some])}
            for (source, lossy), some in groupby(strangers, lambda line: (line.source, line.lossy))
        ],
    }
    text = "\n".join(format_section(title, rows) for title, rows in sections.items())
    revisions = sorted({line.revision for line in lines})
    return f"{text}\n* Run: `make verdicts`, ganinv at {', '.join(revisions)}.\n{NOTES}"


def _summarise(lines: Sequence[Line]) -> Row:
    """Return a row of own pictures, of far strangers, and of near ones, which count by origin."""
    own = [line for line in lines if line.is_own]
    found = [line for line in own if line.is_explained]
    near = [line for line in lines if line.is_near]
    far = [line for line in lines if not line.is_own and not line.is_near]
    return {
        "own: made or edited": _format_share(len(found), len(own)),
        "right z": _format_share(sum(line.is_right for line in found), len(found)),
        "far: made": _format_share(*count_origins(far, lambda x: x.verdict == "made")),
        "far: edited": _format_share(*count_origins(far, lambda x: x.verdict == "edited")),
        "near: made or edited": _format_share(*count_origins(near, lambda x: x.is_explained)),
    }


def count_origins(lines: Iterable[Line], is_counted: Callable[[Line], bool]) -> tuple[int, int]:
    """Return of how many origins a picture is counted, and how many origins there are."""
    origins: dict[str, bool] = {}
    for line in lines:
        key = f"{line.generator} {line.origin}"
        origins[key] = origins.get(key, False) or is_counted(line)
    return sum(origins.values()), len(origins)


def _count_verdicts(lines: Sequence[Line]) -> Row:
    counts = Counter(line.verdict for line in lines)
    return {"number": len(lines), **{verdict: counts[verdict] for verdict in VERDICTS}}


def _count_right(lines: Sequence[Line]) -> Row:
    found, made = sum(x.is_explained for x in lines), sum(x.verdict == "made" for x in lines)
    right = sum(line.is_right for line in lines if line.is_explained)
    named = sum(line.is_named for line in lines)
    return {"right z": f"{right} of {found}", "right change": f"{named} of {made}"}


def _format_share(count: int, number: int) -> str:
    """Return a share with its interval, and of how many; a dash if there are none."""
    return f"{format_counted_share(count, number)} of {number}" if number else "-"
