"""Generators in ONNX files, as PyTorch, Keras and others export them."""

from pathlib import Path
from typing import BinaryIO

from ganinv_cli.generators.formats.interface import UnfinishedGenerator
from ganinv_cli.generators.formats.onnx.reading import evaluate_model, read_model
from ganinv_cli.generators.formats.onnx.values import BATCH
from ganinv_cli.generators.formats.trace_function import trace_function
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator in an ONNX file, with weights from files beside it.

    Raises UnreadableError.
    """
    network, opset = trace_model(path, conventions.latent_shape)
    return UnfinishedGenerator(network, "ONNX", f"opset {opset}", str(path))


def trace_model(
    source: Path | BinaryIO, latent_shape: tuple[int, ...] = ()
) -> tuple[TracedNetwork, int]:
    """Return the network of a file, and its version of ONNX's operations."""
    model = read_model(source)
    network = trace_function(
        lambda *tensors: evaluate_model(model, tensors),
        model.inputs,
        rows=BATCH,
        latent_shape=latent_shape,
    )
    return network, model.opset
