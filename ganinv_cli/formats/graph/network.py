"""A TensorFlow graph between its inputs and its output as a network of ours; nothing is run."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.formats.graph import tensors as graph_tensors
from ganinv_cli.formats.graph.arithmetic import convert_errors
from ganinv_cli.formats.graph.builder import CHANNELS_FIRST, Builder
from ganinv_cli.formats.graph.tensors import Budget
from ganinv_cli.formats.graph.values import BATCHES, ConstantValue, Flow, Label, Value
from ganinv_cli.formats.graph.walk import Frame, Key, Walk, key
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network.graph import LABEL, Network, Z

MAX_LATENT = 1 << 14
MAX_BATCH = 1 << 14  # of a graph for batches of one size
_BOOL = 10
_LABEL = re.compile(r"label|class|cond|one_?hot|categor|(^|/)[yc](_\d+)?$", re.IGNORECASE)
_TRAINING = re.compile(r"train", re.IGNORECASE)


class Input(NamedTuple):
    """What a graph is given."""

    name: str  # for the user
    tensor: str  # in the graph
    dtype: int  # TensorFlow's number
    shape: tuple[int, ...] | None  # with the batch; -1 or no shape: unknown


class Roles(NamedTuple):
    """Which input is what."""

    latent: Input
    label: Input | None
    training: tuple[Input, ...]


class Graph(NamedTuple):
    """A graph, and what its variables are called in the checkpoint beside it."""

    nodes: Mapping[str, Any]  # names to NodeDefs
    functions: Mapping[str, Any]  # names to FunctionDefs
    handles: Mapping[str, str]  # names of nodes to keys
    given: Mapping[Key, Value]  # what is known beforehand


def graph_of(graph: Any, handles: Mapping[str, str]) -> Graph:
    """Of a GraphDef."""
    nodes = {node.name: node for node in graph.node}
    functions = {each.signature.name: each for each in graph.library.function}
    return Graph(nodes, functions, handles, {})


def network(
    graph: Graph,
    inputs: Sequence[Input],
    output: str,
    read: Callable[[str], np.ndarray],
    budget: Budget,
) -> Network:
    """From the latent vector, and a label where there is one, to the output.

    `read` gives a variable by its key. Raises UnreadableError.
    """
    roles = _roles(inputs, graph)
    batch, row = _latent(roles.latent)
    builder = Builder(math.prod(row) if row else 0, 0, (batch,) if batch > 0 else BATCHES, budget)
    known: dict[Key, Value] = dict(graph.given)
    known |= {key(each.tensor): ConstantValue((np.array(False),)) for each in roles.training}
    known[key(roles.latent.tensor)] = (
        builder.reshape(builder.input(Z), row, roles.latent.name) if row else builder.input(Z)
    )
    if roles.label:
        known[key(roles.label.tensor)] = _label(builder, roles.label)
    walk = Walk(graph.functions, builder, read)
    with convert_errors():
        made = walk.value(Frame(graph.nodes, known, graph.handles), output)
        made = builder.as_flow(made, output)
    if not builder.latent:
        raise UnreadableError(
            f"does not say how many values {roles.latent.name} "
            f"{_describe_shape(roles.latent.shape)} has; "
            "export it with the shape (None, LATENT)"
        )
    found = builder.network(_picture(builder, made, output))
    if not any(Z in node.inputs for node in found.nodes):
        raise UnreadableError("makes the same picture whatever its latent vector is")
    return found


def _roles(inputs: Sequence[Input], graph: Graph) -> Roles:
    told = [each for each in inputs if not _has_default(each, graph)]
    if not any(each.dtype in graph_tensors.FLOATS for each in told):
        told = list(inputs)
    training = tuple(e for e in told if e.dtype == _BOOL and _TRAINING.search(e.name))
    asked = [each for each in told if each not in training]
    labels = [each for each in asked if each.dtype in graph_tensors.INTEGERS]
    floats = [each for each in asked if each.dtype in graph_tensors.FLOATS]
    if not labels and len(floats) == 2:
        labels = [each for each in floats if _LABEL.search(each.name)][:1]
        floats = [each for each in floats if each not in labels]
    if len(floats) != 1 or len(labels) > 1 or len(floats) + len(labels) != len(asked):
        shown = ", ".join(f"{each.name} {_describe_shape(each.shape)}" for each in inputs) or "none"
        raise UnreadableError(
            f"has the inputs {shown}; expected a latent vector of floats and at most a label "
            "(integers, or floats by the name of label); export such a function"
        )
    return Roles(floats[0], labels[0] if labels else None, training)


def _has_default(given: Input, graph: Graph) -> bool:
    node = graph.nodes.get(key(given.tensor)[0])
    return node is not None and node.op == "PlaceholderWithDefault"


def _latent(given: Input) -> tuple[int, tuple[int, ...]]:
    """The batch, or -1, and the shape of one latent vector; none where the graph does not say."""
    if given.shape is None:
        return -1, ()
    batch, *row = given.shape or (-1,)
    if batch > MAX_BATCH:
        raise UnreadableError(
            f"takes {batch:,} latent vectors at once, at most {MAX_BATCH:,} may be"
        )
    if min(row, default=-1) < 1:
        return batch, ()
    if math.prod(row) > MAX_LATENT:
        raise UnreadableError(f"has a latent vector of {math.prod(row):,} values; is it a picture?")
    return batch, tuple(row)


def _label(builder: Builder, given: Input) -> Value:
    row = (given.shape or (-1,))[1:]
    if given.dtype in graph_tensors.FLOATS:
        if len(row) != 1 or row[0] < 1:
            raise UnreadableError(
                f"{given.name} is a label of shape {_describe_shape(given.shape)}"
            )
        builder.count_labels(row[0])
        return builder.input(LABEL)
    if any(size != 1 for size in row):
        raise UnreadableError(
            f"{given.name} holds labels {_describe_shape(given.shape)}; expected one integer a "
            "picture"
        )
    kind = graph_tensors.dtype(given.dtype)
    return Label(lambda labels: labels.astype(kind).reshape(len(labels), *row))


def _picture(builder: Builder, made: Flow, output: str) -> int:
    """The node that makes the output with the channels last."""
    if made.merged or not made.shape:
        raise UnreadableError("does not make one picture for each latent vector")
    first = (
        len(made.shape) == 3
        and made.shape[0] in (1, 3)
        and (made.order == CHANNELS_FIRST or made.shape[2] not in (1, 3))
    )
    return builder.transpose_axes(made, (1, 2, 0) if first else range(len(made.shape)), output)


def _describe_shape(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "of any shape"
    return "(" + ", ".join("batch" if not k else str(n) for k, n in enumerate(shape)) + ")"
