"""Images that nobody knows a z of: many starts for each, and what they agree on."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.config import ImagesConfig
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.certificates import certify
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.running import Plan, Show, run_plan
from ganinv_cli.experiments.sources import Source, digest, sources
from ganinv_cli.experiments.starting import check_labels, starting
from ganinv_cli.generator import Generator
from ganinv_cli.pictures import Crop, mask, to_floats, without_warnings
from ganinv_cli.resources import Machine
from ganinv_cli.solvers import named
from ganinv_cli.solvers.polish import Polish
from ganinv_cli.solvers.trial import Job, Sought, Trial
from ganinv_cli.store import Run, open_run
from ganinv_cli.words import image_group

COST = 6.0  # of a start that no z explains, to that of one for an image that a z made


def explain(
    command: Literal["consistency", "invert"],
    config: ImagesConfig,
    generator: Generator,
    machine: Machine,
    out: Path,
    folder: Path,
    overwrite: bool,
    show: Show,
) -> list[str]:
    """Run what `out` does not hold yet; returns a sentence for each file that is no image.

    Every image has the same starts. A file that cannot be read is noted in the results and passed
    over; where none can be read, ImageError says why. `folder` is where figures will be written,
    which are no images of the run's.
    """
    if not config.image:
        raise ConfigError("no image is named; give a file, or a folder of images")
    check_labels(generator, config, config.trials + config.restarts, "trials")
    solver = named(config.solver, config.solver_settings)
    crop = Crop(config.crop)
    found = sources(config.image, generator.image_shape, crop, folder)
    counted = None
    if config.mask:
        with without_warnings():
            counted = mask(Path(config.mask), generator.image_shape, crop)
    polish = Polish() if generator.batch_norm == "frozen" else None  # else z has no loss of its own
    more = {
        "images": len(found),
        "images_sha256": digest(found),
        "mask_sha256": "" if counted is None else hashlib.sha256(counted.tobytes()).hexdigest(),
        "polish": asdict(polish) if polish else {},
    }
    start = starting(config, generator)
    more |= start.identity
    made_by = provenance(command, config, solver, generator, machine.device, more)
    with open_run(out, made_by, overwrite) as run:
        images = _Images(config, generator, found, run, counted)
        images.certify()  # what an interrupted run left
        plan = Plan(
            jobs=images.jobs(),
            total=len(images.readable) * config.trials * len(config.clip),
            supply=start.supplied(images.supply, all_trials=False),
            group=lambda job: image_group(job.case, job.rule),
            beside=images.rows,
            committed=images.certify,
            mask=counted,
            stationary=config.stationary,
            exact=False,
            level=False,
            cost=COST * (1 + config.restarts),
            polisher=polish.prepared(generator, counted) if polish else None,
            polishes=lambda trial: not RULES[trial.job.rule].wall,  # else that is least with it
        )
        run_plan(plan, config, generator, solver, run, show)
        images.certify()
        run.finish()
    return [source.error for source in found if source.error]


class _Images:
    """Gives out the images of a run's jobs, and their rows of the results."""

    def __init__(
        self,
        config: ImagesConfig,
        generator: Generator,
        found: Sequence[Source],
        run: Run,
        counted: np.ndarray | None,
    ) -> None:
        self._config, self._generator, self._found, self._run = config, generator, found, run
        self._counted = counted
        pixels = counted.sum() if counted is not None else np.prod(generator.image_shape[:2])
        self._enough = statistics.rounding_residual(int(pixels) * generator.image_shape[2])
        self.readable = [number for number, source in enumerate(found) if not source.error]
        self._uncertified = {(number, rule) for number in self.readable for rule in config.clip}
        unread = sorted(set(range(len(found))) - set(self.readable))
        run.commit(
            {image_group(number): found[number].row for number in unread if self._unknown(number)}
        )

    def jobs(self) -> list[Job]:
        """What is left, image by image; all or none of a rule where its trials are coupled."""
        return [job for number in self.readable for job in self._jobs(number)]

    def supply(self, jobs: Sequence[Job]) -> Sought:
        """Each job's image; what the right z leaves of it, if there is one, nobody knows.

        A z that leaves no more than rounding to 8 bits does is one that made the image.
        """
        return Sought(
            np.stack([to_floats(self._found[job.case].pixels) for job in jobs]),
            np.full((len(jobs), self._generator.latent), np.nan, np.float32),
            residual=np.full(len(jobs), np.inf),
            enough=np.full(len(jobs), self._enough),
        )

    def rows(self, trials: Sequence[Trial]) -> Groups:
        """Of the images that come up for the first time."""
        numbers = sorted({trial.job.case for trial in trials})
        return {
            image_group(number): self._found[number].row
            for number in numbers
            if self._unknown(number)
        }

    def certify(self) -> None:
        """Certify what has all its trials."""
        for number, rule in sorted(self._uncertified):
            if len(self._run.finished(image_group(number, rule))) >= self._config.trials:
                certify(self._run, image_group(number, rule), self._generator, self._counted)
                self._uncertified.remove((number, rule))

    def _unknown(self, number: int) -> bool:
        return not len(self._run.finished(image_group(number)))

    def _jobs(self, number: int) -> Iterator[Job]:
        config = self._config
        finished = {
            rule: set(self._run.finished(image_group(number, rule)).tolist())
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
