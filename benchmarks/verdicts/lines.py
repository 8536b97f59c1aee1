"""What is kept of each picture: what it is, and what `ganinv invert` said of it."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.verdicts.generators import SEED, draw_z, load_generator
from benchmarks.verdicts.listed_edits import EDITS
from benchmarks.verdicts.sample import LISTED, OWN, Drawn
from benchmarks.verdicts.strangers import is_near
from ganinv_cli.api.results import read_run

VERDICTS = ("made", "edited", "ambiguous", "sibling", "outside", "failed")
COMPOSED = "composed"  # the group of two or three edits
RIGHT_SHARE = 0.5  # of the distance of two draws, within which z is right
_NUMBERS = ("left", "limit", "rmse", "distance", "seconds")


class Line(NamedTuple):
    """A picture with its verdict."""

    name: str  # as Drawn has it, up to origin
    generator: str
    kind: str
    strengths: str
    groups: str
    lossy: str
    source: str
    origin: str
    verdict: str
    chain: str  # in words
    left: float | None  # grey levels
    limit: float | None  # of own pictures
    rmse: float | None  # grey levels, without a change
    distance: float | None  # of z from the one that made it, over that of two draws
    seconds: float  # of its chunk's wall time, on one core
    revision: str  # of ganinv

    @property
    def group(self) -> str:
        """Of its edits: tone, filter, geometry, codec, region, COMPOSED or LISTED."""
        return COMPOSED if ", " in self.groups else self.groups

    @property
    def is_own(self) -> bool:
        """Whether the generator made it, and the sample has it."""
        return self.source == OWN and not self.is_listed

    @property
    def is_listed(self) -> bool:
        return self.groups == LISTED

    @property
    def is_stranger(self) -> bool:
        return self.source != OWN

    @property
    def is_near(self) -> bool:
        """Whether it is a stranger that is nearly an own picture."""
        return self.is_stranger and is_near(self.source)

    @property
    def is_explained(self) -> bool:
        return self.verdict in ("made", "edited")

    @property
    def is_right(self) -> bool:
        """Whether z is nearer than half the distance of two draws."""
        return self.distance is not None and self.distance < RIGHT_SHARE

    @property
    def is_named(self) -> bool:
        """Whether the chain of a listed edit is the right one."""
        return self.verdict == "made" and EDITS[self.kind].is_named(self.chain)


def measure_lines(
    drawn: Sequence[Drawn], latents: np.ndarray, results: Path, seconds: float
) -> list[Line]:
    """Return the lines of pictures that were inverted.

    A picture that is equal to another one in the same results has no line: it is not inverted.
    """
    run = read_run(results)
    rows = {row["image"]: row for row in run.tables["invert"]}
    scale = _find_distance(drawn[0].generator)
    lines = []
    for one, z in zip(drawn, latents, strict=True):
        row = rows.get(one.name)
        if row is None:
            continue
        difference = np.array(row["z_explained"], np.float64) - z  # NaN if there is none
        lines.append(
            Line(
                *one,
                verdict=row["verdict"],
                chain=row["chain"] or "",
                left=_round(row["excess"]),
                limit=_round(row["excess_limit"]),
                rmse=_round(row["rmse"]),
                distance=_round(float(np.linalg.norm(difference)) / scale),
                seconds=round(seconds / len(drawn), 1),
                revision=str(run.store.attributes["git"]),
            )
        )
    return lines


def _round(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 3)


def _find_distance(generator: str) -> float:
    """Return the root mean square distance of two draws of z."""
    random, loaded = np.random.default_rng(SEED), load_generator(generator)
    difference = draw_z(loaded, random, 1000) - draw_z(loaded, random, 1000)
    return float(np.sqrt((difference**2).sum(-1).mean()))


def write_lines(path: Path, lines: Iterable[Line]) -> None:
    """Write lines as CSV; a process that is killed leaves no part of the file."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Line._fields)
        writer.writerows(lines)
    part.replace(path)


def read_lines(path: Path) -> list[Line]:
    """Return the lines that `write_lines` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    return [Line(**{name: _read_value(name, row[name]) for name in Line._fields}) for row in rows]


def _read_value(name: str, text: str) -> Any:
    if name not in _NUMBERS:
        return text
    return float(text) if text else None
