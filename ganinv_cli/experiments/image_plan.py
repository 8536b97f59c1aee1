"""Experiments on image files, whose true z is unknown: several starts per image."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Self

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments.image_cases import ImageCases, Pictures
from ganinv_cli.experiments.image_inputs import Inputs, ListedImage, list_images, number_images
from ganinv_cli.experiments.image_judge import ImageJudge
from ganinv_cli.experiments.plan import Plan, Polisher, UsualCost
from ganinv_cli.experiments.polished_starts import StartPolisher
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.experiments.trial_ledger import TrialLedger
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import Crop, Picture, load_mask, suppress_pillow_warnings
from ganinv_cli.inversion.loop.trial import MakeTargets, Target, Trial
from ganinv_cli.inversion.objective.problem import Objective
from ganinv_cli.inversion.polish import Polished
from ganinv_cli.inversion.polish.gauss_newton import GaussNewton, Start, find_z_bounds
from ganinv_cli.inversion.polish.minimum import MinimumTest
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import UNSHARDED, Job
from ganinv_cli.results import statistics
from ganinv_cli.results.store import Image, Run
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import name_starts

# Of an image that its first starts answer, and of another. Runs on edited and foreign pictures of
# faces16, faces32 and portraits64 had means of 3,400 to 9,600 for the others.
CERTIFICATE_GRADIENTS = 300.0, 6000.0


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
        """Return the plan of a config; `open_images` adds its images."""
        mask, changes = None, ""  # (height, width, 1), 1 for pixels that count, else 0
        if config.mask:
            with suppress_pillow_warnings():
                mask, notes = load_mask(Path(config.mask), generator.image_shape, Crop(config.crop))
                changes = "; ".join(notes)
        has_own_loss = generator.batch_norm == "frozen"  # else z has none
        test = MinimumTest() if config.counts_minima and has_own_loss else None
        return cls(
            config,
            make_solver(config.solver, config.solver_settings),
            cases={},
            objective=Objective(mask=mask, stationary=config.stationary),
            zero_residual=False,
            identity={
                "mask_sha256": None if mask is None else hashlib.sha256(mask.tobytes()).hexdigest(),
                "polish": _describe_test(test),
            },
            usual_costs=tuple(
                UsualCost(start * (1 + config.restarts), certificate)
                for start, certificate in zip(
                    config.start_costs, CERTIFICATE_GRADIENTS, strict=True
                )
            ),
            minimum_test=test,
            mask_changes=changes,
        )

    def get_group(self, case: int, rule: str) -> str:
        return name_starts(rule)

    def check_picture(self, picture: Picture) -> None:
        """Check a picture before it is recorded. Raises ImageError if it cannot be used."""

    def open_images(
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
            if self.shards.cases.contains(known.number):
                shown.append(Image(known.number, image.name))
                images.setdefault(known.number, image)
                if PurePath(known.name).name != PurePath(image.name).name:
                    say(f"{image.name} is the same image as {known.name} in {run.path}")
        if not images:
            raise NothingToDoError(
                f"nothing to do: shard {config.shard} has none of the {len(listed)} images"
            )
        mask = None if self.objective.mask is None else self.objective.mask[..., 0].astype(np.bool_)
        pictures = Pictures(images, generator.image_shape, Crop(config.crop), mask)
        cases = ImageCases(images, shown, pictures, run, self.check_picture, say)
        is_remote = config.engine == "ray"  # whose workers do not see the files
        plan = replace(
            self,
            cases=dict.fromkeys(cases.readable, ""),
            pictures=pictures.decode_all() if is_remote else pictures,
        )
        return plan, cases

    def make_judge(
        self, run: Run, ledger: TrialLedger, cases: ImageCases, generator: Generator
    ) -> ImageJudge:
        """Return what judges the images; in the file of a shard of trials none has all of them."""
        config, objective = self.config, self.objective
        images = self.cases if self.shards.trials == UNSHARDED else ()
        reenactor = Reenactor(generator, objective.mask, config, objective.precision.low)
        polisher = None
        if self._ends_early(generator):
            polisher = StartPolisher(generator, config.polish_precision)
        return ImageJudge(run, ledger, images, cases.pictures, reenactor, polisher)

    def make_polisher(self, generator: Generator) -> Polisher | None:
        if self.minimum_test is not None:
            tester = self.minimum_test.compile_for(generator, self.objective.mask)
            return lambda trial: trial.polish_best(tester)
        if not self._ends_early(generator):
            return None
        newton = generator.reuse(GaussNewton)

        def polish(trial: Trial) -> Polished | None:
            """Polish a start that does not explain its image; the run polishes those that do."""
            best, target = trial.best, trial.target
            if best.image_loss <= target.sufficient_loss:
                return None
            bounds = find_z_bounds(generator.prior, trial.rule)
            start = Start(best.z, target.image, best.label, bounds)
            return newton.polish(start, best.outcome)

        return polish

    def _ends_early(self, generator: Generator) -> bool:
        """Whether an image ends when it is answered, before it has all its starts."""
        return not self.config.counts_minima and generator.batch_norm == "frozen"

    def uses_encoder(self, job: Job) -> bool:
        return job.trial == 0

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that returns each job's target; the residual of its z is unknown.

        A residual below that of rounding to 8 bits means that z made the picture. Pixels that do
        not count are NaN.
        """
        unknown = np.full(generator.latent, np.nan, np.float32)

        def make_target(job: Job) -> Target:
            picture = self.pictures[job.case]
            enough = statistics.rounding_residual(picture.counted_values)
            attempts = self.config.may_weight_loss and picture.enlarged == 1
            # the search for minima goes on to the least loss, that for z of floats to all digits
            ends_at_rounding = picture.floats is None and not self.config.counts_minima
            return Target(
                picture.masked_target,
                unknown,
                residual=enough if attempts else np.inf,
                sufficient_loss=enough,
                solved_loss=enough if ends_at_rounding else 0.0,
                attempts=attempts,
            )

        return lambda jobs: [make_target(job) for job in jobs]


def _describe_test(test: MinimumTest | None) -> dict[str, Any]:
    return {} if test is None else asdict(test)
