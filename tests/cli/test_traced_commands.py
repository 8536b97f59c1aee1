"""All commands work on a generator that is a function in a file, and describe it."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from called import run_and_stop, run_ganinv

from ganinv_cli.inspection import checks
from ganinv_cli.store import read_results

FUNCTION = """
import numpy as np
import tensorflow as tf

LATENT, PRIOR = 6, "uniform"
random = np.random.default_rng(0)
FIRST = random.normal(0, 0.7, (6, 128)).astype(np.float32)
SHAPES = [(5, 5, 6, 8), (5, 5, 3, 6)]
KERNELS = [random.normal(0, 0.3, shape).astype(np.float32) for shape in SHAPES]


def generate(z):
    x = tf.reshape(tf.nn.relu(z @ FIRST), (-1, 4, 4, 8))
    x = tf.nn.leaky_relu(tf.nn.conv2d_transpose(x, KERNELS[0], (tf.shape(x)[0], 8, 8, 6), 2))
    return tf.sigmoid(tf.nn.conv2d_transpose(x, KERNELS[1], (tf.shape(x)[0], 16, 16, 3), 2))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("folder")
    (made / "g.py").write_text(FUNCTION)
    return made


def test_operations_are_counted_instead_of_layers(folder: Path) -> None:
    told = json.loads(run_ganinv(folder, "inspect", "g.py", "--trust", "--json").stdout)
    assert told["layers"] == []
    assert told["operations"]["Conv2DBackpropInput"] == 2
    assert told["range"] == {"black": 0, "white": 1, "function": "sigmoid", "mapped": True}
    assert told["multiply_adds"] == 6 * 128 + 16 * 8 * 150 + 64 * 6 * 75
    assert told["batch_norm"] == {"layers": 0, "statistics": None}
    said = run_ganinv(folder, "inspect", "g.py", "--trust").stdout
    assert f"{sum(told['operations'].values())}, computed in float32" in said
    assert "2 Conv2DBackpropInput" in said
    assert "sigmoid, from 0 to 1, mapped to -1 to 1" in said
    assert told["sha256"] in said
    assert "batch norm" not in said


def test_its_spectrum_and_checks_are_those_of_float32(folder: Path, tmp_path: Path) -> None:
    options = ("--check", "--spectrum", tmp_path / "s.png", "--sheet", tmp_path / "sheet.png")
    told = json.loads(run_ganinv(folder, "inspect", "g.py", "--trust", "--json", *options).stdout)
    assert [each["passed"] for each in told["checks"]] == [True, None, None, True, None, True]
    assert "in float32" in told["checks"][3]["claim"]
    assert told["spectrum"]["precision"] == "float32"
    assert told["spectrum"]["rank"] == {"least": 6, "most": 6, "of": 6}
    said = run_ganinv(folder, "inspect", "g.py", "--trust", *options, "--overwrite").stdout
    assert "J is computed in float32: singular values below 1e-05" in said


def test_a_derivative_is_not_called_wrong_for_rounding(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_measure_rounding", lambda *_: ("rounded", 1e-2))
    said = run_ganinv(folder, "inspect", "g.py", "--trust", "--check").stdout
    assert "not checked: float32 rounds its pictures too much" in said


def test_pictures_and_an_encoder_are_made(folder: Path, tmp_path: Path) -> None:
    checkpoint = folder / "g.py"
    fixed = ("--trust", "--out", tmp_path / "sheet.png", "--npz", tmp_path / "z.npz")
    run_ganinv(tmp_path, "sample", checkpoint, *fixed)
    assert np.load(tmp_path / "z.npz")["z"].shape == (64, 6)
    made = run_ganinv(
        folder, "train-encoder", "--checkpoint", "g.py", "--trust", "--images", 2000
    ).stdout
    error, guessing = (
        float(made.split(f"{word} ")[1].split()[0].strip(",;"))
        for word in ("component of z", "guessing gives")
    )
    assert error < guessing / 2
    options = ("--start", "encoder", "--trials", 6, "--clip", "none", "--overwrite")
    run_ganinv(folder, "recover", "--checkpoint", "g.py", "--trust", *options)
    assert (read_results(folder / "recover.h5").groups["none"]["z_error"] < 1e-7).all()


@pytest.mark.slow
def test_a_killed_run_goes_on(folder: Path, tmp_path: Path) -> None:
    command = ("recover", "--checkpoint", folder / "g.py", "--trust", "--trials", 400)
    small = ("--batch-size", 2, "--clip", "none")
    status, _ = run_and_stop(tmp_path, signal.SIGKILL, *command, *small)
    assert status == -signal.SIGKILL
    early = read_results(tmp_path / "recover.h5").groups
    assert 0 < len(early["none"]["trial"]) < 400
    run_ganinv(tmp_path, *command, *small)
    late = read_results(tmp_path / "recover.h5").groups
    assert (late["none"]["z_error"] < 1e-7).all()
    rows = np.isin(late["none"]["trial"], early["none"]["trial"])
    np.testing.assert_array_equal(late["none"]["z_found"][rows], early["none"]["z_found"])
