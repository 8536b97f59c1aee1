"""Training leaves a checkpoint that loads, and a stopped run goes on as if it had not been."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.errors import ConfigError
from ganinv_cli.formats import read
from ganinv_cli.generator import Generator
from ganinv_cli.training.augment import AUGMENTATIONS, augmented
from ganinv_cli.training.images import Crop
from ganinv_cli.training.settings import TrainingSettings
from ganinv_cli.training.train import train

SMALL = TrainingSettings(size=16, latent=5, width=4, batch_size=4, steps=2, seed=3)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def finished(images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps that nobody interrupted."""
    folder = tmp_path_factory.mktemp("finished")
    last = list(train(images, SMALL, folder))[-1]
    assert (last.step, last.saved) == (2, folder / "DCGAN.model-2")
    return folder


def test_what_training_writes_can_be_read(finished: Path) -> None:
    found = read(finished)
    assert (found.format, found.layout, found.ignored) == ("TensorFlow V2", "C", ())
    assert Path(found.path) == finished / "DCGAN.model-2"
    generator = Generator(found)
    assert (generator.latent, generator.image_shape) == (5, (16, 16, 3))


def test_the_statistics_written_are_those_of_the_weights_written(finished: Path) -> None:
    checkpoint = read(finished)
    z = tf.random.stateless_uniform([1024, 5], [0, 0], -1, 1)
    frozen, batch = Generator(checkpoint)(z), Generator(checkpoint, batch_norm="batch")(z)
    assert np.abs(frozen - batch).max() < 0.1
    assert np.std(batch) > 1e-3


@pytest.mark.parametrize("stopped_after", [1, 2])
def test_a_stopped_run_ends_where_an_unstopped_one_does(
    images: np.ndarray, tmp_path: Path, stopped_after: int
) -> None:
    settings = dataclasses.replace(SMALL, steps=4)
    list(train(images, settings, tmp_path / "whole"))
    stopped = train(images, settings, tmp_path / "stopped", save_seconds=-1)
    list(itertools.islice(stopped, stopped_after))
    stopped.close()

    resumed = list(train(images, settings, tmp_path / "stopped"))

    assert [progress.step for progress in resumed] == list(range(stopped_after + 1, 5))
    assert read(tmp_path / "stopped").sha256 == read(tmp_path / "whole").sha256


def test_more_steps_extend_a_finished_run(images: np.ndarray, tmp_path: Path) -> None:
    list(train(images, SMALL, tmp_path / "extended"))
    assert list(train(images, SMALL, tmp_path / "extended")) == []
    longer = dataclasses.replace(SMALL, steps=3)
    assert [progress.step for progress in train(images, longer, tmp_path / "extended")] == [3]
    list(train(images, longer, tmp_path / "whole"))
    assert read(tmp_path / "extended").sha256 == read(tmp_path / "whole").sha256


def test_without_an_average_the_last_weights_are_written(
    images: np.ndarray, tmp_path: Path
) -> None:
    list(train(images, dataclasses.replace(SMALL, average=0.0), tmp_path))
    assert Generator(read(tmp_path)).image_shape == (16, 16, 3)


def test_kept_checkpoints_stay_and_can_be_read(images: np.ndarray, tmp_path: Path) -> None:
    list(train(images, SMALL, tmp_path, keep_every=1))
    prefixes = [tmp_path / "kept" / f"DCGAN.model-{step}" for step in (1, 2)]
    first, second = (read(prefix).sha256 for prefix in prefixes)
    assert first != second == read(tmp_path).sha256
    assert not (tmp_path / "DCGAN.model-1.index").exists()


@pytest.mark.parametrize(
    "change", [{"seed": 4}, {"latent": 6}, {"augment": ()}, {"learning_rate": 1e-3}], ids=str
)
def test_another_run_in_the_same_folder_is_refused(
    images: np.ndarray, finished: Path, change: dict[str, object]
) -> None:
    other = dataclasses.replace(SMALL, **change)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"another {next(iter(change))};"):
        next(train(images, other, finished))


def test_other_images_in_the_same_folder_are_refused(images: np.ndarray, finished: Path) -> None:
    with pytest.raises(ConfigError, match="another images_sha256;"):
        next(train(images[::-1], SMALL, finished))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_keep_the_shape_and_are_differentiable(name: str, channels: int) -> None:
    pictures = tf.random.stateless_uniform([4, 16, 16, channels], [0, 1], -1, 1)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        changed = augmented(pictures, tf.constant([5, 6]), (name,))
        total = tf.reduce_sum(changed * tf.cos(tf.range(16.0))[:, None])
    gradient = tape.gradient(total, pictures)
    assert changed.shape == pictures.shape
    assert np.isfinite(gradient).all() and np.all(np.abs(gradient).max((1, 2, 3)) > 0)
    assert np.abs(changed - pictures).max() > 0.01


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_depend_on_the_seed_alone(name: str) -> None:
    pictures = tf.random.stateless_uniform([4, 16, 16, 3], [0, 1], -1, 1)
    same, again, other = (augmented(pictures, tf.constant([5, s]), (name,)) for s in (6, 6, 7))
    np.testing.assert_array_equal(same, again)
    assert np.abs(same - other).max() > 0.01


def test_a_shift_moves_and_does_nothing_else() -> None:
    pictures = tf.random.stateless_uniform([8, 16, 16, 3], [0, 1], 0.5, 1)
    moved = augmented(pictures, tf.constant([5, 6]), ("shift",)).numpy()
    for before, after in zip(pictures.numpy(), moved, strict=True):
        kept = after[after.any(-1)]
        assert len(kept) >= 14 * 14
        assert set(kept.ravel().tolist()) <= set(before.ravel().tolist())


@pytest.mark.parametrize(
    "crop", [Crop(), Crop(0.72, (0.5, 0.4)), Crop(0.5, (0, 1)), Crop(1, (1, 0)), Crop(0.01, (1, 1))]
)
@pytest.mark.parametrize("size", [(335, 410), (410, 335), (64, 64), (1, 7)])
def test_a_crop_is_a_square_inside_the_picture(crop: Crop, size: tuple[int, int]) -> None:
    left, top, right, bottom = crop.box(*size)
    assert right - left == pytest.approx(bottom - top) == pytest.approx(crop.side * min(size))
    assert left >= 0 and top >= 0
    assert right <= size[0] + 1e-9 and bottom <= size[1] + 1e-9
