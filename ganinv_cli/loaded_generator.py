"""A generator that was read, checked and can be built: what `load` returns and a run needs."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganinv_cli.errors import ConfigError, UsageError
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.progress import SILENT, Reporter
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.conventions import CONVENTIONS, Conventions
from ganinv_cli.settings.declare import list_settings
from ganinv_cli.settings.load import check_settings, convert_numpy, name_arguments
from ganinv_cli.settings.machine import read_device
from ganinv_cli.settings.shipped import find
from ganinv_cli.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from ganinv_cli.engine.devices import Device
    from ganinv_cli.engine.engine import BuildGenerator
    from ganinv_cli.generators.network.definition import Definition
    from ganinv_cli.generators.network.generator import BatchNormMode, Generator

Kind = TypeVar("Kind", bound=Config)
ImagePrecision = Literal["float32", "float64"]

DEFAULT = Path(Config.checkpoint).name
BATCH_SIZE = 64  # images that are made at once


@dataclass(frozen=True, eq=False, repr=False)
class LoadedGenerator:
    """A trained GAN generator G, as `load` returns it; it does not change.

    `G(z)` returns images. Pass G to `invert`, `recover`, `noise_sweep` and `consistency`.

    Attributes:
        name: what was loaded, e.g. a path.
        label: the label that was chosen; None: all of them.
        latent_size: number of components of z.
        latent_shape: shape of one z, (latent_size,) or e.g. (32, 4, 4).
        image_shape: (height, width, channels) of an image.
        labels: number of labels that `G(z, labels)` needs; 0: it takes none.
        prior: distribution that z is drawn from, as text, e.g. "uniform:-1,1".
        route: what was read, and as what it is computed, e.g. "Keras, as TensorFlow operations".
        sha256: hash of the layers and weights.
        assumptions: settings that were assumed, one clause for each.
        doubt: reason to doubt that the file was read as it was trained; empty if there is none.
    """

    name: str
    definition: "Definition" = field(repr=False)
    conventions: Conventions = field(default_factory=Conventions)
    label: int | None = None
    encoder: Any = None  # a model or function that maps its pictures to z
    # shared by the same generator with other labels, and read again
    _built: "dict[tuple[int | None, BatchNormMode, Device | None], Generator]" = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        labels = self.definition.network.labels
        if self.label is not None and self.label >= labels:
            has = "no labels; leave --label out"
            if labels:
                has = f"labels 0 to {labels - 1}; give one of these, or leave --label out"
            raise ConfigError(f"label = {self.label}: {self.name} has {has}")

    def __call__(
        self,
        z: ArrayLike,
        labels: ArrayLike | None = None,
        *,
        precision: ImagePrecision = "float32",
    ) -> NDArray[np.floating[Any]]:
        """Return the images of latent vectors.

        Args:
            z: (n, latent_size) or (n, *latent_shape), finite floats; drawn from the prior, as
                `draw_z` does.
            labels: (n,) whole numbers from 0, or one for all; only for a conditional generator.
            precision: "float32" or "float64", of the computation.

        Returns:
            (n, height, width, channels) of that precision in [-1, 1], one image per row of z.

        Raises:
            UsageError: z or labels have another shape or value, or labels are missing.
        """
        if precision not in get_args(ImagePrecision):
            allowed = " or ".join(map(repr, get_args(ImagePrecision)))
            raise UsageError(f"precision = {precision!r}; give {allowed}")
        with np.errstate(over="ignore"):  # which is said below
            vectors = np.asarray(z, precision)
        if vectors.shape[1:] not in ((self.latent_size,), self.latent_shape):
            sizes = ", ".join(map(str, self.latent_shape))
            raise UsageError(f"z has the shape {vectors.shape}; {self.name} takes (n, {sizes})")
        vectors = vectors.reshape(len(vectors), -1)
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(1))[0])
            raise UsageError(f"z[{row}] has a component that is not a finite {precision} number")
        numbers = self._check_labels(labels, len(vectors))
        return self.build().render(vectors, BATCH_SIZE, precision, labels=numbers)

    def draw_z(self, count: int, seed: int = 0) -> NDArray[np.float32]:
        """Return z drawn from the prior: (count, *latent_shape) float32.

        Row i is the z of trial i of `recover` with this seed, for any count.
        """
        from ganinv_cli.inversion.objective.ground_truth import draw_true_z

        return draw_true_z(self.build(), seed, np.arange(count)).reshape(-1, *self.latent_shape)

    @property
    def latent_size(self) -> int:
        return self.definition.network.latent

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.definition.network.latent_shape

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.build().image_shape

    @property
    def labels(self) -> int:
        return self.definition.network.labels if self.label is None else 0

    @property
    def prior(self) -> str:
        return str(self.definition.prior)

    @property
    def route(self) -> str:
        from ganinv_cli.generators.network.graph import Network

        is_layered = isinstance(self.definition.network, Network)
        return f"{self.definition.format}, as {'layers' if is_layered else 'TensorFlow operations'}"

    @property
    def sha256(self) -> str:
        return self.build().sha256

    @property
    def assumptions(self) -> tuple[str, ...]:
        return self.definition.assumed

    @property
    def doubt(self) -> str:
        return self.definition.norm_check.doubt

    def build(
        self, batch_norm: "BatchNormMode" = "frozen", device: "Device | None" = None
    ) -> "Generator":
        """Return the network on the current device, built once for each label and `device`."""
        key = self.label, batch_norm, device
        if key not in self._built:
            self._built[key] = self.make_builder(batch_norm)()
        return self._built[key]

    def make_builder(self, batch_norm: "BatchNormMode" = "frozen") -> "BuildGenerator":
        """Return the function with which an engine builds its generators.

        Raises ConfigError if there is no batch norm for that mode.
        """
        from ganinv_cli.generators.network.graph import Network
        from ganinv_cli.generators.network.layers import BatchNorm
        from ganinv_cli.generators.network.make_generator import make_generator

        network = self.definition.network
        nodes = network.nodes if isinstance(network, Network) else ()
        if batch_norm == "batch" and not any(isinstance(node.layer, BatchNorm) for node in nodes):
            raise ConfigError(
                f"{self.definition.path} has no layers of batch norm that could take a batch's "
                "statistics; leave --batch-norm out"
            )
        return partial(make_generator, self.definition, batch_norm, self.label)

    def configure(self, config: Kind) -> Kind:
        """Return the settings of a run on this generator."""
        return replace(config, checkpoint=self.name, label=self.label, **vars(self.conventions))

    def __repr__(self) -> str:
        height, width, channels = self.image_shape
        sizes = ", ".join(map(str, self.latent_shape))
        return (
            f"<ganinv generator {self.name}: z ({sizes}) from {self.prior} -> "
            f"image ({height}, {width}, {channels}); {self.route}>"
        )

    def _check_labels(self, labels: ArrayLike | None, count: int) -> NDArray[np.int32] | None:
        if not self.labels:
            if labels is not None:
                raise UsageError(f"{self.name} takes no labels; leave them out")
            return None
        if labels is None:
            raise UsageError(
                f"{self.name} needs a label from 0 to {self.labels - 1} for each z; give labels, "
                "or load it with label=N"
            )
        numbers = np.asarray(labels)
        is_valid = np.isin(numbers, np.arange(self.labels)).all()
        if numbers.shape not in ((), (count,)) or not is_valid:
            raise UsageError(
                f"labels of {self.name} are from 0 to {self.labels - 1}: give a whole number, or "
                f"{count} of them"
            )
        return np.broadcast_to(numbers.astype(np.int32), (count,))


@name_arguments(Config)
def load(
    source: Any = DEFAULT,
    *,
    label: int | None = None,
    latent: int | Sequence[int] | str | None = None,
    encoder: Any = None,
    latents: Any = None,
    **conventions: Any,
) -> LoadedGenerator:
    """Load a generator: a file, or a model or function of this program.

    Args:
        source: the path of a file (docs/checkpoints.md), a name that ships ("portraits64",
            "faces32", "faces16"), a torch.nn.Module, a Keras model, or a function. A module takes
            labels as integers or one-hot. A function takes a tf.Tensor z (n, latent) float32 and
            returns images (n, height, width, channels).
        label: label of a conditional generator, from 0; None: each is tried.
        latent: shape of z, e.g. 100 or (32, 4, 4), for a function, a module, or a file that leaves
            sizes free. None: a module is tried with the sizes of its first weights. Or the name of
            an intermediate tensor that takes the place of z, as `ganinv inspect -v` lists them.
        encoder: an ONNX file, Keras model or function that maps images in [-1, 1] to z, of any
            shape; its guess is the first start. It takes a tensor (n, height, width, channels).
        latents: draws of z, an array (n, *shape) or a .npy file: known z are rows of it, and unless
            `prior` is given, its deviation, bounds and lengths are the prior's.
        conventions: what the file does not say, by the names of the commands' options: prior,
            range, activation, strides, padding, epsilon, upsampling, norm, key, labels, trust. For
            a model, module or function: prior (default "normal") and range (default "-1,1"); for a
            module or function also labels.

    Returns:
        The generator. What was assumed is in its `assumptions`, doubts are in `doubt`.

    Raises:
        CheckpointError: there is no such file, or it is not a generator that can be read.
        ConfigError: a convention has a wrong name or value.

    Examples:
        >>> G = ganinv.load("faces16")
        >>> z = G.draw_z(2)
        >>> z.shape, G(z).shape
        ((2, 100), (2, 16, 16, 3))
    """
    known = {"label": list_settings(Config)["label"], **CONVENTIONS}
    sizes = [latent] if isinstance(latent, int | np.integer) else latent
    if sizes is not None and not isinstance(sizes, str):
        latent = ",".join(map(str, sizes))
    path = str(encoder) if isinstance(encoder, str | Path) else None
    settings = {"label": label, "latent": latent, "encoder": path, **conventions}
    if isinstance(latents, str | Path):
        settings["latents"], latents = str(latents), None
    encoder = None if path else encoder
    plain = {name: convert_numpy(each) for name, each in settings.items() if each is not None}
    checked = check_settings("load", plain, known)
    config = Config(**checked)
    given = config.conventions
    if isinstance(source, str | Path):
        loaded = read_generator(replace(config, checkpoint=str(source)))
        if latents is not None:
            from ganinv_cli.generators.formats.draws import take_draws

            loaded = replace(loaded, definition=take_draws(loaded.definition, latents, given))
            loaded = replace(loaded, _built={})
        return replace(loaded, encoder=encoder)
    start_tensorflow()
    from ganinv_cli.generators.formats.cached_check import check_definition
    from ganinv_cli.generators.formats.draws import cut_definition, take_draws
    from ganinv_cli.generators.formats.objects import read_object

    definition = read_object(source, given)
    draws = given.latents if latents is None else latents
    if draws is not None:
        definition = take_draws(definition, draws, given)
    definition = cut_definition(check_definition(definition), given.latent_name)
    return LoadedGenerator(definition.path, definition, given, config.label, encoder)


def read_generator(
    config: Config,
    reporter: Reporter = SILENT,
    *,
    verbose: bool = False,
) -> LoadedGenerator:
    """Return the generator that a config names, checked; say what is assumed and doubted.

    It starts TensorFlow, and checks the solver's settings. What needs no TensorFlow to be refused
    is refused before. Raises CheckpointError, ConfigError and UsageError.
    """
    from ganinv_cli.generators import formats
    from ganinv_cli.generators.formats.cached_check import check_definition
    from ganinv_cli.generators.network.definition import describe_assumptions

    path, conventions = find("checkpoint", config.checkpoint), config.conventions
    gpus = config.engine == "local"  # else the workers use them
    if gpus:
        read_device(config.device)
    needs_tensorflow = formats.find_format(path).needs_tensorflow or config.solver_settings
    if needs_tensorflow or not gpus:
        reporter.enter("loading TensorFlow")
        start_tensorflow(gpus)
        make_solver(config.solver, config.solver_settings)
    reporter.enter(f"reading {path.name} (of weights alone, it infers conventions)")
    definition = formats.read(path, conventions)
    start_tensorflow(gpus)
    from ganinv_cli.generators.formats.draws import cut_definition, take_draws

    if conventions.latents:
        definition = take_draws(definition, conventions.latents, conventions)
    if verbose:
        reporter.say(
            f"{definition.path}: {definition.format}, layout {definition.layout}, "
            f"{definition.sha256}"
        )
        reporter.say(f"ignored: {', '.join(definition.ignored) or 'nothing'}")
    reporter.enter(f"checking {path.name}")
    definition = cut_definition(check_definition(definition), conventions.latent_name)
    for sentence in describe_assumptions(definition):
        reporter.say(sentence)
    if definition.norm_check.doubt:
        reporter.say(f"{config.checkpoint} is not confirmed: {definition.norm_check.doubt}")
    draws = None if definition.draws is None else definition.draws.tobytes()
    built = _find_built(definition.sha256, definition.prior, str(definition.origin), draws)
    return LoadedGenerator(config.checkpoint, definition, conventions, config.label, _built=built)


@lru_cache(maxsize=1)
def _find_built(*content: Hashable) -> dict[Any, "Generator"]:
    """Return what is built of a file of this content: nothing, unless it was also the last one.

    So a call that names the same file again compiles nothing again.
    """
    return {}
