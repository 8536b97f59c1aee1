"""One operation of a TensorFlow graph as a function of tensors, and of their tangents."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from ganinv_cli.network import operations

Arguments = dict[str, Any]  # of tf.raw_ops, by the names that the operation itself uses

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)  # places of the channels
# tensors that have channels in them, and settings with one number per axis
_IMAGES = ("input", "out_backprop", "x", "value")
MAX_SIDE = 1 << 12  # of pictures that are resized by area, and of strides and paddings
_PER_AXIS = ("strides", "dilations", "ksize")
MAX_OUTPUTS = 1 << 12  # of one operation
_AXES = 4  # of a batch of pictures


class Value(NamedTuple):
    """A tensor, and its derivative along one direction per row; None: it is 0."""

    tensor: tf.Tensor
    tangent: tf.Tensor | None = None


class Primitive:
    """An operation with its settings, from a node of a graph whose operation is pure."""

    def __init__(self, node: Any) -> None:
        self.name: str = node.op
        self._definition = op_def_registry.get(node.op)
        inferred = {
            name
            for each in self._definition.input_arg
            for name in (each.type_attr, each.number_attr, each.type_list_attr)
        }
        self._settings: Arguments = {
            each.name: _read_setting(node.attr[each.name])
            for each in self._definition.attr
            if each.name not in inferred and each.name in node.attr
        }
        _check_axes(self._settings)
        for output in self._definition.output_arg:
            if output.number_attr and node.attr[output.number_attr].i > MAX_OUTPUTS:
                raise ValueError(f"it has {node.attr[output.number_attr].i:,} outputs")
        self._lengths = {
            each.name: node.attr[each.number_attr].i
            if each.number_attr
            else len(node.attr[each.type_list_attr].list.type)
            for each in self._definition.input_arg
            if each.number_attr or each.type_list_attr
        }

    def apply(self, inputs: Sequence[Value]) -> list[Value]:
        """Return the outputs. Raises ValueError or TypeError if the inputs do not fit."""
        outputs = self._call([each.tensor for each in inputs])
        active = [number for number, each in enumerate(inputs) if each.tangent is not None]
        if not active or self.name in operations.CONSTANT:
            return [Value(output) for output in outputs]
        tangents = self._push_tangents(inputs, active, outputs)
        return [
            Value(output, tangent if output.dtype.is_floating else None)
            for output, tangent in zip(outputs, tangents, strict=True)
        ]

    def count_multiply_adds(self, shapes: Sequence[Sequence[int]], output: Sequence[int]) -> int:
        """Return the multiply-adds from the shapes of the inputs and of the first output."""
        settings, size = self._settings, math.prod(output)
        match self.name:
            case "Conv2D":
                return size * math.prod(shapes[1][:3])
            case "DepthwiseConv2dNative":
                return size * math.prod(shapes[1][:2])
            case "Conv2DBackpropInput":
                return math.prod(shapes[2]) * math.prod(shapes[1][:3])
            case "DepthwiseConv2dNativeBackpropInput":
                return math.prod(shapes[2]) * math.prod(shapes[1][:2])
            case "MatMul":
                return size * shapes[0][0 if settings.get("transpose_a") else 1]
            case "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3":
                return size * shapes[0][-2 if settings.get("adj_x") else -1]
            case "AvgPool" | "MaxPool":
                return size * math.prod(settings["ksize"])
            case "Einsum":
                return _count_einsum(settings["equation"].decode(), shapes)
        return 0

    def _push_tangents(
        self, inputs: Sequence[Value], active: list[int], outputs: list[tf.Tensor]
    ) -> list[tf.Tensor | None]:
        """Return the tangents of the outputs. `active` are the inputs that have one."""
        tensors = [each.tensor for each in inputs]
        places = self._find_places(operations.LINEAR.get(self.name, ()))
        if places.issuperset(active):
            moved = [
                tf.zeros_like(x) if each.tangent is None else each.tangent
                for x, each in zip(tensors, inputs, strict=True)
            ]
            return self._call([moved[n] if n in places else x for n, x in enumerate(tensors)])
        places = self._find_places(operations.MULTILINEAR.get(self.name, ()))
        if len(active) == 1 and places.issuperset(active):
            tensors[active[0]] = inputs[active[0]].tangent
            return self._call(tensors)
        for number in active:  # the same tensor may be several inputs
            tensors[number] = tf.identity(tensors[number])
        primals = [tensors[number] for number in active]
        if self.name in operations.ELEMENTWISE:
            with tf.GradientTape() as tape:
                tape.watch(primals)
                (output,) = self._call(primals)
            return tape.gradient(output, primals, inputs[0].tangent)  # type: ignore[no-any-return]
        with tf.autodiff.ForwardAccumulator(
            primals, [inputs[number].tangent for number in active]
        ) as accumulator:
            outputs = self._call(tensors)
        return [accumulator.jvp(each) for each in outputs]

    def _find_places(self, arguments: Sequence[str]) -> set[int]:
        """Return the positions of arguments among the inputs."""
        places: set[int] = set()
        start = 0
        for each in self._definition.input_arg:
            length = self._lengths.get(each.name, 1)
            if each.name in arguments:
                places.update(range(start, start + length))
            start += length
        return places

    def _call(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        arguments, rest = dict(self._settings), list(tensors)
        ranks = [len(each.shape) for each in tensors if each.shape.rank is not None]
        if not 0 <= arguments.get("batch_dims", 0) <= min(ranks[:2], default=0):
            raise ValueError(f"batch_dims of {arguments['batch_dims']} are more than its axes")
        for each in self._definition.input_arg:
            length = self._lengths.get(each.name)
            arguments[each.name] = rest[:length] if length is not None else rest[0]
            del rest[: 1 if length is None else length]
        if rest:
            raise ValueError("it has too many inputs")
        if self.name.startswith("FusedBatchNorm") and not arguments.get("is_training", True):
            return _normalize(arguments, len(self._definition.output_arg))
        if self.name == "ResizeArea":
            return [_resize_by_area(**arguments)]
        if self.name == "Mean":
            # else TensorFlow fuses instance norms, wrongly if their scale is one number
            (mean,) = _call_raw(self.name, arguments)
            return [mean if mean.shape.rank is None else tf.ensure_shape(mean, mean.shape)]
        if arguments.get("data_format") == b"NCHW" and not self.name.startswith("BiasAdd"):
            first, *others = _call_channels_last(self.name, arguments)
            return [tf.transpose(first, _TO_FIRST), *others]
        return _call_raw(self.name, arguments)


def _check_axes(settings: Arguments) -> None:
    """Raise ValueError for numbers per axis at which TensorFlow would abort the process."""
    for name in _PER_AXIS:
        numbers = settings.get(name, [1] * _AXES)
        if len(numbers) != _AXES or not all(1 <= number <= MAX_SIDE for number in numbers):
            raise ValueError(
                f"{name} are {numbers[:8]}, {_AXES} of 1 to {MAX_SIDE:,} were expected"
            )
    paddings = settings.get("explicit_paddings", [])
    if len(paddings) not in (0, 2 * _AXES) or not all(0 <= side <= MAX_SIDE for side in paddings):
        raise ValueError(
            f"explicit_paddings are {paddings[:8]}, {2 * _AXES} of 0 to {MAX_SIDE:,} were expected"
        )


def count_outputs_before(operation: str, argument: str) -> int:
    """Return how many single outputs an operation has before an output argument."""
    definition = op_def_registry.get(operation)
    names = [each.name for each in definition.output_arg] if definition else []
    return names.index(argument) if argument in names else 0


def _count_einsum(equation: str, shapes: Sequence[Sequence[int]]) -> int:
    sizes: dict[str, int] = {}
    for term, shape in zip(equation.split("->")[0].split(","), shapes, strict=True):
        first, _, last = term.partition("...")
        others = [f"axis {n}" for n in range(len(shape) - len(first) - len(last), 0, -1)]
        for letter, size in zip([*first, *others, *last], shape, strict=False):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return math.prod(sizes.values())


def _call_raw(name: str, arguments: Arguments) -> list[tf.Tensor]:
    renamed = operations.RENAMED.get(name, {})
    result = getattr(tf.raw_ops, name)(**{renamed.get(k, k): v for k, v in arguments.items()})
    return list(result) if isinstance(result, tuple | list) else [result]


def _normalize(arguments: Arguments, outputs: int) -> list[tf.Tensor]:
    """Compute a batch norm with given statistics; TensorFlow has no gradient for them."""
    x, mean, variance = (arguments[name] for name in ("x", "mean", "variance"))
    factor = arguments["scale"] * tf.math.rsqrt(variance + arguments.get("epsilon", 1e-4))
    shift = arguments["offset"] - mean * factor
    if arguments.get("data_format") == b"NCHW":
        factor, shift = (tf.reshape(each, [-1, 1, 1]) for each in (factor, shift))
    return [x * factor + shift, *[mean, variance] * 3][:outputs]


def _resize_by_area(images: tf.Tensor, size: tf.Tensor, align_corners: bool = False) -> tf.Tensor:
    """Resize by a matrix per axis; TensorFlow's own operation has no gradient."""
    news, olds = tf.get_static_value(size), images.shape.as_list()[1:3]
    if news is None or None in olds or max(*news, *olds) > MAX_SIDE:
        raise ValueError(f"sizes of at most {MAX_SIDE:,} pixels must be known")
    with tf.init_scope():
        down, across = (
            tf.raw_ops.ResizeArea(
                images=tf.eye(old)[None, ..., None], size=[new, old], align_corners=align_corners
            )[0, ..., 0]
            for old, new in zip(olds, news, strict=True)
        )
    return tf.einsum("yh,xw,nhwc->nyxc", down, across, tf.cast(images, tf.float32))


def _call_channels_last(name: str, arguments: Arguments) -> list[tf.Tensor]:
    """Call an operation on images (batch, channels, height, width), which has no CPU kernel."""
    changed = dict(arguments, data_format=b"NHWC")
    for key, value in arguments.items():
        if key in _IMAGES:
            changed[key] = tf.transpose(value, _TO_LAST)
        elif key in _PER_AXIS:
            changed[key] = [value[axis] for axis in _TO_LAST]
        elif key == "explicit_paddings" and value:
            changed[key] = [value[2 * axis + side] for axis in _TO_LAST for side in (0, 1)]
        elif key == "input_sizes" and value.shape == 4:
            changed[key] = tf.gather(value, _TO_LAST)
    return _call_raw(name, changed)


def _read_setting(attribute: Any) -> Any:
    """Return the value of an attribute of a node. Raises ValueError."""
    kind = attribute.WhichOneof("value")
    if kind == "list":
        return [value for name in ("i", "f", "b", "s") for value in getattr(attribute.list, name)]
    if kind == "type":
        return tf.as_dtype(attribute.type)
    if kind == "shape":
        return tf.TensorShape(attribute.shape)
    if kind in ("i", "f", "b", "s"):
        return getattr(attribute, kind)
    raise ValueError(f"it has an attribute of the kind {kind}")
