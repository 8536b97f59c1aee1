"""Generators of random conventions, with the statistics that they gather themselves.

Each is a Keras model that is run in training mode on its prior, and then written as a state dict,
a safetensors file or a TensorFlow 2 object checkpoint.
"""

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from safetensors_files import write_safetensors
from torch_files import save_archive

from ganinv_cli.formats.weights.step import parse_activation
from ganinv_cli.network.execute import build_layer

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["torch", "safetensors", "tensorflow"]
Truth = dict[tuple[str, str], str]  # by name of the convention and of the layer in the file

ACTIVATIONS = (
    *("relu", "relu", "leaky_relu:0.2", "leaky_relu:0.01", "leaky_relu:0.1", "leaky_relu:0.3"),
    *("elu", "selu", "tanh", "gelu", "swish", "none"),
)
PRIORS = (
    *("normal:1", "normal:1", "normal:1", "uniform:-1,1", "uniform:-1,1", "uniform:0,1"),
    *("normal:0.5", "normal:2", "uniform:-2,2", "uniform:0,2", "normal:0.1"),
)
MOMENTUM = 0.9
BATCHES = 100  # until nothing is left of the first statistics


class RandomGenerator(NamedTuple):
    """A file, and the conventions that its statistics were gathered with."""

    path: Path
    truth: Truth
    prior: str
    model: keras.Model
    behind: frozenset[tuple[str, str]]  # conventions that no norm follows


def write_random_generator(seed: int, folder: Path, kind: Kind | None = None) -> RandomGenerator:
    """Write the generator of a seed; the same for the same seed."""
    return _Writer(seed, folder, kind).write()


class _Writer:
    def __init__(self, seed: int, folder: Path, kind: Kind | None) -> None:
        self.draws = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        keras.utils.set_random_seed(seed)
        self.folder = folder
        chosen = self.draws.choice(["torch", "safetensors", "tensorflow"])
        self.kind = kind or chosen
        self.is_torch = self.kind != "tensorflow"
        self.is_numbered = self.draws.random() < 0.7
        self.stack: list[Any] = []  # Keras layers
        self.names: list[tuple[str, Any, str]] = []  # name in the file, layer, role
        self.truth: Truth = {}
        self.behind: set[tuple[str, str]] = set()
        self.place = 0  # in the numbered sequence
        self.pending: list[tuple[str, str]] = []  # conventions since the last norm

    def write(self) -> RandomGenerator:
        """Draw the conventions, gather the statistics and write the file."""
        draws = self.draws
        self.latent = draws.choice([16, 32, 64, 100])
        self.prior = draws.choice(PRIORS)
        usual = draws.choice(ACTIVATIONS)
        self.activations = [usual if draws.random() < 0.6 else "", usual]
        self.order = draws.choice(["before", "before", "after", "mixed"])
        self.epsilons = draws.choice([[1e-5], [1e-5], [1e-3], [0.8], [1e-5, 0.8]])
        steps, channels = draws.choice([2, 2, 3, 3, 4]), draws.choice([1, 3])
        width = draws.choice([32, 48, 64, 96, 128])
        method = draws.choice(["transposed", "transposed", "nearest", "bilinear", "mixed"])
        side = draws.choice([4, 4, 8]) if steps < 4 else 4
        self._add_first(side, width)
        for step in range(steps):
            is_last = step == steps - 1
            outputs = channels if is_last else max(width >> step + draws.choice([0, 1]), 12)
            how = (
                draws.choice(["transposed", "nearest", "bilinear"]) if method == "mixed" else method
            )
            factor = 2 if draws.random() < 0.85 or is_last else 1
            self._add_convolution(outputs, how, factor)
            if not is_last:
                self._add_hidden(outputs)
        self.stack.append(layers.Activation("tanh"))
        model = keras.Sequential([layers.Input((self.latent,)), *self.stack])
        self._set_weights(model)
        self._gather_statistics(model)
        self.behind |= set(self.pending)
        return RandomGenerator(
            self._write_file(model), self.truth, self.prior, model, frozenset(self.behind)
        )

    def _add_first(self, side: int, width: int) -> None:
        outputs = side * side * width
        dense = layers.Dense(outputs, use_bias=self.draws.random() < 0.5)
        name = self._add(dense, "dense")
        self.width, self.side = width, side
        norm_first = self.draws.random() < 0.4  # a norm over all values, or one of the map
        if norm_first:
            self._add_hidden(outputs, name)
            self._unfold()
        else:
            self._unfold()
            self._add_hidden(width, name)

    def _unfold(self) -> None:
        if self.is_torch:
            self._add_weightless(layers.Reshape((self.width, self.side, self.side)))
            self.stack.append(layers.Permute((2, 3, 1)))
        else:
            self._add_weightless(layers.Reshape((self.side, self.side, self.width)))

    def _add_hidden(self, channels: int, name: str = "") -> None:
        """Add an activation, and a norm before or after it."""
        draws = self.draws
        name = name or self.last
        text = self.activations[0] or draws.choice(ACTIVATIONS)
        order = draws.choice(["before", "after"]) if self.order == "mixed" else self.order
        has_norm = draws.random() < 0.9
        self._note("activation", name, text)
        activation = _make_activation(text)
        if order == "after" and text != "none":
            self._add_weightless(activation)
        if has_norm:
            epsilon = draws.choice(self.epsilons)
            norm = layers.BatchNormalization(momentum=MOMENTUM, epsilon=epsilon)
            norm_name = self._add(norm, "norm")
            if text != "none":
                self._note("norm", norm_name, order)
            if order == "after" or text == "none":
                self.pending = []
            else:
                self.pending = [("activation", name)]
            self._note("epsilon", norm_name, f"{epsilon:g}")
        if order == "before" and text != "none":
            self._add_weightless(activation)

    def _add_convolution(self, outputs: int, how: str, factor: int) -> None:
        draws = self.draws
        use_bias = draws.random() < 0.5
        if how == "transposed":
            kernel = draws.choice([4, 4, 5, 3, 2]) if factor == 2 else draws.choice([3, 5])
            over = kernel - factor
            padding = draws.choice(["same", "same", "same", "0"])
            made: Any = layers.Conv2DTranspose(
                outputs, kernel, strides=factor, padding="valid", use_bias=use_bias
            )
            name = self._add(made, "transposed")
            small, large = over // 2, over - over // 2
            if padding == "same" and over > 0:
                sides = (large, small) if self.is_torch else (small, large)
                self.stack.append(layers.Cropping2D((sides, sides)))
            symmetric = "same" if small != large else str(small)
            self._note("padding", name, "0" if padding == "0" else symmetric)
            self.side = (
                self.side * factor if padding == "same" else ((self.side - 1) * factor + kernel)
            )
        else:
            if factor > 1:
                method = {"nearest": "nearest", "bilinear": "bilinear"}[how]
                self._add_weightless(layers.UpSampling2D(2, interpolation=method))
            kernel = draws.choice([3, 3, 5])
            made = layers.Conv2D(outputs, kernel, padding="same", use_bias=use_bias)
            name = self._add(made, "plain")
            self._note("padding", name, str(kernel // 2))
            self.side *= factor
        self._note("strides", name, str(factor))
        self._note("upsampling", name, how)
        self.last = name

    def _note(self, name: str, layer: str, value: str) -> None:
        self.truth[name, layer] = value
        self.pending.append((name, layer))

    def _add(self, layer: Any, role: str) -> str:
        self.stack.append(layer)
        if not self.is_torch:
            name = f"layer-{self.place}"
        elif self.is_numbered:
            name = f"main.{self.place}"
        else:
            name = f"layer{self.place}"
        self.place += 1
        self.names.append((name, layer, role))
        return name

    def _add_weightless(self, layer: Any) -> None:
        self.stack.append(layer)
        self.place += 1

    def _set_weights(self, model: keras.Model) -> None:
        """Weights with heavy tails and channels of different scales, as training makes them."""
        numbers = self.numbers
        for layer in model.layers:
            for variable in layer.weights:
                kind, shape = variable.path.rpartition("/")[2], tuple(variable.shape)
                if kind == "kernel":
                    is_transposed = isinstance(layer, layers.Conv2DTranspose)
                    taps = np.prod(shape) / shape[2] / 4 if is_transposed else np.prod(shape[:-1])
                    values = numbers.standard_t(6, shape) / np.sqrt(taps)
                    axis = 2 if is_transposed else -1
                    sizes = [1] * len(shape)
                    sizes[axis] = shape[axis]
                    values *= numbers.lognormal(0, 0.4, sizes)
                    if len(shape) == 4:  # smooth kernels
                        values = values + 0.5 * values.mean((0, 1), keepdims=True)
                elif kind == "gamma":
                    values = numbers.normal(1, 0.15, shape)
                elif kind == "moving_variance":
                    values = np.ones(shape)
                elif kind == "moving_mean":
                    values = np.zeros(shape)
                else:
                    values = numbers.normal(0, 0.2, shape)
                variable.assign(values)

    def _gather_statistics(self, model: keras.Model) -> None:
        batch = self.draws.choice([16, 32, 64, 64, 128])

        @tf.function(autograph=False, reduce_retracing=True)
        def run(z: tf.Tensor) -> tf.Tensor:
            return model(z, training=True)

        for _ in range(BATCHES):
            run(tf.constant(draw_prior(self.prior, self.numbers, (batch, self.latent))))

    def _write_file(self, model: keras.Model) -> Path:
        if not self.is_torch:
            prefix = tf.train.Checkpoint(generator=model).write(str(self.folder / "ckpt"))
            self._rename_keras(model)
            return Path(prefix)
        state = self._make_state()
        if self.kind == "torch":
            return save_archive(self.folder / "generator.pt", state)
        names = [n for n in state if not n.endswith("num_batches_tracked")]
        return write_safetensors(
            self.folder / "generator.safetensors", {n: state[n] for n in names}
        )

    def _rename_keras(self, model: keras.Model) -> None:
        """Name the layers as the checkpoint does: by their places in the model."""
        renamed = {
            name: f"generator/_functional/_operations/{model.layers.index(layer) + 1}"
            for name, layer, _ in self.names
        }
        self.renamed = renamed
        self.truth = {(kind, renamed[n]): value for (kind, n), value in self.truth.items()}
        self.behind = {(kind, renamed[n]) for kind, n in self.behind}

    def _make_state(self) -> dict[str, np.ndarray]:
        state: dict[str, np.ndarray] = {}
        for name, layer, role in self.names:
            arrays = {v.path.rpartition("/")[2]: v.numpy() for v in layer.weights}
            if role == "norm":
                leaves = {
                    "weight": "gamma",
                    "bias": "beta",
                    "running_mean": "moving_mean",
                    "running_var": "moving_variance",
                }
                state |= {f"{name}.{leaf}": arrays[kept] for leaf, kept in leaves.items()}
                continue
            kernel = arrays["kernel"]
            order = {"dense": (1, 0), "transposed": (3, 2, 0, 1), "plain": (3, 2, 0, 1)}[role]
            state[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(order))
            if "bias" in arrays:
                state[f"{name}.bias"] = arrays["bias"]
        return state


def draw_prior(prior: str, numbers: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """z of a prior, which is not cut."""
    family, _, given = prior.partition(":")
    values = [float(each) for each in given.split(",")]
    if family == "normal":
        return numbers.normal(0, values[0], shape).astype(np.float32)
    return numbers.uniform(*values, shape).astype(np.float32)


def _make_activation(text: str) -> Any:
    activation = parse_activation(text)
    function: Callable[[tf.Tensor], tf.Tensor] = (
        build_layer(activation, tf.float32).apply if activation else lambda x: x
    )
    return layers.Activation(function)
