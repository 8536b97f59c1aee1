"""Read an ONNX graph and run it in TensorFlow, node by node; what is constant is computed at once.

Graphs are of ONNX's own operations of one version; calls of functions are replaced.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import onnx
import tensorflow as tf
from onnx import helper, inliner, numpy_helper, version_converter
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError
from onnx.version_converter import ConvertError

from ganinv_cli.errors import shorten_error
from ganinv_cli.generators.formats import boundary
from ganinv_cli.generators.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.generators.formats.onnx.operations import KINDS, OPERATIONS
from ganinv_cli.generators.formats.onnx.values import (
    BATCH,
    Call,
    UnsupportedError,
    Value,
    get_shape,
    is_constant,
    is_free,
    prod,
    to_first,
    to_last,
)
from ganinv_cli.generators.formats.trace_function import FunctionInput
from ganinv_cli.generators.network.operations.allowed import MAX_COMPUTED, MAX_OPERATIONS, USES

VERSION = 21  # of ONNX's operations; older graphs are converted to it
MAX_NODES = 16_000  # with constants, and with those of the functions that are called
UNKNOWN_NODES = 32  # at most, of an operation that is replaced by a function of ONNX's
MAX_SETTING = 1 << 10  # numbers of an array that may be a setting of an operation, e.g. pads
STANDARD = ("", "ai.onnx")  # names of the domain of ONNX's own operations

STORED = "Constant"  # an operation whose values are in the file
_UNUSUAL = re.compile(r"[^A-Za-z0-9./]")  # characters in names of TensorFlow's operations
_RANDOM = ("Random", "Multinomial", "Bernoulli")


class Model(NamedTuple):
    """A graph without calls of functions, its inputs, and its weights by name."""

    graph: Any  # GraphProto
    inputs: list[FunctionInput]
    weights: dict[str, np.ndarray]
    opset: int  # version of ONNX's operations in the file


def read_model(source: Path | BinaryIO) -> Model:
    """Return the model in a file, with the weights in files beside it."""
    try:
        proto = onnx.load(source)  # which reads no file outside the folder
    except ValidationError as error:  # not a ValueError
        raise ValueError(str(error)) from None
    _check_count(_count_nodes(proto), MAX_NODES)
    try:
        inputs, weights = _declare_weights(proto.graph), _take_weights(proto.graph)
        opset = max((n.version for n in proto.opset_import if n.domain in STANDARD), default=1)
        if proto.functions:
            proto = inliner.inline_local_functions(proto, convert_version=True)
        if opset < VERSION:
            proto = version_converter.convert_version(proto, VERSION)
        _add_defaults(proto.graph.node)
        kept = [("", kind) for kind in OPERATIONS]
        proto = inliner.inline_selected_functions(
            proto, kept, exclude=True, inline_schema_functions=True
        )
    except (ConvertError, RuntimeError) as error:  # the second is of an assertion of onnx
        raise UnreadableError(
            f"has operations of version {opset} that do not become those of version {VERSION}; "
            f"export it again, e.g. with opset_version={VERSION}"
        ) from error
    except (ValidationError, InferenceError) as error:
        raise ValueError(str(error)) from None
    _check_count(sum(each.op_type != STORED for each in proto.graph.node), MAX_OPERATIONS)
    weights |= {each.name: _read_tensor(each) for each in proto.graph.initializer}
    return Model(proto.graph, inputs, weights, opset)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise UnreadableError(f"has more than {most:,} operations; is it a generator of pictures?")


def _count_nodes(proto: Any) -> int:
    """Return how many nodes a graph has once its functions are replaced."""
    functions = {(each.domain, each.name): each.node for each in proto.functions}
    counts: dict[tuple[str, str], int] = {}

    def count(nodes: Sequence[Any]) -> int:
        total = 0
        for each in nodes:
            total += count_calls((each.domain, each.op_type))
            for attribute in each.attribute:
                total += sum(count(graph.node) for graph in (attribute.g, *attribute.graphs))
        return total

    def count_calls(name: tuple[str, str]) -> int:
        if name in functions and name not in counts:
            counts[name] = MAX_NODES + 1  # of a function that calls itself
            counts[name] = count(functions[name])
        return counts.get(name, 1 if name[1] in OPERATIONS else UNKNOWN_NODES)

    return count(proto.graph.node)


def _declare_weights(graph: Any) -> list[FunctionInput]:
    """Return the inputs, and add the weights to them: onnx reads types of weights only there."""
    weights = {each.name for each in graph.initializer}
    inputs = [_read_input(each) for each in graph.input if each.name not in weights]
    weights -= {each.name for each in graph.input}
    graph.input.extend(
        helper.make_tensor_value_info(each.name, each.data_type, each.dims)
        for each in graph.initializer
        if each.name in weights
    )
    return inputs


def _take_weights(graph: Any) -> dict[str, np.ndarray]:
    """Return the large weights, and remove them: onnx copies all each time it changes a graph."""
    large = [each for each in graph.initializer if math.prod(each.dims) > MAX_SETTING]
    small = [each for each in graph.initializer if math.prod(each.dims) <= MAX_SETTING]
    weights = {each.name: _read_tensor(each) for each in large}
    del graph.initializer[:]
    graph.initializer.extend(small)
    return weights


def _add_defaults(nodes: Sequence[Any]) -> None:
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
            f"takes {value.name[:100]!r}, which is not a tensor of numbers; is it a generator?"
        )
    sizes = tuple(axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim)
    shape = sizes if tensor.HasField("shape") else None
    return FunctionInput(value.name, tf.as_dtype(KINDS[tensor.elem_type]), shape)


def _read_tensor(tensor: Any) -> np.ndarray:
    if tensor.data_type not in KINDS:
        raise UnreadableError(
            f"its tensor {tensor.name[:100]!r} holds no numbers of 8 to 64 bits; export it in "
            "float32"
        )
    return np.array(numpy_helper.to_array(tensor), KINDS[tensor.data_type])


def evaluate_model(model: Model, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the output with the pictures for inputs of BATCH rows."""
    own = {each.shape[0] or BATCH for each in model.inputs if each.shape}
    own_rows = own.pop() if len(own) == 1 else BATCH
    rows = tf.raw_ops.Shape(input=tensors[0])[0]
    values: dict[str, Value] = {"": None, **model.weights}
    values |= {n.name: to_last(tensor) for n, tensor in zip(model.inputs, tensors, strict=True)}
    names = [each.name for each in model.graph.output]
    room = MAX_COMPUTED + USES * sum(each.size for each in model.weights.values())
    for node in _choose_nodes(model.graph.node, names):
        called = f"{(node.name or node.output[0])[:100]} ({node.op_type[:60]})"
        try:
            with tf.name_scope(_UNUSUAL.sub("_", (node.name or node.output[0]).strip("/_"))):
                results = _run_node(node, values, own_rows, rows, room)
        except UnsupportedError as error:
            raise UnreadableError(f"{called} {error}") from None
        except boundary.list_reading_errors() as error:
            reason = shorten_error(error, 160)
            raise UnreadableError(f"{called} does not fit its inputs: {reason}") from error
        values.update(zip(node.output, results, strict=False))
        count = sum(np.size(each) for each in results if is_constant(each))
        room += USES * count if node.op_type == STORED else -count
    shapes = {name: get_shape(values[name]) for name in names}
    pictures = [n for n, s in shapes.items() if len(s) == 4 and {s[1], s[3]} & {1, 3}]
    chosen = pictures if len(names) > 1 else names
    if len(chosen) != 1:
        raise UnreadableError(
            f"has {len(names)} outputs ({', '.join(names)[:300]}), of which {len(pictures)} are "
            "pictures; export a generator that returns one picture"
        )
    return to_first(values[chosen[0]])


def _choose_nodes(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    needed, chosen = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            chosen.append(node)
            needed.update(node.input)
    return chosen[::-1]


def _run_node(
    node: Any, values: dict[str, Value], own_rows: int, rows: tf.Tensor, room: int
) -> Sequence[Value]:
    settings = {each.name: _read_attribute(each) for each in node.attribute}
    inputs = [values[name] for name in node.input]
    if node.domain not in STANDARD or node.op_type not in OPERATIONS:
        raise UnsupportedError(_explain_refusal(node))
    call = Call(node.op_type, settings, len(node.output), own_rows, rows)
    if all(map(is_constant, inputs)):
        return _compute_constant(call, inputs, MAX_VALUES if call.kind == STORED else room)
    return _apply(call, inputs)


def _compute_constant(call: Call, inputs: Sequence[Value], room: int) -> Sequence[Value]:
    """Return the outputs as arrays, or as tensors if they have a value for each row.

    They may have `room` values. The sizes are checked first, because a few bytes can request any
    number of values.
    """
    with tf.Graph().as_default():  # nothing is run
        shapes = [get_shape(each) for each in _apply(call._replace(rows=None), inputs)]
    if any(is_free(size) for shape in shapes for size in shape):
        return _apply(call, inputs)
    if sum(map(prod, shapes)) > room:
        raise UnsupportedError(f"makes {shapes[0]} values; is it a generator of pictures?")
    with tf.init_scope():
        results = _apply(call._replace(rows=None), inputs)
        return [to_first(each).numpy() if hasattr(each, "numpy") else each for each in results]


def _apply(call: Call, inputs: Sequence[Value]) -> Sequence[Value]:
    results = OPERATIONS[call.kind](call, *inputs)
    return results if isinstance(results, list) else [results]


def _read_attribute(attribute: Any) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return _read_tensor(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return list(value) if attribute.type > onnx.AttributeProto.GRAPH else value


def _explain_refusal(node: Any) -> str:
    if node.domain not in STANDARD:
        return (
            f"is of the domain {node.domain[:60]!r}, which is not supported; export it with "
            "ONNX's own operations"
        )
    if node.op_type.startswith(_RANDOM):
        return "draws random numbers; export the generator without noise"
    return "is not on the list of operations that are read; export the generator without it"
