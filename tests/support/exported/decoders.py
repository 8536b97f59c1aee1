"""A small decoder in ONNX: z (batch, 4, height, width) to pictures four times as large."""

from pathlib import Path

import numpy as np
from exported.onnx_models import make_array, write_model
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 4
SHAPE = (CHANNELS, 2, 2)  # of z, for pictures of 8 x 8


def write_decoder(
    path: Path, sizes: tuple[int | str, int | str], end: str = "Tanh", scale: float = 1 / 3
) -> Path:
    """Write a decoder for z of a height and width, which are free if they are names.

    It ends in an operation, and pixels before that are in proportion to `scale`.
    """
    node = helper.make_node
    up = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    nodes = [
        node("Resize", ["z", "", "scales"], ["large"], nearest_mode="floor", **up),
        node("Conv", ["large", "first"], ["hidden"], pads=[1] * 4),
        node("LeakyRelu", ["hidden"], ["bent"], alpha=0.5),
        node("Conv", ["bent", "last"], ["values"], pads=[1] * 4),
        node(end, ["values"], ["picture"]),
    ]
    weights = {
        "scales": np.array([1, 1, 4, 4], np.float32),
        "first": make_array(16, CHANNELS, 3, 3) / 2,
        "last": make_array(3, 16, 3, 3, seed=1) * scale,
    }
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "decoder",
        [helper.make_tensor_value_info("z", floats, ["batch", CHANNELS, *sizes])],
        [helper.make_tensor_value_info("picture", floats, ["batch", 3, "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    return write_model(path, helper.make_model(graph, opset_imports=opset, ir_version=8))
