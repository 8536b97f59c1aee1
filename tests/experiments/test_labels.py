"""For a conditional generator, the label is given, or recovered together with z."""

from pathlib import Path
from typing import Any

import conditional
import numpy as np
import pytest
import torch_files
import torch_generators
from called import run_ganinv, save_image

from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments import list_experiments
from ganinv_cli.experiments.experiment import Request
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.experiments.run_experiment import run_experiment
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.progress import SILENT
from ganinv_cli.results.store import Results, read_results
from ganinv_cli.settings.config import Config

LABELS = conditional.LABELS
COUPLED: dict[str, Any] = {"batch_norm": "batch", "solver": "gd", "tolerance": 0, "restarts": 0}
COUPLED |= {"trials": 4, "batch_size": 4}


def _run(folder: Path, config: Config) -> Results:
    definition = conditional.make_conditional_definition()
    loaded = LoadedGenerator("digits", definition, label=config.label)
    experiment = next(each for each in list_experiments() if each.config is type(config))
    run_experiment(Request(experiment, config, folder / "r.h5"), loaded, SILENT)
    return read_results(folder / "r.h5")


def test_the_right_label_is_found_with_z(tmp_path):
    settings = {"solver": "lbfgs", "trials": 9, "batch_size": 8, "polish": "float64"}
    config = RecoverConfig(clip=("stochastic",), **settings)
    groups = _run(tmp_path, config).groups
    truth, found = groups[""], groups["stochastic"]
    assert set(truth["label"]) == set(range(LABELS))
    np.testing.assert_array_equal(found["label"], truth["label"])
    assert (found["z_error"] < 1e-7).all() and (found["polished/z_error"] < 1e-20).all()
    first = np.arange(9) % LABELS  # starts take the labels in turn
    np.testing.assert_array_equal(found["first/label"], first)
    assert (found["first/z_error"][truth["label"] != first] > 1e-4).all()
    assert (found["restarts"] >= (found["label"] - first) % LABELS).all()


@pytest.mark.slow
def test_an_image_has_a_start_for_each_label_and_the_label_of_the_best(tmp_path):
    generator = make_generator(conditional.make_conditional_definition())
    z = np.random.default_rng(2).uniform(-1, 1, (1, conditional.LATENT))
    picture = to_pixels(generator.render(z, 1, labels=np.array([2])))[0]
    path = save_image(tmp_path / "image.png", picture)
    groups = _run(tmp_path, InvertConfig(trials=6, image=(str(path),))).groups
    rows, certificate = groups["stochastic/starts"], groups["stochastic/certificates"]
    np.testing.assert_array_equal(rows["label"], [0, 1, 2, 0, 1, 2])
    assert (rows["label"][certificate["best"]], rows["label"][certificate["distant"]]) == (2, 2)
    off = certificate["reconstruction"][0].astype(int) - picture
    assert np.abs(off).max() <= 1


@pytest.mark.slow
def test_an_image_has_at_least_as_many_starts_as_there_are_labels(tmp_path):
    state = torch_generators.make_perceptron(latent=14).state
    file = torch_files.save_archive(tmp_path / "netG.pth", state)
    image, labels = save_image(tmp_path / "a.png", np.zeros((8, 8), np.uint8)), ("--labels", 10)
    given = ("invert", image, "--checkpoint", file, *labels, "--budget", 100)
    assert "10 labels, and so 10 starts" in run_ganinv(tmp_path, *given).stderr
    found = read_results(tmp_path / "invert.h5").groups["stochastic/starts"]["label"]
    assert sorted(found) == list(range(10))
    few = run_ganinv(tmp_path, *given, "--starts", InvertConfig.default_trials, code=2)
    assert "8 starts try 8 of the generator's 10 labels" in few.stderr


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (InvertConfig(trials=2, image=("x.png",)), "2 starts try 2 of the generator's 3 labels"),
        (InvertConfig(trials=1, restarts=1, image=("x.png",)), "2 starts try 2 of the generator"),
        (RecoverConfig(restarts=1), "2 starts try .* 3 labels: give one with --label, or raise"),
        (RecoverConfig(label=3), "has labels 0 to 2"),
        (RecoverConfig(**COUPLED), "no layers of batch norm"),
    ],
)
def test_labels_that_cannot_be_tried_are_refused(tmp_path, config, words):
    with pytest.raises(ConfigError, match=words):
        _run(tmp_path, config)
