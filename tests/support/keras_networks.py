"""Write generators of layers as Keras models."""

from pathlib import Path

import keras
from keras import layers as kl

from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.graph import LABEL, Layer, Z, weight_arrays
from ganinv_cli.generators.network.layers import (
    Activation,
    BatchNorm,
    Concat,
    ConvTranspose,
    Dense,
    Reshape,
)


def save_network(definition: Definition, path: Path) -> None:
    """Write a generator of these tests as a Keras model, and its prior beside it."""
    network = definition.network
    inputs = {Z: keras.Input((network.latent,), name="latent")}
    values = dict(inputs)
    if network.labels:
        inputs[LABEL] = keras.Input((1,), dtype="int32", name="label")
        one_hot = kl.CategoryEncoding(network.labels, output_mode="one_hot")
        values[LABEL] = one_hot(inputs[LABEL])
    for number, node in enumerate(network.nodes):
        layer = _make_keras_layer(node.layer, node.name.replace("/", "_") or f"layer_{number}")
        tensors = [values[each] for each in node.inputs]
        values[number] = layer(tensors if len(tensors) > 1 else tensors[0])
        layer.set_weights(weight_arrays(node.layer))
    keras.Model([*inputs.values()], values[len(network.nodes) - 1]).save(path)
    conventions = f'prior = "{definition.prior}"\nrange = "-1,1"\n'
    path.with_name(f"{path.name}.toml").write_text(conventions, encoding="utf-8")


def _make_keras_layer(layer: Layer, name: str) -> keras.Layer:
    match layer:
        case Dense():
            return kl.Dense(layer.weights.shape[1], name=name)
        case Reshape():
            return kl.Reshape(layer.shape, name=name)
        case BatchNorm():
            return kl.BatchNormalization(epsilon=layer.epsilon, name=name)
        case ConvTranspose():
            kernel, width = layer.weights.shape[:2], layer.weights.shape[2]
            return kl.Conv2DTranspose(width, kernel, layer.stride, "same", name=name)
        case Activation(name="leaky_relu"):
            return kl.LeakyReLU(layer.slope, name=name)
        case Activation():
            return kl.Activation(layer.name, name=name)
        case Concat():
            return kl.Concatenate(name=name)
    raise TypeError(layer)
