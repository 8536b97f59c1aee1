"""Conventions of a generator that its file may not state, each declared once as a field.

Command-line options, config keys, the keys of generator.toml and the comparison of two runs are
derived from the fields of Conventions: a new convention is one field here, and its use in a reader.
"""

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Declaration:
    """The properties of a convention besides its name, type and default."""

    help: str  # of the command-line option
    example: Any = None  # a value in a TOML file; its type decides how the option is parsed
    option_example: str = ""  # for a list of numbers: a value as typed after the option
    metavar: str = ""
    shown_default: str = ""  # in the help, if the default alone would mislead
    weights_only: bool = False  # only for files of weights, which do not describe their layers
    in_files: bool = True  # allowed in a file beside the generator
    choices: tuple[str, ...] = ()  # for a list of names
    in_identity: bool = False  # changes trials of the same generator: must be equal on resume


def _declare(default: Value, **declaration: Any) -> Value:
    declared: Value = field(default=default, metadata={"declaration": Declaration(**declaration)})
    return declared


@dataclass(frozen=True)
class Conventions:
    """Values from options, configs and files beside the generator.

    A default means: not given, so the file's own value or the usual one of its format is taken.
    """

    prior: str = _declare(
        "",  # as `prior.parse_prior` reads it
        help="Prior of z: uniform, uniform:LOW,HIGH, normal, normal:SIGMA or normal:SIGMA,INSIDE. "
        "INSIDE is the probability that one component is inside the bounds; by default 99 % of "
        "vectors have all components inside. The default prior is that of the file's format.",
        metavar="PRIOR",
        example="normal:1,0.999",
        in_identity=True,
    )
    range: str = _declare(
        "",
        help="Range of the generator's pixels, if its file does not say: tanh, sigmoid, or the "
        "values of black and white.",
        metavar="tanh|sigmoid|LOW,HIGH",
        example="tanh",
    )
    activation: str = _declare(
        "",
        help="Activation between the layers, for a file of weights alone: one for all, e.g. "
        "leaky_relu:0.2, or one for each place, e.g. none,relu,relu.",
        metavar="NAMES",
        example="leaky_relu:0.2",
        weights_only=True,
    )
    strides: tuple[int, ...] = _declare(
        (),
        help="Strides of the convolutions, for a file of weights alone, e.g. 1,2,2,2.",
        metavar="NUMBERS",
        example=(1, 2, 2),
        option_example="1,2,2,2",
        weights_only=True,
    )
    padding: tuple[int, ...] = _declare(
        (),
        help="Padding of each convolution (PyTorch's convention), for a file of weights alone, "
        "e.g. 0,1,1,1.",
        metavar="NUMBERS",
        example=(0, 1, 1),
        option_example="0,1,1,1",
        weights_only=True,
    )
    epsilon: tuple[float, ...] = _declare(
        (),
        help="Epsilon of the batch norms, for a file of weights alone: one number, or one for "
        "each.",
        metavar="NUMBERS",
        example=(1e-5,),
        option_example="1e-5,0.8",
        weights_only=True,
    )
    upsampling: tuple[str, ...] = _declare(
        (),
        help="How the convolutions enlarge the map, for a file of weights alone: one name, or one "
        "for each.",
        metavar="transposed|nearest|bilinear",
        example=("nearest",),
        option_example="nearest",
        choices=("transposed", "nearest", "bilinear"),
        weights_only=True,
    )
    norm: tuple[str, ...] = _declare(
        (),
        help="Whether batch norms come before or after the activation, for a file of weights "
        "alone: one word, or one for each.",
        metavar="before|after",
        example=("before",),
        option_example="before",
        choices=("before", "after"),
        weights_only=True,
    )
    labels: int = _declare(
        -1,
        help="Number of labels, for a file of weights alone; the one-hot label follows z.",
        shown_default="what the file's folder says, or 0",
        example=10,
        weights_only=True,
    )
    trust: bool = _declare(
        False,
        help="Run a generator's .py file, or the code in a Keras file. Only for files you trust.",
        example=True,
        in_files=False,
    )

    def is_given(self, name: str) -> bool:
        """Return whether a convention differs from its default."""
        return bool(getattr(self, name) != getattr(Conventions, name))


DECLARATIONS: dict[str, Declaration] = {
    each.name: each.metadata["declaration"] for each in fields(Conventions)
}
WEIGHTS_ONLY = tuple(name for name, each in DECLARATIONS.items() if each.weights_only)
