"""Write a generator as a Functional model of Keras 3: aside, read again, compared and moved."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.files import explain_write_errors, follow_link, write_output_file
from ganinv_cli.formats import CONVENTIONS_FILE, read
from ganinv_cli.formats.keras.translate_layers import same_padding
from ganinv_cli.inspection.render_pictures import measure_difference
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.graph import LABEL, Network, TracedNetwork, Z, weight_arrays
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import parse_prior

Tensor = Any  # KerasTensor, symbolic

LIMIT = 1e-4  # largest difference of a pixel in [-1, 1] that rounding explains
PICTURES = 64  # compared
NO_PADDING: kinds.Sides = ((0, 0), (0, 0))


class WrittenGenerator(NamedTuple):
    """A written generator, and its difference from the generator that was read."""

    convention_file: Path | None  # beside it; None: what the format implies is right
    sha256: str  # of the network read from it
    difference: float  # largest, over PICTURES pictures in [-1, 1]


def write_generator(
    checkpoint: Checkpoint, path: Path, label: int | None = None
) -> WrittenGenerator:
    """Write a generator as a Keras model, and check what was written.

    If `label` is 0 or more, only the generator of that label is written. Raises UsageError if Keras
    has no such layers or the place cannot be written to, GaninvError if the disk is full or the
    written generator makes other images.
    """
    if isinstance(checkpoint.network, TracedNetwork):
        raise UsageError(
            f"{checkpoint.path} was read as TensorFlow operations, not as layers, so it cannot be "
            "converted; use the file as it is"
        )
    network = fix_label(checkpoint.network, label) if label is not None else checkpoint.network
    checkpoint = replace(checkpoint, network=network)
    own_file = path.with_name(f"{path.name}.toml")
    conventions = _format_conventions(checkpoint, path, own_file)
    target = follow_link(path)
    with (
        explain_write_errors(path),
        tempfile.TemporaryDirectory(prefix=".ganinv-tmp-", dir=target.parent) as folder,
    ):
        written = Path(folder) / path.name
        if conventions:
            (Path(folder) / own_file.name).write_text(conventions, "utf-8")
        build_model(network).save(written)
        sha256, difference = _compare_with_checkpoint(checkpoint, written)
        if conventions:
            write_output_file(own_file, conventions.encode())
        written.replace(target)
    return WrittenGenerator(own_file if conventions else None, sha256, difference)


def _format_conventions(checkpoint: Checkpoint, path: Path, own_file: Path) -> str:
    """Return the content of the convention file of a written generator; "" if none is needed.

    It overrides that of the folder. Raises UsageError if there is another one.
    """
    content = f'prior = "{checkpoint.prior}"\nrange = "-1,1"\n'
    if own_file.exists() and own_file.read_text("utf-8") != content:
        raise UsageError(
            f"{own_file} contradicts the generator written to {path}, which needs "
            f"{' and '.join(content.splitlines())}; change that file, or name another place"
        )
    is_usual = checkpoint.prior == parse_prior("normal", checkpoint.network.latent)
    return "" if is_usual and not path.with_name(CONVENTIONS_FILE).exists() else content


def _compare_with_checkpoint(checkpoint: Checkpoint, written: Path) -> tuple[str, float]:
    reread = read(written)
    first, second = make_generator(checkpoint), make_generator(reread)
    difference = measure_difference(first, second, PICTURES)
    if not difference <= LIMIT:  # nor NaN
        raise GaninvError(
            f"pictures of the written generator differ by up to {difference:.2g}, more than the "
            f"{LIMIT:g} that rounding explains; it was removed"
        )
    return reread.sha256, difference


def build_model(network: Network) -> keras.Model:
    """Return the Keras model of a network.

    Inputs: `latent` (batch, latent) and, if the generator is conditional, `label` (batch, 1) int32.
    Raises UsageError, which names the layer that has no equivalent in Keras.
    """
    outputs: dict[int, Tensor] = {Z: keras.Input((network.latent,), name="latent")}
    inputs = [outputs[Z]]
    if network.labels:
        label = keras.Input((1,), dtype="int32", name="label")
        inputs.append(label)
        outputs[LABEL] = keras.layers.CategoryEncoding(
            network.labels, output_mode="one_hot", name="one_hot"
        )(label)
    for number, (node, name) in enumerate(zip(network.nodes, _name_layers(network), strict=True)):
        tensors = [outputs[each] for each in node.inputs] or [outputs[Z]]
        convert = _CONVERTERS.get(type(node.layer), _convert_layer)
        outputs[number] = convert(node.layer, name, *tensors)
    model_inputs = inputs if network.labels else inputs[0]
    return keras.Model(model_inputs, outputs[len(network.nodes) - 1], name="generator")


def _name_layers(network: Network) -> list[str]:
    names = ["latent", "label", "one_hot"]
    for number, node in enumerate(network.nodes):
        stem = node.name or f"{type(node.layer).__name__.lower()}_{number + 1}"
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", stem)[:80]
        names.append(f"{stem}__{number + 1}" if stem in names else stem)
    return names[3:]


def _convert_layer(layer: kinds.Layer, name: str, *tensors: Tensor) -> Tensor:
    if isinstance(layer, kinds.Add | kinds.Multiply) and len(tensors) == 1:
        return tensors[0]
    merges = isinstance(layer, kinds.Add | kinds.Multiply | kinds.Concat)
    weights = () if isinstance(layer, kinds.Affine) else weight_arrays(layer)
    keras_layer = _LAYER_MAKERS[type(layer)](layer, name)
    return _apply_with_weights(keras_layer, list(tensors) if merges else tensors[0], *weights)


def _apply_with_weights(layer: keras.layers.Layer, tensor: Tensor, *weights: np.ndarray) -> Tensor:
    output = layer(tensor)
    layer.set_weights(list(weights))
    return output


def _convert_constant(layer: kinds.Constant, name: str, z: Tensor) -> Tensor:
    """Return the values per row of z, as (0·z + 1)·values: a Keras layer needs an input."""
    latent, values = z.shape[1], layer.value.reshape(1, -1)
    one = keras.layers.Dense(1, name=f"{name}_one")
    ones = _apply_with_weights(one, z, np.zeros((latent, 1)), np.ones(1))
    all_values = keras.layers.Dense(values.shape[1], use_bias=False, name=f"{name}_values")
    return keras.layers.Reshape(layer.value.shape, name=name)(
        _apply_with_weights(all_values, ones, values)
    )


def _convert_conv(layer: kinds.Conv, name: str, x: Tensor) -> Tensor:
    """Convert with SAME padding if that is the padding, else with a padding layer before it.

    Keras names paddings and does not count them.
    """
    kernel = layer.weights.shape[:2]
    sides = zip(x.shape[1:3], kernel, layer.stride, strict=True)
    same = tuple(same_padding(*each, -(-each[0] // each[2])) for each in sides) == layer.padding
    if not same:
        x = _pad_or_crop(x, layer.padding, f"{name}_around")
    convolution = keras.layers.Conv2D(
        layer.weights.shape[3],
        kernel,
        layer.stride,
        "same" if same else "valid",
        name=name,
    )
    return _apply_with_weights(convolution, x, layer.weights, layer.bias)


def _convert_conv_transpose(layer: kinds.ConvTranspose, name: str, x: Tensor) -> Tensor:
    """Convert with SAME padding if that is the crop, else without padding and cropped afterwards.

    Raises UsageError if the output is padded, which would need the bias too.
    """
    steps = zip(layer.weights.shape, layer.stride, layer.crop, strict=False)
    # Keras appends zeros if the stride is longer than the kernel
    sides = [(-before, -behind - max(step - size, 0)) for size, step, (before, behind) in steps]
    if not layer.has_same_padding and max(map(max, sides)) > 0:
        raise UsageError(f"{name}: Keras does not pad the output of a transposed convolution")
    transposed_convolution = keras.layers.Conv2DTranspose(
        layer.weights.shape[2],
        layer.weights.shape[:2],
        layer.stride,
        "same" if layer.has_same_padding else "valid",
        name=name,
    )
    output = _apply_with_weights(transposed_convolution, x, layer.weights, layer.bias)
    if layer.has_same_padding:
        return output
    return _pad_or_crop(output, (sides[0], sides[1]), f"{name}_cut")


def _pad_or_crop(x: Tensor, sides: kinds.Sides, name: str) -> Tensor:
    """Pad with zeros on each side; crop the sides whose number is negative."""
    padding, cropping = (
        tuple((max(sign * before, 0), max(sign * behind, 0)) for before, behind in sides)
        for sign in (1, -1)
    )
    if padding != NO_PADDING:
        x = keras.layers.ZeroPadding2D(padding, name=name)(x)
    if cropping != NO_PADDING:
        crop_name = name if padding == NO_PADDING else f"{name}_less"
        x = keras.layers.Cropping2D(cropping, name=crop_name)(x)
    return x


def _make_activation(layer: kinds.Activation, name: str) -> keras.layers.Layer:
    if layer.name == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=layer.slope, name=name)
    if layer.name == "elu":
        return keras.layers.ELU(alpha=layer.slope, name=name)
    keras_names = {"swish": "silu", "exp": "exponential"}
    return keras.layers.Activation(keras_names.get(layer.name, layer.name), name=name)


_LAYER_MAKERS: dict[type[kinds.Layer], Callable[[Any, str], keras.layers.Layer]] = {
    kinds.Dense: lambda layer, name: keras.layers.Dense(layer.weights.shape[1], name=name),
    kinds.Reshape: lambda layer, name: keras.layers.Reshape(layer.shape, name=name),
    kinds.Transpose: lambda layer, name: keras.layers.Permute(
        tuple(axis + 1 for axis in layer.order), name=name
    ),
    kinds.Upsample: lambda layer, name: keras.layers.UpSampling2D(
        layer.factor, interpolation=layer.method, name=name
    ),
    kinds.BatchNorm: lambda layer, name: keras.layers.BatchNormalization(
        epsilon=layer.epsilon, name=name
    ),
    kinds.Affine: lambda layer, name: keras.layers.Rescaling(
        layer.scale.tolist(), layer.shift.tolist(), name=name
    ),
    kinds.Activation: _make_activation,
    kinds.Add: lambda _, name: keras.layers.Add(name=name),
    kinds.Multiply: lambda _, name: keras.layers.Multiply(name=name),
    kinds.Concat: lambda _, name: keras.layers.Concatenate(axis=-1, name=name),
}

_CONVERTERS: dict[type[kinds.Layer], Callable[..., Tensor]] = {
    kinds.Constant: _convert_constant,
    kinds.Conv: _convert_conv,
    kinds.ConvTranspose: _convert_conv_transpose,
    kinds.Pad: lambda layer, name, x: _pad_or_crop(x, layer.sides, name),
}
