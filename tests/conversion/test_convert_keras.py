"""Every kind of layer, as a Keras model: the same pictures, or a refusal that names the layer."""

from dataclasses import replace

import conditional
import numpy as np
import pytest
from builders import make_same_conv_transpose

from ganinv_cli.conversion.keras_model import write_generator
from ganinv_cli.errors import UsageError
from ganinv_cli.formats import read
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.graph import Network, Node
from ganinv_cli.network.layers import Activation, Conv, ConvTranspose, Dense, Reshape
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import make_normal

LATENT, SIDE, CHANNELS = 5, 8, 4
NONE = ((0, 0), (0, 0))


def _array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(0, 0.4, shape).astype(np.float32)


def _between(*middle: kinds.Layer | Node) -> Checkpoint:
    """A generator with some layers on a map of SIDE x SIDE x CHANNELS, which is node 2."""
    values = SIDE * SIDE * CHANNELS
    nodes = [
        Node(Dense(_array(LATENT, values), _array(values)), (-1,), "matrix"),
        Node(Reshape((SIDE, SIDE, CHANNELS)), (0,), "map"),
        Node(kinds.Affine(1 + _array(CHANNELS), _array(CHANNELS, seed=1)), (1,), "affine"),
    ]
    for layer in middle:
        node = layer if isinstance(layer, Node) else Node(layer, (len(nodes) - 1,), "gen/middle")
        nodes.append(node)
    channels = Network(LATENT, tuple(nodes)).shapes[-1][-1]
    for last in (Conv(_array(1, 1, channels, 3), _array(3)), Activation("tanh")):
        nodes.append(Node(last, (len(nodes) - 1,), "end"))
    return Checkpoint(Network(LATENT, tuple(nodes)), make_normal(LATENT), "test", "", "here")


def _transposed(kernel: tuple[int, int], stride: tuple[int, int], crop: kinds.Sides):
    return ConvTranspose(_array(*kernel, 3, CHANNELS), _array(3), stride, crop)


LAYERS = {
    "same": make_same_conv_transpose(_array(5, 5, 3, CHANNELS), _array(3), 2),
    "all of it": _transposed((3, 4), (2, 1), NONE),
    "cut": _transposed((4, 5), (2, 3), ((1, 2), (0, 1))),
    "long stride": _transposed((2, 1), (3, 2), ((0, 0), (0, -1))),
    "long stride, cut": _transposed((2, 2), (3, 3), ((1, 0), (0, 2))),
    "conv same": Conv(_array(3, 4, CHANNELS, 5), _array(5), (1, 1), ((1, 1), (1, 2))),
    "conv": Conv(_array(3, 3, CHANNELS, 5), _array(5)),
    "conv padded": Conv(_array(3, 3, CHANNELS, 5), _array(5), (2, 2), ((1, 0), (2, 3))),
    "conv cut": Conv(_array(2, 2, CHANNELS, 5), _array(5), (1, 1), ((-1, 1), (0, 0))),
    "nearest": kinds.Upsample((2, 3)),
    "bilinear": kinds.Upsample((2, 2), "bilinear"),
    "pad": kinds.Pad(((1, -1), (0, 2))),
    "batch norm": kinds.BatchNorm(
        *(_array(CHANNELS, seed=n) for n in range(3)), np.abs(_array(CHANNELS)) + 0.1, 1e-3
    ),
    "transpose": kinds.Transpose((1, 0, 2)),
}
BRANCHES = {
    "sum": Node(kinds.Add(), (2, 1, 2), "sum"),
    "product": Node(kinds.Multiply(), (2, 2), "product"),
    "beside": Node(kinds.Concat(), (2, 1), "beside"),
}
PLAIN = [name for name in kinds.ACTIVATIONS if name not in ("leaky_relu", "elu")]
ACTIVATIONS = [*map(Activation, PLAIN), Activation("leaky_relu", 0.1), Activation("elu", 0.7)]


def _kept(checkpoint: Checkpoint, folder) -> Checkpoint:
    written = write_generator(checkpoint, folder / "g.keras")
    assert written.difference < 1e-5
    assert [file.name for file in folder.iterdir()] == ["g.keras"]  # nothing to say of the prior
    found = read(folder / "g.keras")
    assert found.layout == "Functional"  # not traced
    return found


@pytest.mark.parametrize("name", [*LAYERS, *BRANCHES])
def test_a_layer_does_in_keras_what_it_did(tmp_path, name):
    _kept(_between({**LAYERS, **BRANCHES}[name]), tmp_path)


def test_an_activation_does_in_keras_what_it_did(tmp_path):
    nodes = [Node(each, (2,), f"activation{n}") for n, each in enumerate(ACTIVATIONS)]
    total = Node(kinds.Add(), tuple(range(3, 3 + len(nodes))), "sum")
    smaller = kinds.Affine(np.full(CHANNELS, 0.1, np.float32), np.zeros(CHANNELS, np.float32))
    _kept(_between(*nodes, total, smaller), tmp_path)


def test_a_label_is_asked_for_as_before(tmp_path):
    checkpoint = conditional.make_conditional_checkpoint(prior=make_normal(conditional.LATENT))
    found = _kept(checkpoint, tmp_path)
    assert found.network.labels == conditional.LABELS
    z = _array(3, conditional.LATENT)
    for label in range(conditional.LABELS):
        labels = np.full(3, label)
        before, after = (make_generator(c).render(z, 3, labels=labels) for c in (checkpoint, found))
        np.testing.assert_allclose(after, before, atol=1e-5)


def test_what_keras_has_no_layer_for_is_refused_by_its_name(tmp_path):
    padded = _transposed((3, 3), (2, 2), ((0, -1), (0, 0)))
    with pytest.raises(UsageError, match="gen_middle: Keras does not pad the output"):
        write_generator(_between(padded), tmp_path / "g.keras")
    assert list(tmp_path.iterdir()) == []


def test_pixels_of_another_range_are_those_of_ours(tmp_path):
    checkpoint = _between()
    nodes = checkpoint.network.nodes
    end = len(nodes)
    scale = np.full(3, 2, np.float32)
    nodes = (
        *nodes[:-1],
        Node(Activation("sigmoid"), (end - 2,), "sigmoid"),
        Node(kinds.Affine(scale, -scale / 2), (end - 1,), "range"),
    )
    network = replace(checkpoint.network, nodes=nodes)
    found = _kept(replace(checkpoint, network=network), tmp_path)
    assert len(found.network.nodes) == len(nodes)  # mapped once
