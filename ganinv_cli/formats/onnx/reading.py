"""Read an ONNX file: one graph of ONNX's own operations of one version, and its weights."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, inliner, numpy_helper, version_converter
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError
from onnx.version_converter import ConvertError

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.traced.functions import FunctionInput

VERSION = 21  # of ONNX's operations; older graphs are converted to it
STANDARD = ("", "ai.onnx")  # names of the domain of ONNX's own operations
MAX_SETTING = 256  # values of an initializer that may be a setting of an operation
FLOATS = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
INTEGERS = ("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
KINDS = {
    getattr(TensorProto, name): np.dtype(np.float32 if name in FLOATS else name.lower())
    for name in (*FLOATS, *INTEGERS)
}  # all floating point numbers are computed in float32


class Model(NamedTuple):
    """A graph without calls of functions, its inputs, and its weights by name."""

    graph: Any  # GraphProto
    inputs: list[FunctionInput]
    weights: dict[str, np.ndarray]
    opset: int  # version of ONNX's operations in the file


def read_model(path: Path, known: frozenset[str]) -> Model:
    """Return the model in a file, with the weights in files beside it.

    An operation that is not in `known` is replaced by ONNX's function of others, if it has one.
    """
    try:
        proto = onnx.load(path)  # which reads no file outside the folder
        weights = _take_weights(proto.graph)
        inputs = [_read_input(each) for each in proto.graph.input if each.name not in weights]
        imports = [each.version for each in proto.opset_import if each.domain in STANDARD]
        opset = max(imports, default=1)
        proto = _rewrite(proto, opset, known)
    except (ValidationError, ConvertError, InferenceError) as error:  # no ValueErrors
        raise ValueError(str(error)) from None
    weights |= {each.name: read_tensor(each) for each in proto.graph.initializer}
    return Model(proto.graph, inputs, weights, opset)


def _rewrite(proto: Any, opset: int, known: frozenset[str]) -> Any:
    """Return a model of VERSION or later without calls of functions."""
    if proto.functions:
        proto = inliner.inline_local_functions(proto, convert_version=True)
    if opset < VERSION:
        proto = version_converter.convert_version(proto, VERSION)
    _add_defaults(proto.graph.node)
    kept = [("", kind) for kind in known]
    return inliner.inline_selected_functions(
        proto, kept, exclude=True, inline_schema_functions=True
    )


def _take_weights(graph: Any) -> dict[str, np.ndarray]:
    """Return the weights, and leave in the graph their types, and those that may be settings."""
    weights = {each.name: read_tensor(each) for each in graph.initializer}
    declared = {each.name for each in graph.input}
    graph.input.extend(
        helper.make_tensor_value_info(each.name, each.data_type, each.dims)
        for each in graph.initializer
        if each.name not in declared
    )
    kept = [each for each in graph.initializer if weights[each.name].size <= MAX_SETTING]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return weights


def _add_defaults(nodes: Iterable[Any]) -> None:
    """Write out the default settings of nodes, because onnx does not put them into functions."""
    for node in nodes:
        if node.domain in STANDARD and onnx.defs.has(node.op_type, VERSION):
            given = {each.name for each in node.attribute}
            schema = onnx.defs.get_schema(node.op_type, VERSION)
            defaults = [each.default_value for each in schema.attributes.values()]
            node.attribute.extend(x for x in defaults if x.name and x.name not in given)


def _read_input(value: Any) -> FunctionInput:
    tensor = value.type.tensor_type
    if tensor.elem_type not in KINDS:
        raise UnreadableError(
            f"takes {value.name[:100]!r}, which is no tensor of numbers; is it a generator?"
        )
    sizes = tuple(axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim)
    shape = sizes if tensor.HasField("shape") else None
    return FunctionInput(value.name, tf.as_dtype(KINDS[tensor.elem_type]), shape)


def read_tensor(tensor: Any) -> np.ndarray:
    """Return a tensor as an array, floats as float32."""
    if tensor.data_type not in KINDS:
        raise UnreadableError(
            f"its tensor {tensor.name[:100]!r} holds no numbers of 8 to 64 bits; export it in "
            "float32"
        )
    return np.array(numpy_helper.to_array(tensor), KINDS[tensor.data_type])
