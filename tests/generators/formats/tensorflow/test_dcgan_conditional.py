"""carpedm20's conditional DCGAN loads from TF1 checkpoints and makes the original's pictures."""

import numpy as np
import pytest
import tensorflow as tf
from builders import Arrays, save_checkpoint

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.network.layers import BatchNorm
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions

LATENT, LABELS = 5, 10


def weights(prefix: str = "generator/") -> Arrays:
    """As for MNIST with fewer units: 12 in the first layer, maps of 7 x 7 x 6 and 14 x 14 x 4."""
    random = np.random.default_rng(0)
    shapes = {
        "g_h0_lin/Matrix": (LATENT + LABELS, 12),
        "g_h1_lin/Matrix": (12 + LABELS, 7 * 7 * 6),
        "g_h2/w": (5, 5, 4, 6 + LABELS),
        "g_h3/w": (5, 5, 1, 4 + LABELS),
    }
    biases = {"g_h0_lin/bias": 12, "g_h1_lin/bias": 7 * 7 * 6, "g_h2/biases": 4, "g_h3/biases": 1}
    arrays = {name: random.normal(0, 0.4, shape) for name, shape in shapes.items()}
    arrays |= {name: random.normal(0, 0.2, size) for name, size in biases.items()}
    for number, size in enumerate((12, 7 * 7 * 6, 4)):
        arrays[f"g_bn{number}/gamma"] = random.uniform(0.5, 1.5, size)
        arrays[f"g_bn{number}/beta"] = random.normal(0, 0.2, size)
        arrays[f"g_bn{number}/moving_mean"] = random.normal(0, 0.2, size)
        arrays[f"g_bn{number}/moving_variance"] = random.uniform(0.3, 2, size)
    return {f"{prefix}{name}": array.astype(np.float32) for name, array in arrays.items()}


def original(arrays: Arrays, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The generator of carpedm20/DCGAN-tensorflow with y_dim; y is one-hot. In [0, 1]."""

    def norm(number: int, x: tf.Tensor) -> tf.Tensor:
        gamma, beta, mean, variance = (
            arrays[f"generator/g_bn{number}/{name}"]
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-5)

    def linear(name: str, x: tf.Tensor) -> tf.Tensor:
        return x @ arrays[f"generator/{name}/Matrix"] + arrays[f"generator/{name}/bias"]

    def deconv(name: str, x: tf.Tensor) -> tf.Tensor:
        kernel = arrays[f"generator/{name}/w"]
        side = 2 * x.shape[1]
        made = tf.nn.conv2d_transpose(x, kernel, (len(z), side, side, kernel.shape[2]), 2)
        return made + arrays[f"generator/{name}/biases"]

    def concatenated(x: tf.Tensor) -> tf.Tensor:
        return tf.concat([x, y[:, None, None] * tf.ones((*x.shape[:3], LABELS))], 3)

    h0 = tf.nn.relu(norm(0, linear("g_h0_lin", tf.concat([z, y], 1))))
    h1 = tf.nn.relu(norm(1, linear("g_h1_lin", tf.concat([h0, y], 1))))
    h2 = tf.nn.relu(norm(2, deconv("g_h2", concatenated(tf.reshape(h1, (-1, 7, 7, 6))))))
    return tf.nn.sigmoid(deconv("g_h3", concatenated(h2))).numpy()


@pytest.mark.parametrize("prefix", ["generator/", ""])
def test_the_pictures_are_the_originals(tmp_path, prefix):
    found = read(save_checkpoint(tmp_path, weights(prefix)))
    generator = make_generator(found)
    assert (generator.latent, generator.labels, generator.image_shape) == (5, 10, (28, 28, 1))
    assert found.ignored == ()
    z = np.random.default_rng(1).uniform(-1, 1, (4, LATENT)).astype(np.float32)
    labels = np.array([0, 3, 3, 9])
    expected = original(weights(), z, np.eye(LABELS, dtype=np.float32)[labels]) * 2 - 1
    assert expected.std() > 0.1
    np.testing.assert_allclose(generator(z, labels=tf.constant(labels)), expected, atol=1e-5)


def test_conventions_go_before_what_is_known(tmp_path):
    prefix = save_checkpoint(tmp_path, weights())
    found = read(prefix, Conventions(range="tanh", strides=(1, 2), activation="leaky_relu:0.2"))
    assert make_generator(found).image_shape == (14, 14, 1)
    names = [getattr(node.layer, "name", "") for node in found.network.nodes]
    assert names.count("leaky_relu") == 3 and names[-1] == "tanh"
    told = read(prefix, Conventions(epsilon=(0.1, 0.2, 0.3), labels=LABELS)).network
    norms = [node.layer for node in told.nodes if isinstance(node.layer, BatchNorm)]
    assert [norm.epsilon for norm in norms] == [0.1, 0.2, 0.3] and told.labels == LABELS
    with pytest.raises(CheckpointError, match="takes 10 labels by its shapes; leave --labels out"):
        read(prefix, Conventions(labels=8))
