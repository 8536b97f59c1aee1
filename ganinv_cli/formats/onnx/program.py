"""An ONNX graph as a list of TensorFlow functions to call.

The graph is evaluated once with batches of a known size, so that all its sizes are numbers. At the
same time, values that depend only on weights and sizes are computed.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import onnx
import tensorflow as tf
from onnx import helper
from tensorflow.python.framework.func_graph import FuncGraph

from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.formats.onnx.calls import BATCH, Call, UnsupportedError, is_free, is_known, to_first
from ganinv_cli.formats.onnx.operations import OPERATIONS
from ganinv_cli.formats.onnx.reading import STANDARD, Model, find_opset

MAX_OPERATIONS = 20_000
MAX_DEPTH = 20  # of functions in functions
MAX_CONSTANT = 1 << 27  # values of a constant that is computed, or of a batch of a fixed size
MAX_ALL_CONSTANTS = 1 << 28  # values of all constants that are computed

_RANDOM = ("Random", "Multinomial", "Bernoulli")
_WRONG = (  # raised by a call if an operation's inputs or settings do not fit
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, NotImplementedError),
    *(tf.errors.OpError, AssertionError, MemoryError, RecursionError),
)


class _Step(NamedTuple):
    call: Call
    inputs: list[int | None]  # numbers of values; None: left out
    outputs: list[int]


@dataclass(frozen=True)
class _Scope:
    """The graph, a branch or a function."""

    nodes: Sequence[Any]
    outputs: Sequence[str]
    names: dict[str, int]  # numbers of values
    opset: int
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the node that calls a function
    depth: int = 0


class Program:
    """The steps from a model's inputs to its outputs.

    `batch` is the number of rows that the graph takes; None: any number. With `free`, a graph for
    a fixed number of rows is read as one for any number, which may be wrong.
    """

    def __init__(self, model: Model, batch: int | None, free: bool) -> None:
        self._model = model
        self._rows, self._own_rows = (BATCH if free else batch or 1), batch or BATCH
        self._steps: list[_Step] = []
        self._values: list[Any] = []  # while the program is made
        self._hashes: list[bytes] = []  # of how each value is computed
        self._operations = 0
        self._folded_values = 0  # in all constants that were computed
        names = {name: self._add_constant(weight) for name, weight in model.weights.items()}
        with FuncGraph("sizes").as_default():
            self._inputs = []
            for number, each in enumerate(model.inputs):
                value = tf.compat.v1.placeholder(each.dtype, (self._rows, *each.row))
                names[each.name] = self._add(value, f"input{number}".encode())
                self._inputs.append(names[each.name])
            wanted = [each.name for each in model.graph.output]
            self._add_nodes(_Scope(model.graph.node, wanted, names, model.opset))
            self._outputs = {name: _find(names, name, "its output") for name in wanted}
        self.shapes = {name: _measure(self._values[n]) for name, n in self._outputs.items()}
        self.hashes = {name: self._hashes[n].hex() for name, n in self._outputs.items()}
        self._constants = {n: value for n, value in enumerate(self._values) if is_known(value)}
        del self._values, self._hashes

    def run(self, inputs: Sequence[tf.Tensor], output: str) -> tf.Tensor:
        """Return an output of the graph; to be called within a TensorFlow function."""
        values = {**self._constants, **dict(zip(self._inputs, inputs, strict=True))}
        rows = tf.shape(inputs[0])[0] if self._rows == BATCH else None
        for call, numbers, outputs in self._steps:
            tensors = [None if n is None else values[n] for n in numbers]
            values.update(zip(outputs, _call(call._replace(rows=rows), tensors), strict=False))
        return to_first(values[self._outputs[output]])

    def _add(self, value: Any, digest: bytes) -> int:
        self._values.append(value)
        self._hashes.append(digest)
        return len(self._values) - 1

    def _add_constant(self, array: np.ndarray) -> int:
        with tf.init_scope():
            return self._add(tf.constant(array), _hash(array))

    def _add_nodes(self, scope: _Scope) -> None:
        """Add the nodes that the outputs of a scope need."""
        needed, chosen = set(scope.outputs), []
        for node in reversed(scope.nodes):
            if needed.intersection(node.output):
                chosen.append(node)
                needed |= _list_names(node)
        for node in reversed(chosen):
            self._operations += 1
            if self._operations > MAX_OPERATIONS or scope.depth > MAX_DEPTH:
                raise UnreadableError(
                    f"has more than {MAX_OPERATIONS:,} operations, or functions within more than "
                    f"{MAX_DEPTH} others; is it a generator?"
                )
            called = f"{(node.name or node.output[0])[:100]} ({node.op_type[:60]})"
            inputs = [_find(scope.names, each, called) if each else None for each in node.input]
            try:
                outputs = self._add_node(scope, node, inputs)
            except UnsupportedError as error:
                raise UnreadableError(f"{called} {error}") from None
            except _WRONG as error:
                reason = " ".join(str(error).split())[:160]
                raise UnreadableError(f"{called} does not fit its inputs: {reason}") from None
            scope.names.update(zip(node.output, outputs, strict=False))

    def _add_node(self, scope: _Scope, node: Any, inputs: list[int | None]) -> list[int]:
        """Add a node, or the function that it calls. Return the numbers of its outputs."""
        attributes = {
            each.name: scope.settings.get(each.ref_attr_name)
            if each.ref_attr_name
            else _read_attribute(each)
            for each in node.attribute
        }
        attributes = {name: value for name, value in attributes.items() if value is not None}
        body = self._find_body(node, scope.opset)
        if node.op_type == "If" and body is None:
            condition = self._values[inputs[0] or 0]
            if not is_known(condition):
                raise UnsupportedError("has a condition that is not constant; export it without")
            graph: Any = attributes["then_branch" if condition.numpy().all() else "else_branch"]
            read = self._model.read_tensor
            names = {each.name: self._add_constant(read(each)) for each in graph.initializer}
            inner = replace(scope, nodes=graph.node, names=scope.names | names)
            inner = replace(inner, outputs=[x.name for x in graph.output], depth=scope.depth + 1)
        elif body is None:
            return self._add_step(node, attributes, scope.opset, inputs)
        else:
            names = {k: n for k, n in zip(body.input, inputs, strict=False) if n is not None}
            defaults = {each.name: _read_attribute(each) for each in body.attribute_proto}
            opset = scope.opset if node.domain in STANDARD else find_opset(body.opset_import)
            settings, depth = defaults | attributes, scope.depth + 1
            inner = _Scope(body.node, body.output, names, opset, settings, depth)
        self._add_nodes(inner)
        return [_find(inner.names, name, node.op_type) for name in inner.outputs]

    def _find_body(self, node: Any, opset: int) -> Any:
        """Return the function that a node calls, or None."""
        function = self._model.functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            return function
        if node.domain not in STANDARD:
            raise UnsupportedError(
                f"is of the domain {node.domain[:60]!r}, which is not supported; export it with "
                "ONNX's own operations"
            )
        if node.op_type in OPERATIONS or node.op_type == "If":
            return None
        if node.op_type.startswith(_RANDOM):
            raise UnsupportedError("draws random numbers; export the generator without noise")
        if onnx.defs.has(node.op_type, opset):
            schema = onnx.defs.get_schema(node.op_type, opset)
            if schema.has_function:
                body = onnx.FunctionProto.FromString(schema.function_body.SerializeToString())
                settings = [each.default_value for each in schema.attributes.values()]
                body.attribute_proto.extend(each for each in settings if each.name)
                return body
        raise UnsupportedError(
            "is not on the list of operations that are read; export the generator without it"
        )

    def _add_step(
        self, node: Any, attributes: dict[str, Any], opset: int, inputs: list[int | None]
    ) -> list[int]:
        for key, value in attributes.items():
            if isinstance(value, onnx.TensorProto):
                attributes[key] = self._model.read_tensor(value)
        tensors = [None if n is None else self._values[n] for n in inputs]
        shapes = tuple(() if each is None else _measure(each) for each in tensors)
        count = len(node.output)
        call = Call(node.op_type, attributes, opset, shapes, count, self._rows, self._own_rows)
        is_constant = all(each is None or is_known(each) for each in tensors)
        results = self._fold(call, tensors) if is_constant else _call(call, tensors)
        digests = [b"" if n is None else self._hashes[n] for n in inputs]
        outputs = [
            self._add(value, _hash(call.kind, opset, *sorted(attributes.items()), *digests, place))
            for place, value in enumerate(results)
        ]
        limit = MAX_VALUES * BATCH if self._rows == BATCH else MAX_CONSTANT
        for shape in map(_measure, results):
            if math.prod(shape) > limit:
                raise UnsupportedError(f"makes {shape} values; is it a generator of pictures?")
        if not all(map(is_known, results)):
            self._steps.append(_Step(call, inputs, outputs))
        return outputs

    def _fold(self, call: Call, tensors: list[Any]) -> list[Any]:
        """Compute a call with constant inputs, unless the result has a value for each row.

        The sizes are checked first, because a few bytes can request any number of values.
        """
        with FuncGraph("sizes").as_default():
            shapes = [_measure(each) for each in _call(call, tensors)]
        if any(map(is_free, sum(shapes, ()))):
            return _call(call, tensors)
        size = sum(map(math.prod, shapes))
        self._folded_values += size
        if size > MAX_CONSTANT or self._folded_values > MAX_ALL_CONSTANTS:
            raise UnsupportedError(
                f"makes a constant of {shapes[0]} values, or too many with those before it; is it "
                "a generator?"
            )
        with tf.init_scope():
            return [to_first(each) for each in _call(call, tensors)]


def _measure(value: Any) -> tuple[int, ...]:
    """Return the shape of a value."""
    if value.shape.rank is None or None in value.shape.as_list():
        raise UnsupportedError(
            f"takes or makes {value.shape}, but known sizes were expected; export the generator "
            "with fixed sizes"
        )
    return tuple(value.shape.as_list())


def _call(call: Call, tensors: list[Any]) -> list[Any]:
    results = OPERATIONS[call.kind](call, *tensors)
    return results if isinstance(results, list) else [results]


def _find(names: Mapping[str, int], name: str, asked_by: str) -> int:
    if name not in names:
        raise UnreadableError(
            f"{asked_by} needs {name[:100]!r}, which nothing before it makes; the file is damaged"
        )
    return names[name]


def _list_names(node: Any) -> set[str]:
    """Return the names that a node and its branches take."""
    inside = [each for a in node.attribute for each in a.g.node]
    return set(node.input).union(*map(_list_names, inside))


def _read_attribute(attribute: Any) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return list(value) if attribute.type > onnx.AttributeProto.GRAPH else value


def _hash(*parts: Any) -> bytes:
    """Return a hash of arrays, and of values with a complete `repr`."""
    digest = hashlib.sha256()
    for each in parts:
        for part in each if isinstance(each, tuple) else (each,):
            if isinstance(part, np.ndarray):
                digest.update(f"{part.dtype}{part.shape}".encode())
                digest.update(np.ascontiguousarray(part).data)
            else:
                digest.update(f"{part!r};".encode())
    return digest.digest()
