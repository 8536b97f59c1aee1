"""The results of all methods in one JSON file, which a killed run continues, and their table."""

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from ganinv_cli.errors import ResultsError
from ganinv_cli.settings.config import RecoverConfig

if TYPE_CHECKING:
    from ganinv_cli.network.generator import Generator
    from side_by_side.task import MethodResult

RECOVERY_TOLERANCE = 1e-4  # mean squared error of z
PACE_TOLERANCE = 0.1  # relative change of the pace above which a comparison is not valid
OURS = ("ganinv", "ganinv again")
PACKAGES = ("ganinv", "tensorflow", "numpy", "scipy")
TITLE = "Beside other methods"
HEADER = (
    *("method", "trials", "recovered", "gradients per trial", "seconds per trial"),
    *("recovered per second", "ganinv is faster by", "at equal pace", "pace", "start-up, s"),
)


@dataclass(frozen=True)
class Record:
    """One method's result."""

    title: str
    updates: int  # largest number per start; 0 if the method does not count them
    of: int  # the authors' number; more than `updates` if the run was cut short
    trials: int
    stop: float  # image loss at which a trial was done; 0 for ganinv, which has its own test
    recovered: int
    gradients: float  # mean per trial
    seconds: float  # of all trials
    startup: float  # seconds
    pace: tuple[float, float]  # gradients per second of a bare loop, before and after
    z_errors: list[float]
    image_losses: list[float]
    command: str
    date: str

    @property
    def rate(self) -> float:
        """Trials recovered per second."""
        return self.recovered / self.seconds

    @property
    def mean_pace(self) -> float:
        """Speed of the machine before and after the run, in gradients per second."""
        return statistics.mean(self.pace)

    def measure_time(self, at_equal_pace: bool) -> float:
        """Return the seconds, or the gradients that a bare loop would compute in that time."""
        return self.seconds * (self.mean_pace if at_equal_pace else 1.0)

    @property
    def settings(self) -> tuple[str, int, int, int, float]:
        """The settings that must be equal for a continued run to keep this record."""
        return self.title, self.updates, self.of, self.trials, self.stop


Records = dict[str, Record]


def make_record(
    title: str,
    updates: tuple[int, int],
    found: "MethodResult",
    errors: Any,
    pace: tuple[float, float],
    stop: float,
) -> Record:
    """Return the record of a method's results until `stop`; `errors` (trials,) are of its z."""
    return Record(
        title,
        *updates,
        trials=len(errors),
        stop=stop,
        recovered=int((errors < RECOVERY_TOLERANCE).sum()),
        gradients=float(found.gradients.mean()),
        seconds=found.seconds,
        startup=found.startup,
        pace=pace,
        z_errors=[float(error) for error in errors],
        image_losses=[float(loss) for loss in found.image_loss],
        command=" ".join(["python", *sys.argv]),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def find_stop(records: Mapping[str, Record]) -> float | None:
    """Return the largest final image loss of our recovered trials; None before our run.

    Every other method may stop there, because no counted trial of ours stopped earlier.
    """
    ours = records.get(OURS[0])
    if ours is None:
        return None
    ends = zip(ours.image_losses, ours.z_errors, strict=True)
    return max((loss for loss, error in ends if error < RECOVERY_TOLERANCE), default=None)


def describe_environment(device: str, generator: "Generator") -> dict[str, Any]:
    """Return the device, revision, versions and checkpoint of a run."""
    from ganinv_cli.experiments.provenance import make_provenance
    from ganinv_cli.solvers import make_solver

    solver = make_solver(RecoverConfig.solver, {})
    made_by = make_provenance("recover", RecoverConfig(), solver, generator, device)
    return {
        "device": device,
        "revision": made_by.git,
        "versions": {name: package_version(name) for name in PACKAGES},
        "checkpoint_sha256": generator.sha256,
    }


def package_version(name: str) -> str:
    """Return the version of a package; empty if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def load_records(path: Path, here: Mapping[str, Any]) -> Records:
    """Return the records of a file; none if there is no file.

    Raises ResultsError if it is another file, or has another machine, versions or checkpoint.
    """
    try:
        records, there = read_records(path)
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise ResultsError(
            f"{path} is not a file of this benchmark; name another --out, or add --overwrite"
        ) from None
    differing = [key for key in here if there.get(key) != here[key]]
    if differing:
        raise ResultsError(
            f"{path} was made with another {' and '.join(differing)}; name another --out, or "
            "start again with --overwrite and without --only"
        )
    return records


def read_records(path: Path) -> tuple[Records, dict[str, Any]]:
    """Return the records of a file, and the environment in which they were made."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    records = {
        name: Record(**{**each, "pace": (*each["pace"],)}) for name, each in stored["methods"]
    }
    return records, stored["about"]


def save_records(path: Path, here: Mapping[str, Any], records: Records) -> None:
    """Write to a temporary file and rename it, so that a kill leaves the old or the new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    methods = [(name, asdict(record)) for name, record in records.items()]
    text = json.dumps({"about": here, "methods": methods}, indent=1, ensure_ascii=False)
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def format_page(records: Records, here: Mapping[str, Any]) -> str:
    """Return a Markdown table with a line for each method, notes, and the environment."""
    mine = [records[name] for name in OURS if name in records]
    pace = statistics.median(value for record in records.values() for value in record.pace)
    lines = [
        (
            record.title + _describe_cut(record),
            f"{record.trials}",
            f"{record.recovered}",
            f"{record.gradients:,.0f}",
            f"{record.seconds / record.trials:.3g}",
            f"{record.rate:.3g}",
            "" if name in OURS else format_speedup(mine, record),
            "" if name in OURS else format_speedup(mine, record, at_equal_pace=True),
            f"{record.mean_pace / pace:.2f}",
            f"{record.startup:.1f}",
        )
        for name, record in records.items()
    ]
    notes = [*_iterate_notes(records, mine, pace), f"* Run: {_describe_environment(here)}"]
    table = tabulate(lines, HEADER, "pipe", disable_numparse=True)
    return "\n\n".join([f"### {TITLE}", table, *notes]) + "\n"


def format_speedup(ours: Sequence[Record], record: Record, at_equal_pace: bool = False) -> str:
    """Return our trials recovered per second over theirs; a bound if they recovered none.

    All our runs count together. `at_equal_pace` measures time by the bare loop around each run
    instead of the clock, so that other load on the machine has no effect.
    """
    if not any(each.recovered for each in ours):
        return "unknown"
    rate = sum(each.recovered for each in ours) / sum(
        each.measure_time(at_equal_pace) for each in ours
    )
    ratio = rate * record.measure_time(at_equal_pace) / max(record.recovered, 1)
    return f"{ratio:.3g}" if record.recovered else f"none recovered (> {ratio:.3g})"


def _describe_environment(here: Mapping[str, Any]) -> str:
    versions = ", ".join(" ".join(each) for each in here["versions"].items())
    return (
        f"{here['device']}; {versions}; revision {here['revision']}; checkpoint "
        f"{here['checkpoint_sha256'][:12]}."
    )


def _describe_cut(record: Record) -> str:
    short = record.updates < record.of
    return f", {record.updates:,} of {record.of:,} updates" if short else ""


def _iterate_notes(records: Records, mine: Sequence[Record], pace: float) -> Iterator[str]:
    yield (
        f"Pace 1 is {pace:.0f} gradients per second of a bare loop over a full batch, measured "
        "before and after each method."
    )
    if stop := find_stop(records):
        yield (
            f"A trial of another method is done at an image loss of {stop:.2g}, the largest final "
            "loss of our recovered trials."
        )
    for record in records.values():
        if not record.recovered:
            yield _describe_none_recovered(record, mine)
        if abs(record.mean_pace / pace - 1) > PACE_TOLERANCE:
            yield (
                f"{record.title}: other work slowed the machine, in this run or in others. "
                "Compare only its column of equal pace."
            )


def _describe_none_recovered(record: Record, mine: Sequence[Record]) -> str:
    note = (
        f"{record.title}: none recovered; the bound is the ratio if one of its {record.trials} "
        "trials had been recovered."
    )
    recovered = sum(each.recovered for each in mine)
    if record.updates < record.of and recovered:
        whole = record.of * recovered / sum(each.measure_time(at_equal_pace=True) for each in mine)
        note += (
            f" It ran {record.updates:,} of its authors' {record.of:,} updates. If all "
            f"{record.of:,} updates recovered every trial, at the pace of a full batch, ganinv "
            f"would still be faster by {whole:.3g}."
        )
    return note
