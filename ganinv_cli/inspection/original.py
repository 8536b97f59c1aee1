"""Run the generator of a file in the framework that wrote it, to compare images."""

import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.formats.detect import detect_format
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras import files as keras_files
from ganinv_cli.formats.keras.inputs import LABEL_PATTERN
from ganinv_cli.formats.keras.trace import compute_in_float32
from ganinv_cli.formats.traced.user_code import explain_errors
from ganinv_cli.inspection.facts import find_pixel_range
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.settings.conventions import Conventions

# (z (n, latent) float32, labels (n,) or None) -> images (n, height, width, channels) in [-1, 1]
OriginalProgram = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


class UncheckableError(Exception):
    """Raised, with the reason, if the program of a file cannot be run."""


class ProgramInput(NamedTuple):
    """One input of a program."""

    name: str
    shape: tuple[int | None, ...]  # with the batch axis
    dtype: str


class Program(NamedTuple):
    """A generator as its framework loads it."""

    inputs: list[ProgramInput]
    call: Callable[[list[np.ndarray]], Any]  # one array for each input -> pictures


def load_original(checkpoint: Checkpoint, path: Path, conventions: Conventions) -> OriginalProgram:
    """Return the program of a file. Loading and calling it may raise UncheckableError.

    Keras loads a Keras file, in its safe mode unless the file is trusted.
    """
    form = detect_format(path)
    if form.name != "keras":
        raise UncheckableError(
            "it is the program that is run"
            if form.is_whole_model
            else "the file holds weights alone, no program"
        )
    program = _load_keras(checkpoint, path, conventions)

    def run(z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        arguments = _make_arguments(program.inputs, z, labels, checkpoint)
        with _explain_errors("it does not run"):
            output = np.asarray(program.call(arguments))[: len(z)]
        return _map_to_range(_to_channels_last(output, checkpoint), checkpoint)

    return run


def _load_keras(checkpoint: Checkpoint, path: Path, conventions: Conventions) -> Program:
    import keras

    try:
        with keras_files.open_keras_file(path) as stored:
            config, whole = stored.config, "weights" not in stored.file_type
    except UnreadableError as error:
        raise UncheckableError(str(error)) from None
    with _explain_errors("Keras does not load it"):
        if whole:
            model = keras.models.load_model(path, compile=False, safe_mode=not conventions.trust)
        else:
            model = keras.models.model_from_json(config)
            model.load_weights(path)
        compute_in_float32(model)  # as ganinv does
    inputs = [ProgramInput(each.name, tuple(each.shape), str(each.dtype)) for each in model.inputs]

    def call(arguments: list[np.ndarray]) -> Any:
        with warnings.catch_warnings():  # a model of one input may take a list or not
            warnings.filterwarnings("ignore", "The structure of `inputs`")
            return model(arguments[0] if len(arguments) == 1 else arguments, training=False)

    return Program(inputs, call)


_explain_errors = partial(explain_errors, error_type=UncheckableError, advice="", max_length=160)


def _make_arguments(
    inputs: Sequence[ProgramInput], z: np.ndarray, labels: np.ndarray | None, checkpoint: Checkpoint
) -> list[np.ndarray]:
    label_number = _find_label_input(inputs) if labels is not None else None
    arguments = []
    for number, each in enumerate(inputs):
        batch = (each.shape[0] if each.shape else None) or len(z)
        if each.dtype == "bool":
            arguments.append(np.array(False))
        elif number == label_number:
            arguments.append(_fit_rows(_encode_labels(each, labels, checkpoint), each, batch))
        else:
            arguments.append(_fit_rows(z, each, batch))
    return arguments


def _find_label_input(inputs: Sequence[ProgramInput]) -> int | None:
    """Return which input is the label: the only one of integers, or so named, or the shortest."""
    for sign in (
        lambda each: each.dtype.startswith(("int", "uint")),
        lambda each: bool(LABEL_PATTERN.search(each.name)),
    ):
        found = [number for number, each in enumerate(inputs) if sign(each)]
        if len(found) == 1:
            return found[0]
    sizes = [int(np.prod([side or 1 for side in each.shape[1:]])) for each in inputs]
    return int(np.argmin(sizes)) if len(sizes) > 1 else None


def _encode_labels(program_input: ProgramInput, labels: Any, checkpoint: Checkpoint) -> np.ndarray:
    whole = program_input.dtype.startswith(("int", "uint"))
    length = int(np.prod([side or 1 for side in program_input.shape[1:]]))
    if whole or length == 1:
        numbers: np.ndarray = labels.astype(program_input.dtype)
        return numbers
    hot: np.ndarray = np.eye(checkpoint.network.labels, dtype=program_input.dtype)[labels]
    return hot


def _fit_rows(rows: np.ndarray, program_input: ProgramInput, batch: int) -> np.ndarray:
    """Return rows in the batch size, shape and precision of an input; the last row is repeated."""
    some = np.concatenate([rows, np.repeat(rows[-1:], max(batch - len(rows), 0), 0)])
    kind = program_input.dtype if re.match("u?int|float", program_input.dtype) else rows.dtype
    sides = [side or -1 for side in program_input.shape[1:]]
    if sides.count(-1) > 1 or not program_input.shape:
        return some.astype(kind)
    try:
        return some.astype(kind).reshape(len(some), *sides)
    except ValueError:
        raise UncheckableError(f"its input {program_input.name} has another size") from None


def _to_channels_last(output: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    """Return the output as (n, height, width, channels). Raises UncheckableError."""
    shape = (len(output), *checkpoint.network.image_shape)
    if output.ndim == 4 and output.shape != shape and output.transpose(0, 2, 3, 1).shape == shape:
        output = output.transpose(0, 2, 3, 1)
    if output.size != np.prod(shape):
        raise UncheckableError(f"the program makes {output.shape[1:]}, not {shape[1:]}")
    return output.reshape(shape)


def _map_to_range(output: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    low, high = find_pixel_range(checkpoint.network)
    return (np.asarray(output, np.float64) - low) * (2 / (high - low)) - 1
