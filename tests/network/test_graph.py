"""A network knows its shapes, its cost and its hash, and which layer does not fit."""

import numpy as np
import pytest

from ganinv_cli.network import layers as kinds
from ganinv_cli.network.graph import Network, Node, Z, chain
from ganinv_cli.network.layers import Activation, Dense, Reshape, same_conv_transpose
from ganinv_cli.network.shapes import ShapeError


def _dense(inputs: int, outputs: int, value: float = 1.0) -> Dense:
    return Dense(np.full((inputs, outputs), value, np.float32), np.zeros(outputs, np.float32))


def _transpose(inputs: int, outputs: int) -> kinds.ConvTranspose:
    kernel = np.ones((5, 5, outputs, inputs), np.float32)
    return same_conv_transpose(kernel, np.zeros(outputs, np.float32), 2)


def test_it_knows_what_each_layer_makes():
    layers = (_dense(6, 32), Reshape((4, 4, 2)), Activation("relu"), _transpose(2, 3))
    network = chain(6, layers)
    assert network.shapes == ((32,), (4, 4, 2), (4, 4, 2), (8, 8, 3))
    assert network.multiply_adds == 6 * 32 + 16 * 25 * 2 * 3


@pytest.mark.parametrize(
    "wrong",
    [
        _dense(31, 4),
        Reshape((4, 4, 3)),
        kinds.Transpose((0, 1)),
        _transpose(3, 3),
        kinds.Conv(np.ones((3, 3, 3, 1)), np.ones(1)),
        kinds.Conv(np.ones((5, 5, 2, 1)), np.ones(1)),
        kinds.Affine(np.ones(3), np.ones(3)),
        kinds.Pad(((4, 0), (0, 0)), "reflect"),
        kinds.Upsample((2, 2)),
        kinds.Concat(),
        kinds.Add(),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_layer_that_does_not_fit_is_named(wrong):
    image, flat = Node(Reshape((4, 4, 2)), (0,)), Node(Reshape((8, 4)), (0,))
    inputs = {kinds.Concat: (1, 2), kinds.Add: (1, 2), kinds.Upsample: (2,)}.get(type(wrong), (1,))
    nodes = (Node(_dense(6, 32), (Z,)), image, flat, Node(wrong, inputs, "g_h2"))
    with pytest.raises(ShapeError, match=f"g_h2: {type(wrong).__name__} cannot take (4 x 4|8 x 4)"):
        _ = Network(6, nodes).shapes


def test_the_hash_is_of_all_that_decides_a_picture():
    def network(value: float = 1.0, slope: float | None = None, stride: int = 2) -> Network:
        kernel, bias = np.ones((5, 5, 3, 2), np.float32), np.zeros(3, np.float32)
        return chain(
            6,
            (
                _dense(6, 32, value),
                Reshape((4, 4, 2)),
                Activation("leaky_relu", slope),
                same_conv_transpose(kernel, bias, stride),
            ),
        )

    others = [network(value=2), network(slope=0.1), network(slope=0.2), network(stride=1)]
    assert len({network().sha256, *(other.sha256 for other in others)}) == 5
    named = Network(6, tuple(node._replace(name="x") for node in network().nodes))
    assert named.sha256 == network().sha256
    crossed = (*network().nodes[:2], Node(Activation("leaky_relu"), (0,)), *network().nodes[3:])
    assert Network(6, crossed).sha256 != network().sha256
    assert Network(6, network().nodes, labels=3).sha256 != network().sha256
