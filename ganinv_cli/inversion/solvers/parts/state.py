"""The state of a batch: what every solver counts and stops by."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import tensorflow as tf

from ganinv_cli.clipping import ACTION_KINDS
from ganinv_cli.results.store.columns import COUNTS

Nested = TypeVar("Nested")


class State(NamedTuple):
    """Tensors with the batch axis first. The loop reads all but the memory."""

    z: tf.Tensor  # (batch, latent), the latest z that was accepted
    image_loss: tf.Tensor  # (batch,), at that z; infinite before the first evaluation
    bound: tf.Tensor  # (batch,), estimated bound on ‖z − z_true‖² / latent, near no residual
    candidate: tf.Tensor  # (batch, latent), what the next step evaluates
    counts: dict[str, tf.Tensor]  # (batch,) each, since the start: counted columns of the results
    # (batch, ACTION_KINDS) int64: number of updates since the start in which a rule of each kind
    # changed z or, in rows of other rules, would have changed it
    actions: tf.Tensor
    stalled: tf.Tensor  # (batch,) bool: further steps will not help
    memory: Any  # of the method: a structure of tensors


def start_state(z: tf.Tensor, memory: Any) -> State:
    """Return the state at a start z (batch, latent), before its first evaluation."""
    rows = tf.shape(z)[0]
    return State(
        z=z,
        image_loss=tf.fill([rows], float("inf")),
        bound=tf.fill([rows], tf.cast(float("inf"), z.dtype)),
        candidate=z,
        counts={
            name: tf.zeros([rows], tf.float32 if column.dtype == "float64" else tf.int64)
            for name, column in COUNTS.items()
        },
        actions=tf.zeros([rows, ACTION_KINDS], tf.int64),
        stalled=tf.zeros([rows], tf.bool),
        memory=memory,
    )


def add_counts(counts: Mapping[str, tf.Tensor], **more: Any) -> dict[str, tf.Tensor]:
    """Return counts with more, a number or (batch,), added to some of them."""
    new = {name: counts[name] + tf.cast(each, counts[name].dtype) for name, each in more.items()}
    return {**counts, **new}


def select_rows(rows: tf.Tensor, selected: Nested, others: Nested) -> Nested:
    """Return these rows (batch,) of the first structure of tensors, the others of the second."""

    def choose(this: tf.Tensor, that: tf.Tensor) -> tf.Tensor:
        axes = len(this.shape) - 1
        return tf.where(tf.reshape(rows, [-1] + [1] * axes) if axes else rows, this, that)

    chosen: Nested = tf.nest.map_structure(choose, selected, others)
    return chosen
