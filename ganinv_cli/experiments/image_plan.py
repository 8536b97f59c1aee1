"""Experiments on image files, whose true z is unknown: several starts per image."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import NothingToDoError, OutOfMemoryError
from ganinv_cli.experiments.image_inputs import (
    commit_new_images,
    describe_changes,
    encode_text,
    number_images,
    read_pictures,
)
from ganinv_cli.experiments.plan import ImageInputs, ImageRun, Plan, Refiner
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.experiments.trial_rows import Columns, Groups
from ganinv_cli.generators.network.generator import Generator, compute_jacobian, decompose_jacobian
from ganinv_cli.images import (
    Crop,
    TargetImage,
    load_mask,
    suppress_pillow_warnings,
    to_floats,
    to_pixels,
)
from ganinv_cli.inversion.loop.trial import MakeTargets, Target
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.refine.minimum import MinimumTest
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import UNSHARDED, Job, Shard, parse_shard
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.evidence import gather_evidence
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.analysis.verdict import VERSION, judge
from ganinv_cli.results.store import NamedImage, Run
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import image_group

EXPLANATION_BYTES = 1023  # of a verdict in words
START_COST = 6.0  # cost of a start for an image outside the generator's range, over one inside


def make_plan(config: ImagesConfig, generator: Generator) -> "ImagesPlan":
    """Return the plan for a config; `open_cases` adds its images."""
    mask, changes = None, ""  # (height, width, 1), 1 for pixels that count, else 0
    if config.mask:
        with suppress_pillow_warnings():
            mask, notes = load_mask(Path(config.mask), generator.image_shape, Crop(config.crop))
            changes = "; ".join(notes)
    test = MinimumTest() if generator.batch_norm == "frozen" else None  # else z has no own loss
    return ImagesPlan(
        config,
        make_solver(config.solver, config.solver_settings),
        cases={},
        problem=Problem(mask=mask, stationary=config.stationary),
        exact=False,
        identity={
            "mask_sha256": None if mask is None else hashlib.sha256(mask.tobytes()).hexdigest(),
            "polish": _describe_test(test, generator),
        },
        relative_cost=START_COST * (1 + config.restarts),
        minimum_test=test,
        mask_changes=changes,
    )


@dataclass(frozen=True, eq=False)
class ImagesPlan(Plan):
    """Find a z of each image, from several starts.

    New images are added to those that the results file holds; one of the same content is the same
    image. Every image has the same starts. A file that cannot be read is recorded and skipped.
    """

    config: ImagesConfig
    minimum_test: MinimumTest | None = None
    mask_changes: str = ""  # what was done to the mask
    pictures: Mapping[int, TargetImage] = field(default_factory=dict)  # by the image's number

    case_by_case = True

    def open_cases(
        self, run: Run, generator: Generator, inputs: ImageInputs, say: Callable[[str], None]
    ) -> "ImagesPlan":
        """Read the images, number them in the results file, and commit the new ones.

        Raises ImageError if no file can be read, NothingToDoError if the shard has none of them.
        """
        pictures = read_pictures(inputs, self.config, generator)
        if self.mask_changes:
            say(f"{PurePath(self.config.mask or '').name}: {self.mask_changes}")
        for line in describe_changes(pictures):
            say(line)
        if inputs.images is not None:
            run.record({"image": [picture.name for picture in pictures]})
        if self.problem.mask is not None:
            mask = self.problem.mask[..., 0].astype(np.bool_)
            pictures = [picture._replace(mask=mask) for picture in pictures]
        stored = number_images(run, pictures, self.config.shard)
        by_number: dict[int, TargetImage] = {}
        for image, picture in zip(stored, pictures, strict=True):
            by_number.setdefault(image.number, picture)
            if PurePath(image.name).name != PurePath(picture.name).name:
                say(f"{picture.name} is the same image as {image.name} in {run.path}")
        shard = self._select_shard(by_number)
        commit_new_images(run, shard)
        readable = {n: picture for n, picture in shard.items() if not picture.error}
        named = tuple(
            NamedImage(image.number, picture.name)
            for image, picture in zip(stored, pictures, strict=True)
            if image.number in shard
        )
        return replace(
            self,
            cases={number: image_group(number) for number in readable},
            pictures=readable,
            images=ImageRun(named, [picture.error for picture in pictures if picture.error]),
        )

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

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that returns each job's image; the residual of the right z is unknown.

        A residual below that of rounding to 8 bits means that z made the image. Pixels that do not
        count are NaN.
        """
        unknown = np.full(generator.latent, np.nan, np.float32)

        def make_target(job: Job) -> Target:
            picture = self.pictures[job.case]
            counted = picture.counted_pixels
            image = np.where(counted[..., None], to_floats(picture.pixels), np.nan)
            enough = statistics.rounding_residual(int(counted.sum()) * image.shape[2])
            return Target(image.astype(np.float32), unknown, np.inf, sufficient_loss=enough)

        return lambda jobs: [make_target(job) for job in jobs]

    def iterate_certificates(
        self, run: Run, generator: Generator, groups: Collection[str] | None = None
    ) -> Iterator[Groups]:
        """Yield a certificate for each image and rule that has all its trials.

        It has the best z, the z farthest from it, and J at the best; a new one is made if trials
        were added.
        """
        reenactor = Reenactor(generator, self.problem.mask, self.config)
        for case, rule in self._iterate_uncertified(run):
            group = self.get_group(case, rule)
            if groups is not None and group not in groups:
                continue
            name, rows = f"{group}/certificate", run.read_group(group)
            if len(rows["trial"]) >= self.config.trials:
                number = len(run.read_group(name)["trial"])
                yield {name: self._certify(dict(rows), number, case, rule, reenactor)}

    def count_certificates(self, run: Run) -> int:
        if self.trial_shard != UNSHARDED:  # no image has all its trials in one file
            return 0
        return sum(1 for _ in self._iterate_uncertified(run))

    def _iterate_uncertified(self, run: Run) -> Iterator[tuple[int, str]]:
        """Yield the images and rules without a certificate of all trials of the run."""
        for case, rule in product(self.cases, self.config.clip):
            group = self.get_group(case, rule)
            certificates = run.read_group(f"{group}/certificate")
            trials = max(self.config.trials, len(run.read_group(group)["trial"]))
            if not len(certificates["trial"]) or certificates["recoveries"][-1] != trials:
                yield case, rule

    def _certify(
        self, rows: Columns, number: int, case: int, rule: str, reenactor: Reenactor
    ) -> Columns:
        """Return a certificate of the rows of an image under a rule, by refined z if there is one.

        With training-mode statistics, an image depends on all z of its batch.
        """
        generator, picture = reenactor.generator, self.pictures[case]
        counted = np.repeat(picture.counted_pixels, generator.image_shape[2])  # (pixels,)
        size = int(counted.sum())
        rounding = statistics.rounding_residual(size)
        recoveries = Recoveries(rows, rounding, generator.prior)
        z, loss, best = recoveries.z, recoveries.loss, recoveries.best_row
        labels = rows.get("label", np.full(len(z), -1))
        distance = np.linalg.norm(z - z[best], axis=1)
        distant = int(np.argmax(np.nan_to_num(distance * (labels == labels[best]))))
        together = np.arange(len(z)) if self.is_coupled else np.array([best, distant])
        pair = [best, distant] if self.is_coupled else [0, 1]
        try:
            pictures = generator.render(z[together], len(together), labels=labels[together])[pair]
            values, more = np.full(generator.latent, np.nan), {}
            if not self.is_coupled:
                precision, label = generator.highest_precision, int(labels[best])
                jacobian = compute_jacobian(generator, z[best], label, precision)
                values = decompose_jacobian(jacobian * counted, generator)
                order = np.argsort(loss)
                usable = (np.isfinite(loss) & np.isfinite(z).all(1) & (labels == label))[order]
                more = reenactor.make_columns(picture, z[order][usable], label, rule, jacobian)
        except tf.errors.ResourceExhaustedError as error:
            raise OutOfMemoryError() from error
        reconstruction, farther = to_pixels(pictures)
        measured = {
            "trial": np.array([number]),
            "recoveries": np.array([len(z)]),
            "best": rows["trial"][[best]],
            "distant": rows["trial"][[distant]],
            "reconstruction": reconstruction[None],
            "distant_reconstruction": farther[None],
            "singular_values": values[None],
            **more,
        }
        evidence = gather_evidence(recoveries, measured, size)
        is_cropped = Crop(self.config.crop).is_square
        verdict, explanation = judge(evidence, generator.prior, is_cropped)
        return measured | {
            "verdict": encode_text(verdict),
            "explanation": encode_text(explanation, EXPLANATION_BYTES),
            "verdict_rule": np.array([VERSION]),
        }

    def _select_shard(self, pictures: Mapping[int, TargetImage]) -> dict[int, TargetImage]:
        """Return the images of the shard, by number, and all that cannot be read."""
        shard = parse_shard(self.config.shard) if self.config.shards_images else UNSHARDED
        contained = shard.contains(np.array(list(pictures)), block=1)
        selected = {
            number: picture
            for (number, picture), inside in zip(pictures.items(), contained, strict=True)
            if inside or picture.error
        }
        if all(picture.error for picture in selected.values()):
            raise NothingToDoError(
                f"nothing to do: shard {self.config.shard} has none of the {len(pictures)} images"
            )
        return selected


def _describe_test(test: MinimumTest | None, generator: Generator) -> dict[str, Any]:
    if test is None:
        return {}
    precision = generator.highest_precision
    return asdict(test) | ({} if precision == "float64" else {"precision": precision})
