"""Experiments on image files, whose true z is unknown: several starts per image."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Self

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.cases import Inputs
from ganinv_cli.experiments.image_cases import ImageCases, Pictures
from ganinv_cli.experiments.image_inputs import ListedImage, list_images, number_images
from ganinv_cli.experiments.plan import Plan, Refiner
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import Crop, Picture, load_mask, suppress_pillow_warnings, to_floats
from ganinv_cli.inversion.loop.trial import MakeTargets, Target
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.refine.minimum import MinimumTest
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import UNSHARDED, Job, Shard, parse_shard
from ganinv_cli.results import statistics
from ganinv_cli.results.store import Image, Run
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import name_starts

START_COST = 6.0  # cost of a start for an image outside the generator's range, over one inside


@dataclass(frozen=True, eq=False)
class ImagesPlan(Plan):
    """Find a z of each image, from several starts.

    New images are added to those that the results file holds; one of the same content is the same
    image. Every image has the same starts. A file that cannot be read is recorded and skipped.
    """

    config: ImagesConfig
    minimum_test: MinimumTest | None = None
    mask_changes: str = ""  # what was done to the mask
    pictures: Mapping[int, Picture] = field(default_factory=dict)  # by the image's number

    has_images = True

    @classmethod
    def make(cls, config: ImagesConfig, generator: Generator) -> Self:
        """Return the plan of a config; `open_cases` adds its images."""
        mask, changes = None, ""  # (height, width, 1), 1 for pixels that count, else 0
        if config.mask:
            with suppress_pillow_warnings():
                mask, notes = load_mask(Path(config.mask), generator.image_shape, Crop(config.crop))
                changes = "; ".join(notes)
        test = MinimumTest() if generator.batch_norm == "frozen" else None  # else z has no own loss
        return cls(
            config,
            make_solver(config.solver, config.solver_settings),
            cases={},
            problem=Problem(mask=mask, stationary=config.stationary),
            exact=False,
            identity={
                "mask_sha256": None if mask is None else hashlib.sha256(mask.tobytes()).hexdigest(),
                "polish": _describe_test(test),
            },
            relative_cost=START_COST * (1 + config.restarts),
            minimum_test=test,
            mask_changes=changes,
        )

    def get_group(self, case: int, rule: str) -> str:
        return name_starts(rule)

    def check_picture(self, picture: Picture) -> None:
        """Check a picture before it is recorded. Raises ImageError if it cannot be used."""

    def open_cases(
        self, run: Run, generator: Generator, inputs: Inputs, say: Callable[[str], None]
    ) -> "tuple[ImagesPlan, ImageCases]":
        """List the images and number them in the results file.

        Raises ImageError if no file can be read, NothingToDoError if the shard has none of them.
        """
        config, folder = self.config, inputs.figure_folder or run.path.with_suffix("")
        listed = list_images(inputs.images, config, generator, folder)
        if self.mask_changes:
            say(f"{PurePath(config.mask or '').name}: {self.mask_changes}")
        if inputs.images is not None:
            run.record({"image": [image.name for image in listed]})
        stored = number_images(run, listed, config.shard)
        shown, images = [], dict[int, ListedImage]()
        for known, image in zip(stored, listed, strict=True):
            if self._image_shard.contains(known.number):
                shown.append(Image(known.number, image.name))
                images.setdefault(known.number, image)
                if PurePath(known.name).name != PurePath(image.name).name:
                    say(f"{image.name} is the same image as {known.name} in {run.path}")
        if not images:
            raise NothingToDoError(
                f"nothing to do: shard {config.shard} has none of the {len(listed)} images"
            )
        mask = None if self.problem.mask is None else self.problem.mask[..., 0].astype(np.bool_)
        pictures = Pictures(images, generator.image_shape, Crop(config.crop), mask)
        reenactor = Reenactor(generator, self.problem.mask, config)
        cases = ImageCases(images, shown, pictures, run, self.check_picture, reenactor, say)
        is_remote = config.engine == "ray"  # whose workers do not see the files
        plan = replace(
            self,
            cases=dict.fromkeys(cases.readable, ""),
            pictures=pictures.decode_all() if is_remote else pictures,
        )
        return plan, cases

    def make_refiner(self, generator: Generator) -> Refiner | None:
        if self.minimum_test is None:
            return None
        tester = self.minimum_test.compile_for(generator, self.problem.mask)
        return lambda trial: trial.refine_best(tester)

    def uses_encoder(self, job: Job) -> bool:
        return job.trial == 0

    @property
    def trial_shard(self) -> Shard:
        return UNSHARDED if self.config.shards_images else parse_shard(self.config.shard)

    @property
    def _image_shard(self) -> Shard:
        return parse_shard(self.config.shard) if self.config.shards_images else UNSHARDED

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that returns each job's target; the residual of its z is unknown.

        A residual below that of rounding to 8 bits means that z made the picture. Pixels that do
        not count are NaN.
        """
        unknown = np.full(generator.latent, np.nan, np.float32)

        def make_target(job: Job) -> Target:
            picture = self.pictures[job.case]
            counted = picture.counted_pixels
            pixels = np.where(counted[..., None], to_floats(picture.pixels), np.nan)
            enough = statistics.rounding_residual(int(counted.sum()) * pixels.shape[2])
            return Target(pixels.astype(np.float32), unknown, np.inf, sufficient_loss=enough)

        return lambda jobs: [make_target(job) for job in jobs]


def _describe_test(test: MinimumTest | None) -> dict[str, Any]:
    return {} if test is None else asdict(test)
