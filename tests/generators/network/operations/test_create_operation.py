"""Every allowed operation is pure, and is computed and differentiated in every precision.

tests/generators/formats/onnx has J·v of whole graphs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry, ops

from ganinv_cli.generators.network.operations.allowed import CONSTANT, IDENTITIES, PURE
from ganinv_cli.generators.network.operations.create_operation import create_operation
from ganinv_cli.generators.network.operations.generator import TracedGenerator
from ganinv_cli.generators.network.operations.trace_network import trace_network
from ganinv_cli.prior import Normal

LATENT, STEP = 3, 1e-5
ELEMENTWISE = (
    "Abs Acos Asin Asinh Atan Atanh Cos Cosh Elu Erf Erfc Exp Expm1 LeakyRelu Log Log1p "
    "Reciprocal Relu Relu6 Rsqrt Selu Sigmoid Sin Sinh Softplus Softsign Sqrt Square Tan Tanh"
)
_random = np.random.default_rng(0)


def _a(*shape: int) -> np.ndarray:
    """Numbers from .2 to .8, along which it is differentiated; those in lists are constants."""
    return _random.uniform(0.2, 0.8, shape)


def _alike(names: str, **arguments: Any) -> dict[str, dict[str, Any]]:
    return dict.fromkeys(names.split(), arguments)


_NORM = {name: _a(3) for name in ("scale", "offset", "mean", "variance")}
_POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
_PADDED = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 1, 0, 1, 0, 0]}
_CONV = {"strides": [1, 1, 1, 1], "padding": "SAME"}
CASES: dict[str, dict[str, Any]] = {
    **_alike("AvgPool", value=_a(1, 4, 4, 2), **_POOL),
    **_alike("BiasAdd", value=_a(2, 4, 4, 3), bias=_a(3)),
    **_alike("Conv2D", input=_a(1, 4, 4, 2), filter=_a(3, 3, 2, 3), **_CONV),
    **_alike(
        "Conv2DBackpropInput",
        input_sizes=[1, 4, 4, 2],
        filter=_a(3, 3, 2, 3),
        out_backprop=_a(1, 4, 4, 3),
        **_CONV,
    ),
    **_alike("DepthwiseConv2dNative", input=_a(1, 4, 4, 2), filter=_a(3, 3, 2, 1), **_CONV),
    **_alike(
        "DepthwiseConv2dNativeBackpropInput",
        input_sizes=[1, 4, 4, 2],
        filter=_a(3, 3, 2, 1),
        out_backprop=_a(1, 4, 4, 2),
        **_CONV,
    ),
    **_alike(
        "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3",
        x=_a(2, 2, 2, 3),
        is_training=False,
        **_NORM,
    ),
    **_alike("Gather", params=_a(4, 3), indices=[2, 0]),
    **_alike("GatherNd", params=_a(4, 3), indices=[[1, 2], [0, 0]]),
    **_alike("GatherV2", params=_a(4, 3), indices=[2, 0], axis=0),
    **_alike("MaxPool", input=_a(1, 4, 4, 2), **_POOL | _PADDED),
    **_alike("MaxPoolV2", input=_a(1, 4, 4, 2), **_POOL),
    **_alike("MirrorPad", input=_a(2, 3), paddings=[[0, 0], [1, 1]], mode="REFLECT"),
    **_alike("ResizeBicubic ResizeBilinear", images=_a(1, 4, 4, 2), size=[8, 8]),
    **_alike("ResizeNearestNeighbor", images=_a(1, 4, 4, 2), size=[8, 8]),
    **_alike(
        "ScaleAndTranslate",
        images=_a(1, 4, 4, 2),
        size=[8, 8],
        scale=[2.0, 2.0],
        translation=[0.0, 0.5],
    ),
    **_alike("StridedSlice", input=_a(2, 3), begin=[0, 1], end=[2, 3], strides=[1, 1]),
    **{
        name: {op_def_registry.get(name).input_arg[0].name: _a(2, 3)}
        for name in ELEMENTWISE.split()
    },
    "Acosh": {"x": _a(2, 3) + 1},
}

GROUPS = [sorted(CASES)[first : first + 12] for first in range(0, len(CASES), 12)]


def _draw(names: Sequence[str]) -> Callable[[tf.Tensor, None], tf.Tensor]:
    """Return a function of z to pictures with the outputs of some operations."""

    def draw(z: tf.Tensor, _: None) -> tf.Tensor:
        total = tf.reduce_sum(z, 0, keepdims=True)
        flat = tf.concat([part for name in names for part in _run(name, total)], 0)
        return tf.tile(tf.reshape(flat, [1, 1, -1, 1]), [tf.shape(z)[0], 1, 1, 1])

    return draw


def _run(name: str, z: tf.Tensor) -> list[tf.Tensor]:
    """Return what an operation makes of arguments that z moves."""
    random = np.random.default_rng(1)

    def move(x: Any) -> Any:
        if isinstance(x, list):
            return [move(each) for each in x]
        if not isinstance(x, np.ndarray):
            return x
        directions = random.normal(size=(LATENT, x.size))
        moved = 0.1 * tf.reshape(z @ directions.astype(np.float32), x.shape)
        return x.astype(np.float32) + moved

    result = getattr(tf.raw_ops, name)(**{key: move(value) for key, value in CASES[name].items()})
    outputs = result if isinstance(result, list | tuple) else [result]
    outputs = outputs[:1] if name.startswith("FusedBatchNorm") else outputs
    return [tf.reshape(tf.cast(x, tf.float32), [-1]) for x in outputs if x.dtype.is_floating]


def _make_generator(names: Sequence[str]) -> TracedGenerator:
    return TracedGenerator(trace_network(_draw(names), LATENT), Normal(1, 0.99))


@pytest.mark.slow
@pytest.mark.parametrize("names", GROUPS, ids="-".join)
def test_j_times_v_is_that_of_finite_differences(names):
    draw, generator = _draw(names), _make_generator(names)
    z, v = np.random.default_rng(2).normal(size=(2, 1, LATENT)).astype(np.float32) * 0.1
    np.testing.assert_allclose(generator(z), draw(tf.constant(z), None), rtol=1e-5, atol=1e-6)
    z, v = z.astype(np.float64), v.astype(np.float64)
    difference = (generator(z + STEP * v) - generator(z - STEP * v)) / (2 * STEP)
    moved = generator.jvp(z, v).numpy()
    np.testing.assert_allclose(moved, difference, rtol=1e-7, atol=1e-7)
    with tf.GradientTape() as tape:
        point = tf.constant(z)
        tape.watch(point)
        loss = tf.reduce_sum(generator(point) * moved)
    gradient = tape.gradient(loss, point)  # Jᵀ(Jv)
    np.testing.assert_allclose(tf.reduce_sum(gradient * v), tf.reduce_sum(moved**2), rtol=1e-7)


@pytest.mark.slow
@pytest.mark.bfloat16
@pytest.mark.parametrize("names", GROUPS, ids="-".join)
def test_picture_gradient_and_j_in_bfloat16_are_nearly_those_in_float32(names):
    generator = _make_generator(names)
    z, v = np.random.default_rng(2).normal(size=(2, 1, LATENT)).astype(np.float32) * 0.1
    found = []
    for precision in (tf.bfloat16, tf.float32):
        with tf.GradientTape() as tape:
            point = tf.constant(z)
            tape.watch(point)
            picture = generator(point, precision)
        moved = generator.jvp(z, tf.cast(v, precision))
        found.append([picture, tape.gradient(picture, point), tf.cast(moved, tf.float32)])
    for low, full in zip(*found, strict=True):
        np.testing.assert_allclose(low, full, atol=0.05 * np.abs(full).max())


def test_every_operation_has_a_derivative_unless_it_is_constant():
    assert CASES.keys() <= PURE
    for name in PURE - IDENTITIES - CONSTANT:
        assert ops.gradient_registry.lookup(name), name


def test_an_operation_exists_and_keeps_no_state():
    definitions = {name: op_def_registry.get(name) for name in PURE}
    assert all(definitions.values())
    stateful = {name for name, each in definitions.items() if each.is_stateful}
    assert stateful <= {"CheckNumerics"}
    assert not any(ref.is_ref for each in definitions.values() for ref in each.input_arg)


def test_a_cropped_transposed_convolution_is_tensorflows_own():
    filters, x = (np.float32(_a(*shape)) for shape in ((5, 5, 2, 3), (2, 4, 4, 3)))

    @tf.function(autograph=False)
    def run(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pads = [(0, 0), (2, 1), (1, 2), (0, 0)]
        own = tf.nn.conv2d_transpose(x, filters, (2, 8, 8, 2), 2, pads)
        return own, create_operation(own.op.node_def, own.op.inputs)[0]

    own, again = run(x)
    np.testing.assert_allclose(again, own, rtol=1e-5)
