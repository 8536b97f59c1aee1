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
    edit_saved_model,
    make_variable,
    save_module,
    write_graph,
)
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from ganinv_cli import formats


def _after(given: tf.Tensor, *operations: tf.Operation) -> tf.Tensor:
    """The same, with more for the graph to do before it."""
    with tf.control_dependencies(list(operations)):
        return tf.identity(given)


def _written(z: tf.Tensor, path: str) -> tf.Tensor:
    write = tf.raw_ops.WriteFile(filename=path, contents="run")
    return draw_small_picture(_after(z, write))


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


def _restored(z: tf.Tensor, path: str) -> tf.Tensor:
    value = tf.raw_ops.RestoreV2(
        prefix=path, tensor_names=["w"], shape_and_slices=[""], dtypes=[tf.float32]
    )[0]
    return draw_small_picture(z) * value


def _look_up(z: tf.Tensor, path: str) -> tf.Tensor:
    table = tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.float32)
    keys = tf.cast(z, tf.int64)
    found = tf.raw_ops.LookupTableFindV2(table_handle=table, keys=keys, default_value=0.0)
    return draw_small_picture(tf.ensure_shape(found, (None, LATENT)))


def _print(z: tf.Tensor, path: str) -> tf.Tensor:
    return tf.raw_ops.Print(input=draw_small_picture(z), data=[z], message="hello")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_called, ("PyFunc", "calls Python")),
        (_read, ("ReadFile", "is not supported")),
        (_restored, ("RestoreV2", "is not supported")),
        (_look_up, ("HashTableV2", "is not supported")),
        (_print, ("Print", "is not supported")),
        (
            lambda z, path: draw_small_picture(z + tf.random.normal((LATENT,), seed=1)),
            ("Random", "noise"),
        ),
        (
            lambda z, path: draw_small_picture(z) + tf.reduce_mean(z, 0)[0],
            ("depend on the other pictures",),
        ),
        (lambda z, path: draw_small_picture(z / z), ("same picture",)),
        (lambda z, path: draw_small_picture(z)[:1], ("(1, 4, 4, 3) from 2 latent vectors",)),
        (
            lambda z, path: tf.reshape(draw_small_picture(z), (1, -1, 4, 3)),
            ("(1, 8, 4, 3) from 2 latent vectors",),
        ),
        (lambda z, path: tf.reduce_sum(draw_small_picture(z), 0), ("from 2 latent vectors",)),
        (
            lambda z, path: draw_small_picture(z) * tf.cast(tf.shape(z)[0], tf.float32),
            ("depend on the other pictures",),
        ),
        (
            lambda z, path: tf.cast(tf.cast(draw_small_picture(z), tf.int32), tf.float32),
            ("same picture",),
        ),
    ],
)
def test_what_is_not_supported_is_named_and_not_run(
    build: Callable[[tf.Tensor, str], tf.Tensor], words: tuple[str, ...], tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    if build is _read:
        marker.write_bytes(bytes(4 * 48))
    path = write_graph(tmp_path / "g.pb", lambda z: tf.cast(build(z, str(marker)), tf.float32))
    assert_refused(path, *words)
    assert marker.exists() == (build is _read)


def test_what_a_graph_would_do_besides_the_picture_is_not_done(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    formats.read(write_graph(tmp_path / "g.pb", lambda z: _written(z, str(marker))))
    assert not marker.exists()


def test_a_loop_is_refused_with_what_to_do(tmp_path: Path) -> None:
    def picture(z: tf.Tensor) -> tf.Tensor:
        steps = tf.cast(tf.reduce_max(z), tf.int32)
        doubled = tf.while_loop(lambda n, x: n < steps, lambda n, x: (n + 1, x * 2), (0, z))
        return draw_small_picture(doubled[1])

    path = save_module(tmp_path, picture)
    assert_refused(path, "belongs to a loop", "unroll the loop")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    tf.saved_model.save(PlainModule(), str(tmp_path / "m"))
    return tmp_path / "m"


def test_variables_that_are_missing(plain: Path) -> None:
    for file in (plain / "variables").iterdir():
        file.unlink()
    assert_refused(plain, "variables/variables.index", "copy the whole SavedModel again")


def test_a_variable_that_is_missing(plain: Path) -> None:
    def renamed(model: SavedModel) -> None:
        for node in model.meta_graphs[0].object_graph_def.nodes:
            for child in node.children:
                child.local_name = child.local_name.replace("matrix", "elsewhere")

    assert_refused(
        edit_saved_model(plain, renamed), "elsewhere/.ATTRIBUTES/VARIABLE_VALUE", "not in"
    )


def test_two_outputs_are_named(tmp_path: Path) -> None:
    matrix = make_variable(LATENT, 48)
    save_module(tmp_path, lambda z: {"picture": z @ matrix, "mask": z}, matrix)  # type: ignore[arg-type]
    assert_refused(tmp_path, "2 outputs (mask, picture)", "expected one, the picture")


def test_several_signatures_of_which_none_is_for_serving(tmp_path: Path) -> None:
    module = PlainModule()
    function = module.__call__.get_concrete_function()
    tf.saved_model.save(module, str(tmp_path), signatures={"one": function, "two": function})
    assert_refused(tmp_path, "signatures one, two", "serving_default")


def test_no_signature(tmp_path: Path) -> None:
    module = tf.Module()
    module.matrix = make_variable(2, 2)
    tf.saved_model.save(module, str(tmp_path))
    assert_refused(tmp_path, "no signature", "signatures=function")


def test_a_picture_that_does_not_follow_from_z(tmp_path: Path) -> None:
    constant = make_variable(1, 4, 4, 3)
    save_module(tmp_path, lambda z: constant + 0 * tf.reshape(z[:, 0], (-1, 1, 1, 1)), constant)
    assert_refused(tmp_path, "same picture whatever its latent vector is")


def test_a_norm_by_the_statistics_of_the_batch(tmp_path: Path) -> None:
    ones = np.ones(3, np.float32)

    def picture(z: tf.Tensor) -> tf.Tensor:
        return tf.compat.v1.nn.fused_batch_norm(
            draw_small_picture(z), ones, ones, is_training=True
        )[0]

    assert_refused(
        save_module(tmp_path, picture), "other pictures of their batch", "training=False"
    )


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    matrix = tf.Variable(np.full((LATENT, 48), np.nan, np.float32))
    save_module(tmp_path, lambda z: tf.reshape(tf.tanh(z @ matrix), (-1, 4, 4, 3)), matrix)
    assert_refused(tmp_path, "not finite")
