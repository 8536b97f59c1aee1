"""Compare the speed of recovery with the authors' method.

Both use the same gradient, generator, images and machine, in one run. They solve trials 0 to n − 1
of `ganinv recover`, and stop by the image loss alone. A trial of the authors' method is done at the
largest image loss at which one of our trials ended, so it has no more to do than ours. A trial is
recovered if the final mean of (z − z_true)² is below 1e-4. Start-up and tracing are left out; our
preconditioner is counted as its gradients at the machine's pace. A bare loop before and after each
run shows whether the speed of the machine was constant.

    python -m benchmarks.speed.peers             # about 10 minutes on two cores
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import tensorflow as tf

import ganinv_cli as ganinv
from benchmarks.records import format_page, publish
from ganinv_cli import formats
from ganinv_cli.engine.devices import find_devices
from ganinv_cli.experiments.provenance import read_git_revision
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.problem import Problem
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON, is_recovered

RULE = "stochastic"
PACE_SECONDS = 3.0  # of the bare loop, before and after each run
STEPS = 4  # of the bare loop, in a call
AUTHORS_UPDATES = 80_000
Call = Callable[[], float]  # blocks until done; returns the number of gradients


@dataclass(frozen=True)
class Result:
    """One run of a method."""

    title: str
    trials: int
    recovered: int
    gradients: float  # mean per trial, with its share of costs once per run
    seconds: float  # of all trials
    pace: float  # gradients per second of a bare loop, mean of before and after
    stop: float  # the largest final image loss of a recovered trial; 0 if there is none

    def measure_time(self, at_equal_pace: bool) -> float:
        """Return the seconds, or the gradients that a bare loop would compute in that time."""
        return self.seconds * (self.pace if at_equal_pace else 1.0)


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default="build/peers.json")
@click.option("--updates", default=2000, show_default=True, help="Updates of the authors' descent.")
def main(checkpoint: str, out: Path, updates: int) -> None:
    """Print a Markdown table of trials recovered per second, ours over theirs."""
    runs = run_methods(checkpoint, updates, our_trials=256, their_trials=16)
    device, sha256 = find_devices("auto")[0], formats.read(find("checkpoint", checkpoint)).sha256
    versions = ", ".join(f"{name} {version(name)}" for name in ("ganinv", "tensorflow", "numpy"))
    revision = f"revision {read_git_revision()}; checkpoint {sha256[:12]}"
    about = f"{device.description}; {versions}; {revision}"
    publish({"about": about, **make_tables(*runs, updates)}, format_page, out)


def run_methods(
    checkpoint: str, updates: int, our_trials: int, their_trials: int
) -> tuple[Result, Result]:
    """Return our result, and the authors', whose trials are done where the last of ours was."""
    generator = make_generator(formats.read(find("checkpoint", checkpoint)))
    loop = make_bare_loop(generator, RecoverConfig().initial_batch_size)
    loop()

    def run(title: str, trials: int, **settings: Any) -> Result:
        before = measure_rate(loop, PACE_SECONDS)
        recovery = ganinv.recover(checkpoint, trials=trials, rule=RULE, **settings)
        columns, (row,) = recovery.columns(RULE), recovery.tables["table1"]
        solving, own = float(columns["seconds"].sum()), row["gradients"] - row["gradients_shared"]
        recovered = is_recovered(columns["z_error"], EPSILONS[SMALLEST_EPSILON])
        return Result(
            title,
            trials,
            int(recovered.sum()),
            row["gradients"],
            # The measurement of the preconditioner, maybe kept from an earlier run, counts in full.
            seconds=solving * row["gradients"] / own,
            pace=statistics.mean((before, measure_rate(loop, PACE_SECONDS))),
            stop=float(columns["image_loss"][recovered].max(initial=0.0)),
        )

    ours = run("**ganinv**, its default", our_trials)
    title = f"ReverseGAN (Lipton & Tripathi): descent, rate 1, {updates:,} of 80,000 updates"
    paper = {"solver": "gd", "gd": {"rate": 1.0}, "budget": updates + 1, "tolerance": ours.stop}
    return ours, run(title, their_trials, **paper)


def make_bare_loop(generator: Generator, size: int) -> Call:
    """Return a call that computes STEPS gradients of a batch, each from the one before."""
    start, true = (
        tf.random.stateless_uniform([size, generator.latent], [0, n], -1, 1) for n in range(2)
    )
    zeros = tf.zeros(size)
    problem = Problem(generator, generator(true), zeros, zeros)

    def step(z: tf.Tensor) -> tuple[tf.Tensor]:
        return (z - 1e-6 * problem.evaluate(z).gradient,)

    @tf.function(autograph=False)
    def run(z: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda z: True, step, (z,), maximum_iterations=STEPS)[0]

    def call() -> float:
        run(start).numpy()
        return float(STEPS * size)

    return call


def measure_rate(call: Call, seconds: float) -> float:
    """Return gradients per second over one call, or over as many as fill these seconds."""
    began, done, spent = time.perf_counter(), 0.0, 0.0
    while not done or spent < seconds:
        done += call()
        spent = time.perf_counter() - began
    return done / spent


def make_tables(ours: Result, authors: Result, updates: int) -> dict[str, Any]:
    """Return the title, the rows and the notes."""
    pace = statistics.median((ours.pace, authors.pace))
    rows = [
        {
            "method": each.title,
            "trials": f"{each.trials}",
            "recovered": f"{each.recovered}",
            "gradients per trial": f"{each.gradients:,.0f}",
            "seconds per trial": f"{each.seconds / each.trials:.3g}",
            "recovered per second": f"{each.recovered / each.seconds:.3g}",
            "ganinv is faster by": "" if each is ours else format_speedup(ours, each),
            "at equal pace": "" if each is ours else format_speedup(ours, each, True),
            "pace": f"{each.pace / pace:.2f}",
        }
        for each in (ours, authors)
    ]
    rate = ours.recovered / ours.measure_time(at_equal_pace=True)
    notes = [
        f"Pace 1 is {pace:.0f} gradients per second of a bare loop over a full batch, measured "
        "before and after each method.",
        f"A trial of another method is done at an image loss of {ours.stop:.2g}, the largest "
        "final loss of our recovered trials.",
        f"The authors' descent ran {updates:,} of {AUTHORS_UPDATES:,} updates. If all of them "
        "recovered every trial, at the pace of a full batch, ganinv would still be faster by "
        f"{AUTHORS_UPDATES * rate:.3g}.",
    ]
    return {"title": "Beside other methods", "rows": rows, "notes": notes}


def format_speedup(ours: Result, other: Result, at_equal_pace: bool = False) -> str:
    """Return our trials recovered per second over theirs; a bound if they recovered none.

    `at_equal_pace` measures time by the bare loop around each run instead of the clock, so that
    other load on the machine has no effect.
    """
    rate = ours.recovered / ours.measure_time(at_equal_pace)
    ratio = rate * other.measure_time(at_equal_pace) / max(other.recovered, 1)
    return f"{ratio:.3g}" if other.recovered else f"none recovered (> {ratio:.3g})"


if __name__ == "__main__":
    main()
