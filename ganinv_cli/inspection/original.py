"""Run the generator of a file in the framework that wrote it, to compare images."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.formats import find_format
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras.load import load
from ganinv_cli.formats.traced.functions import LABEL_NAME, FunctionInput
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
        label = None if labels is None else _find_label_input(inputs)
        arguments = [
            _fit_to_input(_encode_labels(each, labels, checkpoint) if each is label else z, each)
            for each in inputs
        ]
        output = np.asarray(function(*arguments), np.float64)[: len(z)]
        low, high = find_pixel_range(checkpoint.network)
        return (_to_channels_last(output, checkpoint) - low) * (2 / (high - low)) - 1

    return run


def _find_label_input(inputs: Sequence[FunctionInput]) -> FunctionInput:
    """Return the label: an input of integers, else one with such a name, else the shortest."""

    def score(each: FunctionInput) -> tuple[bool, bool, int]:
        return each.dtype.is_integer, bool(LABEL_NAME.search(each.name)), -_count_values(each)

    return max(inputs, key=score)


def _count_values(given: FunctionInput) -> int:
    return math.prod(side or 1 for side in (given.shape or ())[1:])


def _encode_labels(label: FunctionInput, labels: Any, checkpoint: Checkpoint) -> np.ndarray:
    if label.dtype.is_integer or _count_values(label) == 1:
        return np.asarray(labels)
    hot: np.ndarray = np.eye(checkpoint.network.labels, dtype=np.float32)[labels]
    return hot


def _fit_to_input(rows: np.ndarray, given: FunctionInput) -> np.ndarray:
    """Return rows in the batch size, shape and precision of an input; the last row is repeated."""
    batch, *sides = given.shape or (None, None)
    some = np.concatenate([rows, np.repeat(rows[-1:], max((batch or 0) - len(rows), 0), 0)])
    try:
        shaped = some.reshape(len(some), *(side or -1 for side in sides))
        return shaped.astype(given.dtype.as_numpy_dtype)
    except ValueError:
        raise UnreadableError(f"its input {given.name} has another size") from None


def _to_channels_last(output: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    """Return the output as (n, height, width, channels). Raises UnreadableError."""
    shape = (len(output), *checkpoint.network.image_shape)
    if output.ndim == 4 and output.shape != shape and output.transpose(0, 2, 3, 1).shape == shape:
        return output.transpose(0, 2, 3, 1)
    if output.size != math.prod(shape):
        raise UnreadableError(f"the program makes {output.shape[1:]}, not {shape[1:]}")
    return output.reshape(shape)
