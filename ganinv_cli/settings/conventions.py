"""Conventions of a generator that its file may not state.

A new convention is one field here, and its use in a reader.
"""

from dataclasses import dataclass
from typing import Any

from ganinv_cli.settings.declare import GENERATOR, MAX_NUMBER, Value, declare, list_settings


def _declare(default: Value, **properties: Any) -> Value:
    """Declare a convention; if a run goes on, the generator's hash must be equal instead of it."""
    return declare(default, **{"group": GENERATOR, "resume": "free"} | properties)


@dataclass(frozen=True)
class Conventions:
    """Values from options, configs and files beside the generator.

    None, or an empty list, means: not given, so the file's own value or the usual one of its format
    is taken.
    """

    prior: str | None = _declare(
        None,  # as `prior.parse_prior` reads it
        help="Prior of z: uniform, uniform:LOW,HIGH, normal, normal:SIGMA or normal:SIGMA,INSIDE. "
        "INSIDE is the probability that one component is inside the bounds; by default 99 % of "
        "vectors have all components inside. If this is not given, the format of the file decides.",
        metavar="PRIOR",
        example="normal:1,0.999",
        resume="equal",  # it changes the trials of the same generator
    )
    latent: str | None = _declare(
        None,
        help="Shape of z as the generator takes it, if its file leaves sizes free, e.g. 32,4,4 for "
        "32 channels of 4 x 4. Or the name of an intermediate tensor, such as w of a style "
        "generator, that is recovered instead of z; `ganinv inspect -v` lists them.",
        metavar="SIZES|NAME",
        example="32,4,4",
    )
    encoder: str | None = _declare(
        None,
        help="ONNX file of an encoder, which maps pictures from -1 to 1 to z of the generator: its "
        "guess is the first start.",
        metavar="FILE.onnx",
        is_path=True,
        example="encoder.onnx",
    )
    latents: str | None = _declare(
        None,
        help="NumPy file of draws of z, (n, *shape): known z are taken from it, and unless --prior "
        "is given, it decides the prior: its deviation, its bounds, and how long z is.",
        metavar="FILE.npy",
        is_path=True,
        example="latents.npy",
    )
    range: str | None = _declare(
        None,
        help="Range of the generator's pixels, if its file does not say: tanh, sigmoid, or the "
        "values of black and white. Weights alone end in tanh for -1,1, in sigmoid for 0,1, and "
        "else in no function.",
        metavar="tanh|sigmoid|LOW,HIGH",
        example="tanh",
    )
    activation: str | None = _declare(
        None,
        help="Activation between the layers, for a file of weights alone: one for all, e.g. "
        "leaky_relu:0.2, or one for each place, e.g. none,relu,relu.",
        metavar="NAMES",
        example="leaky_relu:0.2",
        weights_only=True,
    )
    strides: tuple[int, ...] = _declare(
        (),
        help="Strides of the convolutions, for a file of weights alone, e.g. 1,2,2,2.",
        example=(1, 2, 2, 2),
        weights_only=True,
    )
    padding: tuple[int, ...] = _declare(
        (),
        help="Padding of each convolution (PyTorch's convention), for a file of weights alone, "
        "e.g. 0,1,1,1.",
        example=(0, 1, 1, 1),
        weights_only=True,
    )
    epsilon: tuple[float, ...] = _declare(
        (),
        help="Epsilon of the batch norms, for a file of weights alone: one number, or one for "
        "each.",
        range=(0, 1),
        example=(1e-5,),
        weights_only=True,
    )
    upsampling: tuple[str, ...] = _declare(
        (),
        help="How the convolutions enlarge the map, for a file of weights alone: one name, or one "
        "for each.",
        choices=("transposed", "nearest", "bilinear"),
        metavar="transposed|nearest|bilinear",
        example=("nearest",),
        weights_only=True,
    )
    norm: tuple[str, ...] = _declare(
        (),
        help="Whether batch norms come before or after the activation, for a file of weights "
        "alone: one word, or one for each.",
        choices=("before", "after"),
        metavar="before|after",
        example=("before",),
        weights_only=True,
    )
    key: str | None = _declare(
        None,
        help="Key of the generator in a file of weights alone that holds several, e.g. netG or "
        "model.G_ema.",
        metavar="NAME",
        example="model.G_ema",
        weights_only=True,
    )
    labels: int | None = _declare(
        None,
        help="Number of labels, for a file of weights alone; the one-hot label follows z.",
        range=(0, MAX_NUMBER),
        shown_default="what the file's folder says, or 0",
        example=10,
        weights_only=True,
    )
    trust: bool = _declare(
        False,
        help="Run a generator that is a program: a .py file, or with your PyTorch a TorchScript or "
        "torch.export file. Only for files you trust.",
    )

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of z that is given; empty if none is."""
        sizes = (self.latent or "").split(",")
        is_shape = all(each.strip().isdecimal() and int(each) for each in sizes)
        return tuple(map(int, sizes)) if is_shape else ()

    @property
    def latent_name(self) -> str:
        """The intermediate tensor that is given in place of z; empty if none is."""
        return "" if self.latent_shape else self.latent or ""

    def is_given(self, name: str) -> bool:
        """Return whether a convention differs from its default."""
        return bool(getattr(self, name) != getattr(Conventions, name))


CONVENTIONS = list_settings(Conventions)
WEIGHTS_ONLY = tuple(name for name, each in CONVENTIONS.items() if each.weights_only)
