"""The tensors in a TensorFlow checkpoint, read one at a time."""

import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.formats.weights.weight import check_floats
from ganinv_cli.network.layers import format_shape


class CheckpointTensors:
    """An open checkpoint: `shapes` by name, and by [name] the tensors as float32."""

    def __init__(self, prefix: Path) -> None:
        self._reader = tf.train.load_checkpoint(str(prefix))
        shapes = self._reader.get_variable_to_shape_map()
        self._dtypes = self._reader.get_variable_to_dtype_map()
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shapes[name]) for name in shapes}

    def __getitem__(self, name: str) -> np.ndarray:
        check_floats(name, self._dtypes[name].name, "checkpoint")
        with np.errstate(over="ignore"):  # too large values become infinite
            return np.array(self._read(name), np.float32)

    def read_array(self, name: str) -> np.ndarray:
        """Return a tensor of numbers in the type that it has in the checkpoint."""
        array = np.array(self._read(name))
        if not np.isfinite(array).all():  # TypeError if it holds no numbers
            raise UnreadableError(
                f"{name} holds values that are not finite numbers; the training diverged, use an "
                "earlier checkpoint of the run"
            )
        return array

    def read_text(self, name: str) -> bytes:
        """Return the string that a tensor holds."""
        value = self._read(name)
        assert isinstance(value, bytes)
        return value

    def _read(self, name: str) -> np.ndarray | bytes:
        if math.prod(self.shapes[name]) > MAX_VALUES:
            raise UnreadableError(
                f"{name[:80]} has {format_shape(self.shapes[name])} values, but at most "
                f"{MAX_VALUES:,} were expected; is it a generator of pictures?"
            )
        value: np.ndarray | bytes = self._reader.get_tensor(name)
        return value
