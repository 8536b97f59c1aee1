"""Run the generator of a file in the framework that wrote it, to compare images."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.formats import find_format
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras.inputs import LABEL_PATTERN
from ganinv_cli.formats.keras.load import load
from ganinv_cli.formats.traced.functions import FunctionInput
from ganinv_cli.inspection.facts import find_pixel_range
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.settings.conventions import Conventions

# (z (n, latent) float32, labels (n,) or None) -> images (n, height, width, channels) in [-1, 1]
OriginalProgram = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


def load_original(checkpoint: Checkpoint, path: Path, conventions: Conventions) -> OriginalProgram:
    """Return the program of a file. Loading and calling it may raise UnreadableError.

    Keras loads a Keras file as `formats.read` lets it.
    """
    form = find_format(path)
    if form.title != "Keras":
        raise UnreadableError(
            "TensorFlow runs the file's own operations"
            if form.is_whole_model
            else "the file holds weights alone, no program"
        )
    from ganinv_cli.formats.keras.trace import make_function  # it loads Keras

    function, inputs = make_function(load(path, conventions.trust).model)

    def run(z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        arguments = _make_arguments(inputs, z, labels, checkpoint)
        output = np.asarray(function(*arguments))[: len(z)]
        return _map_to_range(_to_channels_last(output, checkpoint), checkpoint)

    return run


def _make_arguments(
    inputs: Sequence[FunctionInput],
    z: np.ndarray,
    labels: np.ndarray | None,
    checkpoint: Checkpoint,
) -> list[np.ndarray]:
    label_number = _find_label_input(inputs) if labels is not None else None
    arguments = []
    for number, each in enumerate(inputs):
        batch = (each.shape[0] if each.shape else None) or len(z)
        if each.dtype.is_bool:
            arguments.append(np.array(False))
        elif number == label_number:
            arguments.append(_fit_rows(_encode_labels(each, labels, checkpoint), each, batch))
        else:
            arguments.append(_fit_rows(z, each, batch))
    return arguments


def _find_label_input(inputs: Sequence[FunctionInput]) -> int | None:
    """Return the number of the label input.

    It is the only input of integers, else the input with such a name, else the shortest.
    """
    for sign in (
        lambda each: each.dtype.is_integer,
        lambda each: bool(LABEL_PATTERN.search(each.name)),
    ):
        found = [number for number, each in enumerate(inputs) if sign(each)]
        if len(found) == 1:
            return found[0]
    sizes = [math.prod(side or 1 for side in (each.shape or ())[1:]) for each in inputs]
    return int(np.argmin(sizes)) if len(sizes) > 1 else None


def _encode_labels(label: FunctionInput, labels: Any, checkpoint: Checkpoint) -> np.ndarray:
    if label.dtype.is_integer or math.prod(side or 1 for side in (label.shape or ())[1:]) == 1:
        return np.asarray(labels)
    hot: np.ndarray = np.eye(checkpoint.network.labels, dtype=np.float32)[labels]
    return hot


def _fit_rows(rows: np.ndarray, given: FunctionInput, batch: int) -> np.ndarray:
    """Return rows in the batch size, shape and precision of an input; the last row is repeated."""
    some = np.concatenate([rows, np.repeat(rows[-1:], max(batch - len(rows), 0), 0)])
    sides = [side or -1 for side in (given.shape or (None, None))[1:]]
    if sides.count(-1) > 1:
        return some.astype(given.dtype.as_numpy_dtype)
    try:
        return some.astype(given.dtype.as_numpy_dtype).reshape(len(some), *sides)
    except ValueError:
        raise UnreadableError(f"its input {given.name} has another size") from None


def _to_channels_last(output: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    """Return the output as (n, height, width, channels). Raises UnreadableError."""
    shape = (len(output), *checkpoint.network.image_shape)
    if output.ndim == 4 and output.shape != shape and output.transpose(0, 2, 3, 1).shape == shape:
        output = output.transpose(0, 2, 3, 1)
    if output.size != np.prod(shape):
        raise UnreadableError(f"the program makes {output.shape[1:]}, not {shape[1:]}")
    return output.reshape(shape)


def _map_to_range(output: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    low, high = find_pixel_range(checkpoint.network)
    return (np.asarray(output, np.float64) - low) * (2 / (high - low)) - 1
