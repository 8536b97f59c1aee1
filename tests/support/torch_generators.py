"""Small generators of common kinds with PyTorch's names, each with its pictures in PyTorch."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch_reference as torch

Arrays = dict[str, np.ndarray]


class KnownGenerator(NamedTuple):
    """A state dict, and its forward pass for z (batch, latent): (batch, channels, h, w)."""

    state: Arrays
    forward: Callable[[np.ndarray], np.ndarray]
    latent: int


def _make_norm(random: np.random.Generator, name: str, channels: int) -> Arrays:
    return {
        f"{name}.weight": random.uniform(0.5, 1.5, channels).astype(np.float32),
        f"{name}.bias": random.normal(0, 0.2, channels).astype(np.float32),
        f"{name}.running_mean": random.normal(0, 0.2, channels).astype(np.float32),
        f"{name}.running_var": random.uniform(0.3, 2, channels).astype(np.float32),
        f"{name}.num_batches_tracked": np.array(7, np.int64),
    }


def _make_weight(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.normal(0, 1.5 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def apply_norm(state: Arrays, name: str, x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    """A batch norm by its name."""
    leaves = ("weight", "bias", "running_mean", "running_var")
    return torch.batch_norm(x, *(state[f"{name}.{leaf}"] for leaf in leaves), epsilon)


def make_dcgan(
    seed: int = 0, widths: tuple[int, ...] = (8, 6, 4), stride: int = 2, padding: int = 1
) -> KnownGenerator:
    """PyTorch's example: kernels of 4, strides 1, 2, 2, …, paddings 0, 1, 1, …, no biases."""
    random = np.random.default_rng(seed)
    latent, state = 5, {}
    channels = (latent, *widths, 3)
    for number, (inputs, outputs) in enumerate(itertools.pairwise(channels)):
        state[f"main.{3 * number}.weight"] = _make_weight(random, inputs, outputs, 4, 4)
        if number < len(widths):
            state |= _make_norm(random, f"main.{3 * number + 1}", outputs)

    def forward(z: np.ndarray) -> np.ndarray:
        x = z.reshape(len(z), latent, 1, 1)
        for number in range(len(widths) + 1):
            weight = state[f"main.{3 * number}.weight"]
            x = torch.conv_transpose(x, weight, *((stride, padding) if number else (1, 0)))
            if number < len(widths):
                x = torch.relu(apply_norm(state, f"main.{3 * number + 1}", x))
        return np.tanh(x)

    return KnownGenerator(state, forward, latent)


def make_wgan() -> KnownGenerator:
    """WGAN-GP's: a matrix with a norm over all it makes, then kernels of 2 and of 5 with biases."""
    random = np.random.default_rng(1)
    state = {
        "preprocess.0.weight": _make_weight(random, 4 * 4 * 6, 7),
        "preprocess.0.bias": _make_weight(random, 4 * 4 * 6),
        **_make_norm(random, "preprocess.1", 4 * 4 * 6),
        "block1.0.weight": _make_weight(random, 6, 5, 2, 2),
        "block1.0.bias": _make_weight(random, 5),
        **_make_norm(random, "block1.1", 5),
        "deconv_out.weight": _make_weight(random, 5, 3, 5, 5),
        "deconv_out.bias": _make_weight(random, 3),
    }

    def forward(z: np.ndarray) -> np.ndarray:
        x = torch.linear(z, state["preprocess.0.weight"], state["preprocess.0.bias"])
        x = torch.relu(apply_norm(state, "preprocess.1", x)).reshape(-1, 6, 4, 4)
        x = torch.conv_transpose(x, state["block1.0.weight"], 2, 0, bias=state["block1.0.bias"])
        x = torch.relu(apply_norm(state, "block1.1", x))
        last = state["deconv_out.weight"]
        return np.tanh(torch.conv_transpose(x, last, 2, 2, 1, state["deconv_out.bias"]))

    return KnownGenerator(state, forward, 7)


def make_upsampling(epsilons: tuple[float, float, float] = (1e-5, 1e-5, 1e-5)) -> KnownGenerator:
    """PyTorch-GAN's: a matrix, then a norm, enlarging, a convolution, and so on."""
    random = np.random.default_rng(2)
    state = {
        "l1.0.weight": _make_weight(random, 6 * 4 * 4, 5),
        "l1.0.bias": _make_weight(random, 6 * 4 * 4),
        **_make_norm(random, "conv_blocks.0", 6),
        "conv_blocks.2.weight": _make_weight(random, 6, 6, 3, 3),
        "conv_blocks.2.bias": _make_weight(random, 6),
        **_make_norm(random, "conv_blocks.3", 6),
        "conv_blocks.6.weight": _make_weight(random, 4, 6, 3, 3),
        "conv_blocks.6.bias": _make_weight(random, 4),
        **_make_norm(random, "conv_blocks.7", 4),
        "conv_blocks.9.weight": _make_weight(random, 1, 4, 3, 3),
        "conv_blocks.9.bias": _make_weight(random, 1),
    }

    def conv(number: int, x: np.ndarray) -> np.ndarray:
        name = f"conv_blocks.{number}"
        return torch.conv(x, state[f"{name}.weight"], 1, state[f"{name}.bias"])

    def forward(z: np.ndarray) -> np.ndarray:
        x = torch.linear(z, state["l1.0.weight"], state["l1.0.bias"]).reshape(-1, 6, 4, 4)
        x = conv(2, torch.upsample(apply_norm(state, "conv_blocks.0", x, epsilons[0]), 2))
        x = torch.leaky_relu(apply_norm(state, "conv_blocks.3", x, epsilons[1]), 0.2)
        x = apply_norm(state, "conv_blocks.7", conv(6, torch.upsample(x, 2)), epsilons[2])
        return np.tanh(conv(9, torch.leaky_relu(x, 0.2)))

    return KnownGenerator(state, forward, 5)


def make_perceptron(channels: int = 3, latent: int = 6) -> KnownGenerator:
    """Matrices alone; the last makes the picture, channels first."""
    random = np.random.default_rng(3)
    state = {
        "model.0.weight": _make_weight(random, 16, latent),
        "model.0.bias": _make_weight(random, 16),
        "model.2.weight": _make_weight(random, 20, 16),
        "model.2.bias": _make_weight(random, 20),
        **_make_norm(random, "model.3", 20),
        "model.5.weight": _make_weight(random, channels * 64, 20),
        "model.5.bias": _make_weight(random, channels * 64),
    }

    def matrix(number: int, x: np.ndarray) -> np.ndarray:
        return torch.linear(x, state[f"model.{number}.weight"], state[f"model.{number}.bias"])

    def forward(z: np.ndarray) -> np.ndarray:
        x = torch.relu(apply_norm(state, "model.3", matrix(2, torch.relu(matrix(0, z)))))
        return np.tanh(matrix(5, x)).reshape(-1, channels, 8, 8)

    return KnownGenerator(state, forward, latent)


def make_discriminator() -> Arrays:
    """That of PyTorch's example, which ends in one value."""
    random = np.random.default_rng(4)
    return {
        "main.0.weight": _make_weight(random, 4, 3, 4, 4),
        "main.2.weight": _make_weight(random, 8, 4, 4, 4),
        **_make_norm(random, "main.3", 8),
        "main.5.weight": _make_weight(random, 1, 8, 4, 4),
    }
