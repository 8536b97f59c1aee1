"""A generator with residual blocks as a state dict that reads like a chain of layers."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def make_residual_state(seed: int, blocks: int = 2, width: int = 32) -> dict[str, np.ndarray]:
    """Weights and statistics of x + F(x), F a norm, relu and convolution, twice."""
    keras.utils.set_random_seed(seed)
    numbers = np.random.default_rng(seed)
    z = layers.Input((32,))
    kept: list[tuple[str, layers.Layer]] = []

    def add(name: str, layer: layers.Layer, x: tf.Tensor) -> tf.Tensor:
        kept.append((name, layer))
        return layer(x)

    def norm(name: str, x: tf.Tensor) -> tf.Tensor:
        made = add(name, layers.BatchNormalization(momentum=0.9, epsilon=1e-5), x)
        return layers.Activation("relu")(made)

    x = add("start", layers.Dense(width * 16, use_bias=False), z)
    x = norm("norm0", layers.Permute((2, 3, 1))(layers.Reshape((width, 4, 4))(x)))
    x = add("up0", layers.Conv2DTranspose(width, 4, 2, "same", use_bias=False), x)
    for number in range(blocks):
        inner = norm(f"block{number}.norm1", x)
        inner = add(f"block{number}.conv1", layers.Conv2D(width, 3, padding="same"), inner)
        inner = norm(f"block{number}.norm2", inner)
        inner = add(f"block{number}.conv2", layers.Conv2D(width, 3, padding="same"), inner)
        x = layers.Add()([x, inner])
    x = norm("norm1", x)
    x = add("up1", layers.Conv2DTranspose(3, 4, 2, "same"), x)
    model = keras.Model(z, layers.Activation("tanh")(x))
    for variable in model.variables:
        shape = tuple(variable.shape)
        if variable.path.endswith("kernel"):
            taps = np.prod(shape) / max(shape[-2:]) / (4 if shape[0] == 4 else 1)
            variable.assign(numbers.normal(0, 1.5 / np.sqrt(taps), shape))
        elif variable.path.endswith(("gamma", "beta")):
            start = 1.0 if variable.path.endswith("gamma") else 0.0
            variable.assign(numbers.normal(start, 0.15, shape))

    @tf.function(autograph=False)
    def run(batch: tf.Tensor) -> tf.Tensor:
        return model(batch, training=True)

    for _ in range(80):
        run(tf.constant(numbers.normal(size=(64, 32)).astype(np.float32)))
    return _export(kept)


def _export(kept: list[tuple[str, layers.Layer]]) -> dict[str, np.ndarray]:
    state: dict[str, np.ndarray] = {}
    leaves = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
    leaves |= {"moving_variance": "running_var", "bias": "bias", "kernel": "weight"}
    for name, layer in kept:
        for variable in layer.weights:
            kind = variable.path.rpartition("/")[2]
            array = variable.numpy()
            if kind == "kernel":
                array = array.T if array.ndim == 2 else array.transpose(3, 2, 0, 1)
            state[f"{name}.{leaves[kind]}"] = np.ascontiguousarray(array)
    return state
