"""Run a disturbed command, run it again, and judge what it made."""

import re
import shutil
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..execute import Outcome
from ..faults import judge_outcome, list_files
from ..mutated_files import Judged
from ..subject import Command
from .compare import RowBytes, drop_times, hash_files, list_names, read_row_bytes
from .full_disk import SmallDisk
from .plans import PhaseCase, Plan, Undisturbed, list_paths
from .processes import Ended, Launch, Server
from .workloads import Workload

_LARGE_DISK = 256 << 20  # bytes, of a disk that is not full
# What h5py prints if a signal interrupts the audit hook within id(self); no user has that hook.
_HOOK_MESSAGES = re.compile(
    r"(Exception ignored in: 'h5py\._objects\.ObjectID\.__dealloc__'\n)?"
    r"Traceback \(most recent call last\):\n"
    r'  File "h5py/_objects\.pyx", line \d+, in h5py\._objects\.ObjectID\.__dealloc__\n'
    r"KeyError: 0\n"
)
_FOLDERS = ("work", "tmp", "cache")


@dataclass
class _Findings:
    """The faults of a case, and what was said or found."""

    faults: set[str] = field(default_factory=set)
    says: list[str] = field(default_factory=list)

    def add(self, faults: set[str], says: str) -> None:
        """Add what was found by one check; nothing if there is no fault."""
        self.faults |= faults
        self.says += [says] if faults else []


class Bench:
    """Runs the cases of one worker; the undisturbed runs are shared among workers."""

    def __init__(self, folder: Path, originals: Path) -> None:
        self.folder, self.originals = folder, originals
        folder.mkdir(parents=True, exist_ok=True)
        self.server = Server(folder)

    def close(self) -> None:
        """End the worker's process."""
        self.server.close()

    def run_undisturbed(self, workload: Workload) -> None:
        """Run a command as the others are compared with it; keep what it makes."""
        place = self.originals / workload.name
        if (place / "after").exists():
            return
        shutil.rmtree(place, ignore_errors=True)
        for name in _FOLDERS:
            (place / "before" / name).mkdir(parents=True)
        workload.build(place / "before" / "work")
        shutil.copytree(place / "before", place / "unfinished")
        ended = self.server.run(Launch(workload.arguments, place / "unfinished", self._streams))
        if ended.outcome.status:
            raise RuntimeError(f"{workload.name}: {ended.outcome}")
        (place / "operations").write_text(f"{ended.operations} {ended.outcome.seconds}")
        (place / "out").write_text(ended.outcome.out)
        (place / "unfinished").rename(place / "after")

    def judge(self, case: PhaseCase) -> Judged:
        """Run a case and return its faults."""
        original = self.originals / case.workload.name
        plan = case.draw_plan(_read_undisturbed(original))
        place = self.folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        disk = SmallDisk(place, _LARGE_DISK) if plan.free_bytes else None
        with closing(disk) if disk else nullcontext():
            shutil.copytree(original / "before", place, dirs_exist_ok=True)
            if disk:
                used = sum(path.stat().st_blocks * 512 for path in place.rglob("*"))
                disk.resize(used + plan.free_bytes)
            return self._disturb(case, plan, place, disk)

    def _disturb(self, case: PhaseCase, plan: Plan, place: Path, disk: SmallDisk | None) -> Judged:
        workload, after = case.workload, self.originals / case.workload.name / "after"
        findings = _Findings()
        committed: RowBytes = {}
        for number, disturbance in enumerate(plan.disturbances, 1):
            more = workload.again if number > 1 else ()
            launch = Launch((*workload.arguments, *more), place, self._streams, disturbance)
            is_last = number == len(plan.disturbances)
            path = _choose_path(plan, place) if is_last else None
            ended = self._run_blocked(launch, path, plan.mode)
            findings.add(_judge(ended, plan), _explain(ended.outcome))
            committed |= (
                read_row_bytes(place / "work" / workload.results) if workload.results else {}
            )
        if not any(
            each.signal for each in plan.disturbances
        ):  # after one, the next run removes them
            findings.add({"left"} if (left := _find_temporary(place)) else set(), f"left: {left}")
        if disk:
            disk.resize(_LARGE_DISK)
        if plan.runs_again:
            launch = Launch((*workload.arguments, *workload.again), place, self._streams)
            outcome = self.server.run(launch).outcome
            faults = judge_outcome(outcome, Command(()))
            faults |= {"status"} if outcome.status and not faults else set()
            findings.add(faults, f"again: {_explain(outcome)}")
        lost = find_lost(workload, committed, place, after)
        findings.add({"rows"} if lost else set(), f"lost: {lost[:5]}")
        left = _find_left(place, after)
        findings.add({"left"} if left else set(), f"left at the end: {left}")
        return Judged(
            name=case.name,
            kind=case.phase,
            command=workload.arguments,
            file=workload.name,
            mutation=plan.describe() + (f" of {path.relative_to(place)}" if path else ""),
            faults=tuple(sorted(findings.faults)),
            status=ended.outcome.status,
            seconds=round(ended.outcome.seconds, 3),
            megabytes=round(ended.outcome.megabytes),
            says="; ".join(findings.says),
        )

    @property
    def _streams(self) -> Path:
        return self.folder / "streams"

    def _run_blocked(self, launch: Launch, path: Path | None, mode: int) -> Ended:
        """Run a command while a file or folder has other permissions."""
        if not path:
            return self.server.run(launch)
        before = path.stat().st_mode
        path.chmod(mode)
        try:
            return self.server.run(launch)
        finally:
            if path.exists():
                path.chmod(before)


def _read_undisturbed(original: Path) -> Undisturbed:
    operations, seconds = (original / "operations").read_text().split()
    files = [path for path in (original / "after").rglob("*") if path.is_file()]
    sizes = tuple(sorted(path.stat().st_size for path in files))
    return Undisturbed(int(operations), float(seconds), sizes, bool((original / "out").read_text()))


def _choose_path(plan: Plan, place: Path) -> Path | None:
    if plan.path < 0:
        return None
    paths = [path for path in list_paths(place) if path != place]
    return paths[int(plan.path * len(paths))]


def _judge(ended: Ended, plan: Plan) -> set[str]:
    """Return the faults of a disturbed call."""
    outcome = ended.outcome
    if outcome.ended:
        return {outcome.ended}
    said = _HOOK_MESSAGES.sub("", outcome.error)
    if outcome.traceback or "Traceback (most recent call last)" in said:
        return {"traceback"}
    if outcome.status not in plan.allowed:
        return {"status"}
    if outcome.status not in (1, 2) or not plan.has_sentence:
        return set()
    return judge_outcome(replace(outcome, megabytes=0.0), Command(()))


def _explain(outcome: Outcome) -> str:
    return f"exit {outcome.status}: {(outcome.traceback or outcome.error).strip()[-400:]}"


def _find_temporary(place: Path) -> list[str]:
    """Return the temporary files that a process left, which could have removed them."""
    return sorted(
        name
        for name in list_files(place)
        if name.startswith("tmp/") or name.endswith(".tmp") or ".ganinv-tmp-" in name
    )


def find_lost(workload: Workload, committed: RowBytes, place: Path, after: Path) -> list[str]:
    """Return rows and files that are missing, changed, or computed again although committed."""
    lost = []
    if workload.results:
        rows = read_row_bytes(place / "work" / workload.results)
        expected = drop_times(read_row_bytes(after / "work" / workload.results))
        unlike = _compare(drop_times(rows), expected)
        lost += [f"{key} differs" for key in unlike]
        lost += [
            f"{key} was computed again" for key in _compare(rows, committed) if key in committed
        ]
    has_times = bool(workload.results)
    found, wanted = (hash_files(each / "work", has_times) for each in (place, after))
    return lost + [name for name, content in wanted.items() if found.get(name) != content]


def _compare(rows: RowBytes, expected: RowBytes) -> list[tuple[str, int]]:
    return [key for key, row in expected.items() if rows.get(key) != row]


def _find_left(place: Path, after: Path) -> list[str]:
    """Return the files that an undisturbed run does not leave."""
    return sorted(list_names(place).keys() - list_names(after))
