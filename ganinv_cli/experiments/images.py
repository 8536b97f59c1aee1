"""Images that nobody knows a z of: many starts for each, and what they agree on."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.engine.engine import Engine
from ganinv_cli.errors import ConfigError, NothingToDoError
from ganinv_cli.experiments.certificates import certify
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.first_starts import check_labels, starting
from ganinv_cli.experiments.image_files import Source, digest, sources
from ganinv_cli.experiments.pending import Jobs, Series
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.run import Show, run_task
from ganinv_cli.experiments.task import Polisher, Task
from ganinv_cli.images import Crop, mask, to_floats, without_warnings
from ganinv_cli.jobs import Job
from ganinv_cli.loop.queue import Supply
from ganinv_cli.loop.trial import Sought, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.refine.minimum import Polish
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import image_group, image_number
from ganinv_cli.settings.sharding import WHOLE, parsed
from ganinv_cli.solvers import named
from ganinv_cli.store import Run, open_run

COST = 6.0  # of a start that no z explains, to that of one for an image that a z made


def explain(
    command: Literal["consistency", "invert"],
    config: ImagesConfig,
    engine: Engine,
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
    generator = engine.generator
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
    made_by = provenance(command, config, solver, generator, engine.machine.device, more)
    with open_run(out, made_by, overwrite) as run:
        pixels = np.stack([source.pixels for source in found])
        task = Explanation(
            config, solver, encoder=start.encoder, mask=counted, pixels=pixels, polish=polish
        )
        images = _Images(command, config, engine, found, run, counted)
        images.certify()  # what an interrupted run left
        run_task(
            task,
            images.jobs(),
            engine,
            run,
            show,
            cost=COST * (1 + config.restarts),
            beside=images.rows,
            committed=images.certify if engine.immediate else lambda: None,
        )
        images.certify()
        run.finish()
    return [source.error for source in found if source.error]


@dataclass(frozen=True, eq=False)
class Explanation(Task[ImagesConfig]):
    """Images as the network sees them, each looked for from many starts."""

    pixels: np.ndarray = field(kw_only=True)  # (images, height, width, channels) uint8
    polish: Polish | None = None

    @property
    def exact(self) -> bool:
        return False

    @property
    def level(self) -> bool:
        return False

    @property
    def stationary(self) -> float:
        return self.config.stationary

    def group(self, job: Job) -> str:
        return image_group(job.case, job.rule)

    def polisher(self, generator: Generator) -> Polisher | None:
        return self.polish.prepared(generator, self.mask) if self.polish else None

    def polishes(self, trial: Trial) -> bool:
        return not RULES[trial.job.rule].wall  # else that is least with it

    def encoded(self, job: Job) -> bool:
        return job.trial == 0

    def supply(self, generator: Generator) -> Supply:
        """Each job's image; what the right z leaves of it, if there is one, nobody knows.

        A z that leaves no more than rounding to 8 bits does is one that made the image.
        """
        height, width, channels = generator.image_shape
        counted = height * width if self.mask is None else int(self.mask.sum())
        enough = statistics.rounding_residual(counted * channels)

        def made(jobs: Sequence[Job]) -> Sought:
            return Sought(
                np.stack([to_floats(self.pixels[job.case]) for job in jobs]),
                np.full((len(jobs), generator.latent), np.nan, np.float32),
                residual=np.full(len(jobs), np.inf),
                enough=np.full(len(jobs), enough),
            )

        return made


class _Images:
    """What this process does for a run's images: their rows of the results, and certificates."""

    def __init__(
        self,
        command: str,
        config: ImagesConfig,
        engine: Engine,
        found: Sequence[Source],
        run: Run,
        counted: np.ndarray | None,
    ) -> None:
        self._config, self._engine, self._found, self._run = config, engine, found, run
        self._counted, self._shard = counted, parsed(config.shard)
        self._dealt = command == "invert"  # a shard has whole images, else some trials of each
        numbers = np.arange(len(found))
        own = self._shard.has(numbers, block=1) if self._dealt else np.ones(len(found), bool)
        self._readable = [number for number in numbers[own].tolist() if not found[number].error]
        if not self._readable:
            raise NothingToDoError(
                f"nothing to do: shard {config.shard} has none of the {len(found)} images"
            )
        self._uncertified = {(number, rule) for number in self._readable for rule in config.clip}
        run.commit(
            {
                image_group(number): found[number].row
                for number in numbers.tolist()
                if found[number].error and self._unknown(number)
            }
        )

    def jobs(self) -> Jobs:
        """What is left, image by image."""
        coupled = self._config.batch_norm == "batch"
        bundles: list[list[Series]] = []
        for number in self._readable:
            series = [Series(number, r, image_group(number, r)) for r in self._config.clip]
            bundles += [[each] for each in series] if coupled else [series]
        shard = WHOLE if self._dealt else self._shard
        return Jobs(self._run, bundles, self._config.trials, shard, coupled)

    def rows(self, rows: Groups) -> Groups:
        """Of the images that come up for the first time."""
        numbers = sorted({image_number(group) for group in rows})
        return {
            image_group(number): self._found[number].row
            for number in numbers
            if self._unknown(number)
        }

    def certify(self) -> None:
        """Certify what has all its trials."""
        done = {
            (number, rule)
            for number, rule in self._uncertified
            if len(self._run.finished(image_group(number, rule))) >= self._config.trials
        }
        if done:
            groups = [image_group(number, rule) for number, rule in sorted(done)]
            certify(self._run, groups, self._engine, self._counted)
            self._uncertified -= done

    def _unknown(self, number: int) -> bool:
        return not len(self._run.finished(image_group(number)))
