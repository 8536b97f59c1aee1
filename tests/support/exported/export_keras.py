"""Write the ONNX files of tests/data/onnx that Keras and tf2onnx write.

pip install tf2onnx
python tests/support/exported/export_keras.py tests/data/onnx
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf
import tf2onnx
from keras import layers

LATENT = 8


def build_model() -> keras.Model:
    """Return a generator with channels last."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            *(keras.Input((LATENT,)), layers.Dense(4 * 4 * 6), layers.BatchNormalization()),
            *(layers.LeakyReLU(0.2), layers.Reshape((4, 4, 6))),
            *(
                layers.UpSampling2D(2, interpolation="bilinear"),
                layers.Conv2D(4, 3, padding="same"),
            ),
            *(layers.BatchNormalization(), layers.ReLU()),
            layers.Conv2DTranspose(3, 4, 2, padding="same", activation="tanh"),
        ]
    )


def export_all(folder: Path) -> None:
    """Write all files."""
    model = build_model()
    model(tf.zeros([1, LATENT]))
    model.export(folder / "keras-export-free.onnx", format="onnx", verbose=False)
    signature = [tf.TensorSpec([None, LATENT], tf.float32, "z")]
    tf2onnx.convert.from_function(
        tf.function(lambda z: model(z, training=False), input_signature=signature),
        input_signature=signature,
        opset=15,
        output_path=str(folder / "keras-tf2onnx-free-15.onnx"),
    )


if __name__ == "__main__":
    export_all(Path(sys.argv[1]))
