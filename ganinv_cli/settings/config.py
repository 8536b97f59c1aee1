"""Settings of the experiments, and their defaults."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ganinv_cli.clipping import RULES
from ganinv_cli.errors import ConfigError
from ganinv_cli.limits import (
    MAX_BATCH_SIZE,
    MAX_NUMBER,
    MAX_SEED,
    MAX_SNAPSHOTS,
    MAX_TRIALS,
    MAX_WORKERS,
)
from ganinv_cli.settings.conventions import DECLARATIONS, Conventions
from ganinv_cli.settings.names import ENGINES, LOSSES, PRECISIONS, SOLVERS, STARTS
from ganinv_cli.settings.sharding import parse_shard

# Settings that may differ when a run goes on: none of them changes a trial beyond rounding.
# The generator's hash stands for its checkpoint.
_GENERATOR_OPTIONS = (
    "checkpoint",
    *(name for name, each in DECLARATIONS.items() if not each.in_identity),
)
_WORKER_OPTIONS = ("engine", "address", "workers", "cpus_per_worker", "gpus_per_worker")
FREE_ON_RESUME_IF_COUPLED = (
    *_GENERATOR_OPTIONS,
    *_WORKER_OPTIONS,
    "device",
    "shard",
    "note",
    "image",
    "mask",
)
FREE_ON_RESUME = (*FREE_ON_RESUME_IF_COUPLED, "trials", "batch_size")

MAX_NOTE = 4000  # characters that are printed before a run

Check = tuple[bool, str]  # whether a setting is valid, and the error if it is not


@dataclass(frozen=True)
class _Checkpoint:
    checkpoint: str = "checkpoints/portraits64"


@dataclass(frozen=True)
class Config(Conventions, _Checkpoint):  # fields of the last base come first
    """The settings that every experiment has; each adds its own in a subclass below."""

    trials_option: ClassVar[str] = "--trials"  # the name of `trials` on the command line

    label: int = -1  # of a conditional generator, from 0; -1: each is tried
    trials: int = 1000
    clip: tuple[str, ...] = ("none", "standard", "stochastic")
    solver: str = "lbfgs"
    restarts: int = 40  # at most, per trial; the start with the least image loss counts
    tolerance: float = 1e-8  # estimated bound on ‖z − z_true‖² / latent: done
    precision: Literal["auto", "float32", "mixed"] = "auto"  # mixed: bfloat16 gradients at first
    loss: Literal["preconditioned", "plain"] = "preconditioned"  # that lbfgs minimises
    start: Literal["random", "encoder"] = "random"  # first start of each trial
    budget: float = 5000.0  # gradients per trial, restarts included
    batch_norm: Literal["frozen", "batch"] = "frozen"
    batch_size: int = 0  # trials per batch on each device; 0: the fastest size is measured
    device: str = "auto"
    engine: Literal["local", "ray"] = "local"
    address: str = "local"  # of a Ray cluster
    workers: int = 0  # Ray workers; 0: as many as fit on the cluster
    cpus_per_worker: int = 1
    gpus_per_worker: float = -1.0  # -1: one if the cluster has any, else none
    shard: str = ""  # e.g. 1/4 for the first of four parts of the trials; empty: all trials
    seed: int = 0
    note: str = ""  # printed before the run
    # the tables [gd], [lbfgs], … of the file: settings of each solver, by the solver's name
    solver_tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for valid, message in self._checks():
            if not valid:
                raise ConfigError(message)

    def _checks(self) -> Iterator[Check]:
        """Yield the checks of all settings; the first that fails is the error."""
        yield from self._number_checks()
        yield from self._name_checks()
        if self.batch_norm == "batch":
            yield from self._coupling_checks()
        yield from self._worker_checks()

    def _number_checks(self) -> Iterator[Check]:
        yield (
            -1 <= self.label <= MAX_NUMBER,
            f"label = {self.label}: give a label from 0, or -1 for each",
        )
        yield (self.trials > 0, f"trials = {self.trials}: give at least 1")
        yield (self.trials <= MAX_TRIALS, f"trials = {self.trials}: give at most {MAX_TRIALS:,}")
        yield (
            self.batch_size >= 0,
            f"batch_size = {self.batch_size}: give at least 1, or 0 for auto",
        )
        yield (
            self.batch_size <= MAX_BATCH_SIZE,
            f"batch_size = {self.batch_size}: give at most {MAX_BATCH_SIZE:,}, or 0 for auto",
        )
        yield (
            0 <= self.seed <= MAX_SEED,
            f"seed = {self.seed}: give a number between 0 and {MAX_SEED}",
        )
        yield (
            len(self.note) <= MAX_NOTE,
            f"note has {len(self.note):,} characters: give at most {MAX_NOTE:,}",
        )
        yield (
            0 <= self.restarts < 4096,
            f"restarts = {self.restarts}: give a number between 0 and 4095",
        )
        yield (
            0 <= self.tolerance < math.inf,
            f"tolerance = {self.tolerance}: give a number of at least 0",
        )
        yield (
            self.tolerance > 0 or self.solver == "gd",
            "tolerance = 0: rounding makes it impossible with lbfgs; give a number above 0, or the "
            "solver gd",
        )
        yield (1 <= self.budget < 1e9, f"budget = {self.budget}: give 1 to 1e9 gradients")

    def _name_checks(self) -> Iterator[Check]:
        yield (bool(self.clip), f"clip is empty: give one or more of {', '.join(RULES)}")
        for rule in self.clip:
            yield (rule in RULES, f"no clipping rule {rule!r}: give one of {', '.join(RULES)}")
        yield (len(set(self.clip)) == len(self.clip), "clip has a rule twice; give each once")
        yield (
            self.solver in SOLVERS,
            f"no solver {self.solver!r}: give one of {', '.join(SOLVERS)}",
        )
        yield (
            self.precision in PRECISIONS,
            f"precision = {self.precision!r}: give one of {', '.join(PRECISIONS)}",
        )
        yield (self.loss in LOSSES, f"loss = {self.loss!r}: give one of {', '.join(LOSSES)}")
        yield (self.start in STARTS, f"start = {self.start!r}: give one of {', '.join(STARTS)}")
        yield (
            self.batch_norm in ("frozen", "batch"),
            f"batch_norm = {self.batch_norm!r}: give frozen or batch",
        )

    def _coupling_checks(self) -> Iterator[Check]:
        """Yield the checks for training-mode statistics, which couple all rows of a batch."""
        yield (
            self.solver == "gd",
            'batch_norm = "batch" makes the trials of a batch depend on one another, and only the '
            'solver gd can run so: use solver = "gd" (--solver gd), or batch_norm = "frozen"',
        )
        yield (
            self.batch_size == self.trials,
            f'batch_norm = "batch" runs all trials as one batch: batch_size is {self.batch_size}, '
            f"and must be the number of trials, {self.trials}",
        )
        yield (
            self.engine == "local" and not self.shard,
            'batch_norm = "batch" runs all trials in one process: leave out engine and shard',
        )
        yield (
            self.start == "random",
            'batch_norm = "batch" needs start = "random": an encoder is fitted with frozen '
            "statistics",
        )
        yield (
            self.tolerance == 0 and self.restarts == 0,
            'batch_norm = "batch" runs all trials to their budget: set tolerance = 0 and '
            "restarts = 0",
        )

    def _worker_checks(self) -> Iterator[Check]:
        yield (self.engine in ENGINES, f"engine = {self.engine!r}: give {' or '.join(ENGINES)}")
        parse_shard(self.shard)
        yield (
            self.workers >= 0,
            f"workers = {self.workers}: give at least 1, or 0 for as many as fit",
        )
        yield (
            self.cpus_per_worker > 0,
            f"cpus_per_worker = {self.cpus_per_worker}: give 1 or more",
        )
        for name in ("workers", "cpus_per_worker"):
            number = getattr(self, name)
            yield (number <= MAX_WORKERS, f"{name} = {number}: give at most {MAX_WORKERS:,}")
        yield (
            self.gpus_per_worker in (-1, 0) or 0 < self.gpus_per_worker < 1e6,
            f"gpus_per_worker = {self.gpus_per_worker:g}: give 0 or more, or -1 for auto",
        )
        for name in () if self.engine == "ray" else _WORKER_OPTIONS[1:]:
            yield (
                getattr(self, name) == getattr(Config, name),
                f'{name} is a setting of a Ray cluster: add engine = "ray" (--engine ray)',
            )

    @property
    def has_exact_images(self) -> bool:
        """Whether a z can make some of the images exactly; else lbfgs minimises r'r in float32."""
        return True

    @property
    def conventions(self) -> Conventions:
        """The settings that are conventions of the generator's file."""
        return Conventions(**{name: getattr(self, name) for name in DECLARATIONS})

    @property
    def initial_batch_size(self) -> int:
        """Number of rows of a batch if none is measured."""
        return self.batch_size or 64

    @property
    def solver_settings(self) -> Mapping[str, Any]:
        """The settings that the config has for its solver."""
        return dict(self.solver_tables.get(self.solver, {}))


@dataclass(frozen=True)
class RecoverConfig(Config):
    """The settings of `ganinv recover`."""

    success: Literal["end", "ever"] = "end"  # error below ε at the end, or at any update
    snapshots: tuple[int, ...] = ()  # gradients at which Figure 1 shows images; (): the solver's
    polish: Literal["none", "float64"] = "none"  # refinement of converged trials

    def _checks(self) -> Iterator[Check]:
        yield from super()._checks()
        yield (self.success in ("end", "ever"), f"success = {self.success!r}: give end or ever")
        yield (
            len(self.snapshots) <= MAX_SNAPSHOTS,
            f"snapshots has {len(self.snapshots):,} numbers: give at most {MAX_SNAPSHOTS}",
        )
        for snapshot in self.snapshots:
            yield (
                0 <= snapshot <= MAX_NUMBER,
                f"snapshots: {snapshot} is not a number from 0 to {MAX_NUMBER:,}",
            )
        yield (
            self.polish in ("none", "float64"),
            f"polish = {self.polish!r}: give none or float64",
        )
        yield (
            self.polish == "none" or self.batch_norm == "frozen",
            'polish refines one trial at a time: it needs batch_norm = "frozen"',
        )


@dataclass(frozen=True)
class NoiseSweepConfig(Config):
    """The settings of `ganinv noise-sweep`; `trials` counts those of each variance."""

    trials: int = 100
    variances: tuple[float, ...] = (1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1, 1.0)  # pixels are −1 to 1
    clip_pixels: bool = False  # clip the noisy image to [−1, 1], as the paper's code does
    stationary: float = 1e-4  # relative decrease of the image loss that counts as none

    @property
    def has_exact_images(self) -> bool:
        return not all(self.variances)

    def _checks(self) -> Iterator[Check]:
        yield from super()._checks()
        yield _check_share(self.stationary)
        yield (bool(self.variances), "variances is empty: give one or more, e.g. 0.01,0.1")
        for variance in self.variances:
            yield (
                0 <= variance < math.inf,
                f"variances: {variance:g} is not a finite number of at least 0",
            )
        names = [f"{variance:g}" for variance in self.variances]
        yield (
            len(set(names)) == len(names),
            f"variances {', '.join(names)}: two are the same to six digits; give each once",
        )
        yield (
            self.batch_norm == "frozen",
            'noise-sweep runs each trial alone: it needs batch_norm = "frozen"',
        )


@dataclass(frozen=True)
class ImagesConfig(Config):
    """The settings of experiments on image files; `trials` counts the starts per image."""

    command: ClassVar[str]
    shards_images: ClassVar[bool]  # whether a shard has whole images, else trials of each image

    restarts: int = 0
    budget: float = 20_000.0
    image: tuple[str, ...] = ()  # files and folders
    crop: str = "center"
    mask: str = ""  # an image: black pixels do not count
    stationary: float = 1e-6  # relative decrease of the image loss that counts as none

    @property
    def has_exact_images(self) -> bool:
        return False

    def _checks(self) -> Iterator[Check]:
        yield from super()._checks()
        yield _check_share(self.stationary)


@dataclass(frozen=True)
class ConsistencyConfig(ImagesConfig):
    """The settings of `ganinv consistency`."""

    command = "consistency"
    shards_images = False
    trials: int = 100


@dataclass(frozen=True)
class InvertConfig(ImagesConfig):
    """The settings of `ganinv invert`."""

    command = "invert"
    trials_option = "--starts"
    shards_images = True
    trials: int = 8
    clip: tuple[str, ...] = ("stochastic",)


def identity_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide the results; a run goes on only if they are equal."""
    free = FREE_ON_RESUME if settings["batch_norm"] == "frozen" else FREE_ON_RESUME_IF_COUPLED
    return {key: value for key, value in settings.items() if key not in free}


def _check_share(stationary: float) -> Check:
    return 0 < stationary < 1, f"stationary = {stationary:g}: give a share between 0 and 1"
