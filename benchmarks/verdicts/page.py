"""The tables of the calibration as Markdown, from its lines."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from benchmarks.records import format_counted_share, format_section
from benchmarks.verdicts.lines import COMPOSED, VERDICTS, Line
from benchmarks.verdicts.random_edits import EDITS, GROUPS
from ganinv_cli.results.statistics import clopper_pearson

CLASSES = {"no": "without JPEG", "yes": "with JPEG"}  # WebP counts as JPEG
SUMMARY = "Summary"  # the table that docs/invert.md shows
SOURCES = {  # of strangers -> what they are
    "averages, 90 %": "90 % of one own picture and 10 % of another",
    "two halves": "the left half of one own picture beside the right half of another",
    "noise, 3 %": "of a generator with noise of 3 % on each weight",
    "8 bits": "of a generator whose weights are stored with 8 bits",
    "early stage, 3 %": "of weights that are 3 % of the way back to an early stage of the training",
    "other generators": "of the shipped faces16, faces32 and portraits64",
    "photographs": "squares of those in scikit-image, scikit-learn, Matplotlib and PyWavelets",
    "blurred portraits": "squares of four portraits",
    "smooth": "random colours, enlarged from 4 × 4 pixels",
    "flat": "one colour",
}
NOTES = """\
* Half of the own pictures are edited once, the others two or three times (*composed*). Half of the
  strangers are edited once.
* Near strangers are averages, and pictures of generators whose weights differ by 3 % or have
  8 bits. Intervals count several squares of one photograph or portrait once.
"""
Row = dict[str, object]


def format_page(lines: Sequence[Line]) -> str:
    """Return all tables, which revision of ganinv was measured, and what the pictures are."""
    generators = _split_generators(lines)
    sections = {SUMMARY: _split_classes(generators, _make_summary_row, head="generator")}
    for generator, some in generators.items():
        sections[f"Own pictures of {generator}"] = _list_own_rows([x for x in some if x.is_own])
        strangers = [line for line in some if line.is_stranger]
        sections[f"Strangers to {generator}"] = _list_stranger_rows(strangers)
    sections["All strangers"] = _list_pools([line for line in lines if line.is_stranger])
    listed = [line for line in lines if line.is_listed]
    sections["Listed edits"] = _list_listed_rows(listed)
    sections["Sources of strangers"] = [
        {"source": source, "pictures": words} for source, words in SOURCES.items()
    ]
    text = "\n".join(format_section(title, rows) for title, rows in sections.items() if rows)
    revisions = sorted({line.revision for line in lines})
    edits = "".join(f"* {group.capitalize()}: {', '.join(EDITS[group])}.\n" for group in GROUPS)
    return f"{text}\n* Run: `make verdicts`, ganinv at {', '.join(revisions)}.\n{NOTES}{edits}"


def find_widest(lines: Sequence[Line]) -> float:
    """Return half the width of the widest interval: recall and false alarms, of each class."""
    groups = [
        [line for line in lines if line.lossy == lossy and line.is_stranger == stranger]
        for lossy in CLASSES
        for stranger in (False, True)
    ]
    widths = []
    for group in groups:
        wrong_or_found, number = count_origins(group, lambda line: line.is_explained)
        low, high = clopper_pearson(wrong_or_found, number) if number else (0.0, 1.0)
        widths.append((high - low) / 2)
    return max(widths)


def count_origins(lines: Iterable[Line], is_counted: Callable[[Line], bool]) -> tuple[int, int]:
    """Return of how many origins a picture is counted, and how many origins there are."""
    origins: dict[str, bool] = {}
    for line in lines:
        origins[line.origin] = origins.get(line.origin, False) or is_counted(line)
    return sum(origins.values()), len(origins)


def _split_generators(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Return the lines of each generator, in the order in which they come."""
    generators: dict[str, list[Line]] = {}
    for line in lines:
        generators.setdefault(line.generator, []).append(line)
    return generators


def _list_own_rows(lines: Sequence[Line]) -> list[Row]:
    """Return a row for each group of edits and class."""
    groups = {name: [x for x in lines if x.group == name] for name in (*GROUPS, COMPOSED)}
    return _split_classes(groups | {"all": [*lines]}, _make_own_row)


def _list_stranger_rows(lines: Sequence[Line]) -> list[Row]:
    """Return a row for each source and class, and for some pools of them."""
    sources = sorted({line.source for line in lines}, key=_split_numbers)
    groups = {source: [x for x in lines if x.source == source] for source in sources}
    groups["all"] = [*lines]
    groups["all but averages and near siblings"] = [line for line in lines if not line.is_near]
    groups["edited strangers"] = [line for line in lines if line.groups]
    return _split_classes(groups, _make_stranger_row)


def _list_pools(strangers: Sequence[Line]) -> list[Row]:
    """Return a row for each generator and class: near strangers, and all others."""
    groups: dict[str, list[Line]] = {}
    for line in strangers:
        pool = "averages and near siblings" if line.is_near else "all others"
        groups.setdefault(f"{line.generator}, {pool}", []).append(line)
    return _split_classes(dict(sorted(groups.items())), _make_stranger_row)


def _split_numbers(text: str) -> list[str | int]:
    """Return words and numbers in turn, so that 3 % is before 10 %."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def _list_listed_rows(lines: Sequence[Line]) -> list[Row]:
    kinds = dict.fromkeys(line.kind for line in lines)
    groups = {kind: [line for line in lines if line.kind == kind] for kind in kinds}
    groups |= _split_generators(lines)
    return [
        {"edit": name, **_make_own_row(group), "right change": _count_named(group)}
        for name, group in groups.items()
    ]


def _count_named(lines: Sequence[Line]) -> str:
    return f"{sum(x.is_named for x in lines)} of {sum(x.verdict == 'made' for x in lines)}"


def _split_classes(
    groups: dict[str, list[Line]],
    make_row: Callable[[Sequence[Line]], Row],
    *,
    head: str = "pictures",
) -> list[Row]:
    """Return a row for each group and class that has pictures; `head` is over their names."""
    rows = []
    for name, group in groups.items():
        for lossy, words in CLASSES.items():
            some = [line for line in group if line.lossy == lossy]
            if some:
                rows.append({head: name, "class": words, **make_row(some)})
    return rows


def _count_verdicts(lines: Sequence[Line]) -> Row:
    counts = Counter(line.verdict for line in lines)
    row: Row = {"number": len(lines)}
    return row | {verdict: counts[verdict] for verdict in VERDICTS}


def _make_summary_row(lines: Sequence[Line]) -> Row:
    """Return a row of own pictures, of far strangers, and of near ones, which count by origin."""
    own = [line for line in lines if line.is_own]
    found = [line for line in own if line.is_explained]
    far = [line for line in lines if line.is_stranger and not line.is_near]
    near = [line for line in lines if line.is_near]
    right = sum(line.is_right for line in found)
    return {
        "own: made or edited": _format_share(len(found), len(own)),
        "right z": _format_share(right, len(found)),
        "far: made": _format_share(*count_origins(far, lambda x: x.verdict == "made")),
        "far: edited": _format_share(*count_origins(far, lambda x: x.verdict == "edited")),
        "near: made or edited": _format_share(*count_origins(near, lambda x: x.is_explained)),
    }


def _format_share(count: int, number: int) -> str:
    """Return a share with its interval, and of how many; a dash if there are none."""
    return f"{format_counted_share(count, number)} of {number}" if number else "-"


def _make_own_row(lines: Sequence[Line]) -> Row:
    found = [line for line in lines if line.is_explained]
    right = sum(line.is_right for line in found)
    return _count_verdicts(lines) | {
        "made or edited": format_counted_share(len(found), len(lines)),
        "right z": f"{right} of {len(found)}",
    }


def _make_stranger_row(lines: Sequence[Line]) -> Row:
    """Return a row whose intervals count origins: one is wrong if a picture of it is."""
    made = count_origins(lines, lambda line: line.verdict == "made")
    edited = count_origins(lines, lambda line: line.verdict == "edited")
    return _count_verdicts(lines) | {
        "called made": format_counted_share(*made),
        "called edited": format_counted_share(*edited),
    }
