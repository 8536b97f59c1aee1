"""Networks that begin at an intermediate tensor make the pictures of those that begin at z."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganinv_cli.generators import formats
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.intermediates import (
    compute_intermediate,
    cut_network,
    find_dominators,
    list_intermediates,
)
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.prior import make_normal

ROOT = Path(__file__).parents[3]
ONNX = ROOT / "tests" / "data" / "onnx"
W = "mapping/mapping.2/Gemm/add"  # of the style generator, what its mapping makes of z
STYLE, LABELLED = ONNX / "style-script-one-13.onnx", ONNX / "one_hot-script-free-17.onnx"
FACES = ROOT / "checkpoints" / "faces16"


def render(definition: Definition, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return make_generator(definition).render(z, len(z), labels=labels)


def test_every_path_goes_through_a_dominator():
    nodes = {1: [0], 2: [1], 3: [1, 9], 4: [2, 3], 5: [4], 6: [5]}
    assert find_dominators(nodes.items(), 0) == [1, 4, 5]
    assert find_dominators((nodes | {6: [5, 1]}).items(), 0) == [1]


@pytest.mark.parametrize(
    ("path", "name", "size"),
    [
        (STYLE, W, 8),
        (LABELLED, "Concat/concat", 12),
        (FACES, "generator/g_h0_lin", 512),
        (FACES, "layer 4", 512),
    ],
)
def test_a_network_can_begin_at_an_intermediate_tensor(path, name, size):
    definition = formats.read(path)
    network = definition.network
    assert name in dict(list_intermediates(network))
    rows = 2 * size
    z = np.random.default_rng(0).uniform(-1, 1, (rows, network.latent)).astype(np.float32)
    labels = (np.arange(rows) % max(1, network.labels)).astype(np.int32)
    expected = render(definition, z[:3], labels[:3])
    values = compute_intermediate(network, name, z, labels, definition.prior)
    assert values.shape == (rows, size)
    after = replace(definition, network=cut_network(network, name), prior=make_normal(size))
    assert render(after, values[:3], labels[:3]) == pytest.approx(expected, abs=1e-5)
