"""Copy a TensorFlow graph operation by operation into the current graph; nothing in it is run.

A graph is data here: each operation that the output depends on must be in `allowed.PURE`.
Functions, and branches whose condition is constant, are replaced by what is in them.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.smart_cond import smart_constant_value

from ganinv_cli.errors import shorten_error, to_printable
from ganinv_cli.generators.network.operations.allowed import (
    IDENTITIES,
    MAX_COMPUTED,
    MAX_OPERATIONS,
    PURE,
    USES,
)
from ganinv_cli.generators.network.operations.create_operation import (
    count_outputs_before,
    create_operation,
)

MAX_VALUES = 1 << 27  # of one output of an operation, for the rows of a graph
MIN_SHARED = 256  # integers of a constant that is not copied into each graph

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_BRANCHES = ("If", "StatelessIf")
_VARIABLES = ("VarHandleOp", "Variable", "VariableV2")
_RANDOM = ("Random", "StatelessRandom", "TruncatedNormal", "Multinomial", "StatelessMultinomial")
_LOOPS = ("While", "For", "Enter", "NextIteration", "LoopCond", "TensorList", "TensorArray")
_MISFITS = (ValueError, TypeError, LookupError, OverflowError, AssertionError)  # of TensorFlow
_DEAD: Any = object()  # the output of a branch that is not taken

_Key = tuple[str, int]  # a node, and which of its outputs
_ReadVariable = Callable[[str], np.ndarray]  # by the name of its node, or its shared name


class GraphError(Exception):
    """Raised if a graph is not a usable generator.

    The message continues a sentence that starts with the name of the file.
    """


class _Frame(NamedTuple):
    """A graph, or the body of a function, with the values known so far."""

    nodes: Mapping[str, Any]  # NodeDefs by name
    values: dict[_Key, Any]  # tensors, or _DEAD
    bodies: dict[str, "_Frame"]  # of functions, by the node that calls


class GraphReplay:
    """A GraphDef in the current graph; each value is copied once, when it is first needed.

    `inputs` are values of its nodes by name. No output may have more than MAX_VALUES for each of
    the `rows` that the graph takes.
    """

    def __init__(
        self,
        graph: Any,
        inputs: Mapping[str, tf.Tensor],
        read_variable: _ReadVariable | None = None,
        rows: int = 1,
    ) -> None:
        values = {(name.split(":")[0], 0): value for name, value in inputs.items()}
        self._frame = _Frame({node.name: node for node in graph.node}, values, {})
        self._functions = {each.signature.name: each for each in graph.library.function}
        self._read_variable = read_variable or _refuse_variable
        self._limit = MAX_VALUES * rows
        self._calls = self._count = 0  # of functions, and of operations that were copied
        self._constants: set[Any] = set()  # references to values that do not depend on the inputs
        self._room = MAX_COMPUTED  # for values of constants that are not stored

    def evaluate(self, output: str) -> tf.Tensor:
        """Return the value of an output, such as `Mul_1:0`. Raises GraphError."""
        value = self._evaluate(self._frame, output)
        if value is _DEAD:
            raise GraphError("has no output in inference; is it a generator?")
        return value

    def set_value(self, node: str, tensor: tf.Tensor) -> None:
        """Set the first output of a node, for all that is evaluated from now on."""
        self._frame.values[node, 0] = tensor

    def _evaluate(self, frame: _Frame, output: str) -> Any:
        """Return the tensor of an output, or _DEAD, and keep all that it depends on."""
        goal = _find_key(frame, output)
        stack, opened = [goal], set()
        while stack:
            key = stack[-1]
            if key in frame.values:
                stack.pop()
                continue
            node = frame.nodes[key[0]]
            inputs = [_find_key(frame, each) for each in node.input if not each.startswith("^")]
            pivots = _find_pivots(frame, node)
            missing = [each for each in inputs + pivots if each not in frame.values]
            if missing and key in opened:
                raise GraphError(f"its graph has a loop through {key[0]}; unroll the loop")
            opened.add(key)
            stack += missing
            if not missing and any(frame.values[each] is _DEAD for each in pivots):
                frame.values[key] = _DEAD
            elif not missing:
                self._add_outputs(frame, node, key, [frame.values[each] for each in inputs])
        return frame.values[goal]

    def _add_outputs(self, frame: _Frame, node: Any, key: _Key, inputs: list[Any]) -> None:
        if node.op in CALLS or node.op in _BRANCHES:
            frame.values[key] = self._call_function(frame, node, key[1], inputs)
            return
        if any(each is _DEAD for each in inputs) and node.op != "Merge":
            frame.values[key] = _DEAD
            return
        name = f"{to_printable(node.name[:200])} ({to_printable(node.op[:60])})"
        try:
            outputs = self._copy(node, inputs)
        except GraphError as error:
            raise GraphError(f"{name} {error}") from None
        except (*_MISFITS, tf.errors.OpError) as error:
            reason = shorten_error(error, 160)
            raise GraphError(f"{name} does not fit its inputs: {reason}") from error
        for number, value in enumerate(outputs):
            frame.values[node.name, number] = value
        if key not in frame.values:
            raise GraphError(f"{name} has no output {key[1]}; the file is damaged")

    def _copy(self, node: Any, inputs: list[Any]) -> list[Any]:
        if node.op in IDENTITIES or node.op == "ReadVariableOp":
            return inputs
        if node.op == "Const":
            return self._read_constant(node.attr["value"].tensor)
        if node.op in _VARIABLES:
            name = node.attr["shared_name"].s.decode(errors="replace") or node.name
            return self._keep(self._read_variable(name))
        if node.op == "ResourceGather":
            return [tf.gather(inputs[0], inputs[1])]
        if node.op == "Switch":
            return [_DEAD, inputs[0]] if _read_condition(inputs[1]) else [inputs[0], _DEAD]
        if node.op == "Merge":
            return [next((each for each in inputs if each is not _DEAD), _DEAD)]
        if node.op not in PURE:
            raise GraphError(explain_refusal(node.op))
        self._count += 1
        if self._count > MAX_OPERATIONS:
            raise GraphError(f"is after {MAX_OPERATIONS:,} operations; is it a generator?")
        outputs = create_operation(node, inputs)
        is_constant = all(each.ref() in self._constants for each in inputs)
        for each in outputs:
            self._check_size(each.shape.as_list() if each.shape.rank else [], is_constant)
        if is_constant:
            self._constants.update(each.ref() for each in outputs)
        return outputs

    def _call_function(self, frame: _Frame, node: Any, number: int, inputs: list[Any]) -> Any:
        self._calls += 1
        if self._calls > MAX_OPERATIONS:
            raise GraphError(f"its graph has more than {MAX_OPERATIONS:,} calls of functions")
        attribute = "f"
        if node.op in _BRANCHES:
            condition, *inputs = inputs
            attribute = "then_branch" if _read_condition(condition) else "else_branch"
        function = self._functions[node.attr[attribute].func.name]
        if node.name not in frame.bodies:
            pairs = zip(function.signature.input_arg, inputs, strict=True)
            values = {(each.name, 0): value for each, value in pairs}
            nodes = {each.name: each for each in function.node_def}
            frame.bodies[node.name] = _Frame(nodes, values, {})
        output = function.signature.output_arg[number].name
        return self._evaluate(frame.bodies[node.name], function.ret[output])

    def _read_constant(self, tensor: Any) -> list[tf.Tensor]:
        """Return a constant; its size is checked first, as a few bytes can declare any size."""
        shape = [axis.size for axis in tensor.tensor_shape.dim]
        is_stored = tensor.ByteSize() >= math.prod(shape)  # else one value is repeated
        self._check_size(shape, is_computed=not is_stored)
        if tensor.dtype == tf.string:  # the operation that takes it is refused, by its name
            return [tf.constant("")]
        return self._keep(tf.make_ndarray(tensor), is_stored)

    def _keep(self, array: np.ndarray, is_stored: bool = True) -> list[tf.Tensor]:
        if is_stored:
            self._room += USES * array.size
        constant = _make_tensor(array)
        self._constants.add(constant.ref())
        return [constant]

    def _check_size(self, shape: list[int | None], is_computed: bool) -> None:
        count = math.prod(size for size in shape if size is not None)
        self._room -= count if is_computed else 0
        if count > self._limit or self._room < 0:
            raise GraphError(f"makes {shape} values; is it a generator of pictures?")


def _refuse_variable(name: str) -> np.ndarray:
    raise GraphError(
        f"needs the variable {name!r}, which is not in the graph; freeze the graph, or save the "
        "generator as a SavedModel"
    )


def _make_tensor(array: np.ndarray) -> tf.Tensor:
    """Return an array as a tensor; weights are shared by all graphs.

    TensorFlow cannot move them past a BiasAdd, which it does wrongly if they are constants.
    """
    if array.size == 1 or (array.dtype.kind != "f" and array.size < MIN_SHARED):
        return tf.constant(array)
    with tf.init_scope():
        return tf.constant(array)


def _find_key(frame: _Frame, text: str) -> _Key:
    """Return the key of `name`, `name:1`, or within a function `name:output:0`."""
    name, *rest = text.split(":")
    number = int(rest[-1]) if rest else 0
    if len(rest) > 1 and name in frame.nodes:
        number += count_outputs_before(frame.nodes[name].op, rest[0])
    return name, number


def _find_pivots(frame: _Frame, node: Any) -> list[_Key]:
    """Return the nodes that decide whether a node of a TensorFlow 1 condition is run.

    They pass on the condition, and have no value in the branch that is not taken.
    """
    waits = [frame.nodes.get(each[1:]) for each in node.input if each.startswith("^")]
    identities = [each for each in waits if each is not None and each.op == "Identity"]
    sources = [frame.nodes.get(each.input[0].split(":")[0]) for each in identities]
    pairs = zip(identities, sources, strict=True)
    return [(each.name, 0) for each, source in pairs if source and source.op == "Switch"]


def _read_condition(value: Any) -> bool:
    known = None if value is _DEAD else smart_constant_value(value)
    if known is None:
        raise GraphError("has a branch whose condition is not constant; export it for inference")
    return bool(known)


def explain_refusal(operation: str) -> str:
    """Return why an operation is not run, and what to do; it continues after its name."""
    if operation.startswith(_RANDOM):
        return (
            "draws random numbers; a picture must depend on z alone, so export the generator "
            "without noise"
        )
    if operation == "Placeholder":
        return "is an input that is missing from its signature"
    if operation.removeprefix("Stateless").startswith(_LOOPS):
        return "belongs to a loop of the graph; unroll the loop, e.g. with a Python range"
    return (
        "is not supported: only operations that compute numbers and have known derivatives are "
        "run; export the generator without it"
    )
