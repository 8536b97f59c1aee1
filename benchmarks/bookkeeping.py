"""What a run costs beside its computations: rows, pictures and shards, without solving anything.

Each measurement is in a process of its own, whose peak memory the system reports. What computes is
replaced: a trial ends at once at a random z, which is that of its picture, and a certificate says
that it explains the picture, which ends its starts. The rest is real: files are listed and decoded,
jobs dealt, rows committed, results finished.

    python -m benchmarks.bookkeeping rows                        # 10⁶ rows of recover, 6 GB of disk
    python -m benchmarks.bookkeeping pictures 1000 10000         # bookkeeping per picture
    python -m benchmarks.bookkeeping shard --trials 100000000    # one of 1,000 shards
"""

import os
import resource
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from PIL import Image

from benchmarks.records import Record, publish

GENERATOR = "faces16"
RULE = "stochastic"
TEMPLATE_TRIALS = 256  # real ones, of which rows are made
COMMIT_PICTURES = 64  # trials of a commit: as many as real ones in five seconds
out_option = click.option("--out", type=click.Path(path_type=Path), help="JSON, and a page.")


@click.group(help=(__doc__ or "").splitlines()[0])
def main() -> None:
    """Run one of the measurements."""


@main.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Number of rows.")
@click.option("--block", default=2000, show_default=True, help="Rows of a commit.")
@out_option
def rows(rows: int, block: int, out: Path | None) -> None:
    """Commit rows of `recover` in blocks, finish, read and report them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        template = folder / "template.h5"
        given = ("--solver", "lbfgs", "--trials", str(TEMPLATE_TRIALS), "--clip", RULE, "-q")
        run_program("recover", "--checkpoint", GENERATOR, *given, "--out", template)
        row = run_apart(commit_rows, template, folder / "rows.h5", rows, block)
        seconds, memory = run_program("report", folder / "rows.h5")
        row |= {"report, CPU s": seconds, "report, MB": memory}
    publish_rows(f"{rows:,} rows of recover", [row], out)


@main.command()
@click.argument("counts", nargs=-1, type=int, required=True)
@click.option("--named", is_flag=True, help="Name each file, as the shell does for *.png.")
@click.option("--report", is_flag=True, help="Also run `ganinv report`.")
@out_option
def pictures(counts: tuple[int, ...], named: bool, report: bool, out: Path | None) -> None:
    """Invert so many files of 16 × 16 random pixels, each from the two starts that answer it."""
    found = []
    for count in counts:
        with TemporaryDirectory() as name:
            folder = Path(name)
            files = write_noise(folder / "pictures", count)
            names = files if named else [folder / "pictures"]
            row = run_apart(invert_pictures, names, folder / "invert.h5", count)
            if report:
                seconds, memory = run_program("report", folder / "invert.h5")
                row |= {"report, CPU ms": round(seconds / count * 1e3, 2), "report, MB": memory}
            found.append(row)
            click.echo(f"{row}", err=True)
    publish_rows("Bookkeeping per picture", found, out)


@main.command()
@click.option("--trials", default=100_000_000, show_default=True, help="Trials of the whole run.")
@click.option("--shards", default=1000, show_default=True, help="Number of shards.")
@click.option("--rows", default=160, show_default=True, help="Rows that the shard commits.")
@out_option
def shard(trials: int, shards: int, rows: int, out: Path | None) -> None:
    """Open the last shard of `recover`, take its jobs, commit its first and last rows, finish."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        row = run_apart(run_shard, folder / "shard.h5", trials, shards, rows)
    publish_rows(f"One shard of {trials:,} trials in {shards:,}", [row], out)


def commit_rows(template: Path, out: Path, rows: int, block: int) -> Record:
    """Commit rows that are drawn from those of a template, with other digits, and finish."""
    from ganinv_cli.results.store import open_run, read_results

    results = read_results(template)
    groups = {name: dict(group) for name, group in results.groups.items()}
    random, before, spent = np.random.default_rng(0), get_memory(), Stopwatch()
    with open_run(out, read_provenance(results.attributes, rows)) as run:
        for first in range(0, rows, block):
            trials = first + random.permutation(min(block, rows - first))
            drawn = random.integers(0, TEMPLATE_TRIALS, len(trials))
            batch = {name: draw_rows(group, trials, drawn) for name, group in groups.items()}
            with spent.measure("commits"):
                run.commit(batch, results.constants)
        log = out.with_name(f"{out.name}.log").stat().st_size
        memory = get_memory()
        with spent.measure("finish"):
            run.finish()
    return spent.row | {
        "log, MB": round(log / 1e6),
        "file, MB": round(out.stat().st_size / 1e6),
        "imports, MB": before,
        "commits, MB": memory,
        "finish, MB": get_memory(),
    }


def draw_rows(group: Mapping[str, Any], trials: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """Return rows of a group under other trial numbers; vectors and curves have other digits."""
    columns = {name: values[drawn] for name, values in group.items()}
    random = np.random.default_rng(int(trials[0]))
    for name, values in columns.items():
        if values.ndim > 1:
            factors = 1 + random.uniform(0, 1e-3, values.shape)
            columns[name] = (values * factors).astype(values.dtype)
    return columns | {"trial": trials}


def invert_pictures(names: Sequence[Path], out: Path, count: int) -> Record:
    """Run `invert` on pictures with all that computes replaced; return CPU ms per picture."""
    replace_computations()
    from ganinv_cli.engine.local import LocalEngine
    from ganinv_cli.experiments import find_experiment, run_experiment, worker
    from ganinv_cli.experiments.invert.config import InvertConfig
    from ganinv_cli.loaded_generator import read_generator
    from ganinv_cli.progress import SILENT
    from ganinv_cli.results.store import Run

    run_experiment.COMMIT_SECONDS = worker.RESULT_SECONDS = 0.0
    config = InvertConfig(
        image=tuple(map(str, names)), checkpoint=GENERATOR, align="none", clip=(RULE,),
        device="cpu", batch_size=COMMIT_PICTURES,
    )  # fmt: skip
    generator = read_generator(config, SILENT)
    times, memory, log = [], [], 0

    def note_time(owner: Any, name: str) -> None:
        """Note the time and memory whenever a function of `owner` is called."""
        function = getattr(owner, name)

        def call(*given: Any, **named: Any) -> Any:
            nonlocal log
            times.append(time.process_time())
            memory.append(get_memory())
            log = max(log, get_size(out.with_name(f"{out.name}.log")))
            return function(*given, **named)

        setattr(owner, name, call)

    note_time(run_experiment, "open_run")
    note_time(LocalEngine, "run")
    note_time(Run, "finish")
    run_experiment.run_experiment(find_experiment("invert"), config, generator, out, SILENT)
    times.append(time.process_time())
    phases = zip(("listing", "run", "finish"), times, times[1:], strict=False)
    return {
        "pictures": count,
        **{f"{n}, CPU ms": round((end - start) / count * 1e3, 2) for n, start, end in phases},
        "all, CPU ms": round((times[-1] - times[0]) / count * 1e3, 2),
        "log, bytes": round(log / count),
        "file, bytes": round(get_size(out) / count),
        "before, MB": memory[0],
        "peak, MB": get_memory(),
    }


def run_shard(out: Path, trials: int, shards: int, rows: int) -> Record:
    """Do what a shard does beside solving; return the memory that it takes."""
    replace_computations()
    from ganinv_cli.experiments import find_experiment
    from ganinv_cli.experiments.cases import Cases
    from ganinv_cli.experiments.open_engine import open_engine
    from ganinv_cli.experiments.pending_jobs import PendingJobs
    from ganinv_cli.experiments.provenance import make_provenance
    from ganinv_cli.experiments.recover.config import RecoverConfig
    from ganinv_cli.experiments.trial_rows import join_groups
    from ganinv_cli.experiments.worker import Worker
    from ganinv_cli.jobs import JobQueue
    from ganinv_cli.loaded_generator import read_generator
    from ganinv_cli.progress import SILENT
    from ganinv_cli.results.store import open_run

    config = RecoverConfig(
        solver="lbfgs", checkpoint=GENERATOR, trials=trials, clip=(RULE,),
        shard=f"{shards}/{shards}", device="cpu", batch_size=COMMIT_PICTURES,
    )  # fmt: skip
    loaded, spent = read_generator(config, SILENT), Stopwatch()
    with open_engine(config, loaded, SILENT) as engine:
        plan = find_experiment("recover").import_plan().make(config, engine.generator)
        worker, generator = Worker(plan), engine.generator
        about = make_provenance(find_experiment("recover"), plan, engine, None)
        list(worker.run(generator, JobQueue([]), 0))
        generator.render(np.zeros((COMMIT_PICTURES, generator.latent), np.float32), COMMIT_PICTURES)
        before = get_memory()
        with spent.measure("opening"), open_run(out, about) as run:
            jobs = PendingJobs(run, plan, Cases())
            total = len(jobs)
            iterator = iter(jobs)
            taken = [next(iterator) for _ in range(rows // 2)]
            taken += deque(iterator, rows // 2)
            results = worker.run(generator, JobQueue(taken), 0)
            run.commit(join_groups([result.rows for result in results if result.rows]))
            run.finish()
    return spent.row | {
        "jobs": total,
        "before, MB": before,
        "peak, MB": get_memory(),
        "bookkeeping, MB": get_memory() - before,
        "file, MB": round(get_size(out) / 1e6, 2),
    }


def replace_computations() -> None:
    """Let every trial end at once, and every certificate say that its z explains the picture."""
    from ganinv_cli.tensorflow_start import start_tensorflow

    start_tensorflow()  # first: importing it otherwise writes its log
    from ganinv_cli.generators.network.generator import compute_jacobian, decompose_jacobian
    from ganinv_cli.inversion.loop.solve import solve
    from ganinv_cli.inversion.loop.trial import Increment, StartResult, make_trials
    from ganinv_cli.inversion.polish import Polished
    from ganinv_cli.inversion.polish.gauss_newton import GaussNewton
    from ganinv_cli.outcome import Outcome
    from ganinv_cli.reenact.explain import Explanation, explain_image

    def end_trials(generator: Any, settings: Any, jobs: Any, targets: Any, _: Any) -> Iterator[Any]:
        while not jobs.is_exhausted:
            taken = jobs.take(COMMIT_PICTURES)
            trials = list(make_trials(taken, targets(taken), generator, settings))
            for trial in trials:
                random = np.random.default_rng(trial.job.case or trial.job.trial)
                z = random.uniform(-1, 1, generator.latent).astype(np.float32)
                counts = {"gradients": 20.0, "redraws": 0.0}
                trial.z_start = z
                trial.start_results = [StartResult(z, 1e-6, 1e-9, Outcome.converged, counts, 0.01)]
            yield Increment(trials, 20.0 * len(trials), 0.01, len(trials))

    def polish(_: Any, polished: Any, outcome: Any, *__: Any) -> Polished:
        return Polished(polished.z.astype(np.float64), 1e-6, gradients=10.0, outcome=outcome)

    def explain(_: Any, image: Any, starts: np.ndarray, *__: Any, **___: Any) -> Explanation:
        z, pixels = starts[0], image.pixels
        region = np.zeros(pixels.shape[:2], np.uint8)
        ends = pixels, pixels, region, "1 change", False, False
        return Explanation(True, "", 0.3, 0.4, z, z * 0, len(z), *ends)

    def measure_jacobian(generator: Any, *_: Any, **__: Any) -> np.ndarray:
        return np.ones((generator.latent, int(np.prod(generator.image_shape))))

    replace_everywhere(solve, end_trials)
    replace_everywhere(compute_jacobian, measure_jacobian)
    replace_everywhere(decompose_jacobian, lambda _, generator: np.ones(generator.latent))
    replace_everywhere(explain_image, explain)
    GaussNewton.polish = polish  # type: ignore[assignment,method-assign]


def replace_everywhere(function: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Let all modules of ganinv use another function; call it when they are imported."""
    for module in [each for name, each in sys.modules.items() if name.startswith("ganinv_cli")]:
        if getattr(module, function.__name__, None) is function:
            setattr(module, function.__name__, other)


class Stopwatch:
    """The CPU and wall seconds of parts of a process."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the seconds of what is done meanwhile."""
        start = time.process_time(), time.monotonic()
        yield
        for clock, begin, end in zip(
            ("CPU s", "wall s"), start, (time.process_time(), time.monotonic()), strict=True
        ):
            key = f"{name}, {clock}"
            self.row[key] = round(self.row.get(key, 0) + end - begin, 3)


def read_provenance(attributes: Mapping[str, Any], trials: int) -> Any:
    """Return the provenance of a file, with another number of trials."""
    from ganinv_cli.results.store import Provenance

    about = Provenance(**{each.name: attributes[each.name] for each in fields(Provenance)})
    return replace(about, config={**about.config, "trials": trials})


def write_noise(folder: Path, count: int) -> list[Path]:
    """Write files, and return the paths, of 16 × 16 random pixels."""
    folder.mkdir()
    random = np.random.default_rng(0)
    files = [folder / f"noise-{number:06}.png" for number in range(count)]
    for file in files:
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(file)
    return files


def run_apart(function: Callable[..., Record], *given: Any) -> dict[str, Any]:
    """Return what a function returns in another process, whose peak memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return dict(pool.submit(function, *given).result())


def run_program(*arguments: object) -> tuple[float, int]:
    """Run ganinv to its end; return its CPU seconds and its peak memory in MB."""
    command = [sys.executable, "-m", "ganinv_cli", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"ganinv {arguments[0]} failed with status {process.returncode}")
    return round(used.ru_utime + used.ru_stime, 2), round(used.ru_maxrss / 1e3)


def get_memory() -> int:
    """Return the most memory that this process has had, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def get_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def publish_rows(title: str, rows: list[dict[str, Any]], out: Path | None) -> None:
    about = f"CPU, {os.cpu_count()} cores; {GENERATOR}, one rule"
    publish({"title": title, "about": about, "rows": rows}, out)


if __name__ == "__main__":
    main()
