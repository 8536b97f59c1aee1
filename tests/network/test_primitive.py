"""Every allowed operation is pure, and its derivative agrees with finite differences."""

import inspect
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from ganinv_cli.network import operations
from ganinv_cli.network.primitive import Primitive, Value

DIFFERENTIABLE = (
    operations.ELEMENTWISE | operations.LINEAR.keys() | operations.MULTILINEAR.keys()
) | operations.OTHERS
NOTHING = [[0, 0], [0, 0]]
_random = np.random.default_rng(0)


def _a(*shape: int) -> np.ndarray:
    """Numbers from .2 to .8, along which it is differentiated; those in lists are constants."""
    return _random.uniform(0.2, 0.8, shape)


def _f(*shape: int) -> np.ndarray:
    """The same in float32, for operations that take nothing else."""
    return _a(*shape).astype(np.float32)


def _alike(names: str, **arguments: Any) -> dict[str, dict[str, Any]]:
    return dict.fromkeys(names.split(), arguments)


_NORM = {name: _f(3) for name in ("scale", "offset", "mean", "variance")}
_POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
_CONV = {"strides": [1, 1, 1, 1], "padding": "SAME"}
_BINARY = (
    "Add AddV2 Sub Mul Div RealDiv DivNoNan Maximum Minimum SquaredDifference Pow Atan2 Xdivy "
    "Xlogy MulNoNan FloorMod"
)
CASES: dict[str, dict[str, Any]] = {
    **_alike(_BINARY, x=_a(2, 3), y=_a(2, 3)),
    **_alike("AddN", inputs=[_a(2, 3), _a(2, 3)]),
    **_alike("AvgPool", value=_a(1, 4, 4, 2), **_POOL),
    **_alike("BatchMatMul BatchMatMulV2", x=_a(2, 2, 3), y=_a(2, 3, 2)),
    **_alike("BatchMatMulV3", x=_a(2, 2, 3), y=_a(2, 3, 2), Tout=tf.float64),
    **_alike("BatchToSpace", input=_a(4, 2, 2, 1), crops=NOTHING, block_size=2),
    **_alike("BatchToSpaceND", input=_a(4, 2, 2, 1), block_shape=[2, 2], crops=NOTHING),
    **_alike("BiasAdd BiasAddV1", value=_a(2, 4, 4, 3), bias=_a(3)),
    **_alike("BroadcastTo", input=_a(1, 3), shape=[2, 3]),
    **_alike("Cast", x=_a(2, 3), DstT=tf.float64),
    **_alike("ClipByValue", t=_a(2, 3), clip_value_min=np.array(0.3), clip_value_max=np.array(0.6)),
    **_alike("Concat", concat_dim=1, values=[_a(2, 1), _a(2, 3)]),
    **_alike("ConcatV2", values=[_a(2, 1), _a(2, 3)], axis=1),
    **_alike("Conv2D", input=_a(1, 4, 4, 2), filter=_a(3, 3, 2, 3), **_CONV),
    **_alike(
        "Conv2DBackpropInput",
        input_sizes=[1, 4, 4, 2],
        filter=_a(3, 3, 2, 3),
        out_backprop=_a(1, 4, 4, 3),
        **_CONV,
    ),
    **_alike("Cross", a=_a(2, 3), b=_a(2, 3)),
    **_alike("Cumsum Cumprod", x=_a(2, 3), axis=1),
    **_alike("DepthToSpace", input=_a(1, 2, 2, 4), block_size=2),
    **_alike("DepthwiseConv2dNative", input=_a(1, 4, 4, 2), filter=_a(3, 3, 2, 1), **_CONV),
    **_alike(
        "DepthwiseConv2dNativeBackpropInput",
        input_sizes=[1, 4, 4, 2],
        filter=_a(3, 3, 2, 1),
        out_backprop=_a(1, 4, 4, 2),
        **_CONV,
    ),
    **_alike("Diag MatrixDiag", diagonal=_a(3)),
    **_alike("DiagPart MatrixDiagPart", input=_a(3, 3)),
    **_alike("DynamicStitch", indices=[[0, 2], [1]], data=[_a(2, 3), _a(1, 3)]),
    **_alike("Einsum", inputs=[_a(2, 3), _a(3, 2)], equation="ij,jk->ik"),
    **_alike("EuclideanNorm Max Mean Min Prod Sum", input=_a(2, 3), axis=[1]),
    **_alike("ExpandDims", input=_a(2, 3), axis=1),
    **_alike("Fill", dims=[2, 3], value=_a()),
    **_alike(
        "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3",
        x=_f(2, 2, 2, 3),
        is_training=False,
        **_NORM,
    ),
    **_alike("Gather", params=_a(4, 3), indices=[2, 0]),
    **_alike("GatherNd", params=_a(4, 3), indices=[[1, 2], [0, 0]]),
    **_alike("GatherV2", params=_a(4, 3), indices=[2, 0], axis=0),
    **_alike("L2Loss", t=_a(2, 3)),
    **_alike("LogSoftmax Softmax", logits=_a(2, 3)),
    **_alike("MatMul", a=_a(2, 3), b=_a(3, 2)),
    **_alike("MatrixBandPart", input=_a(3, 3), num_lower=1, num_upper=0),
    **_alike("MatrixDiagPartV3", input=_a(3, 3), k=0, padding_value=0.0),
    **_alike("MatrixDiagV3", diagonal=_a(3), k=1, num_rows=-1, num_cols=-1, padding_value=0.0),
    **_alike("MatrixSetDiag", input=_a(3, 3), diagonal=_a(3)),
    **_alike("MatrixSetDiagV3", input=_a(3, 3), diagonal=_a(3), k=0),
    **_alike("MaxPool", input=_a(1, 4, 4, 2), **_POOL),
    **_alike("MaxPoolV2", input=_a(1, 4, 4, 2), **_POOL),
    **_alike("MirrorPad", input=_a(2, 3), paddings=[[0, 0], [1, 1]], mode="REFLECT"),
    **_alike("Neg", x=_a(2, 3)),
    **_alike("Pack", values=[_a(2, 3), _a(2, 3)], axis=1),
    **_alike("Pad", input=_a(2, 3), paddings=[[0, 0], [1, 1]]),
    **_alike("PadV2", input=_a(2, 3), paddings=[[0, 0], [1, 1]], constant_values=0.0),
    **_alike("Reshape", tensor=_a(2, 3), shape=[3, 2]),
    **_alike("ResizeArea ResizeBicubic ResizeBilinear", images=_f(1, 4, 4, 2), size=[8, 8]),
    **_alike("ResizeNearestNeighbor", images=_a(1, 4, 4, 2), size=[8, 8]),
    **_alike("Reverse", tensor=_a(2, 3), dims=[False, True]),
    **_alike("ReverseV2", tensor=_a(2, 3), axis=[1]),
    **_alike("Roll", input=_a(2, 3), shift=1, axis=1),
    **_alike(
        "ScaleAndTranslate",
        images=_f(1, 4, 4, 2),
        size=[8, 8],
        scale=[2.0, 2.0],
        translation=[0.0, 0.5],
    ),
    **_alike("ScatterNd", indices=[[0], [2]], updates=_a(2, 3), shape=[4, 3]),
    **_alike("Select", condition=[True, False], x=_a(2), y=_a(2)),
    **_alike("SelectV2", condition=[True, False], t=_a(2), e=_a(2)),
    **_alike("Slice", input=_a(2, 3), begin=[0, 1], size=[2, 2]),
    **_alike("SpaceToBatch", input=_a(1, 4, 4, 1), paddings=NOTHING, block_size=2),
    **_alike("SpaceToBatchND", input=_a(1, 4, 4, 1), block_shape=[2, 2], paddings=NOTHING),
    **_alike("SpaceToDepth", input=_a(1, 4, 4, 1), block_size=2),
    **_alike("Split", axis=1, value=_a(2, 4), num_split=2),
    **_alike("SplitV", value=_a(2, 4), size_splits=[1, 3], axis=1, num_split=2),
    **_alike("Squeeze", input=_a(2, 1, 3), axis=[1]),
    **_alike("StridedSlice", input=_a(2, 3), begin=[0, 1], end=[2, 3], strides=[1, 1]),
    **_alike("TensorScatterUpdate", tensor=_a(4, 3), indices=[[1], [2]], updates=_a(2, 3)),
    **_alike("Tile", input=_a(2, 3), multiples=[2, 1]),
    **_alike("TopKV2", input=_a(2, 4), k=2),
    **_alike("Transpose", x=_a(2, 3), perm=[1, 0]),
    **_alike("Unpack", value=_a(2, 3), num=2, axis=0),
}


def _make_node(name: str, arguments: dict[str, Any]) -> tuple[Any, list[np.ndarray]]:
    """A node of one operation, and its inputs."""
    with tf.Graph().as_default():
        result = getattr(tf.raw_ops, name)(**arguments)
        first = result[0] if isinstance(result, list | tuple) else result
        return first.op.node_def, [tf.get_static_value(each) for each in first.op.inputs]


def _arguments_of(name: str) -> dict[str, Any]:
    if name not in operations.ELEMENTWISE:
        return CASES[name]
    (argument,) = op_def_registry.get(name).input_arg
    return {argument.name: _a(2, 3) + (1 if name == "Acosh" else 0)}


@pytest.mark.parametrize("name", sorted(DIFFERENTIABLE))
def test_derivatives_are_those_of_finite_differences(name: str) -> None:
    arguments = _arguments_of(name)
    node, inputs = _make_node(name, arguments)
    given = [x for each in arguments.values() for x in (each if isinstance(each, list) else [each])]
    marked = [x for x in given if isinstance(x, np.ndarray)]
    active = [
        number
        for number, x in enumerate(inputs)
        if any(x.shape == y.shape and (x == y).all() for y in marked)
    ]
    assert len(active) == len(marked)
    in_float32 = inputs[active[0]].dtype == np.float32
    step, tolerance = (1e-2, 1e-3) if in_float32 else (1e-6, 1e-7)
    for chosen in [active, *([each] for each in active)]:
        random = np.random.default_rng(1)
        tangents = [
            np.asarray(random.normal(size=x.shape)).astype(x.dtype) if number in chosen else None
            for number, x in enumerate(inputs)
        ]

        def call(amount: float, tangents: list[np.ndarray | None] = tangents) -> list[np.ndarray]:
            moved = [
                x if t is None else (x + amount * t).astype(x.dtype)
                for x, t in zip(inputs, tangents, strict=True)
            ]
            return [each.numpy() for each in map(_get, Primitive(node).apply(_values(moved)))]

        values = _values(inputs, tangents)
        results = Primitive(node).apply(values)
        moved = [each for each in results if each.tangent is not None]
        assert moved
        with tf.GradientTape() as tape:
            tape.watch([values[number].tensor for number in chosen])
            again = Primitive(node).apply([Value(each.tensor) for each in values])
            weighted = [
                tf.reduce_sum(each.tensor * known.tangent)
                for each, known in zip(again, results, strict=True)
                if known.tangent is not None
            ]
        gradients = tape.gradient(weighted, [values[number].tensor for number in chosen])
        backward = sum(
            float(tf.reduce_sum(tf.convert_to_tensor(gradient) * values[number].tangent))
            for gradient, number in zip(gradients, chosen, strict=True)
        )
        forward = sum(float(tf.reduce_sum(each.tangent**2)) for each in moved)
        assert backward == pytest.approx(forward, rel=1e-3)
        for result, high, low in zip(results, call(step), call(-step), strict=True):
            if not result.tensor.dtype.is_floating:
                assert result.tangent is None
            elif result.tangent is not None:
                expected = (high.astype(np.float64) - low) / (2 * step)
                np.testing.assert_allclose(result.tangent, expected, tolerance, tolerance)


def _values(arrays: list[np.ndarray], tangents: list[Any] | None = None) -> list[Value]:
    return [
        Value(tf.constant(x), None if t is None else tf.constant(t))
        for x, t in zip(arrays, tangents or [None] * len(arrays), strict=True)
    ]


def _get(value: Value) -> tf.Tensor:
    return value.tensor


@pytest.mark.parametrize("name", sorted(operations.PURE))
def test_an_operation_exists_keeps_no_state_and_can_be_called(name: str) -> None:
    definition = op_def_registry.get(name)
    assert definition is not None
    assert not definition.is_stateful or name == "CheckNumerics"
    assert not any(each.is_ref for each in definition.input_arg)
    taken = set(inspect.signature(getattr(tf.raw_ops, name)).parameters)
    renamed = operations.RENAMED.get(name, {})
    assert {renamed.get(each.name, each.name) for each in definition.input_arg} <= taken
    inputs = {each.name for each in definition.input_arg}
    for table in (operations.LINEAR, operations.MULTILINEAR):
        assert inputs.issuperset(table.get(name, ()))


def test_the_tables_share_nothing() -> None:
    tables = (
        operations.ELEMENTWISE,
        operations.LINEAR.keys(),
        operations.MULTILINEAR.keys(),
        operations.CONSTANT,
        operations.OTHERS,
        operations.IDENTITIES,
    )
    assert sum(map(len, tables)) == len(operations.PURE)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Conv2D", {"input": _f(2, 3, 4, 5), "filter": _f(3, 2, 3, 2), "strides": [1, 1, 2, 1]}),
        (
            "Conv2DBackpropInput",
            {
                "input_sizes": [2, 3, 4, 6],
                "filter": _f(3, 2, 3, 2),
                "out_backprop": _f(2, 2, 4, 3),
                "strides": [1, 1, 1, 2],
            },
        ),
    ],
)
def test_channels_first_is_run_as_channels_last(name: str, arguments: dict[str, Any]) -> None:
    options = {"padding": "SAME", "data_format": "NCHW"}
    node, inputs = _make_node(name, arguments | options)
    tangents = [np.ones_like(x) if x.dtype == np.float32 else None for x in inputs]
    tangents[-1 if name == "Conv2D" else 1] = None
    (found,) = Primitive(node).apply(_values(inputs, tangents))
    last = {
        key: value.transpose(0, 2, 3, 1) if key in ("input", "out_backprop") else value
        for key, value in arguments.items()
    }
    places = (0, 2, 3, 1)
    for key in {"strides", "input_sizes"} & arguments.keys():
        last[key] = [arguments[key][place] for place in places]
    expected = getattr(tf.raw_ops, name)(**last, padding="SAME").numpy().transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found.tensor, expected, rtol=1e-5)
    assert found.tangent.shape == found.tensor.shape
