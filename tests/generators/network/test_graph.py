"""A network knows its shapes, its cost and its hash."""

import numpy as np
from builders import make_same_conv_transpose

from ganinv_cli.generators.network.graph import Network, Node, make_sequence
from ganinv_cli.generators.network.layers import Activation, Dense, Reshape


def _dense(inputs: int, outputs: int, value: float = 1.0) -> Dense:
    return Dense(np.full((inputs, outputs), value, np.float32), np.zeros(outputs, np.float32))


def test_it_knows_what_each_layer_makes():
    kernel, bias = np.ones((5, 5, 3, 2), np.float32), np.zeros(3, np.float32)
    up = make_same_conv_transpose(kernel, bias, 2)
    network = make_sequence(6, (_dense(6, 32), Reshape((4, 4, 2)), Activation("relu"), up))
    assert network.shapes == ((32,), (4, 4, 2), (4, 4, 2), (8, 8, 3))
    assert network.multiply_adds == 6 * 32 + 16 * 25 * 2 * 3


def test_the_hash_is_of_all_that_decides_a_picture():
    def network(value: float = 1.0, slope: float | None = None, stride: int = 2) -> Network:
        kernel, bias = np.ones((5, 5, 3, 2), np.float32), np.zeros(3, np.float32)
        return make_sequence(
            6,
            (
                _dense(6, 32, value),
                Reshape((4, 4, 2)),
                Activation("leaky_relu", slope),
                make_same_conv_transpose(kernel, bias, stride),
            ),
        )

    others = [network(value=2), network(slope=0.1), network(slope=0.2), network(stride=1)]
    assert len({network().sha256, *(other.sha256 for other in others)}) == 5
    named = Network(6, tuple(node._replace(name="x") for node in network().nodes))
    assert named.sha256 == network().sha256
    crossed = (*network().nodes[:2], Node(Activation("leaky_relu"), (0,)), *network().nodes[3:])
    assert Network(6, crossed).sha256 != network().sha256
    assert Network(6, network().nodes, labels=3).sha256 != network().sha256
