"""The same generator in every format: is it recovered as well, and at the same cost?

The shipped portraits64 is written as a Keras model, a SavedModel, an ONNX file, a PyTorch module
and a TorchScript file, and each is inverted like the checkpoint. It needs PyTorch, which is no
dependency of the project, so its rows are kept.

    python -m benchmarks.formats --out docs/results/formats.json  # half an hour
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

import ganinv_cli as ganinv
from benchmarks.records import publish
from benchmarks.tiny import ROOT, load_support
from ganinv_cli.generators import formats
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.graph import Network
from ganinv_cli.generators.network.layers import BatchNorm, ConvTranspose, Dense, Layer, Reshape
from ganinv_cli.results.store import read_results

CHECKPOINT = ROOT / "checkpoints" / "portraits64"
RULES = ("none", "standard", "stochastic")
ROWS, REPEATS = 32, 9  # gradients that are timed together, and how often
MEASURED = "ganinv_cli/generators"  # the page names its revision
Source = tuple[Any, dict[str, Any]]  # what `ganinv.load` takes, with its options


@click.command()
@click.option("--trials", default=64, show_default=True, help="Trials per format and rule.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for the rows.")
def main(trials: int, out: Path | None) -> None:
    """Invert one generator in every format."""
    definition, rows = formats.read(CHECKPOINT), list[dict[str, Any]]()
    reference = ganinv.load(str(CHECKPOINT)).build()
    with tempfile.TemporaryDirectory() as folder:
        for name, write in WRITERS.items():
            source, options = write(definition, Path(folder))
            start = time.process_time()
            generator = ganinv.load(source, **options)
            row = {"format": name, "loading, s": round(time.process_time() - start, 1)}
            row["gradients per second"] = f"{compare_speed(generator.build(), reference):.2f}"
            rows.append(row | recover(generator, trials, Path(folder) / "results.h5"))
            click.echo(rows[-1], err=True)
    for row in rows:  # "CPU s" of each format is compared with that of the first, the checkpoint
        row["CPU"] = f"{row['CPU s per trial'] / rows[0]['CPU s per trial']:.2f}"
    command = ["git", "rev-parse", "--short=12", f"HEAD:{MEASURED}"]
    revision = subprocess.check_output(command, cwd=ROOT, encoding="utf-8").strip()
    about = f"`python -m benchmarks.formats`, {MEASURED} {revision}, TensorFlow {tf.__version__}"
    publish({"title": "One generator in every format", "rows": rows, "about": about}, out)


def recover(generator: ganinv.LoadedGenerator, trials: int, path: Path) -> dict[str, Any]:
    """Return how often z is recovered, how closely, and what a trial costs."""
    start = time.process_time()
    options: dict[str, Any] = {"clip": ",".join(RULES), "polish": "float64", "seed": 1}
    ganinv.recover(generator, out=str(path), overwrite=True, trials=trials, **options)
    seconds, groups = time.process_time() - start, read_results(path).groups
    errors, polished, gradients = (
        np.concatenate([groups[rule][column] for rule in RULES])
        for column in ("z_error", "polished/z_error", "gradients")
    )
    return {
        "recovered": f"{np.count_nonzero(errors < 1e-4)} of {len(errors)}",
        "gradients per trial": round(float(gradients.mean()), 1),
        "worst error, polished": f"{polished.max():.0e}",
        "CPU s per trial": round(seconds / len(errors), 2),
    }


def compare_speed(generator: Generator, reference: Generator) -> float:
    """Return the gradients per second, relative to a reference, by the time of the processor."""
    z = tf.constant(np.random.default_rng(0).uniform(-1, 1, (ROWS, generator.latent)), tf.float32)
    calls = [_compile_gradient(each) for each in (generator, reference)]
    times = [[_measure_seconds(call, z) for call in calls] for _ in range(REPEATS + 1)][1:]
    return statistics.median(base / own for own, base in times)


def _compile_gradient(generator: Generator) -> Callable[[tf.Tensor], tf.Tensor]:
    def differentiate(z: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = tf.reduce_sum(tf.square(generator(z)))
        return tape.gradient(loss, z)

    function: Callable[[tf.Tensor], tf.Tensor] = tf.function(differentiate, autograph=False)
    return function


def _measure_seconds(call: Callable[[tf.Tensor], tf.Tensor], z: tf.Tensor) -> float:
    start = time.process_time()
    call(z).numpy()
    return time.process_time() - start


def _write_keras(definition: Definition, folder: Path) -> Source:
    load_support("keras_networks").save_network(definition, folder / "g.keras")
    return str(folder / "g.keras"), {}


def _write_saved_model(definition: Definition, folder: Path) -> Source:
    import keras

    keras.models.load_model(folder / "g.keras").export(folder / "saved", verbose=False)
    return str(folder / "saved"), {"prior": "uniform"}


def _write_onnx(definition: Definition, folder: Path) -> Source:
    import torch

    axes = {"input_names": ["z"], "dynamic_axes": {"z": {0: "n"}}, "dynamo": False}
    torch.onnx.export(make_module(definition), torch.zeros(1, 100), folder / "g.onnx", **axes)
    return str(folder / "g.onnx"), {"prior": "uniform"}


def _make_source(definition: Definition, folder: Path) -> Source:
    return make_module(definition), {"latent": 100, "prior": "uniform"}


def _write_torchscript(definition: Definition, folder: Path) -> Source:
    import torch

    script = torch.jit.trace(make_module(definition), torch.zeros(2, 100))
    torch.jit.save(script, folder / "g.ts")
    return str(folder / "g.ts"), {"trust": True, "prior": "uniform"}


def make_module(definition: Definition) -> Any:
    """Return a DCGAN as a torch.nn.Module.

    PyTorch crops a transposed convolution first where TensorFlow crops last, so the module is of
    mirrored layers, and mirrors its pictures.
    """
    import torch

    assert isinstance(definition.network, Network)
    nodes = definition.network.nodes
    layers = [make_torch_layer(node.layer) for node in nodes]
    side, _, width = next(n.layer.shape for n in nodes if isinstance(n.layer, Reshape))

    class Mirrored(torch.nn.Module):  # type: ignore[misc]  # no dependency, so without types
        def __init__(self) -> None:
            super().__init__()
            self.first, self.layers = layers[0], torch.nn.Sequential(*layers[2:])

        def forward(self, z: Any) -> Any:
            x = self.first(z).reshape(-1, side, side, width).permute(0, 3, 1, 2)
            return self.layers(x.flip((2, 3))).flip((2, 3))

    return Mirrored().eval()


def make_torch_layer(layer: Layer) -> Any:
    """Return a layer of PyTorch with the weights of a layer."""
    import torch

    weights: dict[str, np.ndarray] = {}
    match layer:
        case Dense():
            made = torch.nn.Linear(*layer.weights.shape)
            weights = {"weight": layer.weights.T, "bias": layer.bias}
        case ConvTranspose():
            mirrored = layer.weights[::-1, ::-1].transpose(3, 2, 0, 1)
            shape, stride = mirrored.shape, layer.stride[0]
            after, before = layer.crop[0]
            made = torch.nn.ConvTranspose2d(*shape[:3], stride, before, before - after)
            weights = {"weight": mirrored, "bias": layer.bias}
        case BatchNorm():
            made = torch.nn.BatchNorm2d(len(layer.gamma), eps=layer.epsilon)
            weights = {"weight": layer.gamma, "bias": layer.beta}
            weights |= {"running_mean": layer.mean, "running_var": layer.variance}
        case _:
            return {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}.get(
                getattr(layer, "name", ""), torch.nn.Identity
            )()
    tensors = {name: torch.tensor(array.copy()) for name, array in weights.items()}
    made.load_state_dict(tensors, strict=False)
    return made


WRITERS: dict[str, Callable[[Definition, Path], Source]] = {
    "TensorFlow 1 checkpoint": lambda definition, folder: (str(CHECKPOINT), {}),
    "Keras, `.keras`": _write_keras,
    "SavedModel": _write_saved_model,
    "ONNX": _write_onnx,
    "PyTorch module": _make_source,
    "TorchScript": _write_torchscript,
}

if __name__ == "__main__":
    os.environ["GANINV_NO_CACHE"] = "1"
    main()
