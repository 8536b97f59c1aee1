"""The L-BFGS history gives the same result as the two-loop recursion, row by row."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.solvers import quasi_newton

LATENT, ROWS = 6, 3


def _remembered(pairs: int, memory: int):
    """Pairs of random quadratics, one Hessian per row, float64."""
    random = np.random.default_rng(0)
    roots = random.normal(size=(ROWS, LATENT, LATENT))
    hessians = roots @ roots.transpose(0, 2, 1) + np.eye(LATENT)
    kept = quasi_newton.empty_history(tf.zeros([ROWS, LATENT], tf.float64), memory)
    moves = random.normal(size=(pairs, ROWS, LATENT))
    for move in moves:
        change = np.einsum("rij,rj->ri", hessians, move)
        kept = quasi_newton.append_pair(kept, tf.fill([ROWS], True), move, change)
    return kept, hessians, moves, random.normal(size=(ROWS, LATENT))


def _two_loops(moves, changes, scale, metric, q):
    """Nocedal & Wright 2006, algorithm 7.4, for one row, literally."""
    shares = []
    for s, y in zip(moves[::-1], changes[::-1], strict=True):
        share = s @ q / (s @ y)
        q = q - share * y
        shares.append(share)
    r = scale * metric @ q
    for s, y, share in zip(moves, changes, shares[::-1], strict=True):
        r = r + (share - y @ r / (s @ y)) * s
    return r


def _times(kept, gradient, metric):
    return quasi_newton.multiply_inverse_hessian(kept, gradient[..., None], metric).numpy()[..., 0]


@pytest.mark.parametrize("memory", [4, 10])
def test_it_is_the_two_loop_recursion(memory):
    metrics = np.stack([np.diag(np.arange(1.0, LATENT + 1) ** row) for row in range(ROWS)])
    kept, hessians, moves, gradient = _remembered(4, memory)
    product = _times(kept, gradient, metrics)
    for row, metric in enumerate(metrics):
        s = moves[:, row]
        y = s @ hessians[row]
        scale = s[-1] @ y[-1] / (y[-1] @ metric @ y[-1])
        expected = _two_loops(s, y, scale, metric, gradient[row])
        np.testing.assert_allclose(product[row], expected, rtol=1e-9)


def test_several_columns_are_what_each_gives_alone():
    kept, _, _, _ = _remembered(4, 6)
    columns = np.random.default_rng(1).normal(size=(ROWS, LATENT, 3))
    together = quasi_newton.multiply_inverse_hessian(kept, tf.constant(columns), None).numpy()
    for column in range(3):
        np.testing.assert_allclose(
            together[..., column], _times(kept, columns[..., column], None), rtol=1e-9
        )


def test_with_enough_pairs_it_is_the_inverse_of_the_hessian():
    """Of conjugate moves, as exact line searches make them; here the Hessian's eigenvectors."""
    hessian = np.diag(np.arange(1.0, LATENT + 1))
    kept = quasi_newton.empty_history(tf.zeros([1, LATENT], tf.float64), LATENT)
    for move in np.eye(LATENT):
        kept = quasi_newton.append_pair(kept, tf.constant([True]), move[None], move[None] @ hessian)
    gradient = np.arange(LATENT, dtype=float)[None] - 2
    product = _times(kept, gradient, None)
    np.testing.assert_allclose(product, gradient @ np.linalg.inv(hessian), rtol=1e-12)


def test_without_pairs_it_is_the_metric():
    kept = quasi_newton.empty_history(tf.zeros([1, LATENT], tf.float64), 3)
    metric = np.diag(np.arange(1.0, LATENT + 1))
    gradient = np.ones((1, LATENT))
    np.testing.assert_allclose(_times(kept, gradient, metric[None]), gradient @ metric)
    np.testing.assert_allclose(_times(kept, gradient, None), gradient)


def test_a_pair_without_curvature_is_not_remembered():
    kept = quasi_newton.empty_history(tf.zeros([1, LATENT], tf.float64), 3)
    move = np.eye(LATENT)[:1]
    for change in (-move, 0 * move, np.eye(LATENT)[1:2]):
        kept = quasi_newton.append_pair(kept, tf.constant([True]), move, change)
    assert not kept.weights.numpy().any()
    assert kept.is_empty.numpy().all()
