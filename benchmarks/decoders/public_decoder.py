"""Write the public tiny autoencoder of FLUX.2's latents as Keras models.

Its weights are from github.com/madebyollin/taesd (MIT): taef2_decoder.pth and taef2_encoder.pth,
which are state dicts without an architecture.

    python -m benchmarks.decoders.public_decoder FOLDER --out build/decoders
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from ganinv_cli.generators.formats.torch import find_networks, read_torch_file

CHANNELS = 32  # of z
GROUPS = 4  # of a norm
EPSILON = 1e-5  # of PyTorch's GroupNorm
LIMIT = 3.0  # of z
Arrays = dict[str, np.ndarray]
Tensor = Any  # of Keras


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(folder: Path, out: Path) -> None:
    """Write decoder.keras and encoder.keras from the files of a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name, make in (("decoder", make_decoder), ("encoder", make_encoder)):
        make(read_arrays(folder / f"taef2_{name}.pth")).save(out / f"{name}.keras")


def read_arrays(path: Path) -> Arrays:
    """Return the arrays of a state dict by name."""
    with path.open("rb") as file:
        weights, *_ = find_networks(read_torch_file(file)).values()
        return {name: weight.read() for name, weight in weights.items()}


def make_decoder(arrays: Arrays) -> keras.Model:
    """Return z (n, height, width, 32) -> pictures (n, 8 height, 8 width, 3), about -1 to 1."""
    z = keras.Input((None, None, CHANNELS), name="z")
    x = LIMIT * keras.ops.tanh(z / LIMIT)
    x = keras.layers.ReLU()(_convolve(x, arrays, "1"))
    x = _add_blocks(x, arrays, (3, 4, 5))
    for number in (7, 12, 17):
        x = _convolve(keras.layers.UpSampling2D()(x), arrays, str(number))
        x = _add_blocks(x, arrays, range(number + 1, number + 4 if number < 17 else number + 2))
    return keras.Model(z, keras.layers.Rescaling(2, -1)(_convolve(x, arrays, "19")))


def make_encoder(arrays: Arrays) -> keras.Model:
    """Return pictures (n, height, width, 3) in [-1, 1] -> z (n, height / 8, width / 8, 32)."""
    picture = keras.Input((None, None, 3), name="picture")
    x = _convolve(keras.layers.Rescaling(0.5, 0.5)(picture), arrays, "0")
    x = _add_blocks(x, arrays, (1,))
    for number in (2, 6, 10):
        x = _convolve(x, arrays, str(number), strides=2)
        x = _add_blocks(x, arrays, range(number + 1, number + 4))
    return keras.Model(picture, _convolve(x, arrays, "14"))


def _add_blocks(x: Tensor, arrays: Arrays, numbers: Sequence[int]) -> Tensor:
    relu = keras.layers.ReLU
    for number in numbers:
        if f"{number}.pool.0.weight" in arrays:
            pooled = _convolve(x, arrays, f"{number}.pool.0")
            norm = keras.layers.GroupNormalization(GROUPS, epsilon=EPSILON)
            pooled = norm(pooled)
            norm.set_weights([arrays[f"{number}.pool.1.{each}"] for each in ("weight", "bias")])
            x = keras.layers.Add()([x, _convolve(relu()(pooled), arrays, f"{number}.pool.3")])
        y = relu()(_convolve(x, arrays, f"{number}.conv.0"))
        y = relu()(_convolve(y, arrays, f"{number}.conv.2"))
        y = _convolve(y, arrays, f"{number}.conv.4")
        x = relu()(keras.layers.Add()([x, y]))
    return x


def _convolve(x: Tensor, arrays: Arrays, name: str, strides: int = 1) -> Tensor:
    """Return a convolution with PyTorch's padding, which is as wide on all sides."""
    weight, bias = arrays[f"{name}.weight"], arrays.get(f"{name}.bias")
    filters, _, size, _ = weight.shape
    padding = "same" if strides == 1 else "valid"
    if strides > 1:
        x = keras.layers.ZeroPadding2D(size // 2)(x)
    layer = keras.layers.Conv2D(filters, size, strides, padding, use_bias=bias is not None)
    x = layer(x)
    kernel = weight.transpose(2, 3, 1, 0)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return x


if __name__ == "__main__":
    main()
