"""Disturb a command, run it again, and judge what it made."""

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from .compare import RowBytes, find_differences, find_lost, list_names, read_rows
from .disturbances import Case, Plan, Undisturbed
from .faults import Judged, judge_outcome, list_files, shorten
from .runner import Disturbance, Launch, Outcome, Server
from .workloads import Workload

_FOLDERS = ("work", "tmp", "cache")
_NONE = Disturbance()
_UNWRITTEN = ("cache/ganinv/norms/.", "cache/ganinv/preconditioner/.")
_LARGE_DISK = 256 << 20  # bytes, of a disk that is not full
_RESUMED_COST = 1.4  # most processor time of a killed descent and the next run, to one descent's


class DisturbedBench:
    """Runs the cases of one worker; the undisturbed runs are shared among workers."""

    def __init__(self, folder: Path, originals: Path) -> None:
        self.folder, self.originals = folder, originals
        folder.mkdir(parents=True, exist_ok=True)
        self.server = Server()

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
        outcome = self._run(workload.arguments, place / "unfinished")
        if outcome.status or outcome.ended:
            raise RuntimeError(f"{workload.name}: {shorten(outcome)}")
        (place / "costs").write_text(f"{outcome.operations} {outcome.seconds}")
        (place / "unfinished").rename(place / "after")

    def judge(self, case: Case) -> Judged:
        """Run a case and return its faults, with what was committed before the disturbance."""
        workload, original = case.workload, self.originals / case.workload.name
        plan = case.draw_plan(_read_undisturbed(original))
        place = self._copy_original(workload)
        with ExitStack() as stack:
            if plan.free_bytes:
                stack.enter_context(SmallDisk(place))
                shutil.copytree(original / "before", place, dirs_exist_ok=True)
                used = sum(path.stat().st_blocks * 512 for path in place.rglob("*"))
                resize_disk(place, used + plan.free_bytes)
            return self._disturb(case, plan, place)

    def _disturb(self, case: Case, plan: Plan, place: Path) -> Judged:
        workload, after = case.workload, self.originals / case.workload.name / "after"
        results = place / "work" / workload.results
        faults: set[str] = set()
        says: list[str] = []
        committed: RowBytes = {}
        for number, disturbance in enumerate(plan.disturbances):
            arguments = (*workload.arguments, *(workload.again if number else ()))
            outcome = self._run(arguments, place, disturbance)
            faults |= _judge_disturbed(outcome, plan)
            says.append(shorten(outcome))
            if workload.results:
                committed |= read_rows(results)
                _tear_log(results, plan.torn)
        if plan.free_bytes:
            left = [name for name in list_files(place) if name.endswith(".tmp") or _is_unused(name)]
            faults |= {"left"} if left else set()
            resize_disk(place, _LARGE_DISK)
        if plan.runs_again:
            outcome = self._run((*workload.arguments, *workload.again), place)
            faults |= judge_outcome(outcome) or ({"status"} if outcome.status else set())
            says.append(f"again {shorten(outcome)}")
        lost = find_lost(committed, workload.results, place / "work", after / "work")
        new = list_names(place).keys() - list_names(after)
        left = sorted(name for name in new if not (_is_unused(name) and plan.is_kill))
        faults |= ({"rows"} if lost else set()) | ({"left"} if left else set())
        checks = [f"{len(committed)} rows were committed", f"lost: {lost[:5] or 'none'}"]
        checks += [f"files left: {left[:5]}"] if left else []
        return Judged(
            *(case.name, case.phase, workload.arguments, plan.describe()),
            *(tuple(sorted(faults)), outcome.status, "; ".join(checks + says)),
        )

    def judge_descent(self, workload: Workload, share: float, seed: int) -> Judged:
        """Kill a long descent after a share of its time; the next run must not start again."""
        original = self.originals / workload.name
        usual = _read_undisturbed(original)
        place = self._copy_original(workload)
        killed = self._run(workload.arguments, place, Disturbance(9, seconds=share * usual.seconds))
        outcome = self._run(workload.arguments, place)
        faults = judge_outcome(outcome) | ({"status"} if killed.status != -9 else set())
        unlike = find_differences(
            *(at / "work" / workload.results for at in (place, original / "after"))
        )
        is_resumed = killed.seconds + outcome.seconds < _RESUMED_COST * usual.seconds
        faults |= {"rows"} if unlike or not is_resumed else set()
        says = [line for line in outcome.error.splitlines() if line.startswith("resuming")]
        seconds = [f"{each.seconds:.1f} s" for each in (usual, killed, outcome)]
        return Judged(
            *(f"descent-{seed}-{share:.2f}", "kill -9 of a descent", workload.arguments),
            *(f"SIGKILL after {share:.2f} of its time", tuple(sorted(faults)), outcome.status),
            "undisturbed {}, killed after {}, the next run {}; ".format(*seconds)
            + "; ".join([f"differs: {unlike or 'nothing'}", *says, shorten(outcome)]),
        )

    def _copy_original(self, workload: Workload) -> Path:
        place = self.folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.originals / workload.name / "before", place)
        return place

    def _run(
        self, arguments: tuple[str, ...], place: Path, disturbance: Disturbance = _NONE
    ) -> Outcome:
        return self.server.run(Launch(arguments, place, self.folder / "streams", disturbance))


class SmallDisk:
    """A context with a file system in memory on a folder, which is soon full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        _run_mount("mount", "-t", "tmpfs", "-o", f"size={_LARGE_DISK}", "tmpfs", str(self.folder))

    def __exit__(self, *_: object) -> None:
        _run_mount("umount", "--lazy", str(self.folder))


def resize_disk(folder: Path, size: int) -> None:
    """Change the size of a small disk, in bytes."""
    _run_mount("mount", "-o", f"remount,size={size}", str(folder))


def can_mount(folder: Path) -> bool:
    """Return whether this user may mount file systems."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with SmallDisk(folder):
            return True
    except OSError:
        return False


def _run_mount(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise OSError(run.returncode, run.stderr.strip())


def _read_undisturbed(original: Path) -> Undisturbed:
    operations, seconds = (original / "costs").read_text().split()
    files = [path for path in (original / "after").rglob("*") if path.is_file()]
    return Undisturbed(int(operations), float(seconds), sum(path.stat().st_size for path in files))


def _judge_disturbed(outcome: Outcome, plan: Plan) -> set[str]:
    """Return the faults of a disturbed call."""
    if outcome.ended:
        return {outcome.ended}
    if outcome.traceback or "Traceback (most recent call last)" in outcome.error:
        return {"traceback"}
    if outcome.status not in plan.allowed:
        return {"status"}
    return judge_outcome(outcome) if outcome.status in (1, 2) else set()


def _tear_log(results: Path, share: float) -> None:
    """Append the beginning of a log to it, as a write that a power cut ended."""
    log = Path(f"{results}.log")
    if share and log.exists():
        content = log.read_bytes()
        with log.open("ab") as file:
            file.write(content[: int(share * len(content))])


def _is_unused(name: str) -> bool:
    """Whether a file is in a temporary folder, or a measurement that was not wholly written."""
    return name.startswith("tmp/") or "/.ganinv-tmp-" in name or name.startswith(_UNWRITTEN)
