"""A graph is data: only pure operations that its output depends on are run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.generators.network.operations.copy_graph import GraphError, GraphReplay

v1 = tf.compat.v1
Z = np.array([[1.0, -2.0, 3.0]], np.float32)


def _build(function: Callable[[tf.Tensor], tf.Tensor]) -> Any:
    """A graph from the placeholder z to the node out, with its control flow in one graph."""
    with tf.Graph().as_default() as graph:
        z = v1.placeholder(tf.float32, (None, 3), "z")
        tf.identity(function(z), "out")
    return graph.as_graph_def()


def _replay(graph: Any, output: str = "out") -> np.ndarray:
    copied = tf.function(lambda z: GraphReplay(graph, {"z": z}).evaluate(output), autograph=False)
    numbers: np.ndarray = copied(Z).numpy()
    return numbers


def _branch(taken: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return tf.cond(taken, lambda: z * 2, lambda: tf.random.normal((1, 3), seed=1) + z)


@pytest.fixture(params=["If", "Switch and Merge"])
def control_flow(request):
    """Both kinds of branches that TensorFlow writes."""
    was_enabled = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if request.param == "If" else v1.disable_control_flow_v2)()
    yield request.param
    (v1.enable_control_flow_v2 if was_enabled else v1.disable_control_flow_v2)()


def test_of_a_constant_branch_the_side_that_is_taken_is_run(control_flow):
    def draw(z: tf.Tensor) -> tf.Tensor:
        training = v1.placeholder_with_default(False, (), "training")
        return _branch(tf.logical_not(training), z)

    graph = _build(draw)
    kinds = {node.op for node in graph.node}
    assert ("Switch" in kinds) == (control_flow != "If")
    np.testing.assert_array_equal(_replay(graph), Z * 2)


def test_a_branch_that_depends_on_z_is_refused(control_flow):
    graph = _build(lambda z: _branch(tf.reduce_sum(z) > 0, z))
    with pytest.raises(GraphError, match="branch whose condition is not constant"):
        _replay(graph)


def test_a_loop_is_refused(control_flow):
    graph = _build(
        lambda z: tf.while_loop(lambda x: tf.reduce_sum(x) < 9, lambda x: (x * 2,), (z,))[0]
    )
    with pytest.raises(GraphError, match="loop"):
        _replay(graph)


def test_a_function_is_called_with_its_own_names():
    @tf.function(autograph=False)
    def split(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.split(x, [1, 2], 1)[1], x + 1

    def draw(z: tf.Tensor) -> tf.Tensor:
        second, more = split(z)
        return tf.concat([second, more, split(more)[0]], 1)

    np.testing.assert_array_equal(_replay(_build(draw)), [[-2, 3, 2, -1, 4, -1, 4]])


def test_nodes_that_lead_back_to_themselves_are_refused():
    graph = _build(lambda z: tf.sin(tf.cos(z)))
    (cos,) = [node for node in graph.node if node.op == "Cos"]
    cos.input[0] = "out"
    with pytest.raises(GraphError, match="has a loop through"):
        _replay(graph)


def test_what_the_output_does_not_need_is_not_looked_at(tmp_path):
    def draw(z: tf.Tensor) -> tf.Tensor:
        write = tf.raw_ops.WriteFile(filename=str(tmp_path / "written"), contents="x")
        with tf.control_dependencies([write]):
            tf.raw_ops.ReadFile(filename=str(tmp_path / "written"))
            return z + 1

    np.testing.assert_array_equal(_replay(_build(draw)), Z + 1)
    assert not (tmp_path / "written").exists()
