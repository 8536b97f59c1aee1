"""What L-BFGS decides of each row: a mask from the state of the batch, without a generator."""

import numpy as np
import tensorflow as tf

from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.solvers import lbfgs
from ganinv_cli.inversion.solvers.lbfgs import LBFGS

SOLVER = LBFGS(patience=4, progress=0.5, crawl=0.1, fine=0.15)


def _rows(*values):
    return tf.constant(values, tf.float32)


def _make_state(loss, losses=None, gradients=0, **memory):
    """The state of rows with these image losses, after `losses` (batch, 4) by default the same."""
    state = SOLVER.start(tf.zeros([len(loss), 2]))
    losses = np.repeat(np.array(loss)[:, None], 4, 1) if losses is None else losses
    memory = state.memory._replace(loss_history=tf.constant(losses, tf.float32), **memory)
    counts = {**state.counts, "gradients": tf.fill([len(loss)], float(gradients))}
    return state._replace(image_loss=_rows(*loss), counts=counts, memory=memory)


def _make_problem(*residual, **known):
    return Problem(None, None, _rows(*residual), **known)


def test_a_direction_is_exhausted_when_a_step_along_it_is_shorter_than_any_that_helps():
    direction = tf.constant([[3.0, 4.0]] * 3)
    memory = _make_state([1] * 3, direction=direction, length=_rows(0, 1e-8, 1e-3)).memory
    assert lbfgs.find_exhausted(memory).numpy().tolist() == [False, True, False]


def test_a_row_is_slow_by_its_share_of_the_loss_and_near_the_solution_by_a_smaller_one():
    losses = [[10, 9, 8, 6], [10, 9, 8, 4], [0.005, 0, 0, 0.0047], [0.005, 0, 0, 0.004]]
    state = _make_state([each[-1] for each in losses], losses)
    slow = lbfgs.find_slow(SOLVER, _make_problem(*[0] * 4), state, tf.zeros(4, tf.bool))
    assert slow.numpy().tolist() == [True, False, True, False]


def test_what_counts_is_the_loss_above_a_residual_and_below_it_the_stationary_share():
    losses = [[10, 9, 8, 6], [4, 4, 4, 3.99], [4, 4, 4, 4]]
    state = _make_state([each[-1] for each in losses], losses)
    problem = _make_problem(5, 5, 5, stationary=1e-3)
    slow = lbfgs.find_slow(SOLVER, problem, state, tf.zeros(3, tf.bool))
    assert slow.numpy().tolist() == [False, False, True]
    slow = lbfgs.find_slow(SOLVER, problem, state, tf.ones(3, tf.bool))
    assert slow.numpy().tolist() == [False, True, True]  # a row that can be redrawn moves on


def test_an_attempt_is_given_up_where_it_fails_and_the_picture_is_not_explained():
    attempts = tf.constant([True, True, True, False])
    problem = _make_problem(5, 5, 5, 5, attempts=attempts)
    losses = [[99, 90, 80, 10], [99, 11, 11, 10], [5, 5, 5, 4], [99, 11, 11, 10]]
    state = _make_state([10, 10, 4, 10], losses)
    stuck = tf.zeros(4, tf.bool)
    given_up = lbfgs.find_given_up(SOLVER, problem, state, stuck)
    assert given_up.numpy().tolist() == [False, True, False, False]
    spent = _make_state([10, 10, 4, 10], losses, gradients=lbfgs.ATTEMPT)
    for given_up in (
        lbfgs.find_given_up(SOLVER, problem, spent, stuck),
        lbfgs.find_given_up(SOLVER, problem, state, ~stuck),
    ):
        assert given_up.numpy().tolist() == [True, True, False, False]
    without = lbfgs.find_given_up(SOLVER, _make_problem(*[5] * 4), state, ~stuck)
    assert not without.numpy().any()


def test_rounding_in_low_precision_refines_a_row_and_is_not_why_it_gives_up():
    """Both rows find no way down along the gradient; only the first has low precision."""
    low_precision = tf.constant([True, False])
    state = _make_state([10, 10], length=_rows(1e-8, 1e-8), low_precision=low_precision)
    slow = tf.zeros(2, tf.bool)
    stuck = lbfgs.find_stuck(state.memory, slow, slow)
    assert stuck.numpy().all()
    problem = _make_problem(5, 5, attempts=tf.ones(2, tf.bool))
    given_up = lbfgs.find_given_up(SOLVER, problem, state, stuck)
    assert given_up.numpy().tolist() == [False, True]
    assert lbfgs.find_refined(SOLVER, state.memory, slow).numpy().tolist() == [True, False]


def test_a_row_of_low_precision_goes_on_in_float32_near_the_solution_or_when_it_is_slow():
    state = _make_state([1] * 3, objective=_rows(0.1, 0.2, 0.2))
    refined = lbfgs.find_refined(SOLVER, state.memory, tf.constant([False, False, True]))
    assert refined.numpy().tolist() == [True, False, True]
