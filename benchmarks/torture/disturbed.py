"""Kill a command, fill its disk or change its log; run it again, and judge what it made."""

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks.torture.faults import judge_outcome, shorten
from benchmarks.torture.process import run_command
from benchmarks.torture.workloads import Workload, write_inputs
from ganinv_cli.errors import ResultsError
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.log import name_log

KILL, FULL_DISK, CHANGED_LOG = "kill -9", "full disk", "log changed during a run"
Key = tuple[str, *tuple[int, ...]]  # group, and the numbers that name a row
RowBytes = dict[Key, dict[str, bytes]]  # -> its columns
KEYS = ("image", "trial")  # columns whose numbers name a row, in groups that have them
_LARGE_DISK = 256 << 20  # bytes, of a disk that is not full
_TABLES = (".csv", ".json", ".md", ".tex", ".txt", ".html")  # these show seconds and dates
# Columns that no second run repeats: the last counts a Jacobian that trials share.
_TIMED = ("seconds", "first/seconds", "polished/seconds", "polished/gradients")
# Temporary files, which a killed command may leave.
_UNUSED = re.compile(r"tmp/|cache/ganinv/\w+/\.")


class Undisturbed(NamedTuple):
    """A command's run to its end, with which the others are compared."""

    workload: Workload
    before: Path
    after: Path
    operations: int  # on files


class Case(NamedTuple):
    """What is done to which command; the name determines all that is random."""

    name: str
    kind: str  # KILL, FULL_DISK or CHANGED_LOG
    undisturbed: Undisturbed


class Judged(NamedTuple):
    """A case, what was done, and the faults."""

    name: str
    kind: str  # the row of the table
    faults: set[str]
    says: str  # what was done, and the end of stderr


Disturbed = tuple[RowBytes, set[str], str]  # committed rows, faults, what was done


def run_undisturbed(workload: Workload, place: Path) -> Undisturbed:
    """Run a command from the files in place/before to those in place/after."""
    before, after = place / "before", place / "after"
    for name in ("work", "tmp", "cache"):
        (before / name).mkdir(parents=True)
    write_inputs(before / "work")
    shutil.copytree(before, after)
    outcome = run_command(workload.arguments, after)
    if outcome.status or outcome.ended:
        raise RuntimeError(f"{workload.name}: {shorten(outcome)}")
    return Undisturbed(workload, before, after, outcome.operations)


def judge(case: Case) -> Judged:
    """Disturb a command, run it again to its end, and compare with an undisturbed run."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "case"
        place.mkdir()
        if case.kind == FULL_DISK:
            mount_disk(place)
        try:
            shutil.copytree(case.undisturbed.before, place, dirs_exist_ok=True)
            return _run_again(case, place, *DISTURB[case.kind](case, place, Random(case.name)))
        finally:
            if case.kind == FULL_DISK:
                _run("umount", "--lazy", str(place))


def kill_command(case: Case, place: Path, random: Random) -> Disturbed:
    """Kill a command up to three times, which goes on each time."""
    workload, operations = case.undisturbed.workload, case.undisturbed.operations
    kills = [random.randint(1, operations) for _ in range(random.choice((1, 1, 2, 3)))]
    committed, faults = RowBytes(), set[str]()
    for number, kill in enumerate(kills):
        again = workload.again if number else ()
        outcome = run_command((*workload.arguments, *again), place, kill)
        faults |= judge_outcome(outcome, (0, -9))
        committed |= _read_rows(place / "work" / workload.results)
    return committed, faults, f"killed before operations {kills}, {shorten(outcome)}"


def fill_disk(case: Case, place: Path, random: Random) -> Disturbed:
    """Run a command on a disk that is soon full, and give it space then."""
    workload, after = case.undisturbed.workload, case.undisturbed.after
    size = sum(path.stat().st_size for path in after.rglob("*") if path.is_file())
    free = max(1, int(random.random() * random.choice((1, 2)) * size))
    _resize_disk(place, free)
    outcome = run_command(workload.arguments, place)
    faults = judge_outcome(outcome, (0, 1))
    faults |= {"left"} if any((place / "tmp").iterdir()) else set()
    committed = _read_rows(place / "work" / workload.results)
    _resize_disk(place, _LARGE_DISK)
    return committed, faults, f"{free:,} bytes, {shorten(outcome)}"


def change_log(case: Case, place: Path, random: Random) -> Disturbed:
    """Change bytes of a command's log while it runs: no row may be read as another one."""
    results = case.undisturbed.workload.results
    log, change = name_log(place / "work" / results), place.with_name("change")
    operation = random.randint(1, case.undisturbed.operations)
    disturb = partial(_change_bytes, log, random, change)
    outcome = run_command(case.undisturbed.workload.arguments, place, operation, disturb)
    faults = judge_outcome(outcome, (0, 1))
    expected = _leave_out_times(_read_rows(case.undisturbed.after / "work" / results))
    rows = _leave_out_times(_read_rows(place / "work" / results))
    faults |= {"number"} if any(expected.get(key) != row for key, row in rows.items()) else set()
    words = change.read_text(encoding="utf-8") if change.exists() else "there was no log"
    return {}, faults, f"before operation {operation}: {words}, {shorten(outcome)}"


def _change_bytes(log: Path, random: Random, change: Path) -> None:
    """Change bytes of a log, and write what was done to a file, since another process asks."""
    if log.exists():
        content, words = mutate_bytes(random, log.read_bytes())
        log.write_bytes(content)
        change.write_text(words, encoding="utf-8")


DISTURB = {KILL: kill_command, FULL_DISK: fill_disk, CHANGED_LOG: change_log}


def mutate_bytes(random: Random, content: bytes) -> tuple[bytes, str]:
    """Return other bytes, and what was done at which place."""
    place = random.randrange(len(content) + 1)
    length = random.choice((1, 2, 4, 8, 16, random.randrange(1, 5000)))
    block, rest = content[place : place + length], content[place + length :]
    new = {
        "a bit flipped": bytes(each ^ (1 << random.randrange(8)) for each in block[:1]) + block[1:],
        "random bytes": random.randbytes(len(block)),
        "zeros": bytes(len(block)),
        "removed": b"",
        "inserted": random.randbytes(length) + block,
    }
    what = random.choice([*new, "a bit flipped", "a bit flipped", "cut off"])
    changed = content[:place] if what == "cut off" else content[:place] + new[what] + rest
    return changed, f"{what} at {place}"


def _run_again(case: Case, place: Path, committed: RowBytes, faults: set[str], done: str) -> Judged:
    """Run a disturbed command to its end, and compare what it made with an undisturbed run."""
    workload, after = case.undisturbed.workload, case.undisturbed.after
    outcome = run_command(workload.arguments + workload.again, place)
    lost = _find_lost(committed, workload.results, place / "work", after / "work")
    new = {name for name in _list_files(place) - _list_files(after) if not name.endswith(".lock")}
    left = sorted(name for name in new if case.kind != KILL or not _UNUSED.match(name))
    faults = faults | judge_outcome(outcome, (0,))
    faults |= ({"rows"} if lost else set()) | ({"left"} if left else set())
    says = (
        f"{' '.join(workload.arguments)}: {done}; {len(committed)} rows were "
        f"committed; lost: {lost[:5] or 'none'}; files left: {left[:5] or 'none'}; "
        f"again {shorten(outcome)}"
    )
    return Judged(case.name, case.kind, faults, says)


def mount_disk(folder: Path) -> None:
    """Mount a small file system in memory on a folder; CalledProcessError if not allowed."""
    _run("mount", "-t", "tmpfs", "-o", f"size={_LARGE_DISK}", "tmpfs", str(folder))


def can_mount(folder: Path) -> bool:
    """Return whether this user may mount file systems."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        mount_disk(folder)
    except subprocess.CalledProcessError:
        return False
    _run("umount", str(folder))
    return True


def _resize_disk(place: Path, free: int) -> None:
    used = sum(path.stat().st_blocks * 512 for path in place.rglob("*"))
    _run("mount", "-o", f"remount,size={used + free}", str(place))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _find_lost(committed: RowBytes, results: str, folder: Path, undisturbed: Path) -> list[str]:
    """Return rows and files that are missing, changed, or computed again although committed."""
    rows, expected = _read_rows(folder / results), _read_rows(undisturbed / results)
    lost = [f"{key} was computed again" for key in _compare(rows, committed)]
    lost += [
        f"{key} differs" for key in _compare(_leave_out_times(rows), _leave_out_times(expected))
    ]
    files, wanted = (_read_files(each, bool(results)) for each in (folder, undisturbed))
    return lost + [name for name, content in wanted.items() if files.get(name) != content]


def _read_rows(path: Path) -> RowBytes:
    """Return the committed rows of a results file; none if it has none, or is none."""
    try:
        groups = read_results(path).groups
        columns = {
            name: {c: np.asarray(v) for c, v in group.items()} for name, group in groups.items()
        }
    except ResultsError:
        return {}
    rows: RowBytes = {}
    for name, group in columns.items():
        keys = [group[key] for key in KEYS if key in group]
        for row, numbers in enumerate(zip(*keys, strict=True)):
            rows[name, *map(int, numbers)] = {
                c: values[row].tobytes() for c, values in group.items()
            }
    return rows


def _leave_out_times(rows: RowBytes) -> RowBytes:
    return {
        key: {column: value for column, value in row.items() if column not in _TIMED}
        for key, row in rows.items()
    }


def _compare(rows: RowBytes, expected: RowBytes) -> list[Key]:
    return [key for key, row in expected.items() if rows.get(key) != row]


def _list_files(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def _read_files(folder: Path, has_times: bool) -> dict[str, bytes]:
    """Return the files of a folder, without the content of those that show dates or times."""
    files = {}
    for name in _list_files(folder):
        path = folder / name
        if path.suffix == ".h5" or (has_times and path.suffix in _TABLES):
            files[name] = b""
        elif path.suffix != ".lock":
            files[name] = path.read_bytes()
    return files
