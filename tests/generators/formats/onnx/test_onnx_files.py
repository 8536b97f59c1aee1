"""Exported files make ONNX Runtime's pictures; damaged and hostile ones are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders import assert_refused
from exported.onnx_models import EXPORTED, assert_agrees, build_model, make_array, write_model
from onnx import TensorProto, helper

from ganinv_cli.generators import formats

pytestmark = pytest.mark.refusals

Nodes = list[Any]
node = helper.make_node


def start(more: Nodes, **weights: np.ndarray) -> tuple[Nodes, dict[str, np.ndarray]]:
    """Return nodes that make x (batch, 3, 4, 4) of z, and more."""
    given = {"w": make_array(8, 48), "shape": np.array([-1, 3, 4, 4]), **weights}
    return [node("MatMul", ["z", "w"], ["v"]), node("Reshape", ["v", "shape"], ["x"]), *more], given


def array(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


BAD: dict[str, tuple[Any, str]] = {
    "unknown operation": (start([node("Det", ["x"], ["picture"])]), "(Det) is not on the list"),
    "random": (start([node("RandomNormalLike", ["x"], ["picture"])]), "draws random numbers"),
    "another domain": (
        start([node("Gelu", ["x"], ["picture"], domain="com.microsoft")]),
        "com.microsoft",
    ),
    "training": (
        start(
            [node("BatchNormalization", ["x", *"abcd"], ["picture"], training_mode=1)],
            **{each: make_array(3) for each in "abcd"},
        ),
        "a batch norm that trains",
    ),
    "no pictures": (start([node("Identity", ["v"], ["picture"])]), "pictures"),
    "dilation": (
        start([node("Conv", ["x", "k"], ["picture"], dilations=[10**9, 10**9])],
              k=make_array(3, 3, 2, 2)),
        "spans over",
    ),
    "padding": (
        start([node("Pad", ["x", "n"], ["picture"], mode="edge")], n=np.full(8, 2**31 - 1)),
        "pads more than",
    ),
    "groups": (
        start([node("Conv", ["x", "k"], ["picture"], group=2**31 - 1)], k=make_array(3, 3, 2, 2)),
        "has 2,147,483,647 groups",
    ),
    "one side": (
        start([node("Conv", ["v", "k"], ["picture"])], k=make_array(3, 3, 2)),
        "two sides",
    ),
    "constants": (
        start([node("ConstantOfShape", ["n"], [f"c{i}"]) for i in range(9)]
              + [node("Sum", ["x", *(f"c{i}" for i in range(9))], ["picture"])],
              n=array(3 * 10**6)),
        "makes (3000000,) values",
    ),
    "a size that is NaN": (
        start([node("Resize", ["x", "", "n"], ["picture"])],
              n=np.array([1, 1, np.nan, 2], np.float32)),
        "sides below 1 or above 8,192",
    ),
    "a chain": (
        start([node("Neg", [f"x{n or ''}"], [f"x{n + 1}"]) for n in range(4000)]
              + [node("Neg", ["x4000"], ["picture"])]),
        "more than 4,000 operations",
    ),
    "rows": (
        start([node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["f"], to=1),
               node("Gather", ["f", "n"], ["r"]), node("Div", ["x", "r"], ["picture"])],
              n=np.array(0)),
        "computes with the number of pictures",
    ),
    "filters of z": (
        start([node("MatMul", ["z", "k"], ["f"]), node("Reshape", ["f", "filters"], ["g"]),
               node("Conv", ["x", "g"], ["picture"])],
              k=make_array(8, 81), filters=array(-1, 3, 3, 3)),
        "a StyleGAN2 with fused_modconv=False",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_graph_is_refused(name, tmp_path):
    (nodes, weights), words = BAD[name]
    assert_refused(write_model(tmp_path / "bad.onnx", build_model(nodes, weights)), words)


def edit(change: Callable[[Any], None]) -> Any:
    model = onnx.load(EXPORTED[0])
    change(model)
    return model


CHANGES: dict[str, tuple[Callable[[Any], None], str]] = {
    "two outputs": (
        lambda m: m.graph.output.add(name="v", type=m.graph.output[0].type),
        "do not become those of version 21",
    ),
    "texts": (
        lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.STRING),
        "no numbers",
    ),
    "cut": (lambda m: setattr(m.graph.initializer[0], "raw_data", b"abc"), "be read as ONNX"),
    "z of texts": (
        lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 8),
        "not a tensor of",
    ),
    "version": (
        lambda m: setattr(m.opset_import[0], "version", 0),
        "of version 0 that do not become those of version 21",
    ),
    "z without shape": (
        lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"),
        "give the shape of z by --latent",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_file_is_refused(name, tmp_path):
    change, words = CHANGES[name]
    assert_refused(write_model(tmp_path / "bad.onnx", edit(change)), words)


@pytest.mark.parametrize("is_in_branch", [False, True])
def test_functions_that_call_functions_do_not_make_millions_of_operations(is_in_branch, tmp_path):
    def call(name: str, start: str, end: str) -> Any:
        return node(name, [start], [end], domain="own")

    def nest(model: Any) -> None:
        versions = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
        model.opset_import.append(versions[1])
        for n in range(30):
            twice = [call(f"f{n + 1}", "x", "a"), call(f"f{n + 1}", "a", "y")]
            nodes = twice if n < 29 else [node("Neg", ["x"], ["y"])]
            model.functions.append(helper.make_function("own", f"f{n}", "x", "y", nodes, versions))
        calls = [call("f0", model.graph.output[0].name, "end")]
        if is_in_branch:
            graph = helper.make_graph(calls, "branch", [], [])
            calls = [node("If", ["condition"], ["end"], then_branch=graph, else_branch=graph)]
        model.graph.node.extend(calls)

    assert_refused(write_model(tmp_path / "bad.onnx", edit(nest)), "more than 16,000 operations")


def put_beside(folder: Path, location: str, **entries: str) -> Path:
    """Write a model with its first weight in another file."""

    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **entries}.items():
            tensor.external_data.add(key=key, value=value)
        (folder / "weights.bin").write_bytes(b"12345678" + tensor.raw_data)
        tensor.ClearField("raw_data")

    return write_model(folder / "beside.onnx", edit(change))


def test_weights_in_a_file_beside_it_are_read(tmp_path):
    assert_agrees(put_beside(tmp_path, "weights.bin", offset="8"))


@pytest.mark.parametrize(
    "location, entries",
    [
        ("../weights.bin", {}),
        ("/etc/passwd", {}),
        ("link", {}),
        ("missing.bin", {}),
        ("weights.bin", {"offset": "-8"}),
        ("weights.bin", {"offset": "8", "length": "99999999999999"}),
    ],
)
def test_other_files_are_not_read(location, entries, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "link").symlink_to("/etc/passwd")
    (tmp_path / "weights.bin").write_bytes(bytes(1 << 20))
    assert_refused(put_beside(tmp_path / "m", location, **entries), "cannot be read as ONNX")


def make_function(name: str, *nodes: Any) -> Any:
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, imports)


def test_functions_are_followed(tmp_path):
    inner = make_function("f", node("Tanh", ["a"], ["b"]))
    model = build_model(*start([node("f", ["x"], ["picture"], domain="own")]), functions=[inner])
    definition = assert_agrees(write_model(tmp_path / "f.onnx", model))
    assert definition.network.output_range == (-1, 1)


def test_functions_that_call_themselves_are_refused(tmp_path):
    functions = [
        make_function(
            f"f{n}",
            *(
                node(f"f{(n + 1) % 3}", [taken], [made], domain="own")
                for taken, made in (("a", "c"), ("c", "b"))
            ),
        )
        for n in range(3)
    ]
    nodes = start([node("f0", ["x"], ["picture"], domain="own")])
    assert_refused(write_model(tmp_path / "deep.onnx", build_model(*nodes, functions=functions)))


OFTEN = ("dynamo-free-25", "script-one-13", "export-free")  # the others run at night
PATHS = [
    pytest.param(path, marks=() if path.stem.endswith(OFTEN) else pytest.mark.nightly, id=path.stem)
    for path in EXPORTED
]


@pytest.mark.parametrize("path", PATHS)
def test_pictures_are_those_of_onnx_runtime(path):
    assert_agrees(path)


def test_a_graph_for_one_row_is_run_for_all_rows_at_once():
    one = next(path for path in EXPORTED if path.name.startswith("residual-dynamo-one"))
    free = next(path for path in EXPORTED if path.name.startswith("residual-dynamo-free"))
    assert formats.read(one).network.operations == formats.read(free).network.operations
