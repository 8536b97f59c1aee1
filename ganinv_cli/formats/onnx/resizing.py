"""ONNX's Resize: along each axis a choice of pixels, or a matrix."""

from typing import Any

import numpy as np
import tensorflow as tf
from onnx import helper
from onnx.reference import ReferenceEvaluator

from ganinv_cli.formats.onnx.values import (
    Call,
    UnsupportedError,
    Value,
    get_shape,
    make_tensor,
    move_axis,
    read_constant,
    read_integers,
)

MAX_SIDE = 1 << 13  # of a picture


def resize(call: Call, x: Value, _: Value = None, scales: Value = None, sizes: Value = None) -> Any:
    """Return x resized along all axes but the first; a batch keeps its rows."""
    if call.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnsupportedError("keeps the ratio of sides; export it without")
    y, shape = make_tensor(x), get_shape(x)
    axes = [axis % len(shape) for axis in call.get("axes", range(len(shape)))]
    if sizes is not None and sizes.size:
        news = dict(zip(axes, read_integers(sizes), strict=True))
        factors = {axis: new / shape[axis] for axis, new in news.items()}
    else:
        factors = dict(zip(axes, map(float, read_constant(scales)), strict=True))
        news = {axis: int(np.floor(shape[axis] * f)) for axis, f in factors.items()}
    changed = [axis for axis in axes if axis and factors[axis] != 1]
    if max(news[axis] for axis in changed) > MAX_SIDE:
        raise UnsupportedError(f"has sides of more than {MAX_SIDE:,}; is it a generator?")
    matrices = {n: _make_matrix(call, shape[n], factors[n], sizes is not None) for n in changed}
    if call.get("mode", "nearest") != "nearest":
        letters = "abcdefgh"[: len(shape)]
        for axis, matrix in matrices.items():
            old = letters[move_axis(y, axis)]
            equation = f"{letters},{old}z->{letters.replace(old, 'z')}"
            y = tf.einsum(equation, y, matrix.astype(np.float32))
        return y
    choices = {axis: matrix.argmax(0) for axis, matrix in matrices.items()}
    if len(shape) == 4 and {*changed} <= {2, 3} and all(map(_repeats, choices.values())):
        sides = [news.get(2, shape[2]), news.get(3, shape[3])]
        return tf.raw_ops.ResizeNearestNeighbor(images=y, size=sides)
    for axis, choice in choices.items():
        y = tf.gather(y, choice, axis=move_axis(y, axis))
    return y


def _repeats(choice: np.ndarray) -> bool:
    """Return whether each pixel is repeated equally often."""
    old = choice.max() + 1
    return bool((choice == np.arange(len(choice)) * old // len(choice)).all())


def _make_matrix(call: Call, old: int, factor: float, is_sized: bool) -> np.ndarray:
    """Return the matrix (old, new) that resizes one axis, which is ONNX's own resize of 1."""
    settings = {name: value for name, value in call.attributes.items() if name != "axes"}
    names = ["x", "", "", "size"] if is_sized else ["x", "", "scale"]
    node = helper.make_node("Resize", names, ["y"], **settings)
    wanted: dict[str, np.ndarray] = {"size": np.array([old, round(old * factor)])}
    if not is_sized:
        wanted = {"scale": np.array([1, factor], np.float32)}
    (matrix,) = ReferenceEvaluator(node).run(None, {"x": np.eye(old), **wanted})
    return np.asarray(matrix)
