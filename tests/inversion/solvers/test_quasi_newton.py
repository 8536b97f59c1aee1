"""The history equals the two-loop recursion; a bounded step is the minimum inside the bounds."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import lsq_linear
from small import clip_rows

from ganinv_cli.inversion.solvers.parts import quasi_newton

ROWS, LATENT = 24, 6
HISTORY_ROWS = 3


@pytest.fixture
def metric():
    """An H₀ for each row, with condition 30."""
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(ROWS, LATENT, LATENT)))[0]
    return tf.constant((turned * np.geomspace(0.2, 6, LATENT)) @ turned.transpose(0, 2, 1))


def _remember(rows: int, moves: np.ndarray, memory: int):
    """Pairs of quadratics with their own Hessian for each row, float64; and the Hessians."""
    roots = np.random.default_rng(1).normal(size=(rows, LATENT, LATENT))
    hessians = roots @ roots.transpose(0, 2, 1) + np.eye(LATENT)
    kept = quasi_newton.empty_history(tf.zeros([rows, LATENT], tf.float64), memory)
    for move in moves:
        change = np.einsum("rij,rj->ri", hessians, move)
        kept = quasi_newton.append_pair(kept, tf.fill([rows], True), move, change)
    return kept, hessians


@pytest.fixture
def pairs():
    return _remember(ROWS, np.random.default_rng(3).normal(size=(3, ROWS, LATENT)), 4)[0]


def _started():
    """Points inside the bounds, two of three components at a bound, and gradients there."""
    random = np.random.default_rng(2)
    z = np.clip(random.uniform(-3, 3, (ROWS, LATENT)), -1, 1)
    return z, random.normal(size=(ROWS, LATENT))


def _bent(metric, pairs, clamps):
    z, gradient = _started()
    newton = -quasi_newton.multiply_inverse_hessian(pairs, gradient[..., None], metric)[..., 0]
    clip = clip_rows(*("standard" if each else "none" for each in clamps))
    blocked = clip.find_blocked(tf.constant(z), tf.constant(-gradient))
    return newton.numpy(), quasi_newton.step_within_bounds(
        pairs, metric, newton, tf.constant(z), blocked, clip
    ).numpy()


def _least(inverse, gradient, low, high):
    """argmin gᵀd + ½ dᵀ H⁻¹ d over low ≤ d ≤ high, as a least-squares problem."""
    root = np.linalg.cholesky(np.linalg.inv(inverse))
    right = -np.linalg.solve(root, gradient)
    return lsq_linear(root.T, right, (low, high), method="bvls", tol=1e-14).x


def test_the_step_is_the_least_of_the_model_in_the_box(metric, pairs):
    newton, step = _bent(metric, pairs, [True] * ROWS)
    z, gradient = _started()
    identity = tf.eye(LATENT, batch_shape=[ROWS], dtype=tf.float64)
    inverses = quasi_newton.multiply_inverse_hessian(pairs, identity, metric).numpy()
    for row in range(ROWS):
        least = _least(inverses[row], gradient[row], -1 - z[row], 1 - z[row])
        np.testing.assert_allclose(step[row], least, atol=1e-5)
    clipped = np.clip(newton, -1 - z, 1 - z)
    assert (abs(clipped - step).max(1) > 1e-3).sum() > ROWS / 2  # more than a projection


def test_a_large_z_is_projected_instead(metric, pairs, monkeypatch):
    monkeypatch.setattr(quasi_newton, "MAX_SQUARE_LATENT", LATENT - 1)
    clamps = np.arange(ROWS) % 3 == 0
    newton, step = _bent(metric, pairs, clamps)
    z, gradient = _started()
    blocked = clamps[:, None] & (((z <= -1) & (gradient > 0)) | ((z >= 1) & (gradient < 0)))
    assert blocked.any()
    assert (step == np.where(blocked, 0, newton)).all()


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
    metrics = np.stack([np.diag(np.arange(1.0, LATENT + 1) ** row) for row in range(HISTORY_ROWS)])
    random = np.random.default_rng(0)
    moves = random.normal(size=(4, HISTORY_ROWS, LATENT))
    gradient = random.normal(size=(HISTORY_ROWS, LATENT))
    kept, hessians = _remember(HISTORY_ROWS, moves, memory)
    product = _times(kept, gradient, metrics)
    for row, metric in enumerate(metrics):
        s = moves[:, row]
        y = s @ hessians[row]
        scale = s[-1] @ y[-1] / (y[-1] @ metric @ y[-1])
        expected = _two_loops(s, y, scale, metric, gradient[row])
        np.testing.assert_allclose(product[row], expected, rtol=1e-9)


def test_a_pair_without_curvature_is_not_remembered():
    kept = quasi_newton.empty_history(tf.zeros([1, LATENT], tf.float64), 3)
    move = np.eye(LATENT)[:1]
    for change in (-move, 0 * move, np.eye(LATENT)[1:2]):
        kept = quasi_newton.append_pair(kept, tf.constant([True]), move, change)
    assert not kept.weights.numpy().any()
    assert kept.is_empty.numpy().all()
