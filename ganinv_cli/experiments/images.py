"""Experiments on image files, whose true z is unknown: several starts per image."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.engine.engine import Engine
from ganinv_cli.errors import ConfigError, NothingToDoError
from ganinv_cli.experiments.certificates import certify
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.copy_losses import find_copy_losses
from ganinv_cli.experiments.first_starts import check_labels, load_encoder
from ganinv_cli.experiments.image_files import make_image_row, read_image_files
from ganinv_cli.experiments.measured_settings import read_mask
from ganinv_cli.experiments.pending_jobs import JobSeries, PendingJobs
from ganinv_cli.experiments.provenance import make_provenance
from ganinv_cli.experiments.run import ShowProgress, run_task
from ganinv_cli.experiments.task import Refiner, TrialTask
from ganinv_cli.images import Crop, TargetImage, to_floats
from ganinv_cli.jobs import Job
from ganinv_cli.loop.queue import MakeTargets
from ganinv_cli.loop.trial import Targets, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.refine.minimum import MinimumTest
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import image_group, image_number
from ganinv_cli.settings.sharding import UNSHARDED, parse_shard
from ganinv_cli.solvers import make_solver
from ganinv_cli.store import Run, open_run

RELATIVE_COST = 6.0  # cost of a start for an image outside the generator's range, over one inside


def run_images(
    config: ImagesConfig,
    engine: Engine,
    out: Path,
    overwrite: bool,
    show: ShowProgress,
    figure_folder: Path | None = None,
) -> list[str]:
    """Run the trials that `out` lacks; return a sentence for each file that is not an image.

    Every image has the same starts. A file that cannot be read is recorded in the results and
    skipped; images in `figure_folder`, by default the results file's own, are left out. Raises
    ImageError if no file can be read.
    """
    if not config.image:
        raise ConfigError("no image is named; give a file, or a folder of images")
    generator = engine.generator
    check_labels(generator, config, config.trials + config.restarts, "trials")
    solver = make_solver(config.solver, config.solver_settings)
    crop = Crop(config.crop)
    figure_folder = figure_folder or out.with_suffix("")
    image_files = read_image_files(config.image, generator.image_shape, crop, figure_folder)
    pixel_mask = read_mask(config, generator)
    minimum_test = (
        MinimumTest() if generator.batch_norm == "frozen" else None
    )  # else z has no loss of its own
    hashes = "\n".join(file.sha256 for file in image_files)
    mask_bytes = None if pixel_mask is None else pixel_mask.tobytes()
    extra_settings = {
        "images": len(image_files),
        "images_sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        "mask_sha256": hashlib.sha256(mask_bytes).hexdigest() if mask_bytes else "",
        "polish": _describe_test(minimum_test, generator),
    }
    encoder = load_encoder(config, generator)
    extra_settings |= {"encoder_sha256": encoder.sha256} if encoder else {}
    run_provenance = make_provenance(
        config.command, config, solver, generator, engine.machine.device, extra_settings
    )
    with open_run(out, run_provenance, overwrite) as run:
        pixels = np.stack([source.pixels for source in image_files])
        task = ImageTask(
            config,
            solver,
            encoder=encoder,
            mask=pixel_mask,
            pixels=pixels,
            minimum_test=minimum_test,
            stationary=config.stationary,
        )
        images = _ImageRun(task, engine, image_files, run)
        images.certify()  # certificates that an interrupted run did not make
        run_task(
            task,
            images.make_jobs(),
            engine,
            run,
            show,
            relative_cost=RELATIVE_COST * (1 + config.restarts),
            extra_rows=images.make_image_rows,
            on_commit=images.certify if engine.reentrant else lambda: None,
        )
        images.certify()
        run.finish()
    return [source.error for source in image_files if source.error]


def _describe_test(minimum_test: MinimumTest | None, generator: Generator) -> dict[str, Any]:
    """Return the settings of the test, and its precision unless that is float64."""
    if minimum_test is None:
        return {}
    precision = generator.highest_precision
    return asdict(minimum_test) | ({} if precision == "float64" else {"precision": precision})


@dataclass(frozen=True, eq=False)
class ImageTask(TrialTask[ImagesConfig]):
    """Find a z of each image, from several starts."""

    pixels: np.ndarray = field(kw_only=True)  # (images, height, width, channels) uint8
    minimum_test: MinimumTest | None = None
    exact: bool = False
    has_exact_jobs: bool = False

    def get_group(self, job: Job) -> str:
        return image_group(job.case, job.rule)

    def make_refiner(self, generator: Generator) -> Refiner | None:
        return self.minimum_test.compile_for(generator, self.mask) if self.minimum_test else None

    def should_refine(self, trial: Trial) -> bool:
        return not RULES[trial.job.rule].penalty  # its minimum is another

    def uses_encoder(self, job: Job) -> bool:
        return job.trial == 0

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that returns each job's image; the residual of the right z is unknown.

        A residual below that of rounding to 8 bits means that z made the image.
        """
        height, width, channels = generator.image_shape
        pixel_count = height * width if self.mask is None else int(self.mask.sum())
        enough = statistics.rounding_residual(pixel_count * channels)

        def make_targets(jobs: Sequence[Job]) -> Targets:
            return Targets(
                np.stack([to_floats(self.pixels[job.case]) for job in jobs]),
                np.full((len(jobs), generator.latent), np.nan, np.float32),
                residual=np.full(len(jobs), np.inf),
                sufficient_loss=np.full(len(jobs), enough),
            )

        return make_targets


class _ImageRun:
    """The images of a run: their jobs, their rows in the results, and their certificates."""

    def __init__(
        self, task: ImageTask, engine: Engine, image_files: Sequence[TargetImage], run: Run
    ) -> None:
        config = self._config = task.config
        self._mask, self._engine, self._image_files, self._run = task.mask, engine, image_files, run
        self._shard = parse_shard(config.shard)
        numbers = np.arange(len(image_files))
        shard = self._shard if config.shards_images else UNSHARDED
        in_shard = numbers[shard.contains(numbers, block=1)].tolist()
        self._readable = [number for number in in_shard if not image_files[number].error]
        if not self._readable:
            raise NothingToDoError(
                f"nothing to do: shard {config.shard} has none of the {len(image_files)} images"
            )
        self._uncertified = {(number, rule) for number in self._readable for rule in config.clip}
        unreadable = [number for number in numbers.tolist() if image_files[number].error]
        run.commit(self._make_new_rows(unreadable))

    def make_jobs(self) -> PendingJobs:
        """Return the jobs that are left, image by image."""
        coupled = self._config.batch_norm == "batch"
        bundles: list[list[JobSeries]] = []
        for number in self._readable:
            series = [JobSeries(number, r, image_group(number, r)) for r in self._config.clip]
            bundles += [[each] for each in series] if coupled else [series]
        shard = UNSHARDED if self._config.shards_images else self._shard
        return PendingJobs(self._run, bundles, self._config.trials, shard, coupled)

    def make_image_rows(self, groups: Groups) -> Groups:
        """Return the rows of the images that have none in the results yet."""
        return self._make_new_rows(sorted({image_number(group) for group in groups}))

    def certify(self) -> None:
        """Make the certificates of the images that have all their trials."""
        completed = {
            (number, rule)
            for number, rule in self._uncertified
            if len(self._run.list_committed(image_group(number, rule))) >= self._config.trials
        }
        if completed:
            certify(self._run, sorted(completed), self._engine, self._mask)
            self._uncertified -= completed

    def _make_new_rows(self, numbers: Iterable[int]) -> Groups:
        """Return the rows of those of these images that have none in the results."""
        return {
            image_group(number): make_image_row(
                self._image_files[number],
                None if self._image_files[number].error else self._copy_losses,
            )
            for number in numbers
            if not len(self._run.list_committed(image_group(number)))
        }

    @cached_property
    def _copy_losses(self) -> np.ndarray:
        return find_copy_losses(self._engine.generator, self._mask)
