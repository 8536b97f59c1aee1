"""From a graph's inputs to one of its outputs, an operation at a time; nothing of it is run.

An operation is worked out with NumPy where it is given constants alone, becomes a layer where it is
given what follows from z, and is refused where it is neither: what is not in the tables below
cannot be reached.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganinv_cli.errors import to_printable
from ganinv_cli.formats.graph import linear as graph_linear
from ganinv_cli.formats.graph import pictures as graph_pictures
from ganinv_cli.formats.graph import tensors as graph_tensors
from ganinv_cli.formats.graph.arithmetic import FOLDS, convert_errors
from ganinv_cli.formats.graph.builder import Builder, constant
from ganinv_cli.formats.graph.dilation import space_to_batch, together
from ganinv_cli.formats.graph.elementwise import ELEMENTWISE
from ganinv_cli.formats.graph.folding import fold
from ganinv_cli.formats.graph.norms import combine_moments, mean
from ganinv_cli.formats.graph.shapes import SHAPES, apart, cast
from ganinv_cli.formats.graph.values import (
    ConstantValue,
    Dead,
    Flow,
    Handle,
    Label,
    Moment,
    Operation,
    Text,
    Value,
)
from ganinv_cli.formats.interface import UnreadableError

MAX_OPERATIONS = 300_000  # and inputs of them
MAX_NAME = 200  # characters of a node's name in a message
MAX_CALLS = 50  # of functions within functions

Layered = Callable[[Builder, Operation, list[Value]], Value]
Key = tuple[str, int]  # a node and which of its outputs

LAYER_OPERATIONS: dict[str, Layered] = {
    **ELEMENTWISE,
    **SHAPES,
    **graph_pictures.PICTURES,
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2"), graph_linear.matmul),
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2"), graph_linear.batch_norm),
    "FusedBatchNormV3": graph_linear.batch_norm,
    **{"BiasAdd": graph_linear.bias_add, "BiasAddV1": graph_linear.bias_add},
    **{"Conv2D": graph_linear.convolution, "DepthwiseConv2dNative": graph_linear.convolution},
    **{"Conv2DBackpropInput": graph_linear.convolution_transpose, "Mean": mean},
    **{"SpaceToBatchND": space_to_batch, "BatchToSpaceND": together},
}
SAME = ("Identity", "IdentityN", "StopGradient", "PreventGradient", "Snapshot", "EnsureShape")
IDENTITY_CHECKS = ("CheckNumerics", "PlaceholderWithDefault")  # the same, too
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
BRANCHES = ("If", "StatelessIf")
OUTPUTS = {"output_true": 1, "batch_mean": 1, "batch_variance": 2, "value_index": 1}
PARTS = ("Split", "SplitV", "Unpack")
GATHERS = ("GatherV2", "Gather", "ResourceGather")


@dataclass
class Frame:
    """A graph or a function's body, with what is known of it so far."""

    nodes: Mapping[str, Any]  # names to NodeDefs
    known: dict[Key, Value]
    handles: Mapping[str, str]  # of variables: names of nodes to keys
    calls: tuple[str, ...] = ()  # the functions around it
    inner: dict[str, "Frame"] = field(default_factory=dict)  # by the node that calls


@dataclass
class Walk:
    """The functions of a graph, and the network as it grows."""

    functions: Mapping[str, Any]  # names to FunctionDefs
    builder: Builder
    read: Callable[[str], np.ndarray]  # a variable by its key
    operation_count: int = 0
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)  # of functions, their nodes

    def value(self, frame: Frame, wanted: str) -> Value:
        """What an output, such as `StatefulPartitionedCall:0`, is. Raises UnreadableError."""
        goal = key(wanted)
        stack, opened = [goal], set()
        while stack:
            current = stack[-1]
            if current in frame.known:
                stack.pop()
                continue
            node = frame.nodes.get(current[0])
            if node is None:
                raise UnreadableError(f"its graph has no {current[0]!r}; the file is damaged")
            given = [key(each) for each in node.input if not each.startswith("^")]
            missing = [each for each in given if each not in frame.known]
            if not missing:
                self._work_out(frame, node, current, [frame.known[each] for each in given])
            elif current in opened:
                raise UnreadableError(
                    f"its graph leads from {current[0]} back to it, which is a loop; "
                    "use a generator without loops"
                )
            else:
                opened.add(current)
                stack += missing
        return frame.known[goal]

    def _work_out(self, frame: Frame, node: Any, wanted: Key, given: list[Value]) -> None:
        self.operation_count += 1 + len(given)
        if self.operation_count > MAX_OPERATIONS:
            raise UnreadableError(
                f"its graph takes more than {MAX_OPERATIONS:,} steps; is it a generator?"
            )
        if any(isinstance(each, Dead) for each in given) and node.op != "Merge":
            frame.known[wanted] = Dead()
        elif node.op in CALLS:
            frame.known[wanted] = self._call_function(frame, node, node.attr["f"], wanted[1], given)
        elif node.op in BRANCHES:
            name = "then_branch" if _true(node, given[0]) else "else_branch"
            frame.known[wanted] = self._call_function(
                frame, node, node.attr[name], wanted[1], given[1:]
            )
        else:
            operation = Operation(to_printable(node.name[:MAX_NAME]), node.op, node.attr)
            try:
                made = self._translate(frame, operation, given)
            except UnreadableError as error:
                told = f"{operation.name} ({to_printable(node.op[:MAX_NAME])})"
                raise UnreadableError(f"{told} {error}") from None
            for number, value in enumerate(made if isinstance(made, list) else [made]):
                frame.known[node.name, number] = value
            if wanted not in frame.known:
                raise UnreadableError(
                    f"its graph asks for output {wanted[1]} of {node.name} ({node.op}), "
                    "which is not supported"
                )

    def _call_function(
        self, frame: Frame, node: Any, attribute: Any, number: int, given: list[Value]
    ) -> Value:
        """An output of a function."""
        name = attribute.func.name
        function = self.functions.get(name)
        if function is None:
            raise UnreadableError(f"{node.name} calls {name!r}, which is not in the file")
        arguments, outputs = function.signature.input_arg, function.signature.output_arg
        if name in frame.calls or len(frame.calls) >= MAX_CALLS:
            raise UnreadableError(f"its function {name!r} calls itself, or is too deep in others")
        if len(arguments) != len(given) or number >= len(outputs):
            raise UnreadableError(
                f"{node.name} calls {name!r} with {len(given)} inputs for output {number}; "
                f"it takes {len(arguments)} and has {len(outputs)}; the file is damaged"
            )
        if node.name not in frame.inner:
            if name not in self.bodies:
                self.bodies[name] = {each.name: each for each in function.node_def}
            known: dict[Key, Value] = {
                (argument.name, 0): value for argument, value in zip(arguments, given, strict=True)
            }
            inner = Frame(self.bodies[name], known, {}, (*frame.calls, name))
            frame.inner[node.name] = inner
        return self.value(frame.inner[node.name], function.ret[outputs[number].name])

    def _translate(
        self, frame: Frame, operation: Operation, given: list[Value]
    ) -> Value | list[Value]:
        kind, builder = operation.kind, self.builder
        if kind in SAME or kind in IDENTITY_CHECKS:
            return list(given)
        if kind == "Const":
            tensor = operation.attributes["value"].tensor
            if tensor.dtype == graph_tensors.TEXT:
                return Text()
            return ConstantValue((graph_tensors.array(tensor, builder.budget),))
        if kind == "VarHandleOp":
            found = frame.handles.get(operation.name) or operation.text("shared_name")
            return Handle(found or operation.name)
        if kind in ("Variable", "VariableV2"):
            return ConstantValue((self.read(operation.name),))
        if kind in ("ReadVariableOp", "ResourceGather"):
            if not given or not isinstance(given[0], Handle):
                raise UnreadableError("reads what is no variable")
            given = [ConstantValue((self.read(given[0].key),)), *given[1:]]
            if kind == "ReadVariableOp":
                return given[0]
        if kind == "Merge":
            return next((each for each in given if not isinstance(each, Dead)), Dead())
        if kind == "Switch":
            taken = _true(operation, given[1])
            return [Dead(), given[0]] if taken else [given[0], Dead()]
        return self._translate_operation(operation, given)

    def _translate_operation(self, operation: Operation, given: list[Value]) -> Value | list[Value]:
        kind, builder = operation.kind, self.builder
        if kind in GATHERS and len(given) > 1 and isinstance(given[1], Label):
            table = given[0].value if isinstance(given[0], ConstantValue) else np.zeros(())
            axis = constant(given[2])[0] if len(given) > 2 else 0
            builder.count_labels(table.shape[int(axis)] if -1 <= axis < table.ndim else 0)
        if kind == "OneHot" and isinstance(given[0], Label):
            builder.count_labels(int(constant(given[1])[0]))
        with convert_errors():
            if kind in PARTS:
                return apart(builder, operation, given)
            if kind == "Cast" and isinstance(given[0], Flow):
                return cast(operation, given[0])
            constants = [each for each in given if isinstance(each, ConstantValue | Label)]
            if kind in FOLDS and len(constants) == len(given):
                return fold(operation, builder.budget, constants, builder.batches)
            if any(isinstance(each, Moment) for each in given) and kind != "Mean":
                return combine_moments(builder, operation, given)
            if kind in LAYER_OPERATIONS:
                return LAYER_OPERATIONS[kind](builder, operation, given)
        if kind.startswith(("Random", "StatelessRandom", "TruncatedNormal", "Multinomial")):
            raise UnreadableError(
                "draws random numbers; only a generator whose picture follows from z alone is "
                "supported, export it without noise"
            )
        if kind == "Placeholder":
            raise UnreadableError("is an input that its signature does not give")
        raise UnreadableError(
            "is an operation that is not translated, and nothing of a graph is run; "
            "use a generator of dense, convolutional and elementwise layers"
        )


def key(text: str) -> Key:
    """`name`, `name:1` of a graph, or `name:output:0` of a function."""
    name, *rest = text.split(":")
    if rest and not rest[-1].isdigit():
        raise UnreadableError(f"its graph asks for {text!r}, which names no output")
    number = int(rest[-1]) if rest else 0
    return name, number + (OUTPUTS.get(rest[0], 0) if len(rest) > 1 else 0)


def _true(operation: Any, value: Value) -> bool:
    if not isinstance(value, ConstantValue) or value.cases[0].size != 1 or len(value.cases) > 1:
        raise UnreadableError(
            f"{operation.name} decides by what is not constant; export the generator for inference"
        )
    return bool(value.cases[0].item())
