"""The tensors in a TensorFlow checkpoint, read one at a time."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.reading import damaged_error, open_file, translate_errors
from ganinv_cli.formats.tensorflow.checkpoint_files import list_files
from ganinv_cli.formats.weights.weight import check_floats
from ganinv_cli.network.shapes import format_shape


class CheckpointTensors:
    """An open checkpoint: `shapes` by name, and by [name] the tensors as finite float32.

    Raises UnreadableError.
    """

    def __init__(self, prefix: Path) -> None:
        size = 0  # bytes of all files
        for path in list_files(prefix):  # TensorFlow would wait for a pipe
            with open_file(path) as file:
                size += file.seek(0, io.SEEK_END)
        _check_name(prefix)
        with _translate_errors("it cannot be opened"):
            self._reader = tf.train.load_checkpoint(str(prefix))
            shapes = self._reader.get_variable_to_shape_map()
            self._dtypes = self._reader.get_variable_to_dtype_map()
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shapes[name]) for name in shapes}
        for name, shape in self.shapes.items():
            if math.prod(shape) > size:  # a value takes at least a byte
                raise damaged_error(
                    f"{name[:80]} has {format_shape(shape)} values, and the files {size:,} bytes"
                )

    def __getitem__(self, name: str) -> np.ndarray:
        check_floats(name, self._dtypes[name].name, "checkpoint")
        with np.errstate(over="ignore"):  # too large values become infinite
            return _check_finite(name, np.array(self._read(name), np.float32))

    def read_array(self, name: str) -> np.ndarray:
        """Return a tensor in the type that it has in the checkpoint."""
        dtype = self._dtypes[name]
        if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
            raise UnreadableError(f"{name} holds {dtype.name}, but numbers were expected")
        return _check_finite(name, np.array(self._read(name)))

    def read_text(self, name: str) -> bytes:
        """Return the string that a tensor holds."""
        value = self._read(name)
        if not isinstance(value, bytes):
            raise damaged_error(f"{name} holds no text")
        return value

    def _read(self, name: str) -> np.ndarray | bytes:
        with _translate_errors(f"{name} cannot be read"):
            value: np.ndarray | bytes = self._reader.get_tensor(name)
        return value


def _check_name(prefix: Path) -> None:
    """Raise UnreadableError for a name that is not UTF-8, which TensorFlow cannot open."""
    try:
        str(prefix).encode()
    except UnicodeEncodeError:
        raise UnreadableError(
            "has a name that is not UTF-8, which TensorFlow cannot open; rename it"
        ) from None


def _check_finite(name: str, array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        raise UnreadableError(
            f"{name} holds values that are not finite float32 numbers; the training diverged, "
            "use an earlier checkpoint of the run"
        )
    array.setflags(write=False)
    return array


@contextmanager
def _translate_errors(problem: str) -> Iterator[None]:
    """Turn the errors of TensorFlow's reader for damaged files into UnreadableError."""
    errors = (tf.errors.OpError, RuntimeError, ValueError, TypeError, IndexError)
    with translate_errors(f"{problem}, the file is damaged or incomplete", *errors):
        yield
