"""Run an ONNX graph in TensorFlow, node by node; what is constant is computed at once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
import tensorflow as tf
from onnx import helper
from tensorflow.python.framework.func_graph import FuncGraph

from ganinv_cli.errors import shorten_error
from ganinv_cli.formats import boundary
from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.formats.onnx.operations import OPERATIONS
from ganinv_cli.formats.onnx.reading import STANDARD, Model, read_tensor
from ganinv_cli.formats.onnx.values import (
    BATCH,
    Call,
    UnsupportedError,
    Value,
    get_shape,
    is_constant,
    is_free,
    prod,
    read_constant,
    to_first,
    to_last,
)

_RANDOM = ("Random", "Multinomial", "Bernoulli")


class _Batch(NamedTuple):
    own_rows: int  # in the numbers of the file
    rows: tf.Tensor


def make_pictures(model: Model, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the output with the pictures for inputs of BATCH rows."""
    own = {each.shape[0] for each in model.inputs if each.shape}
    batch = _Batch(
        own.pop() or BATCH if len(own) == 1 else BATCH, tf.raw_ops.Shape(input=tensors[0])[0]
    )
    values: dict[str, Value] = {"": None, **model.weights}
    for each, tensor in zip(model.inputs, tensors, strict=True):
        values[each.name] = to_last(tensor)
    wanted = [each.name for each in model.graph.output]
    _run_nodes(model.graph.node, wanted, values, batch)
    return to_first(_choose_picture({name: values[name] for name in wanted}))


def _choose_picture(outputs: dict[str, Value]) -> tf.Tensor:
    shapes = {name: get_shape(value) for name, value in outputs.items()}
    pictures = [n for n, s in shapes.items() if len(s) == 4 and {s[1], s[3]} & {1, 3}]
    chosen = pictures if len(outputs) > 1 else list(outputs)
    if len(chosen) != 1:
        shown = ", ".join(f"{name[:60]} {list(shape[1:])}" for name, shape in shapes.items())
        raise UnreadableError(
            f"has {len(outputs)} outputs ({shown[:300]}), of which {len(pictures)} are pictures; "
            "export a generator that returns one picture"
        )
    return outputs[chosen[0]]


def _run_nodes(
    nodes: Sequence[Any], outputs: Sequence[str], values: dict[str, Value], batch: _Batch
) -> None:
    """Add the values of all nodes that the outputs need."""
    needed, chosen = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            chosen.append(node)
            needed |= _list_names(node)
    for node in reversed(chosen):
        called = f"{(node.name or node.output[0])[:100]} ({node.op_type[:60]})"
        try:
            results = _run_node(node, values, batch)
        except UnsupportedError as error:
            raise UnreadableError(f"{called} {error}") from None
        except boundary.list_reading_errors() as error:
            reason = shorten_error(error, 160)
            raise UnreadableError(f"{called} does not fit its inputs: {reason}") from error
        values.update(zip(node.output, results, strict=False))


def _list_names(node: Any) -> set[str]:
    """Return the names that a node and its branches take."""
    inside = [each for a in node.attribute for each in a.g.node]
    return set(node.input).union(*map(_list_names, inside))


def _run_node(node: Any, values: dict[str, Value], batch: _Batch) -> Sequence[Value]:
    settings = {each.name: _read_attribute(each) for each in node.attribute}
    inputs = [values[name] for name in node.input]
    if node.domain not in STANDARD:
        raise UnsupportedError(
            f"is of the domain {node.domain[:60]!r}, which is not supported; export it with "
            "ONNX's own operations"
        )
    if node.op_type == "Constant":
        ((name, value),) = settings.items()
        return [np.asarray(value, {"value_f": np.float32, "value_i": np.int64}.get(name[:7]))]
    if node.op_type == "If":
        graph = settings["then_branch" if read_constant(inputs[0]).all() else "else_branch"]
        inner = values | {each.name: read_tensor(each) for each in graph.initializer}
        names = [each.name for each in graph.output]
        _run_nodes(graph.node, names, inner, batch)
        return [inner[name] for name in names]
    if node.op_type not in OPERATIONS:
        raise UnsupportedError(_explain_refusal(node.op_type))
    call = Call(node.op_type, settings, len(node.output), *batch)
    if all(map(is_constant, inputs)):
        return _compute_constant(call, inputs)
    return _apply(call, inputs)


def _compute_constant(call: Call, inputs: Sequence[Value]) -> Sequence[Value]:
    """Return the outputs as arrays, or as tensors if they have a value for each row.

    The sizes are checked first, because a few bytes can request any number of values.
    """
    with FuncGraph("sizes").as_default():
        shapes = list(map(get_shape, _apply(call._replace(rows=None), inputs)))
    if any(is_free(size) for shape in shapes for size in shape):
        return _apply(call, inputs)
    if max(map(prod, shapes)) > MAX_VALUES:
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
        return read_tensor(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return list(value) if attribute.type > onnx.AttributeProto.GRAPH else value


def _explain_refusal(operation: str) -> str:
    if operation.startswith(_RANDOM):
        return "draws random numbers; export the generator without noise"
    return "is not on the list of operations that are read; export the generator without it"
