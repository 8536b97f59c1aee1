"""Experiments on image files, whose true z is unknown: several starts per image."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.engine.engine import Engine
from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.certificates import certify
from ganinv_cli.experiments.first_starts import check_labels, load_encoder
from ganinv_cli.experiments.image_files import name_pictures, read_image_files
from ganinv_cli.experiments.image_rows import commit_new_images, number_images
from ganinv_cli.experiments.measured_settings import read_mask
from ganinv_cli.experiments.pending_jobs import JobSeries, PendingJobs
from ganinv_cli.experiments.provenance import make_provenance
from ganinv_cli.experiments.run import ShowProgress, run_task
from ganinv_cli.experiments.task import Refiner, TrialTask
from ganinv_cli.images import Crop, TargetImage, to_floats
from ganinv_cli.jobs import Job
from ganinv_cli.loop.trial import MakeTargets, Targets, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.refine.minimum import MinimumTest
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import image_group
from ganinv_cli.settings.sharding import UNSHARDED, parse_shard
from ganinv_cli.solvers import make_solver
from ganinv_cli.store import NamedImage, Run, open_run

RELATIVE_COST = 6.0  # cost of a start for an image outside the generator's range, over one inside


class ImageRun(NamedTuple):
    """What a command did with its images, which it calls pictures until they have a number."""

    images: tuple[NamedImage, ...]  # each picture's, under its name in the command, in order
    unread: list[str]  # a sentence for each file that could not be read
    renamed: list[str]  # a sentence for each picture that the file has under another name


def run_images(
    config: ImagesConfig,
    engine: Engine,
    out: Path,
    overwrite: bool,
    show: ShowProgress,
    figure_folder: Path | None = None,
    pictures: Sequence[TargetImage] | None = None,
) -> ImageRun:
    """Run the trials that `out` lacks for the images of a config, or for `pictures`.

    New images are added to those that `out` holds; one of the same content is the same image. Every
    image has the same starts. A file that cannot be read is recorded in the results and skipped;
    images in `figure_folder`, by default the results file's own, are left out. Raises ImageError if
    no file can be read.
    """
    generator = engine.generator
    check_labels(generator, config, config.trials + config.restarts, "trials")
    solver = make_solver(config.solver, config.solver_settings)
    if pictures is None:
        pictures = read_pictures(config, generator, figure_folder or out.with_suffix(""))
    pixel_mask = read_mask(config, generator)
    minimum_test = (
        MinimumTest() if generator.batch_norm == "frozen" else None
    )  # else z has no loss of its own
    mask_bytes = None if pixel_mask is None else pixel_mask.tobytes()
    extra_settings = {
        "mask_sha256": hashlib.sha256(mask_bytes).hexdigest() if mask_bytes else "",
        "polish": _describe_test(minimum_test, generator),
    }
    encoder = load_encoder(config, generator)
    extra_settings |= {"encoder_sha256": encoder.sha256} if encoder else {}
    run_provenance = make_provenance(
        config.command, config, solver, generator, engine.machine.device, extra_settings
    )
    with open_run(out, run_provenance, overwrite) as run:
        stored = number_images(run, pictures, config.shard)
        by_number: dict[int, TargetImage] = {}
        for image, picture in zip(stored, pictures, strict=True):
            by_number.setdefault(image.number, picture)
        shard = _select_shard(by_number, config)
        commit_new_images(run, shard, generator, pixel_mask)
        readable = [number for number, picture in shard.items() if not picture.error]
        task = ImageTask(
            config,
            solver,
            encoder=encoder,
            mask=pixel_mask,
            pixels={number: shard[number].pixels for number in readable},
            minimum_test=minimum_test,
            stationary=config.stationary,
        )
        certificates = _Certificates(run, engine, pixel_mask, readable, config)
        certificates.make()  # those that an interrupted run did not make
        run_task(
            task,
            _make_jobs(run, readable, config),
            engine,
            run,
            show,
            relative_cost=RELATIVE_COST * (1 + config.restarts),
            on_commit=certificates.make if engine.reentrant else lambda: None,
        )
        certificates.make()
        run.finish()
    return ImageRun(
        tuple(
            NamedImage(image.number, picture.name)
            for image, picture in zip(stored, pictures, strict=True)
        ),
        [picture.error for picture in pictures if picture.error],
        [
            f"{picture.name} is the same image as {image.name} in {out}"
            for image, picture in zip(stored, pictures, strict=True)
            if PurePath(image.name).name != PurePath(picture.name).name
        ],
    )


def read_pictures(
    config: ImagesConfig, generator: Generator, figure_folder: Path
) -> list[TargetImage]:
    """Read the image files of a config; raises as `run_images` does."""
    return name_pictures(
        read_image_files(
            config.image, generator.image_shape, Crop(config.crop), figure_folder, generator.latent
        )
    )


def _describe_test(minimum_test: MinimumTest | None, generator: Generator) -> dict[str, Any]:
    """Return the settings of the test, and its precision unless that is float64."""
    if minimum_test is None:
        return {}
    precision = generator.highest_precision
    return asdict(minimum_test) | ({} if precision == "float64" else {"precision": precision})


@dataclass(frozen=True, eq=False)
class ImageTask(TrialTask[ImagesConfig]):
    """Find a z of each image, from several starts."""

    cases_word = "images"

    # by the image's number: (height, width, channels) uint8
    pixels: Mapping[int, np.ndarray] = field(kw_only=True)
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


def _select_shard(
    pictures: Mapping[int, TargetImage], config: ImagesConfig
) -> dict[int, TargetImage]:
    """Return the images of the shard, by number, and all that cannot be read.

    Raises NothingToDoError if none of them can be read.
    """
    numbers = np.array(list(pictures))
    shard = parse_shard(config.shard) if config.shards_images else UNSHARDED
    selected = dict(zip(pictures, shard.contains(numbers, block=1), strict=True))
    if not any(selected[number] and not picture.error for number, picture in pictures.items()):
        raise NothingToDoError(
            f"nothing to do: shard {config.shard} has none of the {len(pictures)} images"
        )
    return {
        number: picture for number, picture in pictures.items() if selected[number] or picture.error
    }


def _make_jobs(run: Run, numbers: Sequence[int], config: ImagesConfig) -> PendingJobs:
    """Return the jobs that are left, image by image."""
    coupled = config.batch_norm == "batch"
    bundles: list[list[JobSeries]] = []
    for number in numbers:
        series = [JobSeries(number, rule, image_group(number, rule)) for rule in config.clip]
        bundles += [[each] for each in series] if coupled else [series]
    shard = UNSHARDED if config.shards_images else parse_shard(config.shard)
    return PendingJobs(run, bundles, config.trials, shard, coupled)


class _Certificates:
    """The certificates of the images of a command."""

    def __init__(
        self,
        run: Run,
        engine: Engine,
        mask: np.ndarray | None,
        numbers: Sequence[int],
        config: ImagesConfig,
    ) -> None:
        self._run, self._engine, self._mask, self._trials = run, engine, mask, config.trials
        self._missing = {(number, rule) for number in numbers for rule in config.clip}

    def make(self) -> None:
        """Make the certificates of the images that have all their trials."""
        completed = {
            (number, rule)
            for number, rule in self._missing
            if len(self._run.list_committed(image_group(number, rule))) >= self._trials
        }
        if completed:
            certify(self._run, sorted(completed), self._engine, self._mask)
            self._missing -= completed
