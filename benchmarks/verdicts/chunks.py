"""The pictures are inverted in chunks of some minutes, on two cores, until a time is over.

A chunk is a folder of build/verdicts with its pictures, the results of `ganinv invert` and, last,
lines.csv. A chunk without that file is made again.
"""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from benchmarks.tiny import ROOT
from benchmarks.verdicts.generators import GENERATORS
from benchmarks.verdicts.lines import Line, measure_lines, read_lines, write_lines
from benchmarks.verdicts.listed_edits import EDITS
from benchmarks.verdicts.page import find_widest
from benchmarks.verdicts.sample import LISTED, Drawn, draw, draw_sample

FOLDER = ROOT / "build" / "verdicts"
CORES = 2  # chunks that are inverted at the same time
HALF_WIDTH = 0.06  # of the intervals at which a sample is large enough
KINDS = 7  # pictures in a chunk of listed edits; it divides their number
SAMPLE = "sample"


class Chunk(NamedTuple):
    """Pictures of one generator that are inverted together."""

    generator: str
    part: str  # SAMPLE or LISTED
    number: int

    @property
    def folder(self) -> Path:
        return FOLDER / self.generator / f"{self.part}-{self.number:04d}"

    @property
    def lines(self) -> Path:
        return self.folder / "lines.csv"

    def draw(self) -> list[Drawn]:
        """Write its pictures into its folder."""
        if self.part == LISTED:
            first = self.number * KINDS
            listed = ((LISTED, number) for number in range(first, first + KINDS))
            return draw(self.generator, listed, self.folder)
        size = GENERATORS[self.generator].chunk
        first = self.number * size
        return draw_sample(self.generator, range(first, first + size), self.folder)


def list_kinds(generators: Sequence[str], pictures: int) -> Iterator[Chunk]:
    """Yield the chunks that have so many own pictures of each listed edit."""
    for number in range(pictures * len(EDITS) // KINDS):
        for generator in generators:
            yield Chunk(generator, LISTED, number)


def list_sample(generators: Sequence[str]) -> Iterator[Chunk]:
    """Yield chunks of each generator in turn, until its sample is large enough."""
    for number in itertools.count():
        wanted = [generator for generator in generators if not is_enough(generator)]
        if not wanted:
            return
        for generator in wanted:
            yield Chunk(generator, SAMPLE, number)


def is_enough(generator: str) -> bool:
    """Return whether a sample has the least number of pictures, and intervals that are narrow."""
    lines = [line for line in read_chunks([generator]) if not line.is_listed]
    own = sum(line.is_own for line in lines)
    least = GENERATORS[generator].least
    return own >= least and find_widest(lines) <= HALF_WIDTH


def read_chunks(generators: Iterable[str]) -> list[Line]:
    """Return the lines of all chunks that are finished."""
    return [
        line
        for generator in generators
        for path in sorted((FOLDER / generator).glob("*/lines.csv"))
        for line in read_lines(path)
    ]


def check_revision(revision: str) -> None:
    """Refuse to add to results of another revision of ganinv, or to pool them."""
    others = {line.revision for line in read_chunks(GENERATORS)} - {revision}
    if others:
        raise click.ClickException(
            f"{FOLDER} has results of ganinv at {', '.join(sorted(others))}, not {revision}; move "
            "it away, or go on with that revision"
        )


def invert_chunks(chunks: Iterator[Chunk], hours: float) -> None:
    """Invert chunks that are not finished, until none is left or the time is over.

    No chunk begins after that time, and those that began end some minutes later.
    """
    deadline, lock, failed = time.monotonic() + 3600 * hours, threading.Lock(), threading.Event()
    todo = (chunk for chunk in chunks if not chunk.lines.exists())

    def work(_: int) -> None:
        while time.monotonic() < deadline and not failed.is_set():
            with lock:
                chunk = next(todo, None)
                drawn = chunk.draw() if chunk else []
            if chunk is None:
                return
            try:
                invert(chunk, drawn)
            except click.ClickException:
                failed.set()
                raise

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(work, range(CORES)))


def invert(chunk: Chunk, drawn: Sequence[Drawn]) -> None:
    """Run `ganinv invert` on the pictures of a chunk, on one core, and write its lines."""
    results, began = chunk.folder / "invert.h5", time.monotonic()
    paths = [chunk.folder / one.name for one in drawn]
    generator = GENERATORS[chunk.generator]
    options = ["--checkpoint", generator.checkpoint, "--out", results, "--overwrite", "--quiet"]
    for name, value in generator.conventions.items():
        options += [f"--{name}", value]
    command = [sys.executable, "-m", "ganinv_cli", "invert", *map(str, [*paths, *options])]
    threads = os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    threads |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2"}  # errors of TensorFlow alone
    if subprocess.run(command, stdout=subprocess.DEVNULL, env=threads | quiet).returncode:
        raise click.ClickException(f"{chunk.folder} stopped; the same command makes it again")
    seconds = time.monotonic() - began
    lines = measure_lines(drawn, np.load(chunk.folder / "z.npy"), results, seconds)
    write_lines(chunk.lines, lines)
    explained = sum(line.is_explained for line in lines if not line.is_stranger)
    own = sum(not line.is_stranger for line in lines)
    alarms = sum(line.is_explained for line in lines if line.is_stranger)
    click.echo(
        f"{chunk.generator} {chunk.part} {chunk.number}: {explained} of {own} own pictures, "
        f"{alarms} of {len(lines) - own} strangers are made or edited; {seconds:.0f} s",
        err=True,
    )
