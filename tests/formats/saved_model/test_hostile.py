"""Files made to harm or damaged are refused in a sentence, in bounded time and memory."""

import subprocess
import sys
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
    edit_graph,
    edit_saved_model,
    write_graph,
)
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from ganinv_cli import formats
from ganinv_cli.errors import CheckpointError


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    tf.saved_model.save(PlainModule(), str(tmp_path / "m"))
    return tmp_path / "m"


@pytest.mark.parametrize(
    "build",
    [
        lambda z: draw_small_picture(z) + tf.reduce_sum(tf.fill((10**6, 10**6), 1.0)),
        lambda z: draw_small_picture(z) + tf.reduce_sum(tf.range(0.0, 1e12)),
        lambda z: draw_small_picture(z) + tf.reduce_sum(tf.tile([1.0], [10**12])),
        lambda z: draw_small_picture(z) + tf.reduce_sum(tf.one_hot([[1]], 2**31 - 1)),
        lambda z: draw_small_picture(z) + tf.reduce_sum(tf.broadcast_to(1.0, (10**6, 10**6))),
        lambda z: (
            draw_small_picture(z)
            + tf.reduce_sum(tf.zeros((10**5, 1)) @ tf.zeros((1, 10**5)))
            + tf.reduce_sum(tf.ones((10**5, 1)) + tf.ones((1, 10**5)))
        ),
    ],
)
def test_constants_beyond_all_bounds_are_refused_before_they_are_made(
    build: Callable[[tf.Tensor], tf.Tensor], tmp_path: Path
) -> None:
    assert_refused(write_graph(tmp_path / "g.pb", build), "values", "were expected")


def test_pictures_beyond_all_bounds_are_refused(tmp_path: Path) -> None:
    def build(z: tf.Tensor) -> tf.Tensor:
        x = draw_small_picture(z)
        for side in (4096, 2**22):
            x = tf.raw_ops.ResizeNearestNeighbor(images=x, size=(side, side))
        return x + tf.ones(3)

    assert_refused(write_graph(tmp_path / "g.pb", build), "4194304, 3] values")


def test_a_label_that_is_doubled_without_end(tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec((None, LATENT)), tf.TensorSpec((None,), tf.int32)])
    def picture(z: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        for _ in range(60):
            label = label + label
        return draw_small_picture(z + tf.one_hot(label, LATENT))

    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path), signatures=picture)
    assert_refused(tmp_path, "how many labels")


def test_a_constant_of_one_value_and_a_huge_shape(tmp_path: Path) -> None:
    def huge(found: GraphDef) -> None:
        for node in found.node:
            if node.op == "Const" and node.attr["value"].tensor.tensor_shape.dim:
                for axis in node.attr["value"].tensor.tensor_shape.dim:
                    axis.size = 10**9

    assert_refused(
        edit_graph(write_graph(tmp_path / "g.pb", draw_small_picture), huge), "Const", "values"
    )


def _reshape_of(source: str) -> Callable[[SavedModel], None]:
    def turned(model: SavedModel) -> None:
        for function in model.meta_graphs[0].graph_def.library.function:
            for node in function.node_def:
                if node.op == "Reshape":
                    node.input[0] = source

    return turned


def test_a_graph_that_leads_back_to_itself(plain: Path) -> None:
    assert_refused(edit_saved_model(plain, _reshape_of("Tanh:y:0")), "has a loop through")


def test_a_graph_that_asks_for_what_is_not_there(plain: Path) -> None:
    assert_refused(edit_saved_model(plain, _reshape_of("nowhere:y:0")), "has no 'nowhere'")


def test_a_function_that_calls_itself(plain: Path) -> None:
    def turned(model: SavedModel) -> None:
        for function in model.meta_graphs[0].graph_def.library.function:
            for node in function.node_def:
                if node.op == "StatefulPartitionedCall":
                    node.attr["f"].func.name = function.signature.name

    assert_refused(edit_saved_model(plain, turned), "calls itself")


@pytest.mark.nightly
def test_functions_that_double_each_others_work_come_to_an_end(plain: Path) -> None:
    """A function of two calls of the next, fifty deep, is 2^50 calls."""

    def doubled(model: SavedModel) -> None:
        library = model.meta_graphs[0].graph_def.library
        inner = next(f for f in library.function if any(n.op == "MatMul" for n in f.node_def))
        name = inner.signature.name
        outside = [n for f in library.function for n in f.node_def]
        outside += list(model.meta_graphs[0].graph_def.node)
        callers = [n for n in outside if n.attr["f"].func.name == name]
        for depth in range(40):
            made = library.function.add()
            made.signature.CopyFrom(inner.signature)
            made.signature.name = f"double{depth}"
            for call in ("first", "second"):
                node = made.node_def.add(name=call, op="PartitionedCall")
                node.input.extend(each.name for each in inner.signature.input_arg)
                node.attr["f"].func.name = f"double{depth - 1}" if depth else name
            both = made.node_def.add(name="sum", op="AddV2")
            both.input.extend(["first:output:0", "second:output:0"])
            made.ret[inner.signature.output_arg[0].name] = "sum:z:0"
        for caller in callers:
            caller.attr["f"].func.name = "double39"

    assert_refused(edit_saved_model(plain, doubled), "more than 20,000 operations")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_graph_that_was_cut_off(kept: float, plain: Path) -> None:
    file = plain / "saved_model.pb"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * kept)])
    assert_refused(plain)


@pytest.mark.parametrize("content", [b"", b"hello, world\n", bytes(range(256)), b"\x08\x01"])
def test_what_is_no_graph(content: bytes, plain: Path) -> None:
    (plain / "saved_model.pb").write_bytes(content)
    assert_refused(plain, "no graph of TensorFlow")


def test_a_tree_of_objects_that_leads_nowhere(plain: Path) -> None:
    def turned(model: SavedModel) -> None:
        model.meta_graphs[0].object_graph_def.nodes[0].children[0].node_id = 10**6

    assert_refused(edit_saved_model(plain, turned), "damaged tree of objects")


def _transpose_convolution(z: tf.Tensor) -> tf.Tensor:
    filters = np.ones((3, 3, 3, 3), np.float32)
    return tf.nn.conv2d_transpose(
        draw_small_picture(z)[:, :, ::2], filters, (tf.shape(z)[0], 8, 4, 3), 2
    )


@pytest.mark.parametrize("strides", [[1, 2, 1], [1, 2], [], [1, 0, 2, 1], [1, 2, 2, 1, 1]])
def test_strides_for_which_tensorflow_would_end_the_process(
    strides: list[int], tmp_path: Path
) -> None:
    def change(graph: GraphDef) -> None:
        (node,) = (each for each in graph.node if each.op == "Conv2DBackpropInput")
        node.attr["strides"].list.i[:] = strides

    path = write_graph(tmp_path / "g.pb", _transpose_convolution)
    assert_refused(edit_graph(path, change), f"strides are {strides}")


@pytest.mark.parametrize("operation", ["Split", "Unpack"])
def test_more_outputs_than_the_memory_holds(operation: str, tmp_path: Path) -> None:
    def build(z: tf.Tensor) -> tf.Tensor:
        first, *_ = tf.split(tf.stack(tf.unstack(draw_small_picture(z), axis=3), 3), 3, axis=3)
        return first

    def change(graph: GraphDef) -> None:
        (node,) = (each for each in graph.node if each.op == operation)
        node.attr["num_split" if operation == "Split" else "num"].i = 2**31 - 1

    path = edit_graph(write_graph(tmp_path / "g.pb", build), change)
    assert_refused(path, "it has 2,147,483,647 outputs")


def test_no_bytes_in_a_graph_raise_anything_but_a_sentence(tmp_path: Path) -> None:
    """Every kind of number and name in the file, changed at random."""
    whole = write_graph(tmp_path / "g.pb", _transpose_convolution).read_bytes()
    random = np.random.default_rng(0)
    for number in range(300):
        content = bytearray(whole)
        for place in random.integers(0, len(content), 1 + number % 3):
            content[place] = random.integers(256)
        (tmp_path / "g.pb").write_bytes(content)
        try:
            formats.read(tmp_path / "g.pb")
        except CheckpointError as error:
            assert "\n" not in str(error)


def test_endless_matrix_products_are_refused_before_they_are_computed(tmp_path: Path) -> None:
    def build(z: tf.Tensor) -> tf.Tensor:
        square = tf.fill((4000, 4000), 1e-4)
        for _ in range(10_000):
            square = square @ square
        return draw_small_picture(z) + tf.reduce_max(square)

    assert_refused(write_graph(tmp_path / "g.pb", build), "multiplications", "operations before it")


_MUTATE = """
import pathlib, resource, sys, time
import numpy as np
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from ganinv_cli import formats
from ganinv_cli.errors import CheckpointError
folder = pathlib.Path(sys.argv[1])
file = folder / "saved_model.pb"
whole = file.read_bytes()
formats.read(folder)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
random = np.random.default_rng(0)
slowest = loaded = 0
for number in range(300):
    content = bytearray(whole)
    if number % 10 == 9:
        del content[random.integers(len(content)) :]
    elif number % 10 > 6:
        model = SavedModel.FromString(whole)
        graph = model.meta_graphs[0].graph_def
        nodes = [n for f in graph.library.function for n in f.node_def] + list(graph.node)
        taken = [n for n in nodes if n.input]
        for node in random.choice(len(taken), 2):
            other = nodes[random.integers(len(nodes))]
            node = taken[node]
            node.input[random.integers(len(node.input))] = other.name
        content = model.SerializeToString()
    else:
        for place in random.integers(0, len(content), 1 + number % 3):
            content[place] = random.integers(256)
    file.write_bytes(content)
    started = time.monotonic()
    try:
        formats.read(folder)
        loaded += 1
    except CheckpointError as error:
        assert "\\n" not in str(error)
    slowest = max(slowest, time.monotonic() - started)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(loaded, slowest, grown / 2**20)
"""


@pytest.mark.nightly
def test_mutated_saved_models_are_refused_in_bounded_time_and_memory(plain: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _MUTATE, str(plain)], capture_output=True, text=True, timeout=1200
    )
    assert run.returncode == 0, run.stderr[-2000:]
    _, seconds, gibibytes = map(float, run.stdout.split())
    assert seconds < 10
    assert gibibytes < 1
