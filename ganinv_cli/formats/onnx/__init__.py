"""Generators in ONNX files, as PyTorch, Keras and others export them."""

from pathlib import Path

from ganinv_cli.formats.interface import Format, UnfinishedGenerator
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator in an ONNX file, with weights from files beside it.

    Raises UnreadableError.
    """
    from ganinv_cli.formats.onnx.reading import make_pictures, read_model
    from ganinv_cli.formats.onnx.values import BATCH
    from ganinv_cli.formats.traced.functions import trace_function

    model = read_model(path)
    network = trace_function(
        lambda *tensors: make_pictures(model, tensors), model.inputs, rows=BATCH
    )
    return UnfinishedGenerator(network, "ONNX", f"opset {model.opset}", str(path))


FORMAT = Format("ONNX", read, lambda facts: facts.path.suffix == ".onnx", is_whole_model=True)
