"""The experiments run on a whole model of every format, and recover every z.

Other tests of experiments have weights without a model, so none are here.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_models
import numpy as np
import pytest
from called import run_ganinv

from ganinv_cli.results.store import read_results

# of Keras, while it writes
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning", "ignore:You are saving your model"
)
Made = tuple[Path, tuple[str, ...]]  # and the options for it
DYNAMO = Path(__file__).parents[2] / "data" / "onnx" / "dcgan-dynamo-free-20.onnx"


def _build() -> keras.Model:
    return keras_models.build_model("dcgan_16")


def _saved_model(folder: Path) -> Made:
    _build().export(folder / "exported", verbose=False)
    return folder / "exported", ("--prior", "uniform")


def _python_file(folder: Path) -> Made:
    path = keras_models.save_model(folder, _build())
    start = "import keras\nLATENT = 6\nPRIOR = 'uniform'\n"
    (folder / "g.py").write_text(
        f"{start}generate = keras.saving.load_model('{path}')", encoding="utf-8"
    )
    return folder / "g.py", ("--trust",)


FORMATS: dict[str, Callable[[Path], Made]] = {
    "ONNX": lambda folder: (Path(shutil.copy(DYNAMO, folder)), ()),
    "Keras": lambda folder: (keras_models.save_model(folder, _build()), ()),
    "SavedModel": _saved_model,
    "Python": _python_file,
}


def _mark(name: str) -> pytest.MarkDecorator:
    return pytest.mark.slow if name == "SavedModel" else pytest.mark.nightly


@pytest.mark.parametrize("name", [pytest.param(name, marks=_mark(name)) for name in FORMATS])
def test_every_experiment_runs(tmp_path, name):
    (tmp_path / "made").mkdir()
    path, told = FORMATS[name](tmp_path / "made")
    common = ("--checkpoint", path, "--clip", "stochastic", "--batch-size", 8, "--quiet", *told)
    run_ganinv(tmp_path, "recover", *common, "--trials", 4)
    assert (read_results(tmp_path / "recover.h5").groups["stochastic"]["z_error"] < 1e-4).all()
    run_ganinv(tmp_path, "noise-sweep", *common, "--trials", 2, "--variances", "0.0001")
    noisy = read_results(tmp_path / "noise-sweep.h5").groups["variance=0.0001/stochastic"]
    assert len(noisy["trial"]) == 2
    run_ganinv(tmp_path, "sample", path, "--out", "pictures/", "--count", 1, *told)
    picture = tmp_path / "pictures" / "000000.png"
    few = ("--trials", 2, "--budget", 60)
    run_ganinv(tmp_path, "invert", picture, *common, *few)
    run_ganinv(tmp_path, "consistency", "--image", picture, *common, *few)
    for command in ("invert", "consistency"):
        results = read_results(tmp_path / f"{command}.h5")
        assert np.isfinite(results.groups["stochastic/starts"]["image_loss"]).all()


def _mark_quick(name: str, precision: str) -> Any:
    marks = [] if (name, precision) == ("ONNX", "float32") else [pytest.mark.slow]
    marks += [pytest.mark.bfloat16] if precision == "mixed" else []
    return pytest.param(name, precision, marks=marks)


@pytest.mark.parametrize(
    ("name", "precision"),
    [_mark_quick(name, precision) for name in FORMATS for precision in ("float32", "mixed")],
)
def test_recovery_in_every_precision_is_polished_to_its_last_digits(tmp_path, name, precision):
    (tmp_path / "made").mkdir()
    path, told = FORMATS[name](tmp_path / "made")
    given = ("--solver", "lbfgs", "--trials", 4, "--clip", "none", "--precision", precision)
    run_ganinv(tmp_path, "recover", "--checkpoint", path, *given, *told, "--polish", "float64")
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["precision"] == precision
    assert (results.groups["none"]["polished/z_error"] < 1e-20).all()
