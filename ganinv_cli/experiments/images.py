"""Images that nobody knows a z of: many starts for each, and what they agree on."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.config import ImagesConfig
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments import certificates
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.running import Plan, Show, run_plan
from ganinv_cli.experiments.sources import Sources
from ganinv_cli.generator import Generator
from ganinv_cli.pictures import Crop, mask, to_floats, to_pixels
from ganinv_cli.solvers import named
from ganinv_cli.solvers.polish import Polish
from ganinv_cli.solvers.trial import Job, Sought, Trial
from ganinv_cli.store import Run, open_run

DEARER = 6.0  # gradients of a start that no z explains, to those of one that a z made


def explain(
    command: Literal["consistency", "invert"],
    config: ImagesConfig,
    generator: Generator,
    device: str,
    out: Path,
    overwrite: bool,
    show: Show,
) -> list[str]:
    """Run what `out` does not hold yet; returns a sentence for each file that is no image.

    Every image has the same starts. A file that cannot be read is noted in the results and passed
    over; where none can be read, ImageError says why.
    """
    if not config.image:
        raise ConfigError("no image is named; give a file, or a folder of images")
    solver = named(config.solver, config.solver_settings)
    crop = Crop(config.crop)
    sources = Sources(config.image, generator.image_shape, crop)
    counted = mask(Path(config.mask), generator.image_shape, crop) if config.mask else None
    polish = Polish() if generator.batch_norm == "frozen" else None  # else z has no loss of its own
    more = {
        "images_sha256": sources.sha256,
        "mask_sha256": "" if counted is None else hashlib.sha256(counted.tobytes()).hexdigest(),
        "polish": asdict(polish) if polish else {},
    }
    made_by = provenance(command, config, solver, generator.sha256, device, more)
    with open_run(out, made_by, overwrite) as run:
        images = _Images(config, generator, sources, run, counted)
        plan = Plan(
            jobs=images.jobs(),
            total=len(sources.readable) * config.trials * len(config.clip),
            supply=images.supply,
            group=lambda job: f"{group(job.case)}/{job.rule}",
            beside=images.rows,
            mask=counted,
            stationary=config.stationary,
            exact=False,
            dearer=DEARER * (1 + config.restarts),
            polisher=polish.prepared(generator, config.tolerance, counted) if polish else None,
        )
        run_plan(plan, config, generator, solver, run, show)
        certificates.commit(run, out, generator, counted)
        run.finish()
    return [source.error for source in sources.all if source.error]


def group(number: int) -> str:
    """Of the results file, for an image by its number."""
    return f"image={number:04d}"


class _Images:
    """Gives out the images of a run's jobs, and their rows of the results."""

    def __init__(
        self,
        config: ImagesConfig,
        generator: Generator,
        sources: Sources,
        run: Run,
        counted: np.ndarray | None,
    ) -> None:
        self._config, self._generator, self._sources, self._run = config, generator, sources, run
        pixels = counted.sum() if counted is not None else np.prod(generator.image_shape[:2])
        self._enough = statistics.rounding_residual(int(pixels) * generator.image_shape[2])
        unreadable = set(range(len(sources.all))) - set(sources.readable)
        blank = np.zeros(generator.image_shape, np.uint8)
        if new := [number for number in sorted(unreadable) if self._unknown(number)]:
            run.commit({group(number): sources.row(number, blank) for number in new})

    def jobs(self) -> list[Job]:
        """What is left, image by image; all or none of a rule where its trials are coupled."""
        return [job for number in self._sources.readable for job in self._jobs(number)]

    def supply(self, jobs: Sequence[Job]) -> Sought:
        """Each job's image; what the right z leaves of it, if there is one, nobody knows.

        A z that leaves no more than rounding to 8 bits does is one that made the image.
        """
        numbers, rows = np.unique([job.case for job in jobs], return_inverse=True)
        images = np.stack([to_floats(self._sources.pixels(int(number))) for number in numbers])
        unknown = np.full((len(jobs), self._generator.latent), np.nan, np.float32)
        return Sought(
            images[rows],
            unknown,
            residual=np.full(len(jobs), np.inf),
            enough=np.full(len(jobs), self._enough),
        )

    def rows(self, trials: Sequence[Trial]) -> Groups:
        """Of the images that come up for the first time."""
        targets = {trial.job.case: trial.target for trial in trials}
        return {
            group(number): self._sources.row(number, to_pixels(target))
            for number, target in targets.items()
            if self._unknown(number)
        }

    def _unknown(self, number: int) -> bool:
        return not len(self._run.finished(group(number)))

    def _jobs(self, number: int) -> Iterator[Job]:
        config = self._config
        finished = {
            rule: set(self._run.finished(f"{group(number)}/{rule}").tolist())
            for rule in config.clip
        }
        if config.batch_norm == "batch":
            for rule in config.clip:
                if not finished[rule].issuperset(range(config.trials)):
                    yield from (Job(trial, rule, number) for trial in range(config.trials))
            return
        for trial in range(config.trials):
            for rule in config.clip:
                if trial not in finished[rule]:
                    yield Job(trial, rule, number)
