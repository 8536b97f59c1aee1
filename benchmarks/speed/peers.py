"""Compare the speed of recovery with four other methods, on several generators.

All use the same images and machine; ganinv its defaults, the others the float32 gradient. They
solve trials 0 to n − 1 of `ganinv recover --seed 1`, and stop by the image loss alone. A trial of
another method is done at the largest image loss at which one of our recovered trials ended, so it
has no more to do than ours. A trial is recovered if the final mean of (z − z_true)² is below 1e-4.
Start-up and tracing are left out; our preconditioner is counted as its gradients, at the pace of
our trials, in the ratio alone. A bare loop before and after each run measures the speed of the
machine. The file is written after each method.

    python -m benchmarks.speed.peers             # 45 minutes on two cores
    python -m benchmarks.speed.peers --checkpoint build/zoo/gan_face_generate/weights.tar

TensorFlow Probability is optional: pip install tensorflow-probability tf-keras.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import tensorflow as tf

import ganinv_cli as ganinv
from benchmarks.records import publish
from benchmarks.speed.methods import METHODS, SEED, Solve, Task, make_task
from ganinv_cli.engine.devices import find_devices
from ganinv_cli.experiments.provenance import read_git_revision
from ganinv_cli.generators import formats
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.outcome import THRESHOLD
from ganinv_cli.results.number_format import format_interval, format_scientific
from ganinv_cli.results.statistics import (
    bootstrap,
    clopper_pearson,
    is_recovered,
)
from ganinv_cli.settings.shipped import find

RULE = "stochastic"
OURS = "ganinv"
PACE_SECONDS = 3.0  # of the bare loop, before and after each run
PACE_TOLERANCE = 0.1  # relative difference from the median pace above which a note names it
ANY_LOSS = 1e30  # an image loss at which every trial is done at once


class Result(NamedTuple):
    """One run of a method on a generator."""

    generator: str
    method: str
    pace: float  # gradients per second of a bare loop, mean of before and after
    seconds: float  # of all trials
    stop: float  # image loss at which trials were done; of ganinv, the largest that recovered z
    gradients: list[float]  # per trial
    recovered: list[bool]  # per trial
    prepared: float = 0.0  # gradients once per run, in neither number above

    @property
    def gradient_time(self) -> float:
        """The time per gradient, as the number of gradients of a bare loop."""
        return self.seconds * self.pace / sum(self.gradients)


Measured = tuple[float, float, list[float], list[bool], float]  # the last fields of a result


@click.command()
@click.option("--checkpoint", default=("portraits64", "faces32"), multiple=True, show_default=True)
@click.option("--trials", default=64, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default="build/peers.json")
def main(checkpoint: Sequence[str], trials: int, out: Path) -> None:
    """Print a Markdown table of trials recovered per second, ours over theirs."""
    results: list[Result] = []
    versions = ", ".join(f"{name} {version(name)}" for name in ("ganinv", "tensorflow", "scipy"))
    about = f"{find_devices('auto')[0].description}; seed {SEED}; {versions}"
    about += f"; revision {read_git_revision()}"
    for path in checkpoint:
        for result in run_methods(path, trials):
            results.append(result)
            lines = {f"{x.generator}/{x.method}": json.dumps(x._asdict()) for x in results}
            publish({"about": about, **make_tables(results), "results": lines}, out)


def run_methods(checkpoint: str, trials: int) -> Iterator[Result]:
    """Yield the result of each method that is installed, ganinv's first."""
    path = Path(checkpoint)
    name = path.parent.name if path.suffix else path.name
    task = make_task(make_generator(formats.read(find("checkpoint", path))), trials)
    measures: dict[str, Callable[[float], Measured]] = {
        OURS: lambda _: recover(checkpoint, trials),
        **{method: partial(time_method, prepare, task) for method, prepare in METHODS.items()},
    }
    stop = 0.0
    for method, measure in measures.items():
        before = measure_pace(task)
        try:
            measured = measure(stop)
        except ImportError as error:
            click.echo(f"{method} is left out: {error}", err=True)
            continue
        result = Result(name, method, statistics.mean((before, measure_pace(task))), *measured)
        yield result
        stop = result.stop


def measure_pace(task: Task) -> float:
    """Return gradients per second of a bare loop over all trials."""
    evaluate, z = tf.function(task.evaluate, autograph=False), task.draw_starts(0)
    evaluate(z, task.images)
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < PACE_SECONDS:
        evaluate(z, task.images)[0].numpy()
        calls += 1
    return calls * len(z) / (time.perf_counter() - began)


def recover(checkpoint: str, trials: int) -> Measured:
    """Run ganinv with its defaults."""
    run = ganinv.recover(checkpoint, trials=trials, clip=RULE, seed=SEED)
    columns, prepared = run.columns(RULE), float(run.store.constants["shared_gradients"])
    recovered = is_recovered(columns["z_error"], THRESHOLD)
    seconds = float(columns["seconds"].sum())
    stop = float(columns["image_loss"][recovered].max(initial=0.0))
    return seconds, stop, columns["gradients"].tolist(), recovered.tolist(), prepared


def time_method(prepare: Callable[[Task], Solve], task: Task, stop: float) -> Measured:
    """Run another method, which is traced first."""
    solve = prepare(task)
    solve(ANY_LOSS)
    began = time.perf_counter()
    z, gradients = solve(stop)
    seconds = time.perf_counter() - began
    errors = ((z - task.z_true.astype(np.float64)) ** 2).mean(axis=1)
    recovered = is_recovered(errors, THRESHOLD)
    return seconds, stop, gradients.tolist(), recovered.tolist(), 0.0


def make_tables(results: Sequence[Result]) -> dict[str, Any]:
    """Return the title, the rows and the notes."""
    rows, notes = [], []
    for ours in (each for each in results if each.method == OURS):
        runs = [each for each in results if each.generator == ours.generator]
        rows += [
            {
                "generator": each.generator,
                "method": each.method,
                "recovered": f"{sum(each.recovered)} of {len(each.recovered)}",
                "gradients": f"{statistics.mean(each.gradients):,.0f}",
                "seconds": f"{each.seconds / len(each.gradients):.3g}",
                "ganinv is faster by": "" if each is ours else format_speedup(ours, each),
            }
            for each in runs
        ]
        notes.append(" ".join(_iterate_notes(ours, runs)))
    return {"title": "Beside other methods", "rows": rows, "notes": notes}


def format_speedup(ours: Result, other: Result) -> str:
    """Return our trials recovered per time at equal pace over theirs, and its 95 % interval.

    Our preparation counts. The bootstrap draws each trial with the results of both methods. If the
    other method recovered none, return a bound: the ratio at the upper end of the exact 95 %
    interval of its share.
    """
    trials = len(other.recovered)
    least = 0.0 if any(other.recovered) else clopper_pearson(0, trials).high * trials

    def find_ratio(values: np.ndarray) -> np.ndarray:
        sums = np.moveaxis(values.sum(axis=0), -1, 0)
        gradients, recovered, their_gradients, their_recovered = sums
        with np.errstate(divide="ignore"):
            share = recovered / np.maximum(their_recovered, least)
        return np.asarray(share * their_gradients * times / (gradients + ours.prepared))

    times = other.gradient_time / ours.gradient_time
    columns = ours.gradients, ours.recovered, other.gradients, other.recovered
    values = np.array(columns, np.float64).T
    ratio = format_scientific(float(find_ratio(values)))
    interval = format_interval(tuple(map(float, bootstrap(values, find_ratio))))
    return f"> {ratio}" if least else f"{ratio} {interval}"


def _iterate_notes(ours: Result, runs: Sequence[Result]) -> Iterator[str]:
    yield (
        f"{ours.generator}: a trial of another method is done at an image loss of {ours.stop:.2g}, "
        "the largest final loss of our recovered trials."
    )
    yield f"Prepared once: {ours.prepared:,.0f} gradients, which the last column counts alone."
    pace = statistics.median(each.pace for each in runs)
    for each in runs:
        if abs(each.pace / pace - 1) > PACE_TOLERANCE:
            yield f"{each.method} ran at {each.pace / pace:.2f} of the median pace."
    if missing := METHODS.keys() - {each.method for each in runs}:
        yield f"Not run: {', '.join(sorted(missing))}."


if __name__ == "__main__":
    main()
