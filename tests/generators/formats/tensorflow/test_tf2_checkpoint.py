"""Generators in TensorFlow 2 object checkpoints load and make Keras' pictures."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import keras_models as km
import numpy as np
import pytest
import tensorflow as tf
from builders import assert_refused
from keras import layers
from keras_networks import save_network
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.cached_check import check_norms
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inspection.certainty import describe_verdict
from ganinv_cli.inspection.facts import describe_definition
from ganinv_cli.settings.conventions import Conventions

TRAINED = Path(__file__).parents[3] / "data" / "keras" / "trained.keras"


def inspect(path: str | Path) -> str:
    """The verdict that `ganinv inspect` prints."""
    definition = read(path)
    return describe_verdict(
        describe_definition(replace(definition, norm_check=check_norms(definition)))
    )


def tutorial() -> keras.Model:
    """That of TensorFlow's DCGAN tutorial, with fewer channels."""
    up = partial(layers.Conv2DTranspose, kernel_size=5, padding="same", use_bias=False)
    first = [layers.Input((km.LATENT,)), layers.Dense(7 * 7 * 8, use_bias=False)]
    stack = [
        *(*first, layers.BatchNormalization(), layers.LeakyReLU(), layers.Reshape((7, 7, 8))),
        *(up(6, strides=1), layers.BatchNormalization(), layers.LeakyReLU()),
        *(up(4, strides=2), layers.BatchNormalization(), layers.LeakyReLU()),
        up(1, strides=2, activation="tanh"),
    ]
    return km.randomize_weights(keras.Sequential(stack))


def train_briefly(model: keras.Model) -> keras.Model:
    """Let the norms store what they see, and then move the weights of the convolutions."""
    settle(model)
    for layer in model.layers:
        if isinstance(layer, layers.Conv2DTranspose):
            kernel = layer.kernel.numpy()
            noise = np.random.default_rng(0).normal(0, kernel.std() / 2, kernel.shape)
            layer.kernel.assign(kernel + noise)
    return model


def settle(model: keras.Model) -> None:
    """Let the norms store what they see."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9
    for _ in range(60):
        model(keras.random.normal((256, model.input_shape[-1])), training=True)


def discriminator() -> keras.Model:
    """That of the same tutorial."""
    down = partial(layers.Conv2D, kernel_size=5, strides=2, padding="same")
    stack = [down(4), layers.LeakyReLU(), down(8), layers.Flatten(), layers.Dense(1)]
    return keras.Sequential([layers.Input((28, 28, 1)), *stack])


class Subclassed(keras.Model):
    """Layers as attributes, with a colour picture and no numbers to go by."""

    def __init__(self) -> None:
        super().__init__()
        self.project = layers.Dense(4 * 4 * 6)
        self.norm = layers.BatchNormalization(scale=False)
        self.up = layers.Conv2DTranspose(5, 4, strides=2, padding="same")
        self.paint = layers.Conv2DTranspose(3, 3, strides=2, padding="same")

    def call(self, z: tf.Tensor) -> tf.Tensor:
        first = tf.nn.relu(self.norm(self.project(z)))
        return tf.tanh(self.paint(tf.nn.relu(self.up(tf.reshape(first, (-1, 4, 4, 6))))))


def subclassed() -> keras.Model:
    """One that has been called."""
    model = Subclassed()
    model(tf.zeros((1, km.LATENT)))
    return km.randomize_weights(model)


def enlarging() -> keras.Model:
    """UpSampling2D before convolutions that are not transposed, without norms."""
    same = partial(layers.Conv2D, padding="same")
    first = [layers.Input((km.LATENT,)), layers.Dense(4 * 4 * 6), layers.LeakyReLU()]
    stack = [
        *(*first, layers.Reshape((4, 4, 6)), layers.UpSampling2D(), same(4, 3)),
        *(layers.LeakyReLU(), layers.UpSampling2D(), same(4, 4)),
        *(layers.LeakyReLU(), same(3, 3, activation="tanh")),
    ]
    return km.randomize_weights(keras.Sequential(stack))


@pytest.mark.parametrize("build", [subclassed, enlarging])
def test_the_pictures_are_those_of_keras(tmp_path, build):
    model = build()
    prefix = tf.train.Checkpoint(generator=model, discriminator=discriminator()).save(
        str(tmp_path / "ckpt")
    )
    km.assert_pictures(read(prefix), km.render_images(model))


def test_a_training_checkpoint_as_in_the_tutorial(tmp_path):
    model, opponent = tutorial(), discriminator()
    optimizers = [keras.optimizers.Adam(1e-4) for _ in range(2)]
    for optimizer, each in zip(optimizers, (model, opponent), strict=True):
        optimizer.build(each.trainable_variables)
    names = ("generator_optimizer", "discriminator_optimizer")
    checkpoint = tf.train.Checkpoint(
        **dict(zip(names, optimizers, strict=True)), generator=model, discriminator=opponent
    )
    checkpoint.save(str(tmp_path / "ckpt"))

    found = read(tmp_path)

    assert (found.format, found.layout) == ("TensorFlow 2", "generator")
    assert all("discriminator" in n or "optimizer" in n or "save" in n for n in found.ignored)
    assert found.assumed[:6] == (
        "labels 0 (--labels)",
        "strides 1,2,2 (--strides)",
        "padding 2,same,same (--padding)",
        "activation leaky_relu:0.3 (--activation)",
        "range tanh (--range)",
        "epsilon 0.001 (--epsilon)",
    )
    km.assert_pictures(found, km.render_images(model))


def test_averages_that_lag_behind_the_weights_do_not_doubt_the_layers(tmp_path):
    """As after 500 steps of the tutorial: the first norm fits, the others do not."""
    model = train_briefly(tutorial())
    found = read(tf.train.Checkpoint(generator=model).save(str(tmp_path / "ckpt")))
    km.assert_pictures(found, km.render_images(model))
    assert {row.value for row in found.conventions if row.name == "prior"} == {"normal:1"}


def test_a_file_of_few_training_steps_is_read_as_it_says():
    verdict = inspect(TRAINED)
    assert verdict.startswith("Read as its file says, and not confirmed: its moving averages")
    assert "had not settled" in verdict and "layer differs" not in verdict


@pytest.mark.parametrize("name", [pytest.param("trained", marks=pytest.mark.slow), "faces16"])
def test_the_pictures_tell_the_last_stride(tmp_path, name):
    """Of weights alone it is 1 of one of them, 2 of the other."""
    if name == "faces16":
        save_network(read("checkpoints/faces16"), tmp_path / "faces16.keras")
    model = keras.saving.load_model(TRAINED if name == "trained" else tmp_path / "faces16.keras")
    if name == "trained":
        settle(model)
    path = tf.train.Checkpoint(generator=model).save(str(tmp_path / "ckpt"))
    row = [row for row in read(path).conventions if row.name == "strides"][-1]
    assert (row.value, row.source) == ("1" if name == "trained" else "2", "pictures")
    verdict = inspect(path)
    assert "likely by its pictures). The rest is confirmed by its batch norms" in verdict
    assert "strides (" in verdict and "norms, from z to generator/" in verdict


def test_a_model_alone_and_one_deeper_down(tmp_path):
    model = tutorial()
    below = tf.train.Checkpoint(generator=model, d=discriminator())
    for name, checkpoint in (
        ("alone", tf.train.Checkpoint(model)),
        ("below", tf.train.Checkpoint(gan=below)),
    ):
        km.assert_pictures(read(checkpoint.write(str(tmp_path / name))), km.render_images(model))


def test_conventions_go_before_what_is_usual(tmp_path):
    prefix = tf.train.Checkpoint(generator=tutorial()).save(str(tmp_path / "ckpt"))
    found = read(prefix, Conventions(strides=(2, 2, 2), activation="relu"))
    assert make_generator(found).image_shape == (56, 56, 1)
    with pytest.raises(CheckpointError, match=r"strides 2,2 does not fit; give 3"):
        read(prefix, Conventions(strides=(2, 2)))


def test_a_label_is_refused_by_its_layer(tmp_path):
    z, label = layers.Input((5,)), layers.Input((), dtype="int32")
    joined = layers.Concatenate()([z, layers.Embedding(10, 3)(label)])
    model = keras.Model([z, label], layers.Dense(64)(layers.Dense(8)(joined)))
    prefix = tf.train.Checkpoint(generator=model).save(str(tmp_path / "ckpt"))
    with pytest.raises(CheckpointError, match=r"embeddings.*by model\.save"):
        read(prefix)


@pytest.mark.refusals
def test_a_graph_that_is_none_or_leads_back_to_itself_for_ever_is_refused(tmp_path):
    graph = TrackableObjectGraph()
    for number in range(15_000):
        node = graph.nodes.add()
        for child in (number, number + 1, 0):
            node.children.add(node_id=min(child, 14_999), local_name=f"g{child}")
    for content in (b"", b"\xff\x00 no graph", graph.SerializeToString()):
        tf.raw_ops.SaveV2(
            prefix=str(tmp_path / "ckpt"),
            tensor_names=["_CHECKPOINTABLE_OBJECT_GRAPH"],
            shape_and_slices=[""],
            tensors=[tf.constant(content)],
        )
        assert_refused(tmp_path / "ckpt")
