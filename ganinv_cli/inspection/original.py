"""The program that a file holds, run by the framework that wrote it: what ours is compared with."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.formats import detect
from ganinv_cli.formats.keras import files as keras_files
from ganinv_cli.formats.keras.inputs import CALLED
from ganinv_cli.formats.reading import Conventions, UnreadableError
from ganinv_cli.inspection.facts import levelled
from ganinv_cli.network.checkpoint import Checkpoint

# (z (n, latent) float32, labels (n,) or None) -> images as ours, (n, height, width, channels)
Original = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


class UncheckedError(Exception):
    """Why there is nothing to compare with."""


class Input(NamedTuple):
    """What a program is called with."""

    name: str
    shape: tuple[int | None, ...]  # with the batch
    dtype: str


def original(checkpoint: Checkpoint, path: Path, conventions: Conventions) -> Original:
    """Raises UncheckedError; so may the program when it is called.

    A Keras file is loaded by Keras, in its safe mode unless the file is trusted; what ours has read
    of it has no code. A SavedModel runs its own graph, so only where it is trusted.
    """
    opened = _OPENED.get(detect.of(path))
    if opened is None:
        raise UncheckedError("the file holds weights alone, no program")
    inputs, call = opened(checkpoint, path, conventions)

    def run(z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        given = _given(inputs, z, labels, checkpoint)
        with _explained("it does not run"):
            made = np.asarray(call(given))[: len(z)]
        return _levelled(_last(made, checkpoint), checkpoint)

    return run


def _keras(
    checkpoint: Checkpoint, path: Path, conventions: Conventions
) -> tuple[list[Input], Callable[[list[np.ndarray]], Any]]:
    import keras

    try:
        with keras_files.found(path) as stored:
            config, whole = stored.config, "weights" not in stored.ending
    except UnreadableError as error:
        raise UncheckedError(str(error)) from None
    with _explained("Keras does not load it"):
        if whole:
            model = keras.models.load_model(path, compile=False, safe_mode=not conventions.trust)
        else:
            model = keras.models.model_from_json(config)
            model.load_weights(path)
    inputs = [Input(each.name, tuple(each.shape), str(each.dtype)) for each in model.inputs]

    def call(given: list[np.ndarray]) -> Any:
        with warnings.catch_warnings():  # a model of one input may want a list of it, or none
            warnings.filterwarnings("ignore", "The structure of `inputs`")
            return model(given[0] if len(given) == 1 else given, training=False)

    return inputs, call


def _saved_model(
    checkpoint: Checkpoint, path: Path, conventions: Conventions
) -> tuple[list[Input], Callable[[list[np.ndarray]], Any]]:
    if not conventions.trust:
        raise UncheckedError("checking would run the file's own graph; --trust allows that")
    folder = path if path.is_dir() else path.parent
    if not (folder / "saved_model.pb").is_file():
        raise UncheckedError("a frozen graph is not run")
    with _explained("TensorFlow does not load it"):
        signature = tf.saved_model.load(str(folder)).signatures[checkpoint.layout]
    specs: dict[str, Any] = signature.structured_input_signature[1]
    inputs = [
        Input(name, tuple(spec.shape) if spec.shape.rank else (), spec.dtype.name)
        for name, spec in specs.items()
    ]

    def call(given: list[np.ndarray]) -> Any:
        named = dict(zip(specs, map(tf.constant, given), strict=True))
        (made,) = signature(**named).values()
        return made

    return inputs, call


_OPENED: dict[
    str,
    Callable[
        [Checkpoint, Path, Conventions], tuple[list[Input], Callable[[list[np.ndarray]], Any]]
    ],
] = {"keras": _keras, "saved_model": _saved_model}


def _given(
    inputs: Sequence[Input], z: np.ndarray, labels: np.ndarray | None, checkpoint: Checkpoint
) -> list[np.ndarray]:
    label = _label(inputs) if labels is not None else None
    given = []
    for number, each in enumerate(inputs):
        batch = (each.shape[0] if each.shape else None) or len(z)
        if each.dtype == "bool":
            given.append(np.array(False))
        elif number == label:
            given.append(_shaped(_labelled(each, labels, checkpoint), each, batch))
        else:
            given.append(_shaped(z, each, batch))
    return given


def _label(inputs: Sequence[Input]) -> int | None:
    """Which input it is: by whole numbers, by its name, by being the shorter."""
    for sign in (
        lambda each: each.dtype.startswith(("int", "uint")),
        lambda each: bool(CALLED.search(each.name)),
    ):
        found = [number for number, each in enumerate(inputs) if sign(each)]
        if len(found) == 1:
            return found[0]
    sizes = [int(np.prod([side or 1 for side in each.shape[1:]])) for each in inputs]
    return int(np.argmin(sizes)) if len(sizes) > 1 else None


def _labelled(told: Input, labels: Any, checkpoint: Checkpoint) -> np.ndarray:
    whole = told.dtype.startswith(("int", "uint"))
    length = int(np.prod([side or 1 for side in told.shape[1:]]))
    if whole or length == 1:
        numbers: np.ndarray = labels.astype(told.dtype)
        return numbers
    hot: np.ndarray = np.eye(checkpoint.network.labels, dtype=told.dtype)[labels]
    return hot


def _shaped(rows: np.ndarray, told: Input, batch: int) -> np.ndarray:
    """As many rows as are wanted, the last one repeated; in the shape and precision wanted."""
    some = np.concatenate([rows, np.repeat(rows[-1:], max(batch - len(rows), 0), 0)])
    kind = told.dtype if re.match("u?int|float", told.dtype) else rows.dtype
    sides = [side or -1 for side in told.shape[1:]]
    if sides.count(-1) > 1 or not told.shape:
        return some.astype(kind)
    try:
        return some.astype(kind).reshape(len(some), *sides)
    except ValueError:
        raise UncheckedError(f"its input {told.name} has another size") from None


def _last(made: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    """With the channels last."""
    shape = (len(made), *checkpoint.network.shapes[-1])
    if made.ndim == 4 and made.shape != shape and made.transpose(0, 2, 3, 1).shape == shape:
        made = made.transpose(0, 2, 3, 1)
    if made.size != np.prod(shape):
        raise UncheckedError(f"the program makes {made.shape[1:]}, not {shape[1:]}")
    return made.reshape(shape)


def _levelled(made: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    last = levelled(checkpoint.network)
    images = np.asarray(made, np.float64)
    return images * last.scale + last.shift if last else images


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Around nothing but the framework, which raises all of these for what it cannot load."""
    try:
        yield
    except (
        *(ValueError, TypeError, KeyError, AttributeError, ImportError, OSError),
        *(NotImplementedError, RuntimeError, tf.errors.OpError),
    ) as error:
        reason = " ".join(str(error).split())[:160]
        raise UncheckedError(f"{what} ({type(error).__name__}: {reason})") from None
