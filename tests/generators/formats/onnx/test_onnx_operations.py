"""Every operation and variant computes what `onnx.reference` does, and so does its J·v."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from exported.onnx_models import build_model, draw_latents, make_array, write_model
from onnx import helper
from onnx.reference import ReferenceEvaluator

from ganinv_cli.generators.formats import onnx
from ganinv_cli.generators.formats.onnx.operations import OPERATIONS
from ganinv_cli.generators.network.operations.generator import TracedGenerator
from ganinv_cli.prior import Normal
from ganinv_cli.settings.conventions import Conventions


class Case(NamedTuple):
    operation: str
    inputs: tuple[Any, ...]
    settings: dict[str, Any]

    def __str__(self) -> str:
        shown = ",".join(each if isinstance(each, str) else "w" for each in self.inputs)
        return f"{self.operation}({shown}){self.settings}"


# x (batch, 4, 3, 4); p the same, positive; v (batch, 48); s (batch, 4, 12); c (batch, 48, 1, 1);
# i integers as s; n: left out
CASES: dict[int, list[Case]] = {}  # by the version of the operations


def add(operation: str, *inputs: Any, opset: int = 20, **settings: Any) -> None:
    CASES.setdefault(opset, []).append(Case(operation, inputs, settings))


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


for name in (
    *("Relu", "Elu", "Selu", "Celu", "LeakyRelu", "Tanh", "Sigmoid", "HardSigmoid", "HardSwish"),
    *("Softplus", "Softsign", "Mish", "Erf", "Exp", "Neg", "Abs", "Sin", "Cos", "Floor"),
    *("Ceil", "Round", "Sign", "Identity", "Gelu", "Dropout", "GlobalAveragePool", "Softmax"),
    *("GlobalMaxPool", "LogSoftmax", "Flatten", "ThresholdedRelu"),
):
    add(name, "x")
for name in ("Log", "Sqrt", "Reciprocal"):
    add(name, "p")
for name in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean"):
    add(name, "x", "p")
    add(name, "x", make_array(4, 1, 1, low=0.5))
    if name != "Mean":  # which the reference does not broadcast
        add(name, floats(1.5), "p")
add("Add", "x", make_array(3, 1))
add("Pow", "p", "x")
add("Pow", "x", floats(2))
add("PRelu", "x", make_array(4, 1, 1))
for alpha in (0.3, 1.7):
    add("Elu", "x", alpha=alpha)
    add("Celu", "x", alpha=alpha)
    add("Selu", "x", alpha=alpha, gamma=1.1)
    add("LeakyRelu", "x", alpha=alpha)
    add("HardSigmoid", "x", alpha=alpha, beta=0.4)
add("Gelu", "x", approximate="tanh")
add("Clip", "x", floats(-0.5).reshape(()), floats(0.5).reshape(()))
add("Clip", "x", "n", floats(0.5).reshape(()))
add("Clip", "x", opset=9, min=-0.5, max=0.2)
add("Softmax", "x", axis=1)
add("Gemm", "v", make_array(48, 5), make_array(5), alpha=0.5, beta=2.0)
add("MatMul", "s", make_array(12, 5))
add("MatMul", "x", make_array(4, 4, 5))
add("MatMul", "s", make_array(12))
add("Einsum", "s", make_array(12, 5), equation="ncl,lk->nck")
add("Conv", "x", make_array(3, 4, 3, 3), make_array(3), pads=[1, 1, 1, 1])
add("Conv", "x", make_array(3, 4, 2, 3), strides=[2, 1], pads=[0, 1, 2, 1])
add("Conv", "x", make_array(6, 2, 3, 3), group=2, pads=[1, 1, 1, 1])
add("Conv", "x", make_array(8, 1, 3, 3), make_array(8), group=4, pads=[1, 1, 1, 1])
add("Conv", "x", make_array(3, 4, 2, 2), dilations=[2, 3], pads=[1, 1, 1, 2])
for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    add("Conv", "x", make_array(3, 4, 2, 3), auto_pad=auto, strides=[2, 1])
    add("ConvTranspose", "x", make_array(4, 3, 3, 4), auto_pad=auto, strides=[2, 2])
add("ConvTranspose", "x", make_array(4, 3, 4, 4), make_array(3), strides=[2, 2], pads=[1] * 4)
way = {"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]}
add("ConvTranspose", "x", make_array(4, 3, 3, 3), **way)
add("ConvTranspose", "x", make_array(4, 3, 2, 2), dilations=[2, 3], strides=[2, 1])
add("ConvTranspose", "c", make_array(48, 3, 4, 4), make_array(3))
add("ConvTranspose", "c", make_array(48, 3, 4, 4), pads=[1, 0, 0, 1])
moments = (make_array(4), make_array(4, seed=1), make_array(4, seed=2), make_array(4, low=0.5))
add("BatchNormalization", "x", *moments, epsilon=1e-3)
add("BatchNormalization", "s", *moments)
add("InstanceNormalization", "x", *moments[:2])
add("InstanceNormalization", "s", *moments[:2])
add("LayerNormalization", "x", make_array(4), make_array(4, seed=1), opset=17)
add("LayerNormalization", "x", make_array(3, 4), axis=2, opset=17)
add("GroupNormalization", "x", *moments[:2], num_groups=2, opset=21)
add("GroupNormalization", "s", *moments[:2], num_groups=2, opset=21)
add("Concat", "x", "p", axis=1)
add("Concat", "s", "s", axis=-1)
add("Split", "x", axis=2, num_outputs=2)
add("Split", "x", ints(1, 3), axis=1, opset=13)
add("Slice", "x", ints(1, 0), ints(9, -1), ints(2, 3))
add("Slice", "x", ints(-1), ints(-99), ints(3), ints(-2))
add("Reshape", "x", ints(0, 2, -1))
add("Reshape", "x", ints(0, 0, -1))
add("Squeeze", "c", ints(2, 3))
add("Unsqueeze", "s", ints(1, -1))
add("Transpose", "x", perm=[0, 2, 3, 1])
add("Gather", "x", ints(2, 0, -1), axis=1)
add("Gather", "x", np.array(-2), axis=3)
add("Expand", "c", ints(1, 48, 2, 3))
add("Tile", "x", ints(1, 2, 1, 3))
for mode in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
    for kind in ("nearest", "linear", "cubic"):
        way = {"coordinate_transformation_mode": mode, "mode": kind, "opset": 13}
        add("Resize", "x", "n", floats(1, 1, 2, 3), **way)
        add("Resize", "x", "n", "n", ints(4, 4, 2, 6), **way)
for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
    way = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": rounding}
    add("Resize", "x", "n", floats(1, 1, 1.5, 2.5), **way)
add("Resize", "x", "n", floats(2, 2), axes=[2, 3], mode="linear", opset=18)
add("Resize", "x", "n", floats(1, 1, 2, 2), mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
add("Resize", "x", "n", floats(1, 1, 1, 1))
add("Upsample", "x", floats(1, 1, 2, 3), opset=9)
add("DepthToSpace", "x", blocksize=2)
add("DepthToSpace", "x", blocksize=2, mode="CRD")
add("Pad", "x", ints(0, 0, 1, 2, 0, 1, 0, 1))
add("Pad", "x", ints(0, 0, 1, 2, 0, 0, 0, 1), floats(0.7).reshape(()))
add("Pad", "x", ints(1, 2), "n", ints(3), opset=18)
for mode in ("reflect", "edge"):
    add("Pad", "x", ints(0, 0, 1, 2, 0, 0, 2, 1), mode=mode)
for name in ("Mean", "Sum", "Max", "Min", "L1", "L2", "SumSquare"):
    add(f"Reduce{name}", "x", opset=11, axes=[2, 3])
    add(f"Reduce{name}", "x", opset=11, axes=[1], keepdims=0)
    add(f"Reduce{name}", "x", ints(-1, 1), opset=18)
for name in ("AveragePool", "MaxPool"):
    add(name, "x", kernel_shape=[2, 2], strides=[1, 2])
add("Cast", "x", to=6)
add("OneHot", "i", np.array(5), floats(-1, 2), axis=-1)
add("Equal", "i", np.array(1))
add("Greater", "x", floats(0.1))
add("Less", "x", floats(0))
add("Where", make_array(4, 3, 4) > 0, "x", "p")


STEP = 1e-6  # in float64
JUMPS = ("Floor", "Ceil", "Round", "Sign", "Cast", "OneHot", "Equal", "Greater", "Less")
SIZE = 16  # cases in a graph
GRAPHS = [
    (opset, cases[first : first + SIZE])
    for opset, cases in CASES.items()
    for first in range(0, len(cases), SIZE)
]


def build(opset: int, cases: list[Case]) -> Any:
    """A model with the values of each case in `flat0`, `flat1` and so on, and all in a picture."""
    weights = {
        "to_v": make_array(8, 48),
        **{"x_shape": ints(-1, 4, 3, 4), "s_shape": ints(-1, 4, 12), "c_shape": ints(-1, 48, 1, 1)},
        **{"half": floats(0.5), "axes": ints(1, 3)},
    }
    nodes = [
        helper.make_node("MatMul", ["z", "to_v"], ["v"]),
        helper.make_node("Reshape", ["v", "x_shape"], ["x"]),
        helper.make_node("Reshape", ["v", "s_shape"], ["s"]),
        helper.make_node("Reshape", ["v", "c_shape"], ["c"]),
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("Add", ["a", "half"], ["p"]),
        helper.make_node("Cast", ["s"], ["i"], to=7),
    ]
    for number, case in enumerate(cases):
        names = []
        for place, each in enumerate(case.inputs):
            if isinstance(each, str):
                names.append("" if each == "n" else each)
            else:
                names.append(f"w{number}_{place}")
                weights[names[-1]] = each
        outputs = [f"out{number}_{n}" for n in range(2 if case.operation == "Split" else 1)]
        nodes.append(helper.make_node(case.operation, names, outputs, **case.settings))
        nodes.append(helper.make_node("Cast", [outputs[-1]], [f"number{number}"], to=1))
        nodes.append(helper.make_node("Flatten", [f"number{number}"], [f"flat{number}"]))
    flat = [f"flat{number}" for number in range(len(cases))]
    nodes.append(helper.make_node("Concat", flat, ["row"], axis=1))
    if opset < 13:
        nodes.append(helper.make_node("Unsqueeze", ["row"], ["picture"], axes=[1, 3]))
    else:
        nodes.append(helper.make_node("Unsqueeze", ["row", "axes"], ["picture"]))
    return build_model(nodes, weights, opset)


@pytest.mark.parametrize(("opset", "cases"), GRAPHS)
def test_operations_are_those_of_onnxs_reference(opset, cases, tmp_path):
    model = build(opset, cases)
    z = draw_latents(4)
    flat = [f"flat{number}" for number in range(len(cases))]
    expected = ReferenceEvaluator(model).run(flat, {"z": z})
    network = onnx.read(write_model(tmp_path / "g.onnx", model), Conventions()).network
    generator = TracedGenerator(network, Normal(1, 0.99))
    ends = np.cumsum([each.shape[1] for each in expected])[:-1]

    def split(pictures: tf.Tensor) -> list[np.ndarray]:
        return np.split(pictures.numpy().reshape(len(pictures), -1), ends, axis=1)

    parts = zip(cases, split(generator(z)), expected, strict=True)
    for case, made, values in parts:
        np.testing.assert_allclose(made, values, atol=2e-5, rtol=1e-4, err_msg=str(case))
    steps = STEP * np.eye(z.shape[1])
    for point in z[:3].astype(np.float64)[:, None]:
        columns = generator.jvp(point, steps / STEP)
        differences = (generator(point + steps) - generator(point - steps)) / (2 * STEP)
        parts = zip(cases, split(columns), split(differences), strict=True)
        for case, moved, difference in parts:
            if case.operation in JUMPS:
                assert not moved.any(), case
                continue
            largest = np.abs(difference).max()
            np.testing.assert_allclose(moved, difference, atol=1e-6 * largest, err_msg=str(case))


def test_every_operation_has_a_case():
    elsewhere = {"Constant", "ConstantOfShape", "Not", "And", "Or", "Range", "Shape", "Size"}
    tested = {case.operation for cases in CASES.values() for case in cases}
    assert OPERATIONS.keys() - tested <= elsewhere
