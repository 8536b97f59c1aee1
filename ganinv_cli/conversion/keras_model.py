"""A network as a Functional model of Keras 3."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ganinv_cli.conversion.keras_pictures import conv, conv_transpose, pad
from ganinv_cli.conversion.unwritable import UnwritableError, layer
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.graph import LABEL, Network, Z
from ganinv_cli.network.shapes import Shape

Tensor = Any  # Keras's, symbolic
Make = Callable[[Any, str, Sequence[Tensor]], Tensor]


def model(network: Network) -> keras.Model:
    """Inputs: `latent` (batch, latent); of a conditional generator `label`, integers (batch, 1).

    Raises UnwritableError, which names the layer that Keras has no layer for.
    """
    made: dict[int, Tensor] = {Z: keras.Input((network.latent,), name="latent")}
    inputs = [made[Z]]
    if network.labels:
        label = keras.Input((1,), dtype="int32", name="label")
        inputs.append(label)
        made[LABEL] = keras.layers.CategoryEncoding(
            network.labels, output_mode="one_hot", name="one_hot"
        )(label)
    names = _Names(("latent", "label", "one_hot"))
    for number, (described, given, name) in enumerate(network.nodes):
        called = names.new(name or f"{type(described).__name__.lower()}_{number + 1}")
        if isinstance(described, kinds.Constant):
            made[number] = _constant(described, called, made[Z])
            continue
        make = _MAKE.get(type(described))
        if make is None or (isinstance(described, kinds.Activation) and not _known(described)):
            raise UnwritableError(f"{layer(network, number)}: Keras has no layer that does this")
        shapes = [network.shape(each) for each in given]
        tensors = [made[each] for each in given]
        if isinstance(described, kinds.Add | kinds.Multiply):
            tensors = _ranked(tensors, shapes, called)
        try:
            made[number] = make(described, called, tensors)
        except UnwritableError as error:
            raise UnwritableError(f"{layer(network, number)}: {error}") from None
    asked = inputs if network.labels else inputs[0]
    return keras.Model(asked, made[len(network.nodes) - 1], name="generator")


class _Names:
    """Keras wants each name once, without slashes."""

    def __init__(self, used: Sequence[str]) -> None:
        self._used = set(used)

    def new(self, wanted: str) -> str:
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", wanted)[:80]
        name, count = stem, 1
        while name in self._used:
            count += 1
            name = f"{stem}_{count}"
        self._used.add(name)
        return name


def _weighted(made: keras.layers.Layer, given: Tensor, *weights: np.ndarray) -> Tensor:
    output = made(given)
    made.set_weights(list(weights))
    return output


def _constant(described: kinds.Constant, name: str, z: Tensor) -> Tensor:
    """0 z + 1, times the values."""
    latent, values = z.shape[1], described.value.reshape(1, -1)
    one = keras.layers.Dense(1, name=f"{name}_one")
    ones = _weighted(one, z, np.zeros((latent, 1)), np.ones(1))
    all_values = keras.layers.Dense(values.shape[1], use_bias=False, name=f"{name}_values")
    return keras.layers.Reshape(described.value.shape, name=name)(
        _weighted(all_values, ones, values)
    )


def _dense(described: kinds.Dense, name: str, given: Sequence[Tensor]) -> Tensor:
    made = keras.layers.Dense(described.weights.shape[1], name=name)
    return _weighted(made, given[0], described.weights, described.bias)


def _reshape(described: kinds.Reshape, name: str, given: Sequence[Tensor]) -> Tensor:
    return keras.layers.Reshape(described.shape, name=name)(given[0])


def _transpose(described: kinds.Transpose, name: str, given: Sequence[Tensor]) -> Tensor:
    order = tuple(axis + 1 for axis in described.order)
    return keras.layers.Permute(order, name=name)(given[0])


def _upsample(described: kinds.Upsample, name: str, given: Sequence[Tensor]) -> Tensor:
    made = keras.layers.UpSampling2D(described.factor, interpolation=described.method, name=name)
    return made(given[0])


def _batch_norm(described: kinds.BatchNorm, name: str, given: Sequence[Tensor]) -> Tensor:
    made = keras.layers.BatchNormalization(epsilon=described.epsilon, name=name)
    moments = described.mean, described.variance
    return _weighted(made, given[0], described.gamma, described.beta, *moments)


def _affine(described: kinds.Affine, name: str, given: Sequence[Tensor]) -> Tensor:
    scale, shift = described.scale.tolist(), described.shift.tolist()
    return keras.layers.Rescaling(scale, shift, name=name)(given[0])


def _group_norm(described: kinds.GroupNorm, name: str, given: Sequence[Tensor]) -> Tensor:
    made = keras.layers.GroupNormalization(described.groups, epsilon=described.epsilon, name=name)
    return _weighted(made, given[0], described.gamma, described.beta)


def _activation(described: kinds.Activation, name: str, given: Sequence[Tensor]) -> Tensor:
    slope = described.slope
    if described.name == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=slope, name=name)(given[0])
    if described.name == "elu":
        return keras.layers.ELU(alpha=slope, name=name)(given[0])
    return keras.layers.Activation(_CALLED[described.name], name=name)(given[0])


def _known(described: kinds.Activation) -> bool:
    return described.name in ("leaky_relu", "elu", *_CALLED)


def _concat(described: kinds.Concat, name: str, given: Sequence[Tensor]) -> Tensor:
    return keras.layers.Concatenate(axis=-1, name=name)(list(given))


def _together(kind: Callable[..., keras.layers.Layer]) -> Make:
    def make(described: Any, name: str, given: Sequence[Tensor]) -> Tensor:
        return given[0] if len(given) == 1 else kind(name=name)(list(given))

    return make


def _ranked(given: list[Tensor], shapes: Sequence[Shape], name: str) -> list[Tensor]:
    """With as many axes each, new ones in front."""
    axes = max(map(len, shapes))
    return [
        each
        if len(shape) == axes
        else keras.layers.Reshape((*[1] * (axes - len(shape)), *shape), name=f"{name}_of_{n}")(each)
        for n, (each, shape) in enumerate(zip(given, shapes, strict=True))
    ]


_CALLED = {
    **{name: name for name in ("relu", "selu", "softplus", "gelu", "relu6", "tanh", "sigmoid")},
    **{"swish": "silu", "hard_sigmoid": "hard_sigmoid", "exp": "exponential"},
    **{"softsign": "softsign"},
}
_MAKE: dict[type[kinds.Layer], Make] = {
    kinds.Dense: _dense,
    kinds.Reshape: _reshape,
    kinds.Transpose: _transpose,
    kinds.ConvTranspose: conv_transpose,
    kinds.Conv: conv,
    kinds.Upsample: _upsample,
    kinds.Pad: pad,
    kinds.BatchNorm: _batch_norm,
    kinds.Affine: _affine,
    kinds.GroupNorm: _group_norm,
    kinds.Activation: _activation,
    kinds.Add: _together(keras.layers.Add),
    kinds.Multiply: _together(keras.layers.Multiply),
    kinds.Concat: _concat,
}
