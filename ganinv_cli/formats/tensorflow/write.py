"""Writing named arrays as a TensorFlow checkpoint, as TF1 programs wrote them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.files import replace_file


def write_checkpoint(prefix: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a V2 checkpoint (`.index` and `.data-00000-of-00001`) and the folder's state file."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(arrays)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.convert_to_tensor(arrays[name]) for name in names],
    )
    name = prefix.name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    state = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
    # last: a run killed before this leaves the checkpoint before
    replace_file(prefix.with_name("checkpoint"), state.encode())
