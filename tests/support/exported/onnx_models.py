"""ONNX models for tests, and what ONNX Runtime makes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from ganinv_cli.generators import formats
from ganinv_cli.generators.network.make_generator import make_generator

LATENT, ROWS = 8, 4
EXPORTED = sorted((Path(__file__).parents[2] / "data" / "onnx").glob("*.onnx"))


def run_onnxruntime(path: Path, z: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return the pictures of ONNX Runtime (rows, height, width, channels) for any rows.

    Labels are integers, or one-hot vectors of `count` values.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    size = inputs[0].shape[0] if isinstance(inputs[0].shape[0], int) else len(z)
    parts = []
    for first in range(0, len(z), size):
        rows = slice(first, first + size)
        given = {inputs[0].name: z[rows].reshape(-1, *inputs[0].shape[1:])}
        for each in inputs[1:]:
            is_integer = "int" in each.type
            given[each.name] = (
                labels[rows].astype(np.int64)
                if is_integer
                else np.eye(count, dtype=np.float32)[labels[rows]]
            )
        pictures = [each for each in session.run(None, given) if each.ndim == 4]
        parts.append(pictures[0].astype(np.float32))
    return to_channels_last(np.concatenate(parts))


def to_channels_last(pictures: np.ndarray) -> np.ndarray:
    """Return pictures with their channels last."""
    return pictures.transpose(0, 2, 3, 1) if pictures.shape[1] in (1, 3) else pictures


def draw_latents(rows: int = ROWS, latent: int = LATENT) -> np.ndarray:
    """Return latent vectors (rows, latent)."""
    return np.random.default_rng(1).normal(size=(rows, latent)).astype(np.float32)


def assert_agrees(path: Path, rows: int = ROWS, tolerance: float = 1e-5) -> Any:
    """Assert that a file's generator makes ONNX Runtime's pictures; return its definition."""
    definition = formats.read(path)
    network = definition.network
    labels = np.arange(rows) % max(1, network.labels)
    z = draw_latents(rows, network.latent)
    expected = run_onnxruntime(path, z, labels, network.labels)
    low, high = network.pixel_range
    made = make_generator(definition).render(z, rows, labels=labels.astype(np.int32))
    made = (made + 1) / 2 * (high - low) + low
    assert np.abs(made - expected).max() < tolerance * max(1, np.abs(expected).max())
    return definition


def make_array(*shape: int, seed: int = 0, low: float = -1.0) -> np.ndarray:
    """Return an array of random weights."""
    return np.random.default_rng(seed).uniform(low, 1, shape).astype(np.float32)


def build_model(
    nodes: Sequence[Any],
    weights: dict[str, np.ndarray] | None = None,
    opset: int = 20,
    batch: int | str = "batch",
    outputs: Sequence[str] = ("picture",),
    inputs: Sequence[Any] = (),
    **more: Any,
) -> onnx.ModelProto:
    """Return a model from z (batch, LATENT) to its outputs."""
    z = helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [batch, LATENT])
    graph = helper.make_graph(
        list(nodes),
        "generator",
        [z, *inputs],
        [helper.make_value_info(name, helper.make_tensor_type_proto(1, None)) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, **more)


def write_model(path: Path, model: onnx.ModelProto) -> Path:
    """Write a model; return its path."""
    path.write_bytes(model.SerializeToString())
    return path
