"""How often is a convention of a weights-only file decided wrongly?

Random generators (tests/support/random_generators.py) are read from weights alone, and what is
decided of each, and what the headline of `ganinv inspect` claims, is compared with the truth. The
same command goes on where the last one stopped. Every fourth file has labels behind z.

    python -m benchmarks.weights_only --files 200  # 20 to 60 s per file
"""

import csv
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click

from benchmarks.records import format_counted_share
from benchmarks.tiny import ROOT, load_support
from ganinv_cli.errors import GaninvError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.cached_check import check_norms
from ganinv_cli.generators.network.definition import Convention
from ganinv_cli.inspection.certainty import describe_verdict, list_tested_layers
from ganinv_cli.inspection.facts import describe_definition

KEPT = ROOT / "docs" / "results" / "weights-only.csv"  # with its sentence beside it
FORMATS = "ganinv_cli/generators/formats/weights"  # what infers
SECONDS = 60  # of one processor per file
LATE = f"not read in {SECONDS} s"
LABELS = (2, 3, 5, 8, 10, 20)
Truth = dict[tuple[str, str], str]


class Line(NamedTuple):
    """What is kept of a file; the same texts as in the CSV."""

    seed: str
    labels: str
    decided: str  # number of conventions
    wrong: str  # those of them that differ from the truth
    claimed_wrong: str  # wrong ones that a headline of "confirmed" does not leave open
    refused: str  # the sentence, or that it took too long
    revision: str  # of FORMATS


class OutOfTime(BaseException):
    """Raised by the timer; nothing in ganinv turns it into a sentence."""


@click.command()
@click.option("--files", default=200, show_default=True, help="Read until there are so many.")
def main(files: int) -> None:
    """Read random weights-only files, and count what is decided wrongly."""
    revision, lines = read_revision(), read_lines()
    if any(line.revision != revision for line in lines):
        raise click.ClickException(f"{KEPT} is of another state, {lines[0].revision}; move it away")
    for seed in range(len(lines), files):
        with tempfile.TemporaryDirectory() as folder:
            lines.append(judge(seed, Path(folder))._replace(revision=revision))
        write_lines(lines)
        click.echo(", ".join(lines[-1]))
    write_lines(lines)
    click.echo(format_page(lines), nl=False)


def judge(seed: int, folder: Path) -> Line:
    """Return the line of the file of a seed."""
    labels = LABELS[seed % len(LABELS)] if seed % 4 == 3 else 0
    generator = load_support("random_generators").write_random_generator(seed, folder, labels)
    truth = generator.truth | {("prior", ""): generator.prior, ("labels", ""): f"{labels}"}
    line = Line(f"{seed}", f"{labels}", "", "", "", "", "")
    try:
        with limit_seconds(SECONDS):
            decided, wrong, claimed = compare(generator.path, truth)
    except OutOfTime:
        return line._replace(refused=LATE)
    except GaninvError as error:
        return line._replace(refused=str(error).removeprefix(str(generator.path)).strip(": "))
    return line._replace(decided=f"{decided}", wrong=wrong, claimed_wrong=claimed)


def compare(path: Path, truth: Truth) -> tuple[int, str, str]:
    """Return how many conventions are decided, which of them wrongly, and which claims are wrong.

    The headline claims every convention of the layers that it names, but those it leaves open.
    """
    definition = read(path)
    facts = describe_definition(replace(definition, norm_check=check_norms(definition)))
    tested = ("", *list_tested_layers(facts)) if facts["confirmed"] and not facts["doubt"] else ()
    reservations, _, _ = describe_verdict(facts).partition("The rest is")
    left_open = re.findall(r"\w+", reservations)
    rows = [row for row in definition.conventions if row.name != "range"]  # tanh in all
    decided = [row for row in rows if row.source in ("inferred", "confirmed", "pictures")]
    claimed = [row for row in rows if row.layer in tested and row.name not in left_open]
    wrong = [row for row in decided if truth.get((row.name, row.layer)) != row.value]
    known = [row for row in claimed if (row.name, row.layer) in truth]
    claimed_wrong = [row for row in known if truth[row.name, row.layer] != row.value]
    return len(decided), describe(wrong), describe(claimed_wrong)


def describe(rows: Sequence[Convention]) -> str:
    return "; ".join(f"{row.name} {row.layer} {row.value}" for row in rows)


@contextmanager
def limit_seconds(seconds: float) -> Iterator[None]:
    """Raise OutOfTime after so many seconds of the processor."""

    def stop(*_: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def read_revision() -> str:
    """Return git's hash of FORMATS, which a rebase does not change."""
    if subprocess.check_output(["git", "status", "--porcelain", FORMATS], cwd=ROOT):
        raise click.ClickException(f"commit {FORMATS} first: lines name its revision")
    command = ["git", "rev-parse", "--short=12", f"HEAD:{FORMATS}"]
    return subprocess.check_output(command, cwd=ROOT, encoding="utf-8").strip()


def read_lines() -> list[Line]:
    if not KEPT.exists():
        return []
    with KEPT.open(encoding="utf-8", newline="") as file:
        return [Line(**row) for row in csv.DictReader(file)]


def write_lines(lines: Sequence[Line]) -> None:
    """Write the lines, and the sentence that docs/checkpoints-statistics.md shows."""
    with KEPT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Line._fields)
        writer.writerows(lines)
    KEPT.with_suffix(".md").write_text(format_page(lines), "utf-8")


def format_page(lines: Sequence[Line]) -> str:
    """Return the counts as a sentence under a title."""
    read_files = [line for line in lines if not line.refused]
    late = sum(line.refused == LATE for line in lines)
    decided = sum(int(line.decided) for line in read_files)
    wrong = sum(bool(line.wrong or line.claimed_wrong) for line in read_files)
    share = format_counted_share(wrong, len(read_files)) if read_files else "no share"
    return (
        f"### Decided wrongly\n\nOf {len(lines)} random files of weights alone, {len(read_files)} "
        f"were read, {len(lines) - len(read_files) - late} refused and {late} not read within "
        f"{SECONDS} s of one processor; {decided} conventions were decided. Of the files read, "
        f"{wrong} have a wrong decision, or a wrong claim in the headline of `inspect`: {share}, "
        "with the exact 95 % interval.\n\n"
        f"* Run: `python -m benchmarks.weights_only`, {FORMATS} {lines[0].revision}.\n"
    )


if __name__ == "__main__":
    os.environ |= {"GANINV_NO_CACHE": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    main()
