"""Small generators as TensorFlow saves them: SavedModels of both generations, and bare graphs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

LATENT = 6
Z = np.random.default_rng(1).normal(size=(3, LATENT)).astype(np.float32)

Picture = Callable[[tf.Tensor], tf.Tensor]


def make_variable(*shape: int, seed: int = 0, scale: float = 0.3) -> tf.Variable:
    random = np.random.default_rng([seed, *shape])
    return tf.Variable(random.normal(0, scale, shape).astype(np.float32))


class PlainModule(tf.Module):
    """A DCGAN by hand, its variables in lists and mappings, and one that it does not need."""

    def __init__(self) -> None:
        self.matrix = make_variable(LATENT, 128)
        self.scales = [make_variable(8, seed=1), make_variable(8, seed=2)]
        self.named = {"a.b/c": make_variable(4, 4, 3, 8)}
        self.step = tf.Variable(3)

    @tf.function(input_signature=[tf.TensorSpec((None, LATENT), tf.float32, name="z")])
    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(z @ self.matrix, (-1, 4, 4, 8))
        x = x * self.scales[0] + self.scales[1]
        x = tf.maximum(x, 0.2 * x)
        size = (tf.shape(x)[0], 8, 8, 3)
        return tf.tanh(tf.nn.conv2d_transpose(x, self.named["a.b/c"], size, 2))


class FunctionModule(tf.Module):
    """A function of z as the test gives it, with its variables."""

    def __init__(self, function: Picture, *variables: tf.Variable) -> None:
        self.variables_of_it = list(variables)
        self.function = tf.function(
            function, input_signature=[tf.TensorSpec((None, LATENT), tf.float32, name="z")]
        )


def save_module(folder: Path, function: Picture, *variables: tf.Variable) -> Path:
    """A SavedModel of a function of z."""
    module = FunctionModule(function, *variables)
    tf.saved_model.save(module, str(folder), signatures=module.function)
    return folder


def write_graph(path: Path, build: Callable[[tf.Tensor], tf.Tensor]) -> Path:
    """A graph alone, from a placeholder for z to what `build` makes; nothing is run."""
    with tf.Graph().as_default() as made:
        z = tf.compat.v1.placeholder(tf.float32, (None, LATENT), "z")
        tf.identity(build(z), "picture")
    path.write_bytes(made.as_graph_def().SerializeToString())
    return path


def edit_message(
    path: Path, kind: type[GraphDef | SavedModel], change: Callable[[Any], None]
) -> Path:
    """The same file with another content."""
    message = kind.FromString(path.read_bytes())
    change(message)
    path.write_bytes(message.SerializeToString())
    return path


def draw_small_picture(z: tf.Tensor) -> tf.Tensor:
    """4 x 4 in colour, of the first matrix that fits."""
    matrix = np.random.default_rng(0).normal(size=(LATENT, 48)).astype(np.float32)
    return tf.tanh(tf.reshape(z @ matrix, (-1, 4, 4, 3)))
