"""Files of Keras 2 are read too: TensorFlow 2.12 wrote them, with their pictures.

The script that made them is tests/formats/keras/keras2/write.py of commit a97dc29.
"""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli import formats
from ganinv_cli.network.make_generator import make_generator

FOLDER = Path(__file__).parent / "keras2"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("chain.h5", "Keras 2 (.h5 weights)"),  # its layers are in chain.json
        ("conditional.keras", "Keras 2 (.keras)"),
        ("conditional.h5", "Keras 2 (.h5)"),
        ("frozen.keras", "Keras 2 (.keras)"),
        ("frozen.h5", "Keras 2 (.h5)"),
    ],
)
def test_a_file_of_keras_2_makes_the_pictures_that_keras_2_made(name: str, told: str) -> None:
    with np.load(FOLDER / "pictures.npz") as pictures:
        z, label, expected = pictures["z"], pictures["label"], pictures[name.split(".")[0]]
    checkpoint = formats.read(FOLDER / name)
    assert checkpoint.format == told
    labels = tf.constant(label[:, 0]) if checkpoint.network.labels else None
    made = make_generator(checkpoint)(tf.constant(z), labels=labels).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(made, expected, atol=1e-5, rtol=0)
