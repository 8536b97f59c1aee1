"""Weights of generators of random conventions, with the statistics of their own run."""

import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors_files import write_safetensors
from settled import settle_norms
from torch_files import save_archive

from ganinv_cli.generators.formats.weights.step import parse_activation
from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.graph import Network, make_sequence

Truth = dict[tuple[str, str], str]  # by name of the convention and of the layer in the file
State = dict[str, np.ndarray]

ACTIVATIONS = (
    *("relu", "relu", "leaky_relu:0.2", "leaky_relu:0.01", "leaky_relu:0.1", "leaky_relu:0.3"),
    *("elu", "selu", "tanh", "gelu", "swish", "none"),
)
PRIORS = (
    *("normal:1", "normal:1", "normal:1", "uniform:-1,1", "uniform:-1,1", "uniform:0,1"),
    *("normal:0.5", "normal:2", "uniform:-2,2", "uniform:0,2", "normal:0.1"),
)
BATCHES = 19  # whose statistics a moving average of momentum 0.9 is made of


class RandomGenerator(NamedTuple):
    """A file, and the conventions that its statistics were gathered with."""

    path: Path
    truth: Truth
    prior: str
    behind: frozenset[tuple[str, str]]  # conventions that no norm follows


def write_random_generator(seed: int, folder: Path, labels: int = 0) -> RandomGenerator:
    """Write the generator of a seed; the same for the same seed. One-hot labels follow z."""
    return _Writer(seed).write(folder, labels)


class _Writer:
    """Draws the layers of a generator, and notes their conventions."""

    def __init__(self, seed: int) -> None:
        self.draws = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.is_numbered = self.draws.random() < 0.7
        self.layers: list[kinds.Layer] = []
        self.names: list[str] = []
        self.truth: Truth = {}
        self.pending: list[tuple[str, str]] = []  # conventions since the last norm

    def write(self, folder: Path, labels: int) -> RandomGenerator:
        draws = self.draws
        self.latent = draws.choice([16, 32, 64, 100]) + labels
        prior = draws.choice(PRIORS)
        usual = draws.choice(ACTIVATIONS)
        self.activations = [usual] if draws.random() < 0.6 else ACTIVATIONS
        self.order = draws.choice(["before", "before", "after", "mixed"])
        self.epsilons = draws.choice([[1e-5], [1e-5], [1e-3], [0.8], [1e-5, 0.8]])
        steps, channels = draws.choice([2, 2, 3, 3, 4]), draws.choice([1, 3])
        width = draws.choice([32, 48, 64, 96, 128])
        method = draws.choice(["transposed", "transposed", "nearest", "bilinear", "mixed"])
        self._add_first(draws.choice([4, 4, 8]) if steps < 4 else 4, width)
        for step in range(steps):
            is_last = step == steps - 1
            outputs = channels if is_last else max(width >> step + draws.choice([0, 1]), 12)
            how = method
            if method == "mixed":
                how = draws.choice(["transposed", "nearest", "bilinear"])
            factor = 2 if draws.random() < 0.85 or is_last else 1
            name = self._add_convolution(outputs, how, factor)
            if not is_last:
                self._add_hidden(outputs, name)
        self._add(kinds.Activation("tanh"))
        network = make_sequence(self.latent, self.layers, self.names)
        rows = BATCHES * draws.choice([16, 32, 64, 64, 128])
        state = export_state(settle_norms(network, prior, draws.randrange(99), rows, labels))
        if draws.random() < 0.5:
            path = save_archive(folder / "generator.pt", state)
        else:
            path = write_safetensors(folder / "generator.safetensors", state)
        return RandomGenerator(path, self.truth, prior, frozenset(self.pending))

    def _add(self, layer: kinds.Layer) -> str:
        name = f"main.{len(self.names)}" if self.is_numbered else f"layer{len(self.names)}"
        self.layers.append(layer)
        self.names.append(name)
        return name

    def _add_first(self, side: int, width: int) -> None:
        outputs = side * side * width
        kernel = self._draw_kernel(self.latent, outputs)
        name = self._add(kinds.Dense(kernel, self._draw_bias(outputs)))
        norm_first = self.draws.random() < 0.4  # a norm over all values, or one of the map
        if norm_first:
            self._add_hidden(outputs, name)
        self._add(kinds.Reshape((width, side, side)))
        self._add(kinds.Transpose((1, 2, 0)))
        if not norm_first:
            self._add_hidden(width, name)
        self.width = width

    def _add_hidden(self, channels: int, name: str) -> None:
        """Add the activation behind the layer `name`, and a norm before or after it."""
        draws, numbers = self.draws, self.numbers
        text = draws.choice(self.activations)
        order = draws.choice(["before", "after"]) if self.order == "mixed" else self.order
        activation = parse_activation(text)
        self._note("activation", name, text)
        if order == "after" and activation:
            self._add(activation)
        if draws.random() < 0.9:
            epsilon = draws.choice(self.epsilons)
            gamma, beta = numbers.normal(1, 0.15, channels), numbers.normal(0, 0.2, channels)
            zeros, ones = np.zeros(channels, np.float32), np.ones(channels, np.float32)
            scale = (gamma.astype(np.float32), beta.astype(np.float32))
            norm = self._add(kinds.BatchNorm(*scale, zeros, ones, epsilon))
            self._note("norm", norm, order if activation else "before")
            behind = [("activation", name)] if order == "before" and activation else []
            self.pending = behind
            self._note("epsilon", norm, f"{epsilon:g}")
        if order == "before" and activation:
            self._add(activation)

    def _add_convolution(self, outputs: int, how: str, factor: int) -> str:
        draws = self.draws
        if how == "transposed":
            kernel = draws.choice([4, 4, 5, 3, 2]) if factor == 2 else draws.choice([3, 5])
            over = max(kernel - factor, 0)
            is_same = over == 0 or draws.random() < 0.75
            small, large = (over // 2, over - over // 2) if is_same else (0, 0)
            weights = self._draw_kernel(kernel, kernel, outputs, self.width)
            crop = ((large, small), (large, small))  # padding `large`, and an output padding
            layer: kinds.Layer = kinds.ConvTranspose(
                weights, self._draw_bias(outputs), (factor, factor), crop
            )
            padding = str(small) if small == large else "same"
        else:
            if factor > 1:
                self._add(kinds.Upsample((2, 2), "nearest" if how == "nearest" else "bilinear"))
            kernel = draws.choice([3, 3, 5])
            half = kernel // 2
            weights = self._draw_kernel(kernel, kernel, self.width, outputs)
            bias = self._draw_bias(outputs)
            layer = kinds.Conv(weights, bias, (1, 1), ((half, half), (half, half)))
            padding = str(half)
        name = self._add(layer)
        self._note("padding", name, padding)
        self._note("strides", name, str(factor))
        is_transposed = how == "transposed"
        self._note("upsampling", name, how if is_transposed or factor > 1 else "nearest")
        self.width = outputs
        return name

    def _note(self, name: str, layer: str, value: str) -> None:
        self.truth[name, layer] = value
        self.pending.append((name, layer))

    def _draw_kernel(self, *shape: int) -> np.ndarray:
        """Weights with heavy tails and channels of different scales, as training makes them."""
        is_transposed = len(shape) == 4 and shape[3] == self.width
        taps = np.prod(shape) / shape[2] / 4 if is_transposed else np.prod(shape[:-1])
        values = self.numbers.standard_t(6, shape) / np.sqrt(taps)
        axis = 2 if is_transposed else -1
        scales = self.numbers.lognormal(0, 0.4, shape[axis])
        values = values * (scales[:, None] if is_transposed else scales)
        if len(shape) == 4:  # smooth kernels
            values = values + 0.5 * values.mean((0, 1), keepdims=True)
        return values.astype(np.float32)

    def _draw_bias(self, outputs: int) -> np.ndarray:
        """Zeros stand for none."""
        size = 0.2 * (self.draws.random() < 0.5)
        return self.numbers.normal(0, size, outputs).astype(np.float32)


def export_state(network: Network) -> State:
    """The weights of a network in PyTorch's names and order; zeros are no bias."""
    state: State = {}
    for layer, _, name in network.nodes:
        match layer:
            case kinds.BatchNorm(gamma, beta, mean, variance):
                leaves = {"weight": gamma, "bias": beta}
                leaves |= {"running_mean": mean, "running_var": variance}
            case kinds.Dense(weights, bias):
                leaves = {"weight": weights.T, "bias": bias}
            case kinds.Conv() | kinds.ConvTranspose():
                leaves = {"weight": layer.weights.transpose(3, 2, 0, 1), "bias": layer.bias}
            case _:
                continue
        if not leaves["bias"].any():
            del leaves["bias"]
        state |= {f"{name}.{leaf}": np.ascontiguousarray(each) for leaf, each in leaves.items()}
    return state
