"""An encoder can be saved, belongs to one generator, and treats images independently."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from builders import make_checkpoint

from ganinv_cli.encoder.model import (
    MAX_BYTES,
    MAX_VALUES,
    Encoder,
    extract_features,
    pooled_shape,
)
from ganinv_cli.errors import CheckpointError
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import Uniform


@pytest.fixture
def encoder(generator):
    """With random weights."""
    random = np.random.default_rng(0)
    weights = random.normal(0, 0.01, (16 * 16 * 3, generator.latent)).astype(np.float32)
    bias = random.normal(size=generator.latent).astype(np.float32)
    return Encoder(weights, bias, (16, 16, 3), (-1.0, 1.0), generator.sha256, {"run": {"seed": 3}})


def _images(count: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).uniform(-1, 1, (count, 16, 16, 3)), tf.float32)


def test_what_is_saved_and_loaded_guesses_the_same(generator, encoder, tmp_path):
    encoder = dataclasses.replace(encoder, weights=encoder.weights.astype(np.float16))
    encoder.save(tmp_path / "encoder.npz")
    loaded = Encoder.load(tmp_path / "encoder.npz", generator)
    np.testing.assert_array_equal(loaded(_images(3)), encoder(_images(3)))
    assert (loaded.about, loaded.bounds) == (encoder.about, encoder.bounds)


def test_an_image_does_not_see_its_neighbours(encoder):
    together, alone = encoder(_images(4)), encoder(_images(4)[1:2])
    np.testing.assert_allclose(together[1:2], alone, atol=1e-6)


@pytest.mark.parametrize(("given", "computed"), [("float64", "float64"), ("bfloat16", "float32")])
def test_it_computes_in_float32_or_better_in_a_graph_too(encoder, given, computed):
    images = tf.cast(_images(2), given)
    in_graph = tf.function(encoder.__call__)(images)
    assert in_graph.dtype == computed
    np.testing.assert_allclose(in_graph, encoder(images), atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 16, 1), (128, 128, 3)], ids=str)
def test_a_large_image_is_averaged_until_it_is_small_enough(shape):
    grey = tf.fill([2, *shape], 0.5)
    seen = extract_features(grey)
    assert 0 < seen.shape[1] == np.prod(pooled_shape(*shape)[1]) <= MAX_VALUES
    assert seen.shape[1] == min(np.prod(shape), seen.shape[1])
    np.testing.assert_allclose(seen, np.arctanh(0.5), rtol=1e-5)


def test_another_generator_or_prior_is_refused(encoder, tmp_path):
    path = tmp_path / "encoder.npz"
    encoder.save(path)
    other = make_checkpoint(tmp_path, seed=1)
    same = dataclasses.replace(make_checkpoint(tmp_path), prior=Uniform(0.0, 1.0))
    for checkpoint, words in ((other, other.sha256[:12]), (same, "z in [0.0, 1.0]; fit one")):
        with pytest.raises(CheckpointError) as caught:
            Encoder.load(path, make_generator(checkpoint))
        said = str(caught.value)
        assert f"{encoder.generator_sha256[:12]}… with z in [-1.0, 1.0], not to" in said
        assert words in said


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "other bits": lambda content: content[:9000] + bytes([content[9000] ^ 255]) + content[9001:],
    "too large": lambda content: content[:-20] + bytes(MAX_BYTES),
}
OTHER_ARRAYS: dict[str, np.ndarray | None] = {
    "json": None,
    "weights": np.array([{"code": 1}], object),
    "weights ": np.ones((767, 6), np.float32),
}


@pytest.mark.parametrize("damage", [*DAMAGES, *OTHER_ARRAYS])
def test_a_file_that_is_no_encoder_is_explained(encoder, tmp_path, damage):
    path = tmp_path / "encoder.npz"
    encoder.save(path)
    if damage in DAMAGES:
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    else:
        arrays = dict(np.load(path)) | {damage.strip(): OTHER_ARRAYS[damage]}
        np.savez(path, **{name: each for name, each in arrays.items() if each is not None})
    with pytest.raises(CheckpointError) as caught:
        Encoder.load(path)
    said = str(caught.value)
    assert said.startswith(f"{path} cannot be read as an encoder (")
    assert said.endswith("create it again with `ganinv train-encoder --overwrite`")
    assert "\n" not in said
