"""Small DCGAN generators with random weights: in every layout, and as TensorFlow operations."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.complete import complete_generator
from ganinv_cli.generators.formats.interface import UnfinishedGenerator
from ganinv_cli.generators.formats.tensorflow.checkpoint_files import write_checkpoint
from ganinv_cli.generators.formats.trace_function import FunctionInput, trace_function
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.graph import make_sequence
from ganinv_cli.generators.network.layers import ConvTranspose, Dense, Layer, same_crop
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.prior import Prior, Uniform
from ganinv_cli.settings.conventions import Conventions

Arrays = dict[str, np.ndarray]


def _name_averages(folder: str, mean: str = "mean", variance: str = "variance") -> tuple[str, str]:
    names = (f"{folder}/{what}/ExponentialMovingAverage" for what in (mean, variance))
    return next(names), next(names)


# How the two statistics of norm N are called: (mean, variance), N stands for the number.
STATISTICS = {
    "A": _name_averages("g_bnN_1/g_bnN_1/moments/moments_1"),
    "A Squeeze": _name_averages("g_bnN_1/g_bnN_1/moments", "Squeeze", "Squeeze_1"),
    "A nested": _name_averages("g_bnN/g_bnN_2/moments", "Squeeze", "Squeeze_1"),
    "A normalize": _name_averages("g_bnN_1/g_bnN_1/moments/normalize"),
    "B": ("g_bnN/moving_mean", "g_bnN/moving_variance"),
    "C": ("generator/g_bnN/moving_mean", "generator/g_bnN/moving_variance"),
}


def make_weights(
    *,
    latent: int = 6,
    side: int = 4,
    widths: tuple[int, ...] = (8, 4),
    channels: int = 3,
    kernel: tuple[int, int] = (5, 5),
    seed: int = 0,
) -> Arrays:
    """A generator in the names of layout B, whose images use the range without being cut off.

    An image has `side` times 2 to the number of `widths` pixels a side.
    """
    random = np.random.default_rng(seed)
    outputs = side * side * widths[0]
    arrays = {
        "g_h0_lin/Matrix": random.normal(0, 0.5, (latent, outputs)),
        "g_h0_lin/bias": random.normal(0, 0.1, outputs),
    }
    for number, (inputs, width) in enumerate(zip(widths, (*widths[1:], channels), strict=True)):
        arrays[f"g_bn{number}/gamma"] = random.uniform(0.5, 1.5, inputs)
        arrays[f"g_bn{number}/beta"] = random.normal(0, 0.2, inputs)
        arrays[f"g_bn{number}/moving_mean"] = random.normal(0, 0.2, inputs)
        arrays[f"g_bn{number}/moving_variance"] = random.uniform(0.3, 2, inputs)
        scale = 1 / np.sqrt(inputs * kernel[0] * kernel[1] / 4)
        arrays[f"g_h{number + 1}/w"] = random.normal(0, scale, (*kernel, width, inputs))
        arrays[f"g_h{number + 1}/biases"] = random.normal(0, 0.1, width)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def rename_arrays(arrays: Mapping[str, np.ndarray], layout: str) -> Arrays:
    """The same tensors under the names of another layout, a key of STATISTICS."""
    named = {}
    for name, array in arrays.items():
        norm, _, what = name.partition("/moving_")
        if what:
            pattern = STATISTICS[layout][what == "variance"]
            named[pattern.replace("N", norm.removeprefix("g_bn"))] = array
        else:
            named[f"generator/{name}" if layout == "C" else name] = array
    return named


def write_v1(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """One file, as TensorFlow wrote it before the V2 format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(arrays)
    tf.raw_ops.Save(
        filename=str(path), tensor_names=names, data=[tf.constant(arrays[name]) for name in names]
    )


def save_checkpoint(
    folder: Path, arrays: Mapping[str, np.ndarray], name: str = "DCGAN.model-7"
) -> Path:
    """The prefix of a V2 checkpoint of just these arrays, with its state file."""
    write_checkpoint(folder / name, arrays)
    return folder / name


def make_definition(folder: Path, **shape: object) -> Definition:
    """A small generator as the reader returns it; `shape` goes to `weights`."""
    return read(save_checkpoint(folder, rename_arrays(make_weights(**shape), "C")))  # type: ignore[arg-type]


def save_images(folder: Path, count: int) -> None:
    """Save noise as 0.png, 1.png and so on, 16×16 and grey, in a new folder."""
    folder.mkdir()
    for number in range(count):
        Image.effect_noise((16, 16), 20 + number).save(folder / f"{number}.png")


def assert_refused(path: Path, *words: str) -> str:
    """The sentence of the refusal, which names the path and holds all the words."""
    with pytest.raises(CheckpointError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


def make_hard_definition(folder: Path) -> Definition:
    """A generator on which several first starts fail: 12 unknowns, 2 channels, steep."""
    arrays = make_weights(latent=12, widths=(2, 2))
    arrays["g_h0_lin/Matrix"] *= 2
    return read(save_checkpoint(folder, rename_arrays(arrays, "C")))


def build_generator(*layers: Layer, prior: Prior | None = None) -> Generator:
    """A generator of just these layers, the first of which is Dense."""
    first = layers[0]
    assert isinstance(first, Dense)
    network = make_sequence(len(first.weights), layers)
    return make_generator(Definition(network, prior or Uniform(), "", "", ""))


def trace_definition(
    function: Callable[..., tf.Tensor], *inputs: FunctionInput, prior: str = "uniform"
) -> Definition:
    """The definition of a TensorFlow function of z alone, 6 numbers, or of these inputs."""
    inputs = inputs or (FunctionInput("z", tf.float32, (None, 6)),)
    network = trace_function(function, inputs)
    unfinished = UnfinishedGenerator(network, "test", "traced", "here")
    return complete_generator(unfinished, Conventions(prior=prior))


def trace_layers(definition: Definition) -> Definition:
    """The same generator as TensorFlow operations; its labels are integers."""
    generator, prior = make_generator(definition), str(definition.prior)
    z_input = FunctionInput("z", tf.float32, (None, generator.latent))
    if not generator.labels:
        return trace_definition(generator, z_input, prior=prior)
    label_input = FunctionInput("label", tf.int32, (None,))
    return trace_definition(
        lambda z, labels: generator(z, labels=labels), z_input, label_input, prior=prior
    )


def make_same_conv_transpose(weights: np.ndarray, bias: np.ndarray, stride: int) -> ConvTranspose:
    """A transposed convolution with SAME padding: sides grow `stride` times."""
    pair = (stride, stride)
    kernel = weights.shape[:2]
    return ConvTranspose(weights, bias, pair, same_crop((kernel[0], kernel[1]), pair))
