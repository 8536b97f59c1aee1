"""Evaluate a TensorFlow graph operation by operation; nothing impure in it is run.

A graph is data here: each operation that the output depends on is looked up in `operations.PURE`
and called through `tf.raw_ops`, so that its gradient is TensorFlow's own.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import to_printable
from ganinv_cli.network.operations import IDENTITIES, PURE
from ganinv_cli.network.primitive import Primitive, Value, count_outputs_before

MAX_OPERATIONS = 20_000
MAX_CALLS = 50  # of functions within functions
# limits for a graph that was not measured before, for the sizes that are known
MAX_VALUES = 1 << 27  # of one output of an operation
MAX_ALL_VALUES = 1 << 30  # of all outputs
MAX_MULTIPLY_ADDS = 1 << 37
MAX_CONSTANTS = 1 << 27  # values in all constants
MAX_PADDED = 1 << 20  # values of a constant that holds fewer and repeats the last one
MIN_SHARED = 256  # values of a constant that is not copied into each graph

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_BRANCHES = ("If", "StatelessIf")
_VARIABLES = ("VarHandleOp", "Variable", "VariableV2")
_LOGIC = {"LogicalNot": np.logical_not, "LogicalAnd": np.logical_and, "LogicalOr": np.logical_or}
_RANDOM = ("Random", "StatelessRandom", "TruncatedNormal", "Multinomial", "StatelessMultinomial")
_LOOPS = ("While", "For", "Enter", "NextIteration", "LoopCond", "TensorList", "TensorArray")

_Key = tuple[str, int]  # a node, and which of its outputs
_ReadVariable = Callable[[str], np.ndarray]  # by the name of its node, or its shared name


class GraphError(Exception):
    """Raised if a graph is not a usable generator.

    The message continues a sentence that starts with the name of the file.
    """


class _Dead:
    """The output of a branch that is not taken."""


@dataclass(frozen=True)
class _Frame:
    """A graph, or the body of a function, with the values known so far."""

    nodes: Mapping[str, Any]  # NodeDefs by name
    values: dict[_Key, Any]  # Value or _Dead
    functions: tuple[str, ...] = ()  # the functions around it
    calls: dict[str, "_Frame"] = field(default_factory=dict)  # bodies, by the node that calls


def replay_graph(
    graph: Any,
    inputs: Mapping[str, Value],
    output: str,
    read_variable: _ReadVariable | None = None,
    is_measured: bool = False,
) -> Value:
    """Return the value of an output, such as `StatefulPartitionedCall:0`, of a GraphDef.

    `inputs` are values of its nodes by name. A graph that was not measured must not exceed the
    limits on sizes. Raises GraphError.
    """
    return GraphReplay(graph, inputs, read_variable, is_measured).evaluate(output)


class GraphReplay:
    """The values of a graph; each is computed once, when it is first needed."""

    def __init__(
        self,
        graph: Any,
        inputs: Mapping[str, Value],
        read_variable: _ReadVariable | None = None,
        is_measured: bool = False,
    ) -> None:
        """Take the arguments of `replay_graph`."""
        self._frame = _Frame(
            {node.name: node for node in graph.node},
            {(name.split(":")[0], 0): value for name, value in inputs.items()},
        )
        functions = {each.signature.name: each for each in graph.library.function}
        self._replay = _Replay(functions, read_variable or _refuse_variable, is_measured)

    def evaluate(self, output: str) -> Value:
        """Return the value of an output, such as `Mul_1:0`. Raises GraphError."""
        value = self._replay.evaluate(self._frame, output)
        if not isinstance(value, Value):
            raise GraphError("has no output in inference; is it a generator?")
        return value

    def set_value(self, node: str, tensor: tf.Tensor) -> None:
        """Set the first output of a node, for all that is evaluated from now on."""
        self._frame.values[node, 0] = Value(tensor)


def _refuse_variable(name: str) -> np.ndarray:
    raise GraphError(
        f"needs the variable {name!r}, which is not in the graph; freeze the graph, or save the "
        "generator as a SavedModel"
    )


@dataclass
class _Replay:
    functions: Mapping[str, Any]  # FunctionDefs by name
    read_variable: _ReadVariable
    is_measured: bool
    operations: int = 0  # run so far
    constants: int = 0  # values in constants so far
    values: int = 0  # in outputs so far
    multiply_adds: int = 0  # so far
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)  # NodeDefs of functions

    def evaluate(self, frame: _Frame, output: str) -> Any:
        """Return the Value of an output, or _Dead, and keep all that it depends on."""
        goal = _find_key(frame, output)
        stack, opened = [goal], set()
        while stack:
            key = stack[-1]
            if key in frame.values:
                stack.pop()
                continue
            node = frame.nodes.get(key[0])
            if node is None:
                raise GraphError(f"its graph has no {key[0][:200]!r}; the file is damaged")
            inputs = [_find_key(frame, each) for each in node.input if not each.startswith("^")]
            needed = inputs + _find_pivots(frame, node)
            missing = [each for each in needed if each not in frame.values]
            if missing and key in opened:
                raise GraphError(
                    f"its graph has a loop through {key[0]}; use a generator without loops"
                )
            if missing:
                opened.add(key)
                stack += missing
            elif any(isinstance(frame.values[each], _Dead) for each in needed[len(inputs) :]):
                frame.values[key] = _Dead()
            else:
                self._add_outputs(frame, node, key, [frame.values[each] for each in inputs])
        return frame.values[goal]

    def _add_outputs(self, frame: _Frame, node: Any, key: _Key, inputs: list[Any]) -> None:
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise GraphError(
                f"its graph has more than {MAX_OPERATIONS:,} operations; is it a generator?"
            )
        if node.op in CALLS or node.op in _BRANCHES:
            frame.values[key] = self._call_function(frame, node, key[1], inputs)
            return
        if any(isinstance(each, _Dead) for each in inputs) and node.op != "Merge":
            frame.values[key] = _Dead()
            return
        name = f"{to_printable(node.name[:200])} ({to_printable(node.op[:60])})"
        try:
            outputs = self._run(node, inputs)
        except GraphError as error:
            raise GraphError(f"{name} {error}") from None
        except (ValueError, TypeError, IndexError, OverflowError, tf.errors.OpError) as error:
            reason = " ".join(str(error).split())[:160]
            raise GraphError(f"{name} does not fit its inputs: {reason}") from None
        for number, value in enumerate(outputs):
            frame.values[node.name, number] = value
        if key not in frame.values:
            raise GraphError(f"{name} has no output {key[1]}; the file is damaged")

    def _run(self, node: Any, inputs: list[Any]) -> list[Any]:
        if node.op in IDENTITIES or node.op == "ReadVariableOp":
            return inputs
        if node.op == "Const":
            return [Value(self._read_constant(node.attr["value"].tensor))]
        if node.op in _VARIABLES:
            name = node.attr["shared_name"].s.decode(errors="replace") or node.name
            return [Value(_make_tensor(self.read_variable(name)))]
        if node.op == "ResourceGather":
            return [Value(tf.gather(inputs[0].tensor, inputs[1].tensor))]
        if node.op == "Switch":
            taken = _read_predicate(inputs[1])
            return [_Dead(), inputs[0]] if taken else [inputs[0], _Dead()]
        if node.op == "Merge":
            return [next((each for each in inputs if not isinstance(each, _Dead)), _Dead())]
        if node.op not in PURE:
            raise GraphError(_explain_refusal(node.op))
        if node.op in _LOGIC:
            known = [tf.get_static_value(each.tensor) for each in inputs]
            if all(each is not None for each in known):
                return [Value(tf.constant(_LOGIC[node.op](*known)))]
        primitive = Primitive(node)
        outputs = primitive.apply(inputs)
        if not self.is_measured:
            shapes = [_read_shape(each.tensor) for each in outputs]
            self._check_sizes(shapes)
            given = [_read_shape(each.tensor) for each in inputs]
            self.multiply_adds += primitive.count_multiply_adds(given, shapes[0] if shapes else [])
            if self.multiply_adds > MAX_MULTIPLY_ADDS:
                raise GraphError(
                    f"needs more than {MAX_MULTIPLY_ADDS:,} multiplications, together with the "
                    "operations before it; is it a generator of pictures?"
                )
        return outputs

    def _check_sizes(self, shapes: list[list[int]]) -> None:
        sizes = [math.prod(shape) for shape in shapes]
        self.values += sum(sizes)
        if max(sizes, default=0) > MAX_VALUES or self.values > MAX_ALL_VALUES:
            raise GraphError(
                f"makes {' and '.join(map(str, shapes[:3]))} values, {self.values:,} together with "
                f"the operations before it; at most {MAX_VALUES:,} and {MAX_ALL_VALUES:,} were "
                "expected; is it a generator of pictures?"
            )

    def _call_function(self, frame: _Frame, node: Any, number: int, inputs: list[Any]) -> Any:
        """Return one output of a function."""
        attribute = "f"
        if node.op in _BRANCHES:
            if not inputs:
                raise GraphError(f"{node.name} has no condition; the file is damaged")
            attribute = "then_branch" if _read_predicate(inputs[0]) else "else_branch"
            inputs = inputs[1:]
        name = node.attr[attribute].func.name
        function = self.functions.get(name)
        if function is None:
            raise GraphError(f"{node.name} calls {name!r}, which is not in the file")
        arguments, outputs = function.signature.input_arg, function.signature.output_arg
        if name in frame.functions or len(frame.functions) >= MAX_CALLS:
            raise GraphError(f"its function {name!r} calls itself, or is too deep in others")
        if len(arguments) != len(inputs) or number >= len(outputs):
            raise GraphError(
                f"{node.name} calls {name!r} with {len(inputs)} inputs for output {number}; it "
                f"takes {len(arguments)} and has {len(outputs)}; the file is damaged"
            )
        if node.name not in frame.calls:
            if name not in self.bodies:
                self.bodies[name] = {each.name: each for each in function.node_def}
            known = {(each.name, 0): value for each, value in zip(arguments, inputs, strict=True)}
            frame.calls[node.name] = _Frame(self.bodies[name], known, (*frame.functions, name))
        return self.evaluate(frame.calls[node.name], function.ret[outputs[number].name])

    def _read_constant(self, tensor: Any) -> tf.Tensor:
        """Return a constant; its size is checked first, as a few bytes can declare any size."""
        sizes = [axis.size for axis in tensor.tensor_shape.dim]
        size = math.prod(sizes)
        self.constants += size
        if self.constants > MAX_CONSTANTS or min(sizes, default=0) < 0 or len(sizes) > 8:
            raise GraphError(
                f"makes constants of more than {MAX_CONSTANTS:,} values, such as {sizes[:8]}; is "
                "it a generator of pictures?"
            )
        dtype = tf.as_dtype(tensor.dtype)
        if dtype == tf.string:  # the operation that takes it is refused, by its name
            return tf.constant("")
        if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
            raise GraphError(f"is a constant of {dtype.name}; numbers were expected")
        if size > max(MAX_PADDED, tensor.ByteSize()):  # one value stands for all
            scalar = type(tensor).FromString(tensor.SerializeToString())
            del scalar.tensor_shape.dim[:]
            return tf.fill(sizes, tf.make_ndarray(scalar))
        return _make_tensor(tf.make_ndarray(tensor))


def _make_tensor(array: np.ndarray) -> tf.Tensor:
    """Return an array as a tensor; if it is large, one that all graphs share."""
    if array.size < MIN_SHARED:
        return tf.constant(array)
    with tf.init_scope():
        return tf.constant(array)


def _find_key(frame: _Frame, text: str) -> _Key:
    """Return the key of `name`, `name:1`, or within a function `name:output:0`."""
    name, *rest = text.split(":")
    if rest and not rest[-1].isdecimal():
        raise GraphError(f"its graph refers to {text[:200]!r}, which is not the name of an output")
    number, node = int(rest[-1]) if rest else 0, frame.nodes.get(name)
    if len(rest) > 1 and node is not None:
        number += count_outputs_before(node.op, rest[0])
    return name, number


def _find_pivots(frame: _Frame, node: Any) -> list[_Key]:
    """Return the nodes that decide whether a node of a TensorFlow 1 condition is run.

    They pass on the condition, and have no value in the branch that is not taken.
    """

    def get_operation(text: str) -> str:
        found = frame.nodes.get(text.lstrip("^").split(":")[0])
        return found.op if found else ""

    names = [each[1:] for each in node.input if each.startswith("^")]
    return [
        (name, 0)
        for name in names
        if get_operation(name) == "Identity"
        and "Switch" in map(get_operation, frame.nodes[name].input)
    ]


def _read_predicate(value: Any) -> bool:
    known = None if isinstance(value, _Dead) else tf.get_static_value(value.tensor)
    if known is None or np.size(known) != 1:
        raise GraphError("has a branch whose condition is not constant; export it for inference")
    return bool(np.reshape(known, ())[()])


def _read_shape(tensor: tf.Tensor) -> list[int]:
    """Return the shape with 1 for unknown sizes."""
    return [] if tensor.shape.rank is None else [1 if n is None else n for n in tensor.shape]


def _explain_refusal(operation: str) -> str:
    if operation.startswith(_RANDOM):
        return (
            "draws random numbers; a picture must depend on z alone, so export the generator "
            "without noise"
        )
    if operation == "Placeholder":
        return "is an input that is missing from its signature"
    if "PyFunc" in operation:
        return "calls Python, which a graph cannot hold; compute it with TensorFlow operations"
    if operation.removeprefix("Stateless").startswith(_LOOPS):
        return "belongs to a loop of the graph; unroll the loop, e.g. with a Python range"
    return (
        "is not supported: only operations that compute numbers and have known derivatives are "
        "run; export the generator without it"
    )
