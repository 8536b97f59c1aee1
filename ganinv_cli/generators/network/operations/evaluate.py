"""Compute a graph of operations in any precision.

What depends on z is computed in the precision. All else, such as the factors of a norm, positions
of pixels and tables of labels, keeps its type, and is cast where it meets what depends on z.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ganinv_cli.generators.network.convolutions import LinearMap
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.operations.allowed import MOVES, POINTWISE, PRODUCTS, list_names
from ganinv_cli.generators.network.operations.create_operation import (
    create_operation,
    list_arguments,
)
from ganinv_cli.generators.network.operations.rewrite import (
    multiply_matrices,
    prepare_conv_transpose,
    resize,
    write_out_filters,
)

_CONVOLUTIONS = list_names(
    "Conv2D Conv2DBackpropInput DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput"
)
_WITHOUT_BFLOAT16 = list_names("Rint")  # which have no kernel for it
_CHANGED_TYPES = {
    tf.bfloat16: (tf.float32,),
    tf.float32: (),
    tf.float64: (tf.float16, tf.bfloat16, tf.float32),
}


class Output(NamedTuple):
    """An output of a node."""

    node: str
    number: int


Values = dict[Output, tf.Tensor]


class OperationGraph:
    """The graph of a network, with its weights in each precision that was used."""

    def __init__(self, network: TracedNetwork) -> None:
        graph = tf.compat.v1.GraphDef.FromString(network.graph)
        self.arrays, self.z, self.label = {**network.arrays}, network.z_node, network.label_node
        self.output = _parse_output(network.output)
        self.nodes = [node for node in graph.node if node.op != "Placeholder"]
        self.inputs = {
            node.name: [_parse_output(each) for each in node.input if not each.startswith("^")]
            for node in self.nodes
        }
        # nodes with an input that depends on z, and those whose output has numbers that do
        self.dependent, self.varying = _find_varying(self.nodes, self.inputs, self.z)
        self._outer = _find_outer(self)
        self._shapes = _find_shapes(graph, (self.z, self.label))
        self._weights: dict[tuple[str, tf.DType], tf.Tensor] = {}
        self._conv_transposes: dict[tuple[str, tf.DType], LinearMap] = {}
        self._write_out_filters()

    @property
    def has_varying_products(self) -> bool:
        """Whether values that depend on z are multiplied, as in attention and by styles."""
        return any(
            sum(each.node in self.varying for each in self.inputs[node.name]) > 1
            for node in self.nodes
            if node.op in PRODUCTS
        )

    def evaluate(self, z: tf.Tensor, labels: tf.Tensor | None = None, *, inner: tf.DType) -> Values:
        """Return all outputs; the first products, and the end, are in the precision of z."""
        values = {Output(self.z, 0): z, Output(self.label, 0): labels}
        for node in self.nodes:
            precision = z.dtype if node.name in self._outer else inner
            given = [values.get(each) for each in self.inputs[node.name]]
            for number, tensor in enumerate(self.create(node, given, precision)):
                values[Output(node.name, number)] = tensor
        return values

    def create(
        self,
        node: Any,
        given: Sequence[tf.Tensor | None],
        precision: tf.DType,
        *,
        is_tangent: bool = False,
    ) -> list[tf.Tensor]:
        """Return the outputs of a node, computed in a precision if it depends on z.

        An input that is None is a weight; along weights there is no derivative. `is_tangent` says
        that the node is created for one tangent of many, by tf.vectorized_map.
        """
        if node.op in _WITHOUT_BFLOAT16 and precision == tf.bfloat16:
            precision = tf.float32
        if node.name not in self.dependent:
            return create_operation(node, self._list_inputs(node, given))
        changed = _change_types(node, precision)
        if node.op == "Conv2DBackpropInput" and given[1] is None:
            dtype = tf.as_dtype(changed.attr["T"].type)
            return [self._prepare_conv_transpose(node, dtype)(tf.cast(given[2], dtype))]
        inputs = self._list_inputs(changed, given)
        if node.op.startswith("BatchMatMul") and (
            is_tangent or len(inputs[0].shape) != len(inputs[1].shape)
        ):
            return [multiply_matrices(changed, *inputs)]
        if node.op.startswith(("Resize", "ScaleAndTranslate")):
            return [resize(changed, inputs[0], inputs[2:], self._shapes[node.name])]
        if node.op == "BiasAdd" and node.attr["data_format"].s != b"NCHW":
            return [tf.add(*inputs)]  # TensorFlow moves constants past a BiasAdd, wrongly
        return create_operation(changed, inputs)

    def _list_inputs(self, node: Any, given: Sequence[tf.Tensor | None]) -> list[tf.Tensor]:
        types = _list_types(node, "input_arg")
        return [
            self._get_weight(source.node, dtype) if tensor is None else _cast(tensor, dtype)
            for source, tensor, dtype in zip(self.inputs[node.name], given, types, strict=True)
        ]

    def _write_out_filters(self) -> None:
        """Replace constant filters by those without dilation and groups."""
        constants = {node.name: node for node in self.nodes if node.op == "Const"}
        for node in self.nodes:
            if node.op not in _CONVOLUTIONS:
                continue
            images, filters = (self.inputs[node.name][n] for n in (0, 1))
            array = self.arrays.get(filters.node)
            if array is None and filters.node in constants:
                array = tf.make_ndarray(constants[filters.node].attr["value"].tensor)
            if array is None:
                continue
            sizes: list[Any] = self._shapes[images.node] or [None]
            self.inputs[node.name][1] = Output(f"{node.name}/filters", 0)
            self.arrays[f"{node.name}/filters"] = write_out_filters(node, array, sizes[-1])
            node.attr["dilations"].list.i[:] = [1] * 4

    def _prepare_conv_transpose(self, node: Any, precision: tf.DType) -> LinearMap:
        key = node.name, precision
        if key not in self._conv_transposes:
            _, filters, x = (each.node for each in self.inputs[node.name])
            shapes = self._shapes[x], self._shapes[node.name]
            self._conv_transposes[key] = prepare_conv_transpose(
                node, self.arrays[filters], *shapes, precision
            )
        return self._conv_transposes[key]

    def _get_weight(self, name: str, dtype: tf.DType) -> tf.Tensor:
        if (name, dtype) not in self._weights:
            with tf.init_scope():  # else every graph would have its own copy
                weight = tf.cast(tf.constant(self.arrays[name]), dtype)
            self._weights[name, dtype] = weight
        return tf.stop_gradient(self._weights[name, dtype])


def _cast(tensor: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tensor if tensor.dtype == dtype else tf.cast(tensor, dtype)


def _parse_output(text: str) -> Output:
    name, _, number = text.partition(":")
    return Output(name, int(number or 0))


def import_graph(graph: Any, inputs: Iterable[str], rows: int) -> tf.Graph:
    """Return a GraphDef as a graph for a number of rows, for which TensorFlow infers all sizes."""
    with tf.Graph().as_default() as known:
        tf.graph_util.import_graph_def(set_rows(graph, inputs, rows), name="")
    return known


def set_rows(graph: Any, inputs: Iterable[str], rows: int) -> Any:
    """Return a GraphDef whose inputs have a number of rows; −1: any."""
    changed, names = type(graph)(), set(inputs)
    changed.CopyFrom(graph)
    for node in changed.node:
        if node.name in names:
            node.attr["shape"].shape.dim[0].size = rows
    return changed


def _find_shapes(graph: Any, inputs: Iterable[str]) -> dict[str, list[int | None]]:
    """Return the shape of the first output of each node for two rows; empty if it is unknown."""
    known = import_graph(graph, inputs, 2).get_operations()
    shapes = {each.name: each.outputs[0].shape for each in known if each.outputs}
    return {name: shape.as_list() if shape.rank else [] for name, shape in shapes.items()}


def _find_varying(
    nodes: list[Any], inputs: Mapping[str, list[Output]], z: str
) -> tuple[set[str], set[str]]:
    dependent, varying = set[str](), {z}
    for node in nodes:  # each after its inputs
        if varying.intersection(each.node for each in inputs[node.name]):
            dependent.add(node.name)
            if any(dtype.is_floating for dtype in _list_types(node, "output_arg")):
                varying.add(node.name)
    return dependent, varying


def _find_outer(graph: OperationGraph) -> set[str]:
    """Return the nodes from z to the first products, and after the last one."""
    raw, outer = {graph.z}, set[str]()
    for node in graph.nodes:
        if raw.intersection(each.node for each in graph.inputs[node.name]):
            outer.add(node.name)
            if node.op not in PRODUCTS:
                raw.add(node.name)
    nodes = {node.name: node for node in graph.nodes}
    name = graph.output.node
    while name in nodes and nodes[name].op in MOVES | POINTWISE | {"Mul", "Add", "AddV2", "Sub"}:
        outer.add(name)
        sources = {each.node for each in graph.inputs[name]} & graph.varying
        if len(sources) != 1:
            break
        (name,) = sources
    return outer


def _change_types(node: Any, precision: tf.DType) -> Any:
    """Return a NodeDef whose floats have a precision."""
    changed = type(node)()
    changed.CopyFrom(node)
    numbers = {each.as_datatype_enum for each in _CHANGED_TYPES[precision]}
    for value in changed.attr.values():
        if value.type in numbers:
            value.type = precision.as_datatype_enum
        for place, each in enumerate(value.list.type):
            if each in numbers:
                value.list.type[place] = precision.as_datatype_enum
    return changed


def _list_types(node: Any, field: str) -> Iterator[tf.DType]:
    for argument in list_arguments(node.op, field):
        if argument.type_list_attr:
            yield from map(tf.as_dtype, node.attr[argument.type_list_attr].list.type)
            continue
        count = node.attr[argument.number_attr].i if argument.number_attr else 1
        kind = argument.type or node.attr[argument.type_attr].type
        yield from [tf.as_dtype(kind)] * count
