"""Training writes a checkpoint that loads, a stopped run continues exactly, and a seed augments."""

import dataclasses
import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.errors import ConfigError, GaninvError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.training.augment import AUGMENTATIONS, augment_images
from ganinv_cli.training.settings import TrainingSettings
from ganinv_cli.training.train_generator import train_generator as train

SMALL = TrainingSettings(size=16, latent=5, width=4, batch_size=4, steps=2, seed=3)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def finished(images, tmp_path_factory):
    """A run of two steps without interruption."""
    folder = tmp_path_factory.mktemp("finished")
    last = list(train(images, SMALL, folder))[-1]
    assert (last.step, last.saved) == (2, folder / "DCGAN.model-2")
    return folder


def test_what_training_writes_can_be_read(finished):
    found = read(finished)
    assert (found.format, found.layout, found.ignored) == ("TensorFlow V2", "C", ())
    assert Path(found.path) == finished / "DCGAN.model-2"
    generator = make_generator(found)
    assert (generator.latent, generator.image_shape) == (5, (16, 16, 3))


def test_the_statistics_written_are_those_of_the_weights_written(finished):
    definition = read(finished)
    z = tf.random.stateless_uniform([1024, 5], [0, 0], -1, 1)
    frozen, batch = make_generator(definition)(z), make_generator(definition, batch_norm="batch")(z)
    assert np.abs(frozen - batch).max() < 0.1
    assert np.std(batch) > 1e-3


def test_kept_checkpoints_stay_and_can_be_read(images, tmp_path):
    settings = dataclasses.replace(SMALL, average=0.0)  # the last weights
    list(train(images, settings, tmp_path, keep_every=1))
    prefixes = [tmp_path / "kept" / f"DCGAN.model-{step}" for step in (1, 2)]
    first, second = (read(prefix).sha256 for prefix in prefixes)
    assert first != second == read(tmp_path).sha256
    assert not (tmp_path / "DCGAN.model-1.index").exists()


@pytest.mark.parametrize("change", [{"seed": 4}, {"augment": ()}, {"images_sha256": 0}], ids=str)
def test_another_run_in_the_same_folder_is_refused(images, finished, change):
    name = next(iter(change))
    others = images[::-1] if name == "images_sha256" else images
    settings = SMALL if name == "images_sha256" else dataclasses.replace(SMALL, **change)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"another {name};"):
        next(train(others, settings, finished))


def test_a_checkpoint_of_another_program_is_kept(images, tmp_path):
    (tmp_path / "DCGAN.model-5.index").touch()
    with pytest.raises(ConfigError, match="holds a checkpoint of another run; name another --out"):
        next(train(images, SMALL, tmp_path))
    assert [path.name for path in tmp_path.glob("DCGAN*")] == ["DCGAN.model-5.index"]


def test_what_was_trained_since_the_last_save_is_not_lost(images, tmp_path):
    settings = dataclasses.replace(SMALL, steps=4)
    list(train(images, settings, tmp_path / "whole"))
    run = train(images, settings, tmp_path / "stopped")
    assert [next(run).saved for _ in range(3)] == [None, None, None]
    with pytest.raises(KeyboardInterrupt):
        run.throw(KeyboardInterrupt())
    assert Path(read(tmp_path / "stopped").path).name == "DCGAN.model-3"
    assert [progress.step for progress in train(images, settings, tmp_path / "stopped")] == [4]
    assert read(tmp_path / "stopped").sha256 == read(tmp_path / "whole").sha256


@pytest.mark.parametrize(
    "name", ["training.json", pytest.param("checkpoint", marks=pytest.mark.slow)]
)
def test_a_full_disk_is_explained_and_the_run_goes_on_later(images, tmp_path, monkeypatch, name):
    write_bytes = Path.write_bytes

    def write_some(path: Path, content: bytes) -> int:
        if path.name != f".{name}.tmp":
            return write_bytes(path, content)
        write_bytes(path, content[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_some)
        with pytest.raises(GaninvError, match=r"cannot be written \(No space left on device\)"):
            list(train(images, SMALL, tmp_path))
    assert not (tmp_path / name).exists()
    assert not list(tmp_path.glob(".*.tmp"))
    assert list(train(images, SMALL, tmp_path))[-1].step == 2


@pytest.mark.parametrize("content", ["", "7"])
def test_a_damaged_description_is_explained(images, tmp_path, content):
    (tmp_path / "training.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"training\.json .*restore it, or name another --out"):
        next(train(images, SMALL, tmp_path))
    assert (tmp_path / "training.json").read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    ("name", "left"), [("ckpt-1.index", 20), ("ckpt-1.data-00000-of-00001", 20), ("checkpoint", 0)]
)
def test_a_run_whose_state_is_damaged_does_not_begin_anew(images, finished, tmp_path, name, left):
    shutil.copytree(finished, tmp_path / "run")
    part = tmp_path / "run" / "state" / name
    part.write_bytes(part.read_bytes()[:left])
    with pytest.raises(ConfigError, match="state is damaged"):
        next(train(images, dataclasses.replace(SMALL, steps=3), tmp_path / "run"))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_keep_the_shape_and_are_differentiable(name, channels):
    pictures = tf.random.stateless_uniform([4, 16, 16, channels], [0, 1], -1, 1)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        changed = augment_images(pictures, tf.constant([5, 6]), (name,))
        total = tf.reduce_sum(changed * tf.cos(tf.range(16.0))[:, None])
    gradient = tape.gradient(total, pictures)
    assert changed.shape == pictures.shape
    assert np.isfinite(gradient).all() and np.all(np.abs(gradient).max((1, 2, 3)) > 0)
    assert np.abs(changed - pictures).max() > 0.01


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_depend_on_the_seed_alone(name):
    pictures = tf.random.stateless_uniform([4, 16, 16, 3], [0, 1], -1, 1)
    same, again, other = (augment_images(pictures, tf.constant([5, s]), (name,)) for s in (6, 6, 7))
    np.testing.assert_array_equal(same, again)
    assert np.abs(same - other).max() > 0.01


def test_a_shift_moves_and_does_nothing_else():
    pictures = tf.random.stateless_uniform([8, 16, 16, 3], [0, 1], 0.5, 1)
    moved = augment_images(pictures, tf.constant([5, 6]), ("shift",)).numpy()
    for before, after in zip(pictures.numpy(), moved, strict=True):
        kept = after[after.any(-1)]
        assert len(kept) >= 14 * 14
        assert set(kept.ravel().tolist()) <= set(before.ravel().tolist())
