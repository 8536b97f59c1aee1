"""A random number depends on its seed, trial and purpose alone."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.inversion.randomness import Purpose, normal, threefry, uniform


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


def test_draws_are_uniform_and_never_at_an_end():
    draws = _draw(range(2000), size=100)
    assert draws.min() > 0
    assert draws.max() < 1
    counts, _ = np.histogram(draws, bins=20, range=(0, 1))
    expected = draws.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # χ², 19 degrees, p = .001
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.1


def _normal(trials, size, seed=0):
    return normal(seed, tf.constant(trials, tf.int64), Purpose.noise, size).numpy()


def test_normal_draws_have_the_moments_of_a_standard_normal():
    draws = _normal(range(40), 5000).astype(np.float64).ravel()  # 200,000
    assert abs(draws.mean()) < 4 * 1 / draws.size**0.5
    assert abs(draws.var() - 1) < 4 * (2 / draws.size) ** 0.5
    kurtosis = ((draws - draws.mean()) ** 4).mean() / draws.var() ** 2
    assert abs(kurtosis - 3) < 4 * (24 / draws.size) ** 0.5
    assert 4 < abs(draws).max() < 5.4


def test_normal_draws_of_a_trial_are_the_same_in_any_batch():
    together = _normal([5, 3, 2**31 - 1], 99)
    for place, trial in enumerate([5, 3, 2**31 - 1]):
        assert (_normal([trial], 99)[0] == together[place]).all()
    assert (_normal([3], 99, seed=1) != together[1]).all()


def test_normal_draws_beyond_a_block_are_others():
    """An image of 256 x 256 x 3 needs three blocks, a stream of uniform draws holds two."""
    size = 2**17 + 5
    draws = _normal([7], size)[0]
    assert draws.shape == (size,)
    assert (draws[:99] == _normal([7], 99)[0]).all()
    blocks = draws[: 2**16], draws[2**16 : 2**17]
    assert (blocks[0] == blocks[1]).mean() < 1e-3  # some of 2²³ values are met twice
    assert abs(np.corrcoef(*blocks)[0, 1]) < 4 / 2**8
    assert not np.isin(draws[2**17 :], [block[:5] for block in blocks]).any()
