"""The experiment on jumps descends as ganinv does, and continues where it was stopped."""

import builders
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.jumps import __main__ as command
from benchmarks.jumps import descent
from benchmarks.jumps.arms import NONE, OTHERS, STANDARD, STOCHASTIC, TUNING, WHOLE, ZERO, Study
from benchmarks.jumps.reasons import judge_reasons
from benchmarks.jumps.tables import choose_arms, make_sections, read_blocks
from ganinv_cli import formats
from ganinv_cli.clipping import REPLACEMENTS, RULES
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.objective.problem import Problem
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers.gd import GradientDescent
from ganinv_cli.solvers.parts.row_clipping import RowClipping

SEED, TRIALS = 1, np.arange(2)


def test_the_rules_of_the_package_descend_as_its_solver():
    generator = make_generator(formats.read(find("checkpoint", "faces16")))
    study = Study((NONE, STANDARD, STOCHASTIC, ZERO))
    rows = descent.make_rows(generator, study, TRIALS, SEED)
    start = descent.start_rows(generator, rows, SEED)
    advance = descent.compile_updates(generator, study, rows, SEED)
    state, *_ = advance(start, tf.constant(0))

    rules = [RULES[arm.name] for arm in study.arms] * len(TRIALS)
    zeros = tf.zeros(len(rules))
    clipping = RowClipping(
        generator.prior,
        SEED,
        rows.trial,
        tf.zeros_like(rows.trial),
        tf.constant([rule.clamping for rule in rules]),
        tf.constant([rule.replacing for rule in rules]),
        tf.constant([REPLACEMENTS.index(rule.replacement or "draw") for rule in rules], tf.int64),
    )
    images = generator(tf.cast(rows.z_true, tf.float32))
    problem, solver = Problem(generator, images, zeros, zeros), GradientDescent(rate=1.0)
    expected = solver.start(start.z)
    for _ in range(descent.CHUNK):
        expected = solver.step(problem, expected, clipping)
    np.testing.assert_allclose(state.z, expected.candidate, atol=1e-4)
    np.testing.assert_array_equal(state.jumps, expected.counts["redraws"])
    assert (state.jumps.numpy().reshape(2, 4)[:, 2:] > 0).all()
    assert len(np.unique(state.z.numpy().round(3), axis=0)) == len(rules)  # each rule acted


def test_a_jump_elsewhere_is_at_the_updates_of_its_source_and_as_far():
    study = Study(WHOLE, updates=100)
    measured = descent.run_block(study, TRIALS, SEED)
    names = [arm.name for arm in study.arms]
    lines = np.stack([measured[f"jump_{name}"] for name in ("update", "trial", "arm")], 1)
    moments = {name: lines[lines[:, 2] == names.index(name), :2].tolist() for name in names}
    assert moments["zero"] and moments["place"] == moments["zero"]  # as many components
    for name in ("slow", "random"):
        assert {*map(tuple, moments[name])} == {*map(tuple, moments["zero"])}
    before, after, _, _ = measured["jump_values"][measured["jump_arm"] == names.index("place")].T
    np.testing.assert_allclose(abs(after - before), 1, atol=2e-3)
    assert (abs(before) < 1).all()


def test_a_stopped_study_continues_with_the_missing_blocks(tmp_path, monkeypatch):
    builders.make_checkpoint(tmp_path / "g")
    study = Study((STANDARD, ZERO), 40.0, str(tmp_path / "g"), 100, range(3), 2)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    command.compute_study(study, whole, SEED)
    run_block = descent.run_block

    def stop_after_one(study, trials, seed):
        if trials[0]:
            raise KeyboardInterrupt
        return run_block(study, trials, seed)

    monkeypatch.setattr(descent, "run_block", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        command.compute_study(study, stopped, SEED)
    first = (stopped / "0000.npz").read_bytes()
    monkeypatch.undo()
    command.compute_study(study, stopped, SEED)
    assert first == (stopped / "0000.npz").read_bytes()
    for path in whole.iterdir():
        one, other = np.load(path), np.load(stopped / path.name)
        assert one["trials"].tolist() == other["trials"].tolist()
        np.testing.assert_allclose(one["error"], other["error"], rtol=1e-3)


def write_block(folder, trials, errors, **columns):
    """Write a block of these errors (trials,) of each arm, the same after every update."""
    folder.mkdir(exist_ok=True)
    points = np.array([*descent.POINTS, 100_000])
    error = np.repeat(np.stack([*errors.values()], 1)[:, :, None], len(points), 2)
    shape = {"loss": error, "jumps": error[:, :, 0], "arms": [*errors]}
    np.savez(
        folder / f"{trials[0]:04}.npz",
        trials=trials,
        points=points,
        error=error,
        **shape,
        **columns,
    )


def test_a_table_compares_arms_on_the_trials_of_both(tmp_path):
    trials, none = np.arange(20), np.zeros((0, 4))
    jumps = dict.fromkeys(("jump_arm", "jump_update", "jump_trial"), np.zeros(0))
    jumps |= {"jump_values": none, "jump_losses": none}
    zero = np.geomspace(1e-4, 1e-2, 20)
    write_block(
        tmp_path / "whole-1", trials, {"zero": zero, "place": zero * np.linspace(2, 3, 20)}, **jumps
    )
    early = zero[:10] * np.linspace(0.4, 0.6, 10)
    write_block(tmp_path / "phases-1", trials[:10], {"zero, early": early}, **jumps)
    rows = make_sections(tmp_path)["faces16, rate 1: comparisons"]
    assert [row["second nearer"] for row in rows] == ["0 of 20", "10 of 10"]
    ratios = [float(row["second / first, median"].split()[0]) for row in rows]
    assert ratios == pytest.approx([2.5, 0.5], rel=0.01)
    ps = [float(row["p, Holm"]) for row in rows]
    assert ps == pytest.approx([14 * 2**-19, 13 * 2**-9], rel=0.05)  # of 14 tests in the plan


def test_a_rate_is_chosen_on_other_trials_than_it_is_tested_on(tmp_path):
    is_tuning = np.arange(len(OTHERS)) < TUNING
    lost, by_half = np.ones(len(OTHERS)), np.where(np.arange(len(OTHERS)) % 2, 1e-4, 1)
    errors = {
        "stochastic, rate 1": np.where(is_tuning, 1e-4, by_half),
        "stochastic, rate 2": np.where(is_tuning, 1, 1e-4),  # better in the test alone
        "zero, rate 1": lost,
        "zero, rate 2": by_half * is_tuning + ~is_tuning,
    }
    folder, trials = tmp_path / "rates-faces16", np.array(OTHERS)
    write_block(folder, trials[:TUNING], {name: each[:TUNING] for name, each in errors.items()})
    chosen = choose_arms(read_blocks(folder))
    assert chosen == {"stochastic, rate 1", "zero, rate 2"}  # the others are not computed
    write_block(folder, trials[TUNING:], {name: errors[name][TUNING:] for name in chosen})
    row = make_sections(tmp_path)["faces16: each rule at its best rate"][0]
    assert row["stochastic"].startswith(".500") and row["stochastic"].endswith("rate 1")
    assert row["zero"].startswith("0.00") and row["zero"].endswith("rate 2")
    assert float(row["p"]) == pytest.approx(2**-49, rel=0.05)
    assert float(row["p, Holm"]) == pytest.approx(7 * 2**-49, rel=0.05)


def test_a_reason_is_refuted_as_the_plan_says():
    factors = {"none": 4, "standard": 2, "zero": 1, "place": 1.05, "slow": 2, "random": 1}
    factors |= {"at 0.9": 0.9, "momentum": 0.5, "momentum, same rate": 8, "momentum, same speed": 4}
    random = np.random.default_rng(0)
    errors = {
        name: (np.arange(200), np.log(factor * random.uniform(0.8, 1.25, 200)))
        for name, factor in factors.items()
    }
    rows = list(judge_reasons(errors, (0.2, 0.18, 0.22)))
    assert {row["refuted if"]: row["refuted"] for row in rows} == {
        "place is nearer than standard, and equal to zero or nearer": "yes",
        "neither slow nor slow, early is nearer than standard": "yes",
        "slow is not nearer than random": "yes",
        "the moves of zero have no more than .1 in the ten slowest directions": "no",
        "no momentum is nearer than none": "no",
        "at 0.9 is farther than zero": "no",
        "none is farther than zero": "yes",
        "place is nearer than standard": "yes",
        "random is nearer than standard": "yes",
        "momentum is not farther": "yes",
    }
    assert rows[0]["found"].startswith("place / standard: 0.5")
