"""Every kind of layer computes its definition in every precision, and its J·v is right."""

import numpy as np
import pytest
import tensorflow as tf
from reference import transpose_convolution

from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.execute import prepare_layer, push_forward
from ganinv_cli.generators.network.layers import ACTIVATIONS, Activation, Layer, infer_shape

RANDOM = np.random.default_rng(0)
ROWS = 3


def _normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape)


def _slope(name: str) -> float | None:
    return {"leaky_relu": 0.2, "elu": 0.7}.get(name)


LAYERS: list[tuple[Layer, tuple[tuple[int, ...], ...]]] = [
    (kinds.Dense(_normal(4, 5), _normal(5)), ((4,),)),
    (kinds.Dense(_normal(4, 5), _normal(5)), ((2, 3, 4),)),
    (kinds.Reshape((3, 2, 4)), ((24,),)),
    (kinds.Transpose((2, 0, 1)), ((2, 3, 4),)),
    (kinds.Conv(_normal(3, 3, 4, 5), _normal(5), (1, 1), ((1, 1), (1, 1))), ((5, 6, 4),)),
    (kinds.Conv(_normal(2, 3, 4, 5), _normal(5), (2, 1), ((0, 1), (2, -1))), ((5, 6, 4),)),
    (kinds.Upsample((2, 3)), ((2, 3, 4),)),
    (kinds.Upsample((2, 3), "bilinear"), ((2, 3, 4),)),
    (kinds.Pad(((1, 2), (0, -1))), ((4, 3, 2),)),
    (kinds.Affine(_normal(4), _normal(4)), ((2, 3, 4),)),
    (kinds.Constant(_normal(2, 3)), ()),
    (kinds.Add(), ((2, 3, 4), (2, 3, 4), (1, 1, 4))),
    (kinds.Multiply(), ((2, 3, 4), (4,))),
    (kinds.Concat(), ((2, 3, 4), (2, 3, 1))),
    *((Activation(name, _slope(name)), ((6,),)) for name in ACTIVATIONS),
]


def _inputs(shapes: tuple[tuple[int, ...], ...], rows: int = ROWS) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.normal(size=(rows, *shape)) for shape in shapes]


def _id(layer: object) -> str:
    name = getattr(layer, "name", "")
    return f"{type(layer).__name__} {name}".strip()


@pytest.mark.parametrize(("layer", "shapes"), LAYERS, ids=_id)
@pytest.mark.parametrize(
    ("precision", "near"),
    [(tf.float32, 1e-5), pytest.param(tf.bfloat16, 0.1, marks=pytest.mark.bfloat16)],
)
def test_it_makes_its_shape_and_less_precise_numbers_nearly_the_same(
    layer, shapes, precision, near
):
    given = _inputs(shapes)
    exact = prepare_layer(layer, tf.float64).apply(*given).numpy()
    assert exact.shape == (ROWS if shapes else 1, *infer_shape(layer, shapes))
    found = prepare_layer(layer, precision).apply(*(tf.cast(x, precision) for x in given))
    assert found.dtype == precision
    np.testing.assert_allclose(tf.cast(found, tf.float64), exact, atol=near * np.abs(exact).max())


@pytest.mark.parametrize(("layer", "shapes"), LAYERS, ids=_id)
def test_moves_are_carried_by_the_jacobian(layer, shapes):
    layer_built, step = prepare_layer(layer, tf.float64), 1e-6
    here = [tf.constant(x) for x in _inputs(shapes, rows=1)]
    moves = [tf.constant(_normal(2, *shape)) for shape in shapes]
    carried = push_forward(layer_built, here, moves)
    if not shapes:
        assert carried is None
        return
    ends = [
        layer_built.apply(*(x + sign * step * move for x, move in zip(here, moves, strict=True)))
        for sign in (1, -1)
    ]
    np.testing.assert_allclose(carried, (ends[0] - ends[1]) / (2 * step), atol=1e-6)


@pytest.mark.parametrize("outputs", [2, 9])
@pytest.mark.parametrize(
    ("kernel", "stride", "crop"),
    [
        ((5, 5), (2, 2), ((2, 1), (2, 1))),
        ((3, 3), (1, 1), ((1, 1), (1, 1))),
        ((4, 3), (2, 3), ((0, 1), (1, 0))),
        ((2, 2), (3, 3), ((0, -1), (0, -1))),
        ((7, 4), (3, 2), ((2, 2), (-1, 3))),
    ],
    ids=str,
)
def test_a_transposed_convolution_of_any_kernel_stride_and_crop(kernel, stride, crop, outputs):
    random = np.random.default_rng(3)
    weights, bias = random.normal(size=(*kernel, outputs, 3)), random.normal(size=outputs)
    layer = kinds.ConvTranspose(weights, bias, stride, crop)
    x = random.normal(size=(2, 4, 5, 3))
    found = prepare_layer(layer, tf.float64).apply(tf.constant(x))
    expected = transpose_convolution(x, weights, stride, crop) + bias
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_no_bit_of_a_row_or_of_its_gradient_depends_on_how_many_others_there_are(rows):
    dense = prepare_layer(kinds.Dense(_normal(100, 1024), _normal(1024)), tf.float32)
    z = tf.constant(RANDOM.normal(size=(16, 100)), tf.float32)

    @tf.function(autograph=False)
    def evaluate(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = tf.reduce_sum(tf.tanh(dense.apply(z)) ** 2, 1)
        return loss, tape.gradient(loss, z)

    for all_rows, some in zip(evaluate(z), evaluate(z[:rows]), strict=True):
        assert (some.numpy() == all_rows.numpy()[:rows]).all()
