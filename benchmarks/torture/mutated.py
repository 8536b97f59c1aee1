"""Change bytes of files of every kind, and give each to a command that reads it."""

import json
import shutil
from pathlib import Path
from random import Random

from benchmarks.torture.faults import Judged, judge_outcome, list_files, shorten
from benchmarks.torture.process import Outcome, run_command
from benchmarks.torture.subjects import Arguments, Subject

FAILURES = Path("build/torture/failures").absolute()
HDF5_LIMITS = {"hang", "memory", "crash"}  # what a damaged file may make the HDF5 library do
_END = 2048  # bytes at either end of a file, where formats have their headers and tables


def judge_mutated(subject: Subject, name: str, original: Path, folder: Path) -> Judged:
    """Change a file as the case's name determines, run a command, and return its faults.

    The changed files are kept in FAILURES if something is wrong.
    """
    random, mutated = Random(name), folder / "mutated"
    shutil.copytree(original / "work", mutated)
    command = random.choice(subject.commands)
    files = [path for path in sorted(mutated.glob(subject.target)) if path.is_file()]
    target = random.choice(files)
    content, what = mutate_bytes(random, target.read_bytes())
    target.write_bytes(content)
    faults, outcome = judge_files(mutated, command, folder)
    if subject.kind == "results files":
        faults -= HDF5_LIMITS
    if faults:
        shutil.copytree(mutated, FAILURES / name, dirs_exist_ok=True)
        case = json.dumps({"arguments": command})
        (FAILURES / name / "case.json").write_text(f"{case}\n", encoding="utf-8")
    says = f"{' '.join(command)}: {target.name}: {what}: {shorten(outcome)}"
    return Judged(name, subject.kind, tuple(sorted(faults)), outcome.status, says)


def judge_files(files: Path, command: Arguments, folder: Path) -> tuple[set[str], Outcome]:
    """Run a command on a copy of files; return its faults and how it ended."""
    place = folder / "case"
    (place / "tmp").mkdir(parents=True)
    shutil.copytree(files, place / "work", ignore=shutil.ignore_patterns("case.json"))
    before = list_files(place)
    outcome = run_command(command, place)
    faults = judge_outcome(outcome)
    if not outcome.ended and find_left(list_files(place) - before, outcome.status):
        faults.add("left")
    return faults, outcome


def find_left(new: set[str], status: int) -> set[str]:
    """Return the new files that a command may not leave: temporary ones.

    A command that failed may have kept results, with their log and lock, and nothing else.
    """
    files = {Path(name) for name in new if not name.startswith("cache/")}
    left = {path for path in files if path.parts[0] == "tmp" or "tmp" in path.name}
    if status:
        left |= {path for path in files if ".h5" not in path.name}
    return {str(path) for path in left}


def mutate_bytes(random: Random, content: bytes) -> tuple[bytes, str]:
    """Return other bytes, and what was done at which place."""
    place = random.randrange(len(content) + 1)
    if random.random() < 0.4:  # at one of the ends
        place = random.choice((place % _END, len(content) - place % _END)) % (len(content) + 1)
    length = random.choice((1, 2, 4, 8, 16, random.randrange(1, 5000)))
    block, rest = content[place : place + length], content[place + length :]
    new = {
        "a bit flipped": bytes(each ^ (1 << random.randrange(8)) for each in block[:1]) + block[1:],
        "random bytes": random.randbytes(len(block)),
        "zeros": bytes(len(block)),
        "ones": b"\xff" * len(block),
        "removed": b"",
        "inserted": random.randbytes(length) + block,
    }
    what = random.choice([*new, "a bit flipped", "a bit flipped", "cut off"])
    changed = content[:place] if what == "cut off" else content[:place] + new[what] + rest
    return changed, f"{what} at {place}"
