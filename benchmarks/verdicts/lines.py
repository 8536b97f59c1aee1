"""Pictures are drawn and inverted in chunks of some minutes; of each picture a line is kept.

A chunk is a folder of build/verdicts with its pictures, the results of `ganinv invert` and, last,
lines.csv. A chunk without that file is made again.
"""

import csv
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from benchmarks.tiny import ROOT
from benchmarks.verdicts.generators import GENERATORS, SEED, draw_z, load_generator
from benchmarks.verdicts.listed_edits import EDITS
from benchmarks.verdicts.sample import OWN, Drawn, draw_sample
from benchmarks.verdicts.strangers import is_near
from ganinv_cli.api.results import read_run

FOLDER = ROOT / "build" / "verdicts"
CORES = 2  # chunks that are inverted at the same time
CHUNK = 7  # own pictures of a chunk, and as many strangers; it divides the number of EDITS
RIGHT_SHARE = 0.5  # of the distance of two draws, within which z is right
_DRAWING = threading.Lock()


class Line(NamedTuple):
    """A picture with its verdict."""

    name: str  # as Drawn has it, up to origin
    generator: str
    kind: str
    lossy: str
    source: str
    origin: str
    verdict: str
    chain: str  # in words
    left: float  # grey levels; NaN if not measured, as in the next three
    limit: float  # of own pictures
    rmse: float  # grey levels, without a change
    distance: float  # of z from the one that made it, over that of two draws
    revision: str  # of ganinv

    @property
    def is_own(self) -> bool:
        return self.source == OWN

    @property
    def is_near(self) -> bool:
        """Whether it is a stranger that is nearly an own picture."""
        return is_near(self.source)

    @property
    def is_explained(self) -> bool:
        return self.verdict in ("made", "edited")

    @property
    def is_right(self) -> bool:
        """Whether z is nearer than half the distance of two draws."""
        return self.distance < RIGHT_SHARE

    @property
    def is_named(self) -> bool:
        """Whether the chain is that of the edit."""
        return self.verdict == "made" and EDITS[self.kind].is_named(self.chain)


def invert_chunks(generators: Sequence[str], pictures: int, hours: float) -> None:
    """Invert what is missing of so many own pictures and strangers of each generator.

    No chunk begins after so many hours, and those that began end some minutes later.
    """
    deadline = time.monotonic() + 3600 * hours
    chunks = [(name, n) for n in range(-(-pictures // CHUNK)) for name in generators]
    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(partial(_invert_chunk, deadline), chunks))


def _invert_chunk(deadline: float, chunk: tuple[str, int]) -> None:
    generator, number = chunk
    folder = FOLDER / generator / f"{number:04d}"
    if (folder / "lines.csv").exists() or time.monotonic() >= deadline:
        return
    first = number * CHUNK
    with _DRAWING:
        drawn, latents = draw_sample(generator, range(first, first + CHUNK), folder)
    invert(generator, [folder / one.name for one in drawn], folder / "invert.h5")
    lines = measure_lines(drawn, latents, folder / "invert.h5")
    write_lines(folder / "lines.csv", lines)
    explained = [line.is_own for line in lines if line.is_explained]
    click.echo(
        f"{generator} {number}: {sum(explained)} of {CHUNK} own pictures and "
        f"{len(explained) - sum(explained)} of {CHUNK} strangers are made or edited",
        err=True,
    )


def invert(generator: str, paths: Sequence[Path], results: Path) -> None:
    """Run `ganinv invert` on pictures, on one core."""
    checkpoint, conventions = GENERATORS[generator]
    options = ["--checkpoint", checkpoint, "--out", str(results), "--overwrite", "--quiet"]
    for name, value in conventions.items():
        options += [f"--{name}", value]
    names = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"
    one_thread = dict.fromkeys((*names, "OPENBLAS_NUM_THREADS"), "1")
    subprocess.run(
        [sys.executable, "-m", "ganinv_cli", "invert", *map(str, paths), *options],
        stdout=subprocess.DEVNULL,
        env=os.environ | one_thread | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        check=True,
    )


def measure_lines(drawn: Sequence[Drawn], latents: np.ndarray, results: Path) -> list[Line]:
    """Return the lines of pictures that were inverted; `latents` (pictures, latent) is their z.

    A picture that is equal to another one in the same results has no line: it is not inverted.
    """
    run = read_run(results)
    rows = {row["image"]: row for row in run.tables["invert"]}
    scale = _measure_distance(drawn[0].generator)
    lines = []
    for one, z in zip(drawn, latents, strict=True):
        if row := rows.get(one.name):
            difference = np.array(row["z_explained"], np.float64) - z  # NaN if there is none
            distance = float(np.linalg.norm(difference)) / scale
            lines.append(
                Line(
                    *one,
                    verdict=row["verdict"],
                    chain=row["chain"] or "",
                    left=_round(row["excess"]),
                    limit=_round(row["excess_limit"]),
                    rmse=_round(row["rmse"]),
                    distance=_round(distance),
                    revision=str(run.store.attributes["git"]),
                )
            )
    return lines


def _round(value: float | None) -> float:
    return float("nan") if value is None else round(value, 3)


def _measure_distance(generator: str) -> float:
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
    types = Line.__annotations__
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    return [Line(**{name: types[name](row[name]) for name in Line._fields}) for row in rows]


def read_chunks() -> list[Line]:
    """Return the lines of all chunks that are finished, which are of one revision of ganinv."""
    paths = [path for name in GENERATORS for path in sorted((FOLDER / name).glob("*/lines.csv"))]
    return [line for path in paths for line in read_lines(path)]
