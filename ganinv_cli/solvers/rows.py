"""Choosing between two memories row by row."""

from typing import TypeVar

import tensorflow as tf

Nested = TypeVar("Nested")


def where(rows: tf.Tensor, these: Nested, those: Nested) -> Nested:
    """In these rows (batch,) from the first structure of tensors, elsewhere from the second."""

    def choose(this: tf.Tensor, that: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.reshape(rows, [-1] + [1] * (len(this.shape) - 1)), this, that)

    chosen: Nested = tf.nest.map_structure(choose, these, those)
    return chosen
