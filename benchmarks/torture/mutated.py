"""Mutate files of every kind, and give each to a command that reads it."""

import ctypes
import json
import os
import shutil
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from random import Random

import h5py
import numpy as np

from benchmarks.torture.faults import Judged, judge_outcome, list_files, shorten
from benchmarks.torture.mutations import EXECUTED, SECRET, mutate_bytes
from benchmarks.torture.process import Outcome, run_command
from benchmarks.torture.subjects import Command, Subject

STRUCTURE = 0.6  # share of the cases whose structure is edited, if there is an editor
HDF5_LIMITS = {"hang", "memory", "crash"}  # what a crafted file may make the HDF5 library do
_OPENED = 0x20  # IN_OPEN of inotify


def judge_mutated(subject: Subject, name: str, originals: Path, folder: Path) -> Judged:
    """Mutate a file as the case's name determines, run a command, and return its faults.

    The mutated files are kept in build/torture/failures if something is wrong.
    """
    random, mutated = Random(name), folder / "mutated"
    shutil.copytree(originals, mutated)
    command = random.choice(subject.commands)
    files = [path for path in sorted(mutated.glob(subject.target)) if path.is_file()]
    what = _mutate(random, subject, random.choice(files), folder)
    faults, outcome = judge_files(mutated, command, folder)
    if subject.kind == "results files":
        faults -= HDF5_LIMITS
    end = tuple(sorted(faults)), outcome.status, shorten(outcome)
    judged = Judged(name, subject.kind, command.arguments, what, *end)
    if faults:
        kept = originals.parent / "failures" / name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(mutated, kept)
        about = {**asdict(command), "judged": asdict(judged)}
        (kept / "case.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return judged


def judge_files(files: Path, command: Command, folder: Path) -> tuple[set[str], Outcome]:
    """Run a command on a copy of files; return its faults and how it ended."""
    place = folder / "case"
    (place / "tmp").mkdir(parents=True)
    shutil.copytree(files, place / "work", ignore=shutil.ignore_patterns("case.json"))
    before = list_files(place)
    with h5py.File(folder / SECRET, "w") as file:
        file["secret"] = np.arange(4096.0)
    watch = _watch(folder / SECRET)
    outcome = run_command(command.arguments, place)
    faults = judge_outcome(outcome)
    faults |= {"read"} if _was_opened(watch) else set()
    faults |= {"code"} if (folder / EXECUTED).exists() else set()
    if not outcome.ended:
        new = {name for name in list_files(place) - before if not name.startswith("cache/")}
        faults |= {"left"} if find_left(new, command, outcome.status) else set()
    return faults, outcome


def find_left(new: set[str], command: Command, status: int) -> set[str]:
    """Return the new files that a command may not leave.

    A command that failed may have kept results (`.h5`, `.log`, `.lock`), and nothing else.
    """
    kept = [
        f"work/{name}"
        for name in command.outputs
        if status == 0 or name.endswith((".lock", ".log", ".h5", ".h5*"))
    ]
    return {name for name in new if not any(fnmatch(name, each) for each in kept)}


def _mutate(random: Random, subject: Subject, target: Path, folder: Path) -> str:
    """Mutate one file; return what was done."""
    edit = subject.edit if random.random() < STRUCTURE else None
    try:
        what = (edit or mutate_bytes)(random, target, folder)
    except Exception as error:  # not a file of that format, or a library refuses the edit
        what = f"{type(error).__name__}, so {mutate_bytes(random, target, folder)}"
    return f"{target.name}: {what}"


def _watch(path: Path) -> int:
    """Return a descriptor that notices whether a file is opened, with Linux's inotify."""
    library = ctypes.CDLL(None, use_errno=True)
    descriptor: int = library.inotify_init1(os.O_NONBLOCK)
    if library.inotify_add_watch(descriptor, os.fsencode(path), _OPENED) < 0:
        raise OSError(ctypes.get_errno(), "inotify is not available", str(path))
    return descriptor


def _was_opened(descriptor: int) -> bool:
    try:
        return bool(os.read(descriptor, 1 << 16))
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
