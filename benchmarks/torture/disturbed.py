"""Kill a command, fill its disk or change its log; run it again, and judge what it made."""

import re
import shutil
import subprocess
from bisect import bisect_left
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from benchmarks.torture.faults import Judged, judge_outcome, list_files, shorten
from benchmarks.torture.mutated import mutate_bytes
from benchmarks.torture.process import run_command
from benchmarks.torture.subjects import Workload, write_inputs
from ganinv_cli.errors import ResultsError
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.log import MARK, name_log

KILL, FULL_DISK, CHANGED_LOG = "kill -9", "full disk", "log changed during a run"
DAMAGED_BLOCK = "block of a log damaged"
Key = tuple[str, *tuple[int, ...]]  # group, and the numbers that name a row
RowBytes = dict[Key, dict[str, bytes]]  # -> its columns
KEYS = ("image", "trial")  # columns whose numbers name a row, in groups that have them
CHANGES = 8  # of the bytes that a kill left, each read once
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


def judge_killed(undisturbed: Undisturbed, name: str, folder: Path) -> Judged:
    """Kill a command up to three times as the case's name determines, and run it to its end."""
    random, place, workload = Random(name), folder / "case", undisturbed.workload
    shutil.copytree(undisturbed.before, place)
    kills = [random.randint(1, undisturbed.operations) for _ in range(random.choice((1, 1, 2, 3)))]
    committed, faults = RowBytes(), set[str]()
    for number, kill in enumerate(kills):
        again = workload.again if number else ()
        outcome = run_command((*workload.arguments, *again), place, kill)
        faults |= judge_outcome(outcome, (0, -9))
        committed |= _read_rows(place / "work" / workload.results)
        faults |= _judge_changed_copies(place / "work" / workload.results, folder, random)
    says = f"killed before operations {kills}, {shorten(outcome)}"
    return _run_again(undisturbed, Judged(name, KILL, tuple(faults), 0, says), committed, place)


def judge_full_disk(undisturbed: Undisturbed, name: str, folder: Path) -> Judged:
    """Run a command on a disk that is soon full, and again with space."""
    random, place, workload = Random(name), folder / "case", undisturbed.workload
    place.mkdir()
    files = [path for path in undisturbed.after.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    free = max(1, int(random.random() * random.choice((1, 2)) * size))
    mount_disk(place)
    try:
        shutil.copytree(undisturbed.before, place, dirs_exist_ok=True)
        _resize_disk(place, free)
        outcome = run_command(workload.arguments, place)
        faults = judge_outcome(outcome, (0, 1))
        faults |= {"left"} if any((place / "tmp").iterdir()) else set()
        committed = _read_rows(place / "work" / workload.results)
        _resize_disk(place, _LARGE_DISK)
        failed = Judged(name, FULL_DISK, tuple(faults), 0, f"{free:,} bytes, {shorten(outcome)}")
        return _run_again(undisturbed, failed, committed, place)
    finally:
        _run("umount", "--lazy", str(place))


def judge_changed_log(undisturbed: Undisturbed, name: str, folder: Path) -> Judged:
    """Change bytes of a command's log while it runs, and run it again."""
    random, place, workload = Random(name), folder / "case", undisturbed.workload
    shutil.copytree(undisturbed.before, place)
    results = place / "work" / workload.results
    operation = random.randint(1, undisturbed.operations)
    outcome = run_command(
        workload.arguments, place, operation, partial(_change_log, results, name, folder / "what")
    )
    faults = judge_outcome(outcome, (0, 1))
    expected = _leave_out_times(_read_rows(undisturbed.after / "work" / workload.results))
    found = _leave_out_times(_read_rows(results))
    faults |= {"number"} if any(expected.get(key) != row for key, row in found.items()) else set()
    what = folder / "what"
    change = what.read_text(encoding="utf-8") if what.exists() else "there was no log"
    says = f"before operation {operation}: {change}, {shorten(outcome)}"
    return _run_again(undisturbed, Judged(name, CHANGED_LOG, tuple(faults), 0, says), {}, place)


def _change_log(results: Path, name: str, what: Path) -> None:
    """Change bytes of the log of a results file, and write what was done to a file."""
    log = name_log(results)
    if log.exists():
        content, change = mutate_bytes(Random(name), log.read_bytes())
        log.write_bytes(content)
        what.write_text(change, encoding="utf-8")


def _judge_changed_copies(results: Path, folder: Path, random: Random) -> set[str]:
    """Return a fault if a row is read as another one from files whose bytes are changed."""
    files = [path for path in (results, name_log(results)) if path.is_file()]
    true = _read_rows(results)
    for number in range(CHANGES if files else 0):
        copies = folder / f"changed-{number}"
        copies.mkdir()
        for file in files:
            shutil.copy(file, copies)
        target = copies / random.choice(files).name
        target.write_bytes(mutate_bytes(random, target.read_bytes())[0])
        rows = _read_rows(copies / results.name)
        shutil.rmtree(copies)
        if any(true.get(key) != row for key, row in rows.items()):
            return {"number"}
    return set()


def keep_log(undisturbed: Undisturbed, place: Path) -> tuple[Path, list[int]]:
    """Return the files of a command killed as late as it has a log, and where each block begins.

    The last number is the size of the log.
    """
    workload, folder = undisturbed.workload, place / "killed"
    results = folder / "work" / workload.results

    def is_finished(kill: int) -> bool:
        """Run the command, killed before an operation; return whether its file is finished."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(undisturbed.before, folder)
        run_command(workload.arguments, folder, kill)
        return results.exists()

    operations = range(1, undisturbed.operations + 1)
    first = bisect_left(operations, True, key=is_finished)  # of those that leave a finished file
    is_finished(operations[first - 1])
    log = name_log(results).read_bytes()
    return folder, [*(at for at in range(len(log)) if log.startswith(MARK, at)), len(log)]


def judge_damaged_block(
    undisturbed: Undisturbed, kept: Path, block: tuple[int, int], name: str, folder: Path
) -> Judged:
    """Change a byte of a block of the log of a killed command, and run it to its end."""
    place, at = folder / "case", Random(name).randrange(*block)
    shutil.copytree(kept, place)
    results = place / "work" / undisturbed.workload.results
    log = name_log(results)
    content = bytearray(log.read_bytes())
    content[at] ^= 1 << Random(name).randrange(8)
    log.write_bytes(content)
    judged = Judged(name, DAMAGED_BLOCK, (), 0, f"the byte {at} was changed")
    return _run_again(undisturbed, judged, _read_rows(results), place)


JUDGES = {KILL: judge_killed, FULL_DISK: judge_full_disk, CHANGED_LOG: judge_changed_log}


def _run_again(
    undisturbed: Undisturbed, judged: Judged, committed: RowBytes, place: Path
) -> Judged:
    """Run a disturbed command to its end, and compare what it made with an undisturbed run."""
    workload, after = undisturbed.workload, undisturbed.after
    outcome = run_command(workload.arguments + workload.again, place)
    lost = _find_lost(committed, workload.results, place / "work", after / "work")
    new = {name for name in list_files(place) - list_files(after) if not name.endswith(".lock")}
    was_killed = judged.kind in (KILL, DAMAGED_BLOCK)
    left = sorted(name for name in new if not was_killed or not _UNUSED.match(name))
    faults = {*judged.faults, *judge_outcome(outcome, (0,))}
    faults |= ({"rows"} if lost else set()) | ({"left"} if left else set())
    says = (
        f"{' '.join(workload.arguments)}: {judged.says}; {len(committed)} rows were committed; "
        f"lost: {lost[:5] or 'none'}; files left: {left[:5] or 'none'}; again {shorten(outcome)}"
    )
    return judged._replace(faults=tuple(sorted(faults)), status=outcome.status, says=says)


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
        groups = {
            name: {column: np.asarray(values) for column, values in group.items()}
            for name, group in read_results(path).groups.items()
        }
    except ResultsError:
        return {}
    rows: RowBytes = {}
    for name, columns in groups.items():
        keys = [columns[key] for key in KEYS if key in columns]
        for row, numbers in enumerate(zip(*keys, strict=True)):
            rows[name, *map(int, numbers)] = {
                column: values[row].tobytes() for column, values in columns.items()
            }
    return rows


def _leave_out_times(rows: RowBytes) -> RowBytes:
    return {
        key: {column: value for column, value in row.items() if column not in _TIMED}
        for key, row in rows.items()
    }


def _compare(rows: RowBytes, expected: RowBytes) -> list[Key]:
    return [key for key, row in expected.items() if rows.get(key) != row]


def _read_files(folder: Path, has_times: bool) -> dict[str, bytes]:
    """Return the files of a folder, without the content of those that show dates or times."""
    files = {}
    for name in list_files(folder):
        path = folder / name
        if path.suffix == ".h5" or (has_times and path.suffix in _TABLES):
            files[name] = b""
        elif path.suffix != ".lock":
            files[name] = path.read_bytes()
    return files
