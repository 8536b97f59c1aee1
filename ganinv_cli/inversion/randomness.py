"""Random numbers as a function of seed, trial and purpose.

Threefry-2x32 with 20 rounds (Salmon et al. 2011, *Parallel Random Numbers: As Easy as 1, 2, 3*).
The key is (seed, trial), the counter is (purpose, start and place; count). A number depends on
these alone, never on its batch or on earlier draws.
"""

from enum import IntEnum

import tensorflow as tf

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_BLOCK = 2**16


class Purpose(IntEnum):
    """The purpose of a random number; its value is part of the counter."""

    truth = 1
    start = 2
    redraw = 3
    preconditioner = 4
    noise = 5
    label = 6
    copies = 7
    strangers = 8
    edits = 9
    mixtures = 10


def uniform(
    seed: int | tf.Tensor,
    trials: tf.Tensor,
    purpose: Purpose,
    count: tf.Tensor,
    size: int,
    starts: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Return `size` numbers in (0, 1) for each trial: draw `count` for this purpose in this start.

    `seed` and `count` are in [0, 2³²), `starts` in [0, 2¹²), `size` is at most 2¹⁷; `trials`,
    `count` and `starts` are int64 (batch,). Returns float32 (batch, size).
    """
    pairs = (size + 1) // 2
    start = tf.broadcast_to(tf.cast(starts, tf.int64), tf.shape(trials))
    positions = int(purpose) * 2**28 + start[:, None] * 2**16 + tf.range(pairs, dtype=tf.int64)
    key = tf.convert_to_tensor(seed, tf.uint32), tf.cast(trials, tf.uint32)[:, None]
    counter = tf.cast(positions, tf.uint32), tf.cast(count, tf.uint32)[:, None]
    first, second = threefry(key, counter)
    bits = tf.reshape(tf.stack([first, second], -1), [-1, 2 * pairs])[:, :size]
    mantissa = tf.cast(tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32)), tf.float32)
    return (mantissa + 0.5) * 2.0**-23  # 23 bits and a half: exact, and never 0 or 1


def normal(seed: int, trials: tf.Tensor, purpose: Purpose, size: int) -> tf.Tensor:
    """Return `size` draws of a standard normal for each trial, float32 (batch, size), within ±5.3.

    By the inverse of the distribution function. Each start uses a block of 2¹⁶ draws.
    """
    zeros = tf.zeros_like(trials)
    blocks = [
        uniform(seed, trials, purpose, zeros, min(_BLOCK, size - first), first // _BLOCK)
        for first in range(0, size, _BLOCK)
    ]
    return tf.cast(tf.math.ndtri(tf.cast(tf.concat(blocks, 1), tf.float64)), tf.float32)


def threefry(
    key: tuple[tf.Tensor, tf.Tensor], counter: tuple[tf.Tensor, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the encrypted counter; all four are uint32 and broadcast against one another."""
    parity = tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(*key), tf.constant(_PARITY, tf.uint32))
    schedule = (*key, parity)
    first, second = counter[0] + schedule[0], counter[1] + schedule[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            first += second
            second = tf.bitwise.bitwise_xor(_rotate_left(second, rotation), first)
        first += schedule[(block + 1) % 3]
        second += schedule[(block + 2) % 3] + tf.constant(block + 1, tf.uint32)
    return first, second


def _rotate_left(x: tf.Tensor, count: int) -> tf.Tensor:
    high = tf.bitwise.left_shift(x, tf.constant(count, tf.uint32))
    return tf.bitwise.bitwise_or(
        high, tf.bitwise.right_shift(x, tf.constant(32 - count, tf.uint32))
    )
