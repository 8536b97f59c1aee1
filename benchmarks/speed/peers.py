"""Compare the speed of recovery with the authors' method.

Both use the same gradient, generator, images and machine, in one run. They solve trials 0 to n − 1
of `ganinv recover`, and stop by the image loss alone. A trial of the authors' method is done at the
largest image loss at which one of our trials ended, so it has no more to do than ours. A trial is
recovered if the final mean of (z − z_true)² is below 1e-4. Start-up and tracing are left out; our
preconditioner is counted as its gradients at the machine's pace. ganinv runs first and last. A bare
loop before and after each run shows whether the speed of the machine was constant.

    python -m benchmarks.speed.peers             # about 10 minutes on two cores
    python -m benchmarks.speed.peers --quick     # about 4: few trials, so that ratios are rough
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
from tabulate import tabulate

import ganinv_cli as ganinv
from benchmarks import records
from benchmarks.speed.bare_loop import make_bare_loop, measure_rate
from ganinv_cli import formats
from ganinv_cli.engine.devices import find_devices
from ganinv_cli.experiments.provenance import read_git_revision
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, is_recovered

RULE = "stochastic"
PACE_SECONDS = 3.0  # of the bare loop, before and after each method
PACE_TOLERANCE = 0.1  # relative change of the pace above which a comparison is not valid
AUTHORS_UPDATES = 80_000
OURS = ("ganinv", "ganinv again")
HEADER = (
    *("method", "trials", "recovered", "gradients per trial", "seconds per trial"),
    *("recovered per second", "ganinv is faster by", "at equal pace", "pace", "start-up, s"),
)


@dataclass(frozen=True)
class Result:
    """One method's result."""

    title: str
    updates: int  # largest number per start; 0 if the method does not count them
    of: int  # the authors' number; more than `updates` if the run was cut short
    trials: int
    recovered: int
    gradients: float  # mean per trial, with its share of costs once per run
    seconds: float  # of all trials
    startup: float  # seconds
    pace: Sequence[float]  # gradients per second of a bare loop, before and after
    z_errors: Sequence[float]
    image_losses: Sequence[float]

    @property
    def mean_pace(self) -> float:
        """Speed of the machine before and after the run, in gradients per second."""
        return statistics.mean(self.pace)

    def measure_time(self, at_equal_pace: bool) -> float:
        """Return the seconds, or the gradients that a bare loop would compute in that time."""
        return self.seconds * (self.mean_pace if at_equal_pace else 1.0)


Results = Mapping[str, Result]


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default="build/peers.json")
@click.option("--updates", default=2000, show_default=True, help="Updates of the authors' descent.")
@click.option("--quick", is_flag=True, help="Few trials, to test the program.")
def main(checkpoint: str, out: Path, updates: int, quick: bool) -> None:
    """Print a Markdown table of trials recovered per second, ours over theirs."""
    device = find_devices("auto")[0]
    results = run_methods(checkpoint, updates, *((64, 4) if quick else (256, 16)))
    about = {
        "device": device.description,
        "revision": read_git_revision(),
        "versions": {name: version(name) for name in ("ganinv", "tensorflow", "numpy")},
        "checkpoint_sha256": formats.read(find("checkpoint", checkpoint)).sha256,
    }
    methods = [(name, asdict(result)) for name, result in results.items()]
    records.publish({"about": about, "methods": methods}, format_page, out)


def run_methods(
    checkpoint: str, updates: int, our_trials: int, their_trials: int
) -> dict[str, Result]:
    """Return the result of each method; ours runs first and decides where the other one stops."""
    generator = make_generator(formats.read(find("checkpoint", checkpoint)))
    loop = make_bare_loop(generator, RecoverConfig().initial_batch_size)
    loop()
    results: dict[str, Result] = {}

    def run(name: str, title: str, trials: int, updates: int = 0, **settings: Any) -> None:
        before, began = measure_rate(loop, PACE_SECONDS), time.monotonic()
        recovery = ganinv.recover(checkpoint, trials=trials, rule=RULE, **settings)
        spent = time.monotonic() - began
        columns, (row,) = recovery.columns(RULE), recovery.tables["table1"]
        solving, own = float(columns["seconds"].sum()), row["gradients"] - row["gradients_shared"]
        results[name] = Result(
            title=title,
            updates=updates,
            of=AUTHORS_UPDATES if updates else 0,
            trials=trials,
            recovered=row["recovered"][SMALLEST_EPSILON],
            gradients=row["gradients"],
            # The measurement of the preconditioner, maybe kept from an earlier run, counts in full.
            seconds=solving * row["gradients"] / own,
            startup=spent - solving,
            pace=(before, measure_rate(loop, PACE_SECONDS)),
            z_errors=columns["z_error"].tolist(),
            image_losses=columns["image_loss"].tolist(),
        )
        click.echo(f"{name}: {results[name].recovered} of {trials}", err=True)

    run("ganinv", "**ganinv**, its default", our_trials)
    title = "ReverseGAN (Lipton & Tripathi): descent, rate 1, redraws, float64 z"
    paper = {"solver": "gd", "gd": {"rate": 1.0}, "tolerance": find_stop(results)}
    run("paper-code", title, their_trials, updates, budget=updates + 1, **paper)
    run("ganinv again", "**ganinv**, again at the end", our_trials)
    return results


def read_results(record: records.Record) -> dict[str, Result]:
    """Return the results of a JSON file of this benchmark."""
    fields = Result.__dataclass_fields__
    return {
        name: Result(**{field: each[field] for field in fields}) for name, each in record["methods"]
    }


def find_stop(results: Results) -> float:
    """Return the largest final image loss of our recovered trials; 0 if there are none.

    Every other method may stop there, because no counted trial of ours stopped earlier.
    """
    ours = results["ganinv"]
    recovered = is_recovered(np.array(ours.z_errors), EPSILONS[SMALLEST_EPSILON])
    return float(np.array(ours.image_losses)[recovered].max(initial=0.0))


def format_speedup(ours: Sequence[Result], other: Result, at_equal_pace: bool = False) -> str:
    """Return our trials recovered per second over theirs; a bound if they recovered none.

    All our runs count together. `at_equal_pace` measures time by the bare loop around each run
    instead of the clock, so that other load on the machine has no effect.
    """
    time = sum(each.measure_time(at_equal_pace) for each in ours)
    rate = sum(each.recovered for each in ours) / time
    ratio = rate * other.measure_time(at_equal_pace) / max(other.recovered, 1)
    return f"{ratio:.3g}" if other.recovered else f"none recovered (> {ratio:.3g})"


def format_page(record: records.Record) -> str:
    """Return a Markdown table with a line for each method, notes, and the environment."""
    results, about = read_results(record), record["about"]
    ours = [results[name] for name in OURS if name in results]
    pace = statistics.median(value for each in results.values() for value in each.pace)
    lines = []
    for name, each in results.items():
        cut = f", {each.updates:,} of {each.of:,} updates" if each.updates < each.of else ""
        ratios = [format_speedup(ours, each, at_equal_pace) for at_equal_pace in (False, True)]
        lines.append(
            (
                each.title + cut,
                f"{each.trials}",
                f"{each.recovered}",
                f"{each.gradients:,.0f}",
                f"{each.seconds / each.trials:.3g}",
                f"{each.recovered / each.seconds:.3g}",
                *(("", "") if name in OURS else ratios),
                f"{each.mean_pace / pace:.2f}",
                f"{each.startup:.1f}",
            )
        )
    versions = ", ".join(" ".join(each) for each in about["versions"].items())
    run = (
        f"* Run: {about['device']}; {versions}; revision {about['revision']}; checkpoint "
        f"{about['checkpoint_sha256'][:12]}."
    )
    table = tabulate(lines, HEADER, "pipe", disable_numparse=True)
    notes = _iterate_notes(results, ours, pace)
    return "\n\n".join(["### Beside other methods", table, *notes, run]) + "\n"


def _iterate_notes(results: Results, ours: Sequence[Result], pace: float) -> Iterator[str]:
    yield (
        f"Pace 1 is {pace:.0f} gradients per second of a bare loop over a full batch, measured "
        "before and after each method."
    )
    yield (
        f"A trial of another method is done at an image loss of {find_stop(results):.2g}, the "
        "largest final loss of our recovered trials."
    )
    for each in results.values():
        if not each.recovered:
            yield _describe_none_recovered(each, ours)
        if abs(each.mean_pace / pace - 1) > PACE_TOLERANCE:
            yield (
                f"{each.title}: other work slowed the machine, in this run or in others. "
                "Compare only its column of equal pace."
            )


def _describe_none_recovered(result: Result, ours: Sequence[Result]) -> str:
    note = (
        f"{result.title}: none recovered; the bound is the ratio if one of its {result.trials} "
        "trials had been recovered."
    )
    if result.updates >= result.of:
        return note
    recovered = sum(each.recovered for each in ours)
    whole = result.of * recovered / sum(each.measure_time(at_equal_pace=True) for each in ours)
    return note + (
        f" It ran {result.updates:,} of its authors' {result.of:,} updates. If all "
        f"{result.of:,} updates recovered every trial, at the pace of a full batch, ganinv "
        f"would still be faster by {whole:.3g}."
    )


if __name__ == "__main__":
    main()
