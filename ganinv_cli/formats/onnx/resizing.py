"""ONNX's Resize and Upsample."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.onnx.calls import (
    Call,
    Picture,
    UnsupportedError,
    check_sizes,
    get_tensor,
    keep_order,
    move_axis,
    read_constant,
    to_last,
)

_ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda place: np.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: np.floor(place + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def resize(call: Call, x: Any, *inputs: Any) -> Any:
    """Resize and Upsample: along each axis a choice of pixels, or a matrix."""
    if call.get("antialias", 0) or call.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnsupportedError(
            "resizes with antialias or keep_aspect_ratio_policy; export it without"
        )
    is_old = call.kind == "Upsample" or call.opset < 11  # inputs: x, scales
    places = (None, *inputs) if is_old else inputs
    scales, sizes = (
        None if len(places) < n or places[n - 1] is None else read_constant(places[n - 1])
        for n in (2, 3)
    )
    if scales is None or not scales.size:
        scales = np.array(call.get("scales", []), np.float32)
    axes = call.get("axes", list(range(len(call.shape))))
    olds = [call.shape[axis] for axis in axes]
    if sizes is not None and sizes.size:
        news = [int(n) for n in sizes]
        factors = [new / old for new, old in zip(news, olds, strict=True)]
    else:
        factors = [float(each) for each in scales]
        news = [int(np.floor(old * f)) for old, f in zip(olds, factors, strict=True)]
    changes = [
        (axis, old, new, factor)
        for axis, old, new, factor in zip(axes, olds, news, factors, strict=True)
        if factor != 1 and axis != 0  # a batch keeps its rows
    ]
    check_sizes(*(new for _, _, new, _ in changes))
    mode = call.get("mode", "nearest")
    x = Picture(to_last(x)) if len(call.shape) == 4 else x
    matrices = [_make_resize_matrix(call, *each[1:], is_old) for each in changes]
    if mode == "nearest":
        return _repeat_pixels(x, changes, matrices)
    y = get_tensor(x)
    letters = "abcdefgh"[: len(call.shape)]
    for (axis, *_), matrix in zip(changes, matrices, strict=True):
        letter = letters[move_axis(x, axis)]
        y = tf.einsum(f"{letters},z{letter}->{letters.replace(letter, 'z')}", y, matrix)
    return keep_order(x, y)


def _repeat_pixels(x: Any, changes: Sequence[Any], matrices: Sequence[np.ndarray]) -> Any:
    choices = [matrix.argmax(1) for matrix in matrices]
    y = get_tensor(x)
    whole = all(
        new % old == 0 and (choice == np.arange(new) // (new // old)).all()
        for (_, old, new, _), choice in zip(changes, choices, strict=True)
    )
    if isinstance(x, Picture) and whole and {axis for axis, *_ in changes} <= {2, 3}:
        sides = [y.shape[1], y.shape[2]]
        for axis, _, new, _ in changes:
            sides[axis - 2] = new
        return Picture(tf.raw_ops.ResizeNearestNeighbor(images=y, size=sides))
    for (axis, *_), choice in zip(changes, choices, strict=True):
        y = tf.gather(y, choice, axis=move_axis(x, axis))
    return keep_order(x, y)


def _make_resize_matrix(call: Call, old: int, new: int, factor: float, is_old: bool) -> np.ndarray:
    """Return the matrix (new, old) that resizes one axis."""
    mode = call.get("mode", "nearest")
    default = "asymmetric" if is_old else "half_pixel"
    place = np.arange(new, dtype=np.float64)
    match call.get("coordinate_transformation_mode", default):
        case "asymmetric":
            place = place / factor
        case "align_corners":
            place = place * ((old - 1) / (new - 1) if new > 1 else 0)
        case "half_pixel":
            place = (place + 0.5) / factor - 0.5
        case "pytorch_half_pixel":
            place = (place + 0.5) / factor - 0.5 if new > 1 else place * 0
        case "half_pixel_symmetric":
            offset = old / 2 * (1 - new / (factor * old))
            place = offset + (place + 0.5) / factor - 0.5
        case other:
            raise UnsupportedError(f"has the coordinates {other[:60]!r}; export it with half_pixel")
    if mode == "nearest":
        rounding = "floor" if is_old else call.get("nearest_mode", "round_prefer_floor")
        chosen = _ROUNDINGS[rounding](place).astype(int).clip(0, old - 1)
        chosen_rows: np.ndarray = np.eye(old, dtype=np.float32)[chosen]
        return chosen_rows
    floor = np.floor(place).astype(int)
    distance = place - floor
    matrix: np.ndarray = np.zeros((new, old))
    if mode == "linear":
        weights = {0: 1 - distance, 1: distance}
    elif mode == "cubic":
        weights = _weigh_cubic(distance, call.get("cubic_coeff_a", -0.75))
    else:
        raise UnsupportedError(f"resizes by {mode[:60]!r}; export it with nearest or linear")
    for tap, weight in weights.items():
        inside = (floor + tap >= 0) & (floor + tap < old) | (not call.get("exclude_outside", 0))
        np.add.at(
            matrix, (np.arange(new), (floor + tap).clip(0, old - 1)), np.where(inside, weight, 0)
        )
    matrix /= matrix.sum(1, keepdims=True)
    return matrix.astype(np.float32)


def _weigh_cubic(distance: np.ndarray, a: float) -> dict[int, Any]:
    def weigh(t: np.ndarray) -> Any:
        near = ((a + 2) * t - (a + 3)) * t * t + 1
        return np.where(t <= 1, near, ((a * t - 5 * a) * t + 8 * a) * t - 4 * a)

    return {tap: weigh(np.abs(distance - tap)) for tap in (-1, 0, 1, 2)}
