"""The tables of the calibration as Markdown, from its lines."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from benchmarks.records import format_counted_share, format_section
from benchmarks.verdicts.lines import COMPOSED, VERDICTS, Line
from benchmarks.verdicts.random_edits import GROUPS
from ganinv_cli.results.statistics import clopper_pearson

CLASSES = {"no": "without JPEG", "yes": "with JPEG"}  # WebP counts as JPEG
Row = dict[str, object]


def format_page(lines: Sequence[Line]) -> str:
    """Return all tables, and which revision of ganinv was measured."""
    sections: dict[str, list[Row]] = {}
    for generator in dict.fromkeys(line.generator for line in lines):
        some = [line for line in lines if line.generator == generator]
        sections[f"Own pictures of {generator}"] = _list_own_rows([x for x in some if x.is_own])
        strangers = [line for line in some if line.is_stranger]
        sections[f"Strangers to {generator}"] = _list_stranger_rows(strangers)
    sections["All strangers"] = _list_pools([line for line in lines if line.is_stranger])
    listed = [line for line in lines if line.is_listed]
    sections["Listed edits"] = _list_listed_rows(listed)
    text = "\n".join(format_section(title, rows) for title, rows in sections.items() if rows)
    revisions = sorted({line.revision for line in lines})
    return f"{text}\n* Run: `make verdicts`, ganinv at {', '.join(revisions)}.\n"


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
    for generator in dict.fromkeys(line.generator for line in lines):
        groups[generator] = [line for line in lines if line.generator == generator]
    return [
        {"edit": name, **_make_own_row(group), "right change": _count_named(group)}
        for name, group in groups.items()
    ]


def _count_named(lines: Sequence[Line]) -> str:
    return f"{sum(x.is_named for x in lines)} of {sum(x.verdict == 'made' for x in lines)}"


def _split_classes(
    groups: dict[str, list[Line]], make_row: Callable[[Sequence[Line]], Row]
) -> list[Row]:
    """Return a row for each group and class that has pictures."""
    rows = []
    for name, group in groups.items():
        for lossy, words in CLASSES.items():
            some = [line for line in group if line.lossy == lossy]
            if some:
                rows.append({"pictures": name, "class": words, **make_row(some)})
    return rows


def _count_verdicts(lines: Sequence[Line]) -> Row:
    counts = Counter(line.verdict for line in lines)
    row: Row = {"number": len(lines)}
    return row | {verdict: counts[verdict] for verdict in VERDICTS}


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
