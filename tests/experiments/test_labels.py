"""For a conditional generator, the label is given, or recovered together with z."""

import dataclasses
from pathlib import Path

import conditional
import numpy as np
import pytest
import tensorflow as tf
import torch_files
import torch_generators
from called import run_ganinv
from ganinv_cli.api.read_checkpoint import make_generator_spec

from ganinv_cli import ground_truth
from ganinv_cli.engine.local import SingleDevice
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.images import run_images
from ganinv_cli.experiments.noise_sweep import run_noise_sweep
from ganinv_cli.experiments.recover import recover
from ganinv_cli.images import to_pixels
from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import InvertConfig, NoiseSweepConfig, RecoverConfig
from ganinv_cli.settings.machine import Machine
from ganinv_cli.store import Results, read_results

CPU = Machine("cpu")


@pytest.fixture(scope="module")
def generator() -> Generator:
    return make_generator(conditional.make_conditional_checkpoint())


def _ran(folder: Path, generator: Generator, **settings: object) -> Results:
    config = RecoverConfig(trials=9, clip=("stochastic",), batch_size=8, **settings)  # type: ignore[arg-type]
    recover(config, SingleDevice(generator, CPU), folder / "r.h5", False, lambda _: None)
    return read_results(folder / "r.h5")


def test_a_label_makes_a_picture_of_its_own(generator: Generator) -> None:
    z = np.random.default_rng(0).uniform(-1, 1, (1, conditional.LATENT)).astype(np.float32)
    pictures = generator(np.repeat(z, 3, 0), labels=tf.constant([0, 1, 2])).numpy()
    assert min(np.abs(pictures[a] - pictures[b]).max() for a, b in ((0, 1), (0, 2), (1, 2))) > 0.1
    for label in range(conditional.LABELS):
        fixed = make_generator(conditional.make_conditional_checkpoint(), label=label)
        assert (fixed.labels, fixed.latent) == (0, conditional.LATENT)
        np.testing.assert_allclose(fixed(z)[0], pictures[label], atol=1e-6)
        np.testing.assert_allclose(
            generator.render(z, 2, labels=np.array([label]))[0], pictures[label], atol=1e-6
        )
    hashes = {
        make_generator(conditional.make_conditional_checkpoint(), label=n).sha256 for n in range(3)
    }
    assert len({generator.sha256, *hashes}) == 4


def test_moves_are_carried_under_a_label(generator: Generator) -> None:
    z = tf.constant(np.random.default_rng(1).uniform(-1, 1, (1, conditional.LATENT)))
    label, moves, step = tf.constant([2]), np.eye(conditional.LATENT), 1e-6
    ends = [generator(z + sign * step * moves, labels=tf.fill([6], 2)) for sign in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(generator.jvp(z, moves, label), expected, atol=1e-7)


def test_the_right_label_is_found_with_z(tmp_path: Path, generator: Generator) -> None:
    groups = _ran(tmp_path, generator).groups
    truth, found = groups[""], groups["stochastic"]
    assert set(truth["label"]) == set(range(conditional.LABELS))
    np.testing.assert_array_equal(found["label"], truth["label"])
    assert (found["z_error"] < 1e-7).all()
    first = np.arange(9) % conditional.LABELS  # starts take the labels in turn
    np.testing.assert_array_equal(found["first/label"], first)
    assert (found["first/z_error"][truth["label"] != first] > 1e-4).all()
    again = (found["label"] - found["first/label"]) % conditional.LABELS
    assert (found["restarts"] >= again).all()


def test_a_fixed_label_leaves_nothing_to_try(tmp_path: Path) -> None:
    fixed = make_generator(conditional.make_conditional_checkpoint(), label=1)
    groups = _ran(tmp_path, fixed, label=1).groups
    assert "label" not in groups[""] and "label" not in groups["stochastic"]
    assert (groups["stochastic"]["z_error"] < 1e-7).all()


@pytest.mark.slow
def test_the_last_digits_are_found_under_the_right_label(
    tmp_path: Path, generator: Generator
) -> None:
    found = _ran(tmp_path, generator, polish="float64").groups["stochastic"]
    assert (found["polished/z_error"] < 1e-20).all()


def test_noise_does_not_hide_the_label(tmp_path: Path, generator: Generator) -> None:
    out = tmp_path / "noise.h5"
    config = NoiseSweepConfig(trials=6, clip=("none",), variances=(1e-4,), batch_size=8)
    run_noise_sweep(config, SingleDevice(generator, CPU), out, False, lambda _: None)
    groups = read_results(out).groups
    np.testing.assert_array_equal(groups["variance=0.0001/none"]["label"], groups[""]["label"])
    assert (groups["variance=0.0001/none"]["z_error"] < 1e-2).all()


def test_the_label_of_an_image_is_that_of_its_best_start(
    tmp_path: Path, generator: Generator
) -> None:
    from PIL import Image

    z = np.random.default_rng(2).uniform(-1, 1, (1, conditional.LATENT))
    picture = to_pixels(generator.render(z, 1, labels=np.array([2])))[0]
    Image.fromarray(picture).save(tmp_path / "image.png")
    config = InvertConfig(trials=6, image=(str(tmp_path / "image.png"),))
    out = tmp_path / "invert.h5"
    run_images(config, SingleDevice(generator, CPU), out, False, lambda _: None)
    groups = read_results(out).groups
    rows, certificate = groups["image=0000/stochastic"], groups["image=0000/stochastic/certificate"]
    np.testing.assert_array_equal(rows["label"], [0, 1, 2, 0, 1, 2])
    assert rows["label"][certificate["best"][0]] == 2
    off = certificate["reconstruction"][0].astype(int) - picture
    assert np.abs(off).max() <= 1


@pytest.mark.slow
def test_noise_settles_nothing_before_each_label_had_its_start(
    tmp_path: Path, generator: Generator
) -> None:
    """The residual of noise is less certain than the difference between labels."""
    out = tmp_path / "noise.h5"
    config = NoiseSweepConfig(trials=8, clip=("none",), variances=(0.2,), batch_size=8)
    run_noise_sweep(config, SingleDevice(generator, CPU), out, False, lambda _: None)
    groups = read_results(out).groups
    found, z = groups["variance=0.2/none"], groups[""]["z_true"]
    assert (found["restarts"] >= conditional.LABELS - 1).all()
    noise = np.sqrt(0.2) * ground_truth.draw_noise(generator, 0, np.arange(8))
    clean = generator.render(z, 8, labels=groups[""]["label"])
    at_truth = (noise**2).sum((1, 2, 3))
    wrong = found["label"] != groups[""]["label"]
    images = clean + noise
    made = generator.render(found["z_found"], 8, labels=found["label"])
    loss = ((made - images) ** 2).sum((1, 2, 3))
    assert (loss[wrong] <= at_truth[wrong]).all()  # another label only where it explains more


@pytest.mark.parametrize(("trials", "restarts"), [(2, 0), (1, 1)])
def test_an_image_wants_a_start_for_each_label(
    tmp_path: Path, generator: Generator, trials: int, restarts: int
) -> None:
    config = InvertConfig(trials=trials, restarts=restarts, image=("x.png",))
    out = tmp_path / "invert.h5"
    with pytest.raises(ConfigError, match="2 starts try 2 of the generator's 3 labels"):
        run_images(config, SingleDevice(generator, CPU), out, False, lambda _: None)


@pytest.mark.parametrize("restarts", [0, 1])
def test_too_few_starts_for_the_labels_are_refused(
    tmp_path: Path, generator: Generator, restarts: int
) -> None:
    with pytest.raises(ConfigError, match=f"{restarts + 1} starts try .* 3 labels: give one"):
        _ran(tmp_path, generator, restarts=restarts)


def test_a_batchs_statistics_want_a_batch_norm() -> None:
    with pytest.raises(
        ConfigError, match="has no layers of batch norm that could take a batch's statistics"
    ):
        make_generator_spec(conditional.make_conditional_checkpoint(), "batch")


@pytest.mark.parametrize(("label", "words"), [(3, "has labels 0 to 2"), (0, "has no labels")])
def test_a_label_that_there_is_not_is_refused(label: int, words: str) -> None:
    found = conditional.make_conditional_checkpoint()
    if words.endswith("no labels"):
        found = dataclasses.replace(found, network=fix_label(found.network, 0))
    with pytest.raises(ConfigError, match=words):
        make_generator_spec(found, label=label)


@pytest.mark.parametrize(("given", "starts"), [((), 10), (("--trials", 11), 11)])
def test_an_image_has_as_many_starts_as_there_are_labels(
    tmp_path: Path, given: tuple[object, ...], starts: int
) -> None:
    state = torch_generators.make_perceptron(latent=14).state
    file = torch_files.save_archive(tmp_path / "netG.pth", state)
    told = ("--labels", 10)
    run_ganinv(tmp_path, "sample", file, "--out", "one/", "--count", 1, *told)
    common = ("--checkpoint", file, *told, "--budget", 100, *given)
    result = run_ganinv(tmp_path, "invert", tmp_path / "one" / "000000.png", *common)
    assert ("10 labels, and so 10 starts" in result.stderr) == (not given)
    labels = read_results(tmp_path / "invert.h5").groups["image=0000/stochastic"]["label"]
    assert len(labels) == starts and set(labels) == set(range(10))
