"""A SavedModel that does more than compute numbers is refused in a sentence, and not run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from builders import assert_refused
from saved_models import (
    LATENT,
    PlainModule,
    draw_small_picture,
    edit_message,
    make_variable,
    save_module,
    write_graph,
)
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

pytestmark = pytest.mark.refusals


def _called(z: tf.Tensor, path: str) -> tf.Tensor:
    def touch(z: np.ndarray) -> np.ndarray:
        Path(path).touch()
        return z

    return draw_small_picture(
        tf.ensure_shape(tf.numpy_function(touch, [z], tf.float32), (None, LATENT))
    )


def _read(z: tf.Tensor, path: str) -> tf.Tensor:
    content = tf.io.decode_raw(tf.io.read_file(path), tf.float32)
    return draw_small_picture(z) + tf.reshape(content, (1, 4, 4, 3))


def _print(z: tf.Tensor, path: str) -> tf.Tensor:
    return tf.raw_ops.Print(input=draw_small_picture(z), data=[z], message="hello")


def _add_variable(z: tf.Tensor, path: str) -> tf.Tensor:
    return draw_small_picture(z) + tf.raw_ops.VariableV2(
        shape=[3], dtype=tf.float32, name="weights"
    )


SIZES = "values; is it a generator of pictures?"
GRAPHS: dict[str, tuple[Callable[[tf.Tensor, str], tf.Tensor], str]] = {
    "Python": (_called, "PyFunc) is not supported"),
    "file": (_read, "ReadFile) is not supported"),
    "message": (_print, "Print) is not supported"),
    "variable": (_add_variable, "needs the variable 'weights'"),
    "noise": (lambda z, _: draw_small_picture(z + tf.random.normal((LATENT,), seed=1)), "Random"),
    "rows": (
        lambda z, _: draw_small_picture(z) * tf.cast(tf.shape(z)[0], tf.float32),
        "depend on the other pictures",
    ),
    "fill": (
        lambda z, _: draw_small_picture(z) + tf.reduce_sum(tf.fill((10**6, 10**6), 1.0)),
        SIZES,
    ),
    "range": (lambda z, _: draw_small_picture(z) + tf.reduce_sum(tf.range(0.0, 1e12)), SIZES),
    "many": (
        lambda z, _: (
            draw_small_picture(z)
            + tf.add_n([tf.reduce_sum(tf.zeros(n)) for n in range(3 * 10**6, 3 * 10**6 + 6)])
        ),
        SIZES,
    ),
    "product": (
        lambda z, _: (
            draw_small_picture(z) + tf.reduce_sum(tf.zeros((10**5, 1)) @ tf.zeros((1, 10**5)))
        ),
        SIZES,
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_is_refused_and_not_run(name, tmp_path):
    build, words = GRAPHS[name]
    marker = tmp_path / "marker"
    if build is _read:
        marker.write_bytes(bytes(4 * 48))
    path = write_graph(tmp_path / "g.pb", lambda z: tf.cast(build(z, str(marker)), tf.float32))
    assert_refused(path, words)
    assert marker.exists() == (build is _read)


@pytest.fixture
def plain(tmp_path):
    tf.saved_model.save(PlainModule(), str(tmp_path / "m"))
    return tmp_path / "m"


def test_variables_that_are_missing(plain):
    for file in (plain / "variables").iterdir():
        file.unlink()
    assert_refused(plain, "variables/variables.index", "copy the whole SavedModel again")


def test_a_variable_that_is_missing(plain):
    def renamed(model: SavedModel) -> None:
        for node in model.meta_graphs[0].object_graph_def.nodes:
            for child in node.children:
                child.local_name = child.local_name.replace("matrix", "elsewhere")

    assert_refused(
        edit_message(plain / "saved_model.pb", SavedModel, renamed), "needs the variable", "not in"
    )


def test_two_outputs_are_named(tmp_path):
    matrix = make_variable(LATENT, 48)
    save_module(tmp_path, lambda z: {"picture": z @ matrix, "mask": z}, matrix)
    assert_refused(tmp_path, "2 outputs (mask, picture)", "expected one, the picture")


def test_several_signatures_of_which_none_is_for_serving(tmp_path):
    module = PlainModule()
    function = module.__call__.get_concrete_function()
    tf.saved_model.save(module, str(tmp_path), signatures={"one": function, "two": function})
    assert_refused(tmp_path, "signatures one, two", "serving_default")


def test_no_signature(tmp_path):
    module = tf.Module()
    module.matrix = make_variable(2, 2)
    tf.saved_model.save(module, str(tmp_path))
    assert_refused(tmp_path, "no signature", "signatures=function")


def test_a_constant_of_one_value_and_a_huge_shape(tmp_path):
    def huge(found: GraphDef) -> None:
        for node in found.node:
            if node.op == "Const" and node.attr["value"].tensor.tensor_shape.dim:
                for axis in node.attr["value"].tensor.tensor_shape.dim:
                    axis.size = 10**9

    assert_refused(
        edit_message(write_graph(tmp_path / "g.pb", draw_small_picture), GraphDef, huge),
        "Const",
        "values",
    )


def _transpose_convolution(z: tf.Tensor) -> tf.Tensor:
    filters = np.ones((3, 3, 3, 3), np.float32)
    return tf.nn.conv2d_transpose(
        draw_small_picture(z)[:, :, ::2], filters, (tf.shape(z)[0], 8, 4, 3), 2
    )


@pytest.mark.parametrize(
    ("strides", "words"),
    [
        *((strides, f"strides are {strides}") for strides in ([1, 2, 1], [], [1, 0, 2, 1])),
        ([1, 2**62, 2**62, 1], "strides of 4,611,686,018,427,387,904"),
    ],
)
def test_strides_for_which_tensorflow_would_end_the_process(strides, words, tmp_path):
    def change(graph: GraphDef) -> None:
        (node,) = (each for each in graph.node if each.op == "Conv2DBackpropInput")
        node.attr["strides"].list.i[:] = strides

    path = write_graph(tmp_path / "g.pb", _transpose_convolution)
    assert_refused(edit_message(path, GraphDef, change), words)


@pytest.mark.parametrize(
    ("operation", "setting", "count", "words"),
    [
        ("Split", "num_split", 2**31 - 1, "num_split of 2,147,483,647"),
        ("Unpack", "num", 2**31 - 1, "num of 2,147,483,647"),
        ("Pack", "N", 1, "(Pack) does not fit its inputs"),
    ],
)
def test_other_counts_of_tensors_than_there_are_or_could_be(
    operation, setting, count, words, tmp_path
):
    def build(z: tf.Tensor) -> tf.Tensor:
        first, *_ = tf.split(tf.stack(tf.unstack(draw_small_picture(z), axis=3), 3), 3, axis=3)
        return first

    def change(graph: GraphDef) -> None:
        (node,) = (each for each in graph.node if each.op == operation)
        node.attr[setting].i = count

    path = edit_message(write_graph(tmp_path / "g.pb", build), GraphDef, change)
    assert_refused(path, words)
