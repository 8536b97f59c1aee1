"""What `ganinv inspect --check` says of generators that ignore z, and what inversion refuses."""

import json

import builders
import numpy as np
import pytest
from called import run_ganinv

from ganinv_cli.report.inspect import tables

CLAIM = "pictures are finite and depend on every component of z"
REFUSAL = "images do not depend on z, or are not finite"


def _save(folder, **changed):
    arrays = builders.make_weights() | changed
    builders.save_checkpoint(folder / "g", builders.rename_arrays(arrays, "C"))
    return "g"


def _zero_weights(arrays):
    return {name: 0 * array for name, array in arrays.items() if name.endswith(("w", "Matrix"))}


def _constant_picture(arrays):
    return {"g_bn0/beta": arrays["g_bn0/beta"] - 1000}  # all ReLUs are off


def _ignore(*components):
    def change(arrays):
        matrix = arrays["g_h0_lin/Matrix"].copy()
        matrix[list(components)] = 0
        return {"g_h0_lin/Matrix": matrix}

    return change


DEAD = {"zero weights": _zero_weights, "constant picture": _constant_picture}


def _check(folder, change):
    """The check's facts and its line, and what is said on stderr."""
    name = _save(folder, **change(builders.make_weights()))
    result = run_ganinv(folder, "inspect", name, "--check", "--json", code=1)
    (facts,) = (each for each in json.loads(result.stdout)["checks"] if each["claim"] == CLAIM)
    return facts, tables.describe_check(facts), result.stderr


@pytest.mark.parametrize("name", DEAD)
def test_a_dead_generator_fails_the_check(tmp_path, name):
    facts, line, said = _check(tmp_path, DEAD[name])
    assert (facts["passed"], facts["found"], facts["limit"]) == (False, 6, 0)
    assert line == f"FAILED {CLAIM}: no component changes them at 40 random z"
    assert f"{CLAIM} (no component changes them at 40 random z)" in said


@pytest.mark.parametrize("solver", ["lbfgs", "lbfgs without preconditioner", "gd"])
@pytest.mark.parametrize("name", DEAD)
def test_inversion_refuses_a_dead_generator(tmp_path, name, solver):
    name = _save(tmp_path, **DEAD[name](builders.make_weights()))
    (tmp_path / "c.toml").write_text("[lbfgs]\nmetric = 0\n")
    config = ("--config", "c.toml") if "without" in solver else ()
    given = ("--solver", solver.split()[0], "--trials", 2, "--budget", 20, *config)
    result = run_ganinv(tmp_path, "recover", "--checkpoint", name, *given, code=2)
    assert REFUSAL in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("ignored", "found"),
    [
        ((2,), "1 of 6 components change nothing (z[2]) at 40 random z"),
        ((1, 4), "2 of 6 components change nothing (z[1], z[4]) at 40 random z"),
    ],
)
def test_components_that_are_ignored_fail_the_check_by_name(tmp_path, ignored, found):
    facts, line, said = _check(tmp_path, _ignore(*ignored))
    assert (facts["passed"], facts["found"]) == (False, len(ignored))
    assert line == f"FAILED {CLAIM}: {found}"
    assert f"{CLAIM} ({found})" in said


@pytest.mark.parametrize("solver", ["lbfgs", "gd"])
def test_a_generator_that_ignores_a_component_is_inverted(tmp_path, solver):
    name = _save(tmp_path, **_ignore(2)(builders.make_weights()))
    given = ("--solver", solver, "--trials", 2, "--budget", 20, "--clip", "none")
    run_ganinv(tmp_path, "recover", "--checkpoint", name, *given)


def test_nan_weights_are_refused_when_they_are_read(tmp_path):
    name = _save(tmp_path, **{"g_h1/biases": np.full(4, np.nan, np.float32)})
    for command in (("inspect", name, "--check"), ("recover", "--checkpoint", name)):
        assert "not finite" in run_ganinv(tmp_path, *command, code=2).stderr


def test_a_shipped_generator_passes(tmp_path):
    said = run_ganinv(tmp_path, "inspect", "faces16", "--check").stdout
    assert f"ok {CLAIM}: each of 100 components changes them at 40 random z" in said
