"""Rows of a batch may be computed in different precisions."""

import numpy as np
import tensorflow as tf

from ganinv_cli.inversion.objective.problem import ROW_MULTIPLE, Evaluation, Problem
from ganinv_cli.precision import Precision


def test_a_row_of_low_precision_has_its_own_values_and_not_those_of_a_copy(generator, monkeypatch):
    """Parts of a batch are padded with copies, whose rounding may be another."""

    def number_rows(
        problem: Problem, z: tf.Tensor, precision: tf.DType | None = None
    ) -> Evaluation:
        numbers = tf.range(len(z), dtype=z.dtype)
        return Evaluation(numbers, numbers, z + numbers[:, None], numbers)

    monkeypatch.setattr(Problem, "_evaluate_in", number_rows)
    rows = ROW_MULTIPLE + 3
    ones, z = tf.ones(rows), tf.zeros([rows, generator.latent])
    problem = Problem(generator, generator(z), ones, precision=Precision.mixed)
    low = np.arange(rows) % 3 == 0  # four rows, not a multiple of ROW_MULTIPLE
    evaluation = problem.evaluate(z, tf.constant(low))
    assert evaluation.image_loss.numpy()[low].tolist() == [0, 1, 2, 3]
    assert evaluation.gradient.numpy()[~low, 0].tolist() == [*range(rows - 4)]
