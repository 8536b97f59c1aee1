"""A random number depends on its name alone."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.randomness import Purpose, threefry, uniform


def _words(*words: int) -> tuple[tf.Tensor, ...]:
    return tuple(tf.constant(word, tf.uint32) for word in words)


@pytest.mark.parametrize(
    ("key", "counter", "encrypted"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_published_answers(key, counter, encrypted):
    """The known answers of Random123, threefry2x32 with 20 rounds."""
    assert tuple(int(x) for x in threefry(_words(*key), _words(*counter))) == encrypted


def _draw(trials, purpose=Purpose.start, count=0, seed=0, size=7, starts=0):
    numbers = tf.constant(trials, tf.int64)
    counts = tf.fill([len(trials)], np.int64(count))
    return uniform(seed, numbers, purpose, counts, size, starts).numpy()


def test_a_trial_draws_the_same_in_any_batch():
    together = _draw([5, 3, 2**31 - 1])
    assert (together[1] == _draw([3])[0]).all()
    assert (together[2] == _draw([2**31 - 1, 0])[0]).all()


@pytest.mark.parametrize(
    "other",
    [{"purpose": Purpose.truth}, {"count": 1}, {"seed": 1}, {"starts": 1}, {"trials": [1]}],
    ids=lambda other: next(iter(other)),
)
def test_another_name_draws_others(other):
    named = {"trials": [0]} | other
    assert not np.isin(_draw(**named), _draw([0])).any()


def test_a_longer_draw_begins_like_a_shorter_one():
    assert (_draw([4], size=100)[:, :7] == _draw([4])).all()


def test_draws_are_uniform_and_never_at_an_end():
    draws = _draw(range(2000), size=100)
    assert draws.min() > 0
    assert draws.max() < 1
    counts, _ = np.histogram(draws, bins=20, range=(0, 1))
    expected = draws.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # χ², 19 degrees, p = .001
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.1
