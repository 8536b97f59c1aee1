"""For a conditional generator, the label is given, or recovered together with z."""

import dataclasses
from pathlib import Path

import conditional
import numpy as np
import pytest
import tensorflow as tf
import torch_files
import torch_generators
from called import run_ganinv, save_image

from ganinv_cli import ground_truth
from ganinv_cli.engine.loaded_generator import LoadedGenerator, make_generator_spec
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.run import run_experiment
from ganinv_cli.images import to_pixels
from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.progress import SILENT
from ganinv_cli.settings.config import Config, InvertConfig, NoiseSweepConfig, RecoverConfig
from ganinv_cli.store import Results, read_results

LABELS = conditional.LABELS


@pytest.fixture(scope="module")
def generator() -> Generator:
    return make_generator(conditional.make_conditional_checkpoint())


def _run(folder: Path, config: Config) -> Results:
    checkpoint = conditional.make_conditional_checkpoint()
    loaded = LoadedGenerator("digits", checkpoint, label=config.label)
    run_experiment(config, loaded, folder / "r.h5", SILENT)
    return read_results(folder / "r.h5")


def test_a_label_makes_a_picture_of_its_own(generator: Generator) -> None:
    z = np.random.default_rng(0).uniform(-1, 1, (1, conditional.LATENT)).astype(np.float32)
    pictures = generator(np.repeat(z, 3, 0), labels=tf.constant([0, 1, 2])).numpy()
    assert min(np.abs(pictures[a] - pictures[b]).max() for a, b in ((0, 1), (0, 2), (1, 2))) > 0.1
    hashes = {generator.sha256}
    for label in range(LABELS):
        fixed = make_generator(conditional.make_conditional_checkpoint(), label=label)
        assert (fixed.labels, fixed.latent) == (0, conditional.LATENT)
        np.testing.assert_allclose(fixed(z)[0], pictures[label], atol=1e-6)
        hashes.add(fixed.sha256)
    assert len(hashes) == 1 + LABELS


@pytest.mark.parametrize("polish", ["none", "float64"])
def test_the_right_label_is_found_with_z(tmp_path: Path, polish: str) -> None:
    config = RecoverConfig(trials=9, clip=("stochastic",), batch_size=8, polish=polish)  # type: ignore[arg-type]
    groups = _run(tmp_path, config).groups
    truth, found = groups[""], groups["stochastic"]
    assert set(truth["label"]) == set(range(LABELS))
    np.testing.assert_array_equal(found["label"], truth["label"])
    assert (found["z_error"] < 1e-7).all()
    first = np.arange(9) % LABELS  # starts take the labels in turn
    np.testing.assert_array_equal(found["first/label"], first)
    assert (found["first/z_error"][truth["label"] != first] > 1e-4).all()
    assert (found["restarts"] >= (found["label"] - first) % LABELS).all()
    if polish == "float64":
        assert (found["polished/z_error"] < 1e-20).all()


def test_a_fixed_label_leaves_nothing_to_try(tmp_path: Path) -> None:
    groups = _run(tmp_path, RecoverConfig(trials=4, clip=("none",), batch_size=4, label=1)).groups
    assert "label" not in groups[""] and "label" not in groups["none"]
    assert (groups["none"]["z_error"] < 1e-7).all()


def test_noise_settles_nothing_before_each_label_had_its_start(
    tmp_path: Path, generator: Generator
) -> None:
    """The residual of noise is less certain than the difference between labels."""
    config = NoiseSweepConfig(trials=8, clip=("none",), variances=(1e-4, 0.2), batch_size=8)
    groups = _run(tmp_path, config).groups
    truth, near, far = groups[""], groups["variance=0.0001/none"], groups["variance=0.2/none"]
    np.testing.assert_array_equal(near["label"], truth["label"])
    assert (near["z_error"] < 1e-2).all()
    assert (far["restarts"] >= LABELS - 1).all()
    noise = np.sqrt(0.2) * ground_truth.draw_noise(generator, 0, np.arange(8))
    images = noise + generator.render(truth["z_true"], 8, labels=truth["label"])
    made = generator.render(far["z_found"], 8, labels=far["label"])
    wrong = far["label"] != truth["label"]  # only if another label explains more
    loss, at_truth = (((made - images) ** 2).sum((1, 2, 3)), (noise**2).sum((1, 2, 3)))
    assert (loss[wrong] <= at_truth[wrong]).all()


def test_the_label_of_an_image_is_that_of_its_best_start(
    tmp_path: Path, generator: Generator
) -> None:
    z = np.random.default_rng(2).uniform(-1, 1, (1, conditional.LATENT))
    picture = to_pixels(generator.render(z, 1, labels=np.array([2])))[0]
    path = save_image(tmp_path / "image.png", picture)
    groups = _run(tmp_path, InvertConfig(trials=6, image=(str(path),))).groups
    rows, certificate = groups["image=0000/stochastic"], groups["image=0000/stochastic/certificate"]
    np.testing.assert_array_equal(rows["label"], [0, 1, 2, 0, 1, 2])
    assert rows["label"][certificate["best"][0]] == 2
    off = certificate["reconstruction"][0].astype(int) - picture
    assert np.abs(off).max() <= 1


def test_an_image_has_at_least_as_many_starts_as_there_are_labels(tmp_path: Path) -> None:
    state = torch_generators.make_perceptron(latent=14).state
    file = torch_files.save_archive(tmp_path / "netG.pth", state)
    labels = ("--labels", 10)
    run_ganinv(tmp_path, "sample", file, "--out", "one/", "--count", 1, *labels)
    given = (tmp_path / "one" / "000000.png", "--checkpoint", file, *labels, "--budget", 100)
    said = run_ganinv(tmp_path, "invert", *given).stderr
    assert "10 labels, and so 10 starts" in said
    found = read_results(tmp_path / "invert.h5").groups["image=0000/stochastic"]["label"]
    assert sorted(found) == list(range(10))
    assert "10 labels" not in run_ganinv(tmp_path, "invert", *given, "--trials", 11).stderr


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (InvertConfig(trials=2, image=("x.png",)), "2 starts try 2 of the generator's 3 labels"),
        (InvertConfig(trials=1, restarts=1, image=("x.png",)), "2 starts try 2 of the generator"),
        (RecoverConfig(restarts=1), "2 starts try .* 3 labels: give one with --label, or raise"),
        (RecoverConfig(label=3), "has labels 0 to 2"),
        (RecoverConfig(batch_norm="batch", restarts=0, tolerance=0, solver="gd"), "no layers of"),
    ],
)
def test_labels_that_cannot_be_tried_are_refused(
    tmp_path: Path, config: Config, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        _run(tmp_path, config)


def test_a_generator_without_labels_takes_none() -> None:
    found = conditional.make_conditional_checkpoint()
    fixed = dataclasses.replace(found, network=fix_label(found.network, 0))
    with pytest.raises(ConfigError, match="has no labels"):
        make_generator_spec(fixed, label=0)
