"""Runs of many groups and files: said in a few words."""

from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import TYPE_CHECKING

from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.runs import Group, described

if TYPE_CHECKING:
    from ganinv_cli.store import Results

FEW = 4  # groups whose trials a sentence counts one by one
NAMED = 3  # files that a sentence names
COLUMNS = 78  # of a table of sentences


def described_in_short(results: "Results", groups: Mapping[str, Group]) -> Row:
    """As `described`, the trials of many groups as the fewest and the most in one."""
    run = described(results, groups)
    counts = run["trials"].values()
    if len(counts) > FEW:
        run["trials"] = {"fewest": min(counts), "most": max(counts)}
    return run


def short(name: str, longest: int) -> str:
    """A name with its middle left out where it is too long; control characters as spaces."""
    name = "".join(letter if letter.isprintable() else " " for letter in name)
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[len(name) - (longest - 1 - head) :]}"


def listed(names: Iterable[str]) -> str:
    """Some names, and how many more."""
    every = [short(name, 40) for name in dict.fromkeys(names)]
    more = len(every) - NAMED
    return ", ".join(every[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def sentences(title: str, heading: str, lines: Iterable[str]) -> Section:
    """A table of one column, for what has no numbers."""
    return Section(title, (heading,), [(fill(line, COLUMNS),) for line in lines])


def unread(rows: list[Row]) -> list[Section]:
    """A table of the files that could not be read; none where there are none."""
    if not rows:
        return []
    lines = (
        row["error"] if row["image"] in row["error"] else f"{row['image']}: {row['error']}"
        for row in rows
    )
    return [sentences("Files that could not be read", "file and reason", lines)]


def handling(said: Iterable[tuple[str, str]]) -> list[str]:
    """A sentence for each thing that was done to files, from (name, what was done)."""
    names: dict[str, list[str]] = {}
    for name, done in said:
        if done:
            names.setdefault(done, []).append(name)
    return [f"{listed(of)}: {done.rstrip('.')}." for done, of in names.items()]
