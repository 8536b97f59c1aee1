"""How often is the verdict of `ganinv invert` wrong?

Generators invert pictures of their own, edited as people edit pictures (EDITS), and pictures that
they did not make (SOURCES), stored without loss and as JPEG 75. The results of a generator are one
file in build/verdicts; the same command continues it, the first pictures of all kinds first. `make
zoo` fetches one of the generators.

    python -m benchmarks.verdicts --pictures 2        # few pictures of each kind; more are added
    python -m benchmarks.verdicts --only faces32-own  # some kinds
    python -m benchmarks.verdicts --list              # what is planned, and what is done
    python -m benchmarks.verdicts --keep docs/invert/calibration.csv  # what is done, as a page
"""

import csv
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

import ganinv_cli as ganinv
from benchmarks.records import format_counted_share, format_section
from benchmarks.verdict_edits import EDITS, JPEG, LOSSLESS
from benchmarks.verdict_pictures import (
    FILES,
    GENERATORS,
    OWN,
    PICTURES,
    STRANGERS,
    Case,
    draw_z,
    find_origin,
    list_cases,
    make_picture,
)
from ganinv_cli.api.results import read_run
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.provenance import read_git_revision
from ganinv_cli.results.number_format import format_number

CORES = 2  # generators that invert pictures at the same time
FOLDER = PICTURES.parent
VERDICTS = ("made", "edited", "ambiguous", "sibling", "outside", "failed")
RIGHT_SHARE = 0.5  # of the distance of two draws, within which z is right
HIDDEN = ("sibling, 3 %", "noise, 3 %", "sibling, quantised")  # that JPEG may hide


class Line(NamedTuple):
    """What is kept of a picture."""

    name: str  # of its file
    generator: str
    kind: str  # key of EDITS
    source: str  # key of SOURCES, or of SIBLINGS
    origin: str  # equal for pictures that depend on each other
    verdict: str
    chain: str  # in words
    left: float  # grey levels
    limit: float  # of own pictures
    rmse: float  # grey levels, without a change
    distance: float | None  # of z from the one that made it, over that of two draws
    revision: str  # of ganinv

    @property
    def is_named(self) -> bool:
        return self.verdict == "made" and EDITS[self.kind].is_named(self.chain)


@click.command()
@click.option("--only", default="", help="Kinds with this text in their name: faces32-own-jpeg.")
@click.option("--pictures", default=STRANGERS, help="Of each kind, at most.")
@click.option(
    "--starts", default=InvertConfig.default_trials, show_default=True, help="Per picture."
)
@click.option("--list", "lists", is_flag=True, help="Print what is planned and done; invert none.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write what is done; invert none.")
def main(only: str, pictures: int, starts: int, lists: bool, keep: Path | None) -> None:
    """Invert pictures of known origin, and print how often the verdict is wrong."""
    cases = [case for case in list_cases() if only in case.name]
    if not (lists or keep):
        check_revision(read_git_revision())
        planned = [(case, n) for n in range(pictures) for case in cases if n < case.most]
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(partial(invert, starts, planned), GENERATORS))
    lines = [line for name in GENERATORS for line in read_lines(name, cases)]
    if lists:
        done = Counter((line.generator, line.source, line.kind) for line in lines)
        for case in cases:
            click.echo(f"{done[case]} of {case.most} {case.name}")
        return
    check_revision(lines[0].revision if lines else "")
    if keep:
        write_lines(keep, lines)
        keep.with_suffix(".md").write_text(format_page(lines), "utf-8")
    click.echo(format_page(lines), nl=False)


def invert(starts: int, planned: Sequence[tuple[Case, int]], generator: str) -> None:
    """Run `ganinv invert` on the pictures of a generator, on one core."""
    paths = [make_picture(case, number) for case, number in planned if case.generator == generator]
    if not paths:
        return
    options = ("--checkpoint", FILES[generator], "--starts", starts, "--quiet")
    words = (*paths, *options, "--out", FOLDER / f"{generator}.h5")
    command = (sys.executable, "-m", "ganinv_cli", "invert", *map(str, words))
    threads = os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    if subprocess.run(command, stdout=subprocess.DEVNULL, env=threads).returncode:
        raise click.ClickException(f"{generator} stopped; the same command continues it")


def check_revision(revision: str) -> None:
    """Refuse to add to results of another revision of ganinv, or to pool them."""
    for name in GENERATORS:
        path = FOLDER / f"{name}.h5"
        try:
            found = str(read_run(path).store.attributes["git"])
        except ganinv.ResultsError:  # none yet
            continue
        if found != revision:
            raise click.ClickException(
                f"{path} is of ganinv at {found}, not {revision}; move build/verdicts away, or go "
                "on with that revision"
            )


def read_lines(generator: str, cases: Sequence[Case]) -> Iterator[Line]:
    """Yield a line for each picture of these kinds that has its verdict."""
    try:
        run = read_run(FOLDER / f"{generator}.h5")
    except ganinv.ResultsError:  # none yet
        return
    rows = {row["image"]: row for row in run.tables["invert"]}
    distance = float(np.linalg.norm(np.subtract(*draw_z(generator, np.random.default_rng(0), 2))))
    for case in cases:
        for number in range(case.most if case.generator == generator else 0):
            name = case.find_file(number).name
            row = rows.get(name)
            if row is None or row["verdict"] == "not finished":
                continue
            z = np.array(row["z_explained"]) - draw_z(generator, case.seed(number))[0]
            yield Line(
                name,
                generator,
                case.edit,
                case.source,
                find_origin(case, number),
                row["verdict"],
                row["chain"] or "",
                round(row["excess"], 3),
                round(row["excess_limit"], 3),
                round(row["rmse"], 3),
                round(float(np.linalg.norm(z)) / distance, 3) if case.source == OWN else None,
                str(run.store.attributes["git"]),
            )


def write_lines(path: Path, lines: Sequence[Line]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Line._fields)
        writer.writerows(lines)


def read_kept(path: Path) -> list[Line]:
    """Return the lines that `write_lines` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    numbers = ("left", "limit", "rmse", "distance")
    return [
        Line._make(
            (float(value) if value else None) if name in numbers else value
            for name, value in row.items()
        )
        for row in rows
    ]


def format_page(lines: Sequence[Line]) -> str:
    """Return all tables as Markdown."""
    own = [line for line in lines if line.source == OWN]
    named = [line for line in own if EDITS[line.kind].chain is not None]
    other = [line for line in own if EDITS[line.kind].chain is None]
    strange = [line for line in lines if line.source != OWN]
    lossless, jpeg = ([x for x in strange if x.kind == kind] for kind in (LOSSLESS, JPEG))
    far = [line for line in jpeg if line.source not in HIDDEN]
    sections = {
        "Own pictures": _group(named, "kind") | {"all": named},
        "Other edits of own pictures": _group(other, "kind") | {"all": other},
        "All edits": _group(own, "generator") | {"all": own},
        "Strangers, stored without loss": _group_strangers(lossless) | {"all": lossless},
        "Strangers, as JPEG 75": _group_strangers(jpeg)
        | {"all": jpeg, "all but the nearest siblings": far},
        "Each generator": _group(lines, "generator", "source", "kind"),
    }
    text = "\n".join(
        format_section(title, [_make_row(*each) for each in groups.items() if each[1]])
        for title, groups in sections.items()
    )
    revisions = sorted({line.revision for line in lines})
    return f"{text}\n* Run: ganinv at {', '.join(revisions)}.\n"


def _group(lines: Iterable[Line], *keys: str) -> dict[str, list[Line]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(", ".join(getattr(line, key) for key in keys), []).append(line)
    return groups


def _group_strangers(lines: Sequence[Line]) -> dict[str, list[Line]]:
    return _group(lines, "source") | _group(lines, "generator")


def _make_row(name: str, lines: Sequence[Line]) -> dict[str, object]:
    """Return a row on some pictures. Intervals count origins: one is wrong if a picture of it is.

    Of own pictures, z is right if it is nearer than half the distance of two draws.
    """
    counts = Counter(line.verdict for line in lines)
    row: dict[str, object] = {"pictures": name, "number": len(lines)}
    row |= {verdict: counts[verdict] for verdict in VERDICTS}
    if lines[0].source == OWN:
        found = [line for line in lines if line.verdict in ("made", "edited")]
        right = sum((line.distance or 0) < RIGHT_SHARE for line in found)
        row["made or edited"] = format_counted_share(len(found), len(lines))
        row["right z"] = f"{right} of {len(found)}"
        row["right change"] = f"{sum(x.is_named for x in lines)} of {counts['made']}"
        row["distance"] = format_number(_find_median(line.distance for line in lines))
    else:
        origins = _group(lines, "origin").values()
        for word in ("made", "edited"):
            wrong = sum(any(line.verdict == word for line in origin) for origin in origins)
            row[f"called {word}"] = format_counted_share(wrong, len(origins))
    row["RMSE"] = format_number(_find_median(line.rmse for line in lines))
    row["left"] = format_number(_find_median(line.left for line in lines))
    return row


def _find_median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


if __name__ == "__main__":
    main()
