"""Mutate files of every kind, and give each to a command that reads it."""

import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from .byte_mutations import BYTE_MUTATIONS, mutate_bytes, replace_whole
from .checkpoints import list_checkpoints
from .execute import Outcome
from .faults import find_left_behind, judge_outcome, list_files
from .hdf5_mutations import write_secret
from .images import list_configs, list_images
from .results import list_results
from .subject import Command, Material, Subject, list_targets
from .watch import Watch
from .workers import Worker

Run = Callable[[Command, Path], Outcome]
_CLOCK = re.compile(r'"(finished|wall_seconds)": [^\n]*')  # of a merge, as of now
STRUCTURE = 0.6  # share of the cases whose structure is edited, if there is an editor


@dataclass(frozen=True)
class Case:
    """One mutated file, which its seed and number determine."""

    subject: Subject
    seed: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.subject.name}-{self.seed}-{self.number}"


@dataclass(frozen=True)
class Judged:
    """A case, what was done to which file, and the faults."""

    name: str
    kind: str
    command: tuple[str, ...]
    file: str
    mutation: str
    faults: tuple[str, ...]
    status: int | None
    seconds: float
    megabytes: float
    says: str  # the end of the traceback, or of stderr


@dataclass(frozen=True)
class _Mutated:
    """The files of a case, ready for its command."""

    command: Command
    folder: Path
    file: str
    what: str
    keeps_checksums: bool  # whether bytes were changed, and neither the structure nor the whole


def list_subjects(only: str = "") -> list[Subject]:
    """Return all subjects with `only` in their name or kind."""
    every = [*list_results(), *list_checkpoints(), *list_images(), *list_configs()]
    return [each for each in every if only in each.name or only in each.kind]


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


class Bench:
    """A folder in which the cases of one process are prepared, run and judged."""

    def __init__(
        self, folder: Path, originals: Path, failures: Path, run: Run | None = None
    ) -> None:
        """Commands run by `run`, or in a process of its own."""
        self.folder, self.originals, self.failures = folder, originals, failures
        self._worker = Worker(folder)
        self._run = run or self._worker.run
        self._expected: dict[tuple[str, Command], str] = {}
        outside = folder / "outside"
        outside.mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        self.secret, self.executed = outside / "secret.h5", outside / "executed"
        write_secret(self.secret)

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def judge(self, case: Case) -> Judged:
        """Run a case; keep its files if something is wrong."""
        expected = self._read_expected(case)
        mutated = self._mutate(case)
        only_reads = mutated.command.arguments[0] in ("report", "merge")  # others run trials again
        is_checked = mutated.keeps_checksums and case.subject.has_checksums and only_reads
        must_be = expected if is_checked else None
        faults, outcome, says = self._run_and_judge(mutated.command, mutated.folder, must_be)
        judged = Judged(
            name=case.name,
            kind=case.subject.kind,
            command=mutated.command.arguments,
            file=mutated.file,
            mutation=mutated.what,
            faults=tuple(sorted(faults)),
            status=outcome.status,
            seconds=round(outcome.seconds, 3),
            megabytes=round(outcome.megabytes),
            says=says,
        )
        if faults:
            self._keep(case, judged, mutated.command, must_be)
        return judged

    def judge_kept(self, kept: Path) -> set[str]:
        """Run a case again that was kept in a folder; return its faults."""
        about = json.loads((kept / "case.json").read_text())
        command = Command(
            tuple(about["arguments"]), tuple(about["outputs"]), published=about["published"]
        )
        folder = self.folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder, ignore=shutil.ignore_patterns("case.json"))
        return self._run_and_judge(command, folder, about["expected"])[0]

    def _run_and_judge(
        self, command: Command, folder: Path, expected: str | None
    ) -> tuple[set[str], Outcome, str]:
        """Return the faults, the outcome, and the end of what is said.

        If `expected` is a text, it is what is printed, unless damage is mentioned.
        """
        before = list_files(folder)
        self._clear()
        watch = Watch(self.secret)
        outcome = self._run(command, folder)
        faults = judge_outcome(outcome, command)
        faults |= {"read"} if watch.was_opened() else set()
        faults |= {"code"} if self.executed.exists() else set()
        watch.close()
        left = find_left_behind(before, folder, self.folder / "tmp", command, outcome.status)
        faults |= {"left"} if left and not outcome.ended else set()
        if expected is not None and outcome.status == 0:
            is_said = "damaged" in outcome.error
            is_same = _CLOCK.sub("", outcome.out) == _CLOCK.sub("", expected)
            faults |= set() if is_same or is_said else {"rows"}
        says = (outcome.traceback or outcome.error).strip()[-400:]
        return faults, outcome, says + (f" left: {sorted(left)}" if left else "")

    def _mutate(self, case: Case) -> "_Mutated":
        """Copy the originals and mutate one of them; the same for the same case."""
        random = Random(f"{case.seed}/{case.subject.name}/{case.number}")
        command = random.choice(case.subject.commands)
        folder = self._copy(case.subject)
        target = random.choice(list_targets(case.subject, folder))
        is_bytes = not case.subject.edits or random.random() > STRUCTURE
        mutation = random.choice(BYTE_MUTATIONS if is_bytes else case.subject.edits)
        donors = tuple(sorted(each for each in self.originals.glob("*/*") if each.is_file()))
        material = Material(self.secret, self.executed, donors)
        try:
            what = mutation(random, target, material)
        except Exception as error:  # not a file of that format, or a library refuses the edit
            what = f"{type(error).__name__}, so {mutate_bytes(random, target, material)}"
        file = str(target.relative_to(folder))
        keeps_checksums = is_bytes and mutation is not replace_whole
        return _Mutated(command, folder, file, f"{mutation.__name__}: {what}", keeps_checksums)

    def _copy(self, subject: Subject) -> Path:
        folder = self.folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.originals / subject.name, folder)
        return folder

    def _read_expected(self, case: Case) -> str:
        """Return what the command prints of the unmutated files."""
        if not case.subject.has_checksums:
            return ""
        command = Random(f"{case.seed}/{case.subject.name}/{case.number}").choice(
            case.subject.commands
        )
        key = (case.subject.name, command)
        if key not in self._expected:
            self._expected[key] = self._run(command, self._copy(case.subject)).out
        return self._expected[key]

    def _clear(self) -> None:
        self.executed.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "tmp")
        (self.folder / "tmp").mkdir()

    def _keep(self, case: Case, judged: Judged, command: Command, expected: str | None) -> None:
        """Keep the files of a case with a fault, as the command got them, for `judge_kept`."""
        place = self.failures / judged.name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._mutate(case).folder, place)
        about = {**asdict(command), "expected": expected, "judged": asdict(judged)}
        (place / "case.json").write_text(json.dumps(about, indent=1) + "\n")
