"""A written TensorFlow checkpoint is found again under each name."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.formats.tensorflow import checkpoint_files as tf_files
from ganinv_cli.formats.tensorflow.checkpoint_files import write_checkpoint


@pytest.mark.parametrize("name", ["DCGAN.model-7", 'a"b', r"a\b", r"a\n", "é", 'a\\"'])
def test_the_state_file_names_the_checkpoint(tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path / name, {"x": np.zeros(3, np.float32)})
    assert tf_files.find_checkpoint(tmp_path).prefix == tmp_path / name
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert Path(state.model_checkpoint_path) == tmp_path / name
    assert len(state.all_model_checkpoint_paths) == 1
