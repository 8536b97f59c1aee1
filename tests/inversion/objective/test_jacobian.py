"""The changes of the pictures by each component of z, and what is refused."""

import builders
import conditional
import numpy as np
import pytest

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.network import generator as generator_module
from ganinv_cli.generators.network.generator import compute_jacobian
from ganinv_cli.generators.network.layers import Activation, Dense, Reshape
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inversion.objective.jacobian import (
    draw_points,
    measure_largest_changes,
    refuse_dead_generator,
)

POINTS = 3
WEIGHTS = np.random.default_rng(0).normal(0, 0.2, (4, 12)).astype(np.float32)
ZEROS = np.zeros(12, np.float32)


def _build_generator(weights=WEIGHTS, bias=ZEROS):
    ends = (Activation("relu"), Activation("tanh"))
    return builders.build_generator(Dense(weights, bias), Reshape((2, 2, 3)), *ends)


@pytest.mark.parametrize("labelled", [False, True])
def test_the_changes_are_those_of_j_also_in_blocks(tmp_path, monkeypatch, labelled):
    generator = make_generator(
        conditional.make_conditional_definition()
        if labelled
        else builders.make_definition(tmp_path / "small")
    )
    expected = [
        np.abs(compute_jacobian(generator, z, label)).max(1)
        for z, label in zip(*draw_points(generator, POINTS), strict=True)
    ]
    found = list(measure_largest_changes(generator, POINTS))
    np.testing.assert_array_equal(found, expected)
    monkeypatch.setattr(generator_module, "MAX_LAYER_VALUES", 4 * generator.largest_layer)
    np.testing.assert_allclose(
        list(measure_largest_changes(generator, POINTS)), expected, rtol=1e-5
    )


def test_a_generator_whose_relus_are_all_off_is_refused():
    constant = _build_generator(bias=ZEROS - 100)
    with pytest.raises(CheckpointError, match="do not depend on z, or are not finite"):
        refuse_dead_generator(measure_largest_changes(constant, POINTS))


def test_a_component_that_is_ignored_is_not_refused_and_one_j_is_enough():
    weights = WEIGHTS.copy()
    weights[2] = 0
    changes = measure_largest_changes(_build_generator(weights), POINTS)
    refuse_dead_generator(changes)
    assert [(largest == 0).tolist() for largest in changes] == [[False, False, True, False]] * 2
