"""Mutate files of every kind, and give each to a command that reads it."""

import ctypes
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from .faults import Judged, find_left_behind, judge_outcome, list_files, shorten
from .mutations import BYTE_MUTATIONS, Material, mutate_bytes, write_secret
from .runner import Launch, Outcome, Server
from .subjects import Command, Subject

Run = Callable[[Launch], Outcome]
STRUCTURE = 0.6  # share of the cases whose structure is edited, if there is an editor
_HDF5_LIMITS = {"hang", "memory", "crash"}  # what a crafted file may make the HDF5 library do


@dataclass(frozen=True)
class Case:
    """One mutated file, which its seed and number determine."""

    subject: Subject
    seed: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.subject.name}-{self.seed}-{self.number}"


def list_cases(subjects: Sequence[Subject], count: int, seed: int) -> list[Case]:
    """Return cases, shared among the subjects by their weights, in turn."""
    turns = [subject for subject in subjects for _ in range(subject.weight)]
    numbers = {subject.name: itertools.count() for subject in subjects}
    chosen = itertools.islice(itertools.cycle(turns), count)
    return [Case(each, seed, next(numbers[each.name])) for each in chosen]


def build_originals(subjects: Sequence[Subject], folder: Path) -> None:
    """Write the files of each subject into a folder of its name."""
    for subject in subjects:
        place = folder / subject.name
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=folder) as unfinished:
                subject.build(Path(unfinished))
                shutil.copytree(unfinished, place)


class MutatedBench:
    """A folder in which the cases of one worker are prepared, run and judged."""

    def __init__(
        self, folder: Path, originals: Path, failures: Path, run: Run | None = None
    ) -> None:
        """Commands run by `run`, or in processes of their own."""
        self.folder, self.originals, self.failures = folder, originals, failures
        self._server = None if run else Server()
        self._run = run or self._server.run  # type: ignore[union-attr]
        outside = folder / "outside"
        outside.mkdir(parents=True, exist_ok=True)
        self.secret, self.executed = outside / "secret.h5", outside / "executed"
        write_secret(self.secret)

    def close(self) -> None:
        """End the process."""
        if self._server:
            self._server.close()

    def judge(self, case: Case) -> Judged:
        """Run a case; keep its files if something is wrong."""
        random = Random(f"{case.seed}/{case.subject.name}/{case.number}")
        command = random.choice(case.subject.commands)
        work = self._copy(self.originals / case.subject.name)
        what = self._mutate(random, case.subject, work)
        kept = self.folder / "mutated"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(work, kept)
        faults, outcome = self._judge(command, work)
        if case.subject.kind == "results files":
            faults -= _HDF5_LIMITS
        judged = Judged(
            *(case.name, case.subject.kind, command.arguments, what),
            *(tuple(sorted(faults)), outcome.status, shorten(outcome)),
        )
        if faults:
            place = self.failures / case.name
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(kept, place)
            about = {**asdict(command), "judged": asdict(judged)}
            (place / "case.json").write_text(json.dumps(about, indent=1) + "\n")
        return judged

    def judge_kept(self, kept: Path) -> set[str]:
        """Run a case again that was kept in a folder; return its faults."""
        about = json.loads((kept / "case.json").read_text())
        command = Command(tuple(about["arguments"]), tuple(about["outputs"]), about["published"])
        work = self._copy(kept)
        (work / "case.json").unlink()
        return self._judge(command, work)[0]

    def _copy(self, original: Path) -> Path:
        """Return the current folder of a command, a copy of the original files."""
        place = self.folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        (place / "tmp").mkdir(parents=True)
        shutil.copytree(original, place / "work")
        return place / "work"

    def _mutate(self, random: Random, subject: Subject, work: Path) -> str:
        """Mutate one file; return what was done."""
        targets = sorted(path for each in subject.targets for path in work.glob(each))
        target = random.choice([path for path in targets if path.is_file()])
        is_bytes = not subject.edits or random.random() > STRUCTURE
        mutation = random.choice(BYTE_MUTATIONS if is_bytes else subject.edits)
        donors = tuple(sorted(each for each in self.originals.glob("*/*") if each.is_file()))
        material = Material(self.secret, self.executed, donors)
        try:
            what = mutation(random, target, material)
        except Exception as error:  # not a file of that format, or a library refuses the edit
            what = f"{type(error).__name__}, so {mutate_bytes(random, target, material)}"
        return f"{target.name}: {what}"

    def _judge(self, command: Command, work: Path) -> tuple[set[str], Outcome]:
        """Run a command and return its faults and outcome."""
        streams = self.folder / "streams"
        launch = Launch(command.arguments, work.parent, streams, published=command.published)
        self.executed.unlink(missing_ok=True)
        before = list_files(work)
        watch = Watch(self.secret)
        outcome = self._run(launch)
        faults = judge_outcome(outcome)
        faults |= {"read"} if watch.was_opened() else set()
        faults |= {"code"} if self.executed.exists() else set()
        watch.close()
        if not outcome.ended:
            left = find_left_behind(before, work, command.outputs, outcome.status)
            faults |= {"left"} if left or list_files(work.parent / "tmp") else set()
        return faults, outcome


class Watch:
    """Notices whether a file is opened, by any means, with Linux's inotify."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = library.inotify_init1(os.O_NONBLOCK)
        if library.inotify_add_watch(self._descriptor, os.fsencode(path), 0x20) < 0:  # IN_OPEN
            raise OSError(ctypes.get_errno(), "inotify is not available", str(path))

    def was_opened(self) -> bool:
        """Return whether the file was opened since the last call."""
        try:
            return bool(os.read(self._descriptor, 1 << 16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """End the watch."""
        os.close(self._descriptor)
