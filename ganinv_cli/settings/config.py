"""Settings of the experiments, each declared once as a field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ganinv_cli.clipping import RULES
from ganinv_cli.errors import ConfigError
from ganinv_cli.jobs import parse_shard
from ganinv_cli.precision import Dtype
from ganinv_cli.settings.conventions import CONVENTIONS, Conventions
from ganinv_cli.settings.declare import (
    GENERATOR,
    INPUT,
    MAX_NUMBER,
    check_value,
    declare,
    list_settings,
    to_toml,
)
from ganinv_cli.settings.machine import MachineSettings
from ganinv_cli.settings.names import SOLVERS

MAX_SEED = 2**32 - 1
MAX_BUDGET = 2**24  # up to which float32 counts gradients one by one


def declare_stationary(default: float) -> float:
    """Declare when a start has converged, for images outside the generator's range."""
    return declare(
        default,
        help="A start of lbfgs has converged if 40 gradients reduce its image loss by less than "
        "this fraction.",
        range=(0, 1),
        exclusive=True,
    )


@dataclass(frozen=True)
class Config(MachineSettings, Conventions):
    """The settings that every experiment has; each adds its own in a subclass below."""

    checkpoint: str = declare(
        "checkpoints/portraits64",
        help="Generator: a file, a folder, a prefix of files, or the name of one that ships.",
        group=GENERATOR,
        shown_default="portraits64",
        is_path=True,
        metavar="PATH|NAME",
        resume="free",  # the generator's hash must be equal
    )
    label: int | None = declare(
        None,
        help="Label of a conditional generator, from 0.",
        group=GENERATOR,
        range=(0, MAX_NUMBER),
        shown_default="each is tried",
    )
    trials: int = declare(
        1000,
        help="Latent vectors to recover.",
        group=INPUT,
        range=(1, 2**31),
        resume="free unless coupled",
    )
    clip: tuple[str, ...] = declare(
        ("none", "standard", "stochastic"),
        help=f"Clipping rules to run: one or more of {', '.join(RULES)}.",
        choices=tuple(RULES),
    )
    solver: str = declare("lbfgs", help="Optimisation method.", choices=SOLVERS)
    loss: Literal["preconditioned", "plain"] = declare(
        "preconditioned",
        help="Loss that lbfgs minimises, with r = G(z) - x: r'Wr, whose weights W reduce the "
        "effect of brightness and large areas (preconditioned), or r'r (plain). It is always r'r "
        "for noisy images (but not for missing pixels), in consistency, and in invert with a mask "
        "or for images that are resized. In invert r'r follows if r'Wr does not find z.",
    )
    start: Literal["random", "encoder"] = declare(
        "random",
        help="Start of the first descent: a draw from the prior, or the guess of the encoder "
        "beside the checkpoint (ganinv train-encoder).",
    )
    restarts: int = declare(40, help="Maximum number of restarts per trial.", range=(0, 4095))
    budget: float = declare(
        5000.0, help="Maximum number of gradients per trial.", range=(1, MAX_BUDGET)
    )
    tolerance: float = declare(
        1e-8,
        help="A trial has converged if the estimated bound on the mean squared error of z is at "
        "most this.",
        range=(0, MAX_NUMBER),
    )
    precision: Literal["auto", "float32", "mixed"] = declare(
        "auto",
        help="Precision of the gradients of lbfgs: float32, or mixed (bfloat16 first, then "
        "float32). auto is mixed if bfloat16 is fast here and the generator has no attention or "
        "modulated convolutions. It is always float32 for noisy images "
        "(but not for missing pixels), in consistency, and in invert with a mask or for images "
        "that are resized.",
    )
    batch_norm: Literal["frozen", "batch"] = declare(
        "frozen",
        help="Statistics of the batch norms: the checkpoint's (frozen), or each batch's own "
        "(batch).",
    )
    seed: int = declare(0, help="Seed for all random numbers.", range=(0, MAX_SEED))
    note: str | None = declare(None, in_options=False, resume="free")  # printed first
    # the tables [gd], [lbfgs], … of the file: settings of each solver, by the solver's name
    solver_tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, setting in list_settings(type(self)).items():
            check_value(name, getattr(self, name), setting)
        parse_shard(self.shard)
        for fault in self._find_faults():
            raise ConfigError(fault)

    def _find_faults(self) -> Iterator[str]:
        """Yield an error for each setting that is not valid together with the others."""
        if len(set(self.clip)) < len(self.clip):
            yield "clip has a rule twice; give each once"
        for name in ("address", "workers", "cpus_per_worker", "gpus_per_worker"):
            if self.engine != "ray" and getattr(self, name) != getattr(Config, name):
                yield f'{name} is a setting of a Ray cluster: add engine = "ray" (--engine ray)'
        needed = {"batch_size": self.trials, "engine": "local", "shard": None}
        needed |= {"start": "random", "tolerance": 0, "restarts": 0}
        for name, value in needed.items() if self.batch_norm == "batch" else ():
            if getattr(self, name) != value:
                advice = (
                    f"leave {name} out" if value is None else f"it needs {name} = {to_toml(value)}"
                )
                yield (
                    'batch_norm = "batch" couples the trials, and runs all as one batch to their '
                    f"budget: {advice}"
                )

    @property
    def may_weight_loss(self) -> bool:
        """Whether lbfgs may minimise r'Wr, in mixed precision; else always r'r in float32."""
        return True

    @property
    def shown_threshold(self) -> float | None:
        """Error of z below which the reports count z as recovered; None: the usual one."""
        return None

    @property
    def conventions(self) -> Conventions:
        """The settings that are conventions of the generator's file."""
        return Conventions(**{name: getattr(self, name) for name in CONVENTIONS})

    @property
    def least_rows(self) -> int:
        """Least number of rows of a batch, whatever `batch_size` is."""
        return 1

    @property
    def initial_batch_size(self) -> int:
        """Number of rows of a batch if none is measured."""
        return max(self.least_rows, self.batch_size or 64)

    @property
    def solver_settings(self) -> Mapping[str, Any]:
        """The settings that the config has for its solver."""
        return dict(self.solver_tables.get(self.solver, {}))


@dataclass(frozen=True)
class ImagesConfig(Config):
    """The settings of experiments on image files; `trials` counts the starts per image."""

    shards_images: ClassVar[bool] = True  # whether a shard has whole images, or trials of each
    # whether all starts of an image run, each with the test for a minimum
    counts_minima: ClassVar[bool] = False
    default_trials: ClassVar[int] = 8  # for each image, of a generator with no more labels
    reenacts: ClassVar[bool] = True  # whether images are re-enacted, and get a verdict
    # usual cost of a start over one of `recover`, for the generator's own images and for others
    start_costs: ClassVar[tuple[float, float]] = (0.6, 2.4)

    trials: int = declare(  # type: ignore[assignment]  # a number once the labels are known
        None,
        example=8,
        help="Number of starts for each image.",
        shown_default=f"{default_trials}, or one per label if these are more",
    )
    clip: tuple[str, ...] = ("stochastic",)
    restarts: int = 0
    budget: float = 20_000.0
    image: tuple[str, ...] = declare(
        (),
        help="Image file, NumPy file (.npy, .npz), or folder of them. Repeat it for several.",
        group=INPUT,
        example=("photo.png",),
        repeated=True,
        is_path=True,
        resume="free",  # the content of the files counts
    )
    crop: str = declare(
        "center",
        help="Part to use: center (the largest square in the middle), none (the whole image, "
        "distorted), or a square of SIZE pixels whose upper left corner is X,Y.",
        group=INPUT,
        metavar="center|none|X,Y,SIZE",
    )
    mask: str | None = declare(
        None,
        help="Image or array file (.npy, .npz) whose black pixels do not count. It is cropped like "
        "the images, unless it has the generator's size.",
        group=INPUT,
        metavar="FILE",
        is_path=True,
        resume="free",
    )
    stationary: float = declare_stationary(1e-6)

    @property
    def may_weight_loss(self) -> bool:
        return False

    @property
    def polish_precision(self) -> Dtype:
        """The precision in which starts are polished that explain their image."""
        return "float32"

    @property
    def aligns(self) -> bool:
        """Whether a shift, a scale and new colours are fitted if z alone makes no such image."""
        return False
