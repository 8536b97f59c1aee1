"""The tensors in a TensorFlow checkpoint, read one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.reading import damaged_error, translate_errors
from ganinv_cli.formats.weights.weight import check_floats


class CheckpointTensors:
    """An open checkpoint: `shapes` by name, and by [name] the tensors as finite float32.

    Raises UnreadableError.
    """

    def __init__(self, prefix: Path) -> None:
        with _translate_errors("it cannot be opened"):
            self._reader = tf.train.load_checkpoint(str(prefix))
            shapes = self._reader.get_variable_to_shape_map()
            self._dtypes = self._reader.get_variable_to_dtype_map()
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shapes[name]) for name in shapes}

    def __getitem__(self, name: str) -> np.ndarray:
        dtype = self._dtypes[name].name
        check_floats(name, dtype, "checkpoint")
        with _translate_errors(f"{name} cannot be read"):
            value = self._reader.get_tensor(name)
        with np.errstate(over="ignore"):  # too large values become infinite, and are refused below
            array = np.array(value, np.float32)
        if not np.isfinite(array).all():
            raise UnreadableError(
                f"{name} holds values that are not finite float32 numbers; the training diverged, "
                "use an earlier checkpoint of the run"
            )
        array.setflags(write=False)
        return array

    def read_text(self, name: str) -> bytes:
        """Return the string that a tensor holds."""
        with _translate_errors(f"{name} cannot be read"):
            value = self._reader.get_tensor(name)
        if not isinstance(value, bytes):
            raise damaged_error(f"{name} holds no text")
        return value


@contextmanager
def _translate_errors(problem: str) -> Iterator[None]:
    """Turn the errors of TensorFlow's reader for damaged files into UnreadableError."""
    errors = (tf.errors.OpError, RuntimeError, ValueError, TypeError, IndexError)
    with translate_errors(f"{problem}, the file is damaged or incomplete", *errors):
        yield
