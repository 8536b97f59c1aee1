"""Writes the files beside it, with TensorFlow 2.12 (pip install tensorflow-cpu==2.12.1).

They hold small generators as saved by Keras 2; `pictures.npz` holds their output for `z` and
`label`.
"""

from pathlib import Path

import numpy as np
from tensorflow import keras

kl = keras.layers
HERE = Path(__file__).parent


def filled(model: keras.Model, seed: int = 0) -> keras.Model:
    """With random weights, moving statistics and scales among them."""
    random = np.random.default_rng(seed)
    values = []
    for variable in model.weights:
        name, shape = variable.name, tuple(variable.shape)
        if "gamma" in name or "variance" in name:
            values.append(random.uniform(0.5, 1.5, shape))
        elif "kernel" in name or "embeddings" in name:
            values.append(random.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape))
        else:
            values.append(random.normal(0, 0.2, shape))
    model.set_weights(values)
    return model


def chain() -> keras.Model:
    """With layers of every kind that Keras 2 has its own way with."""
    return keras.Sequential(
        [
            kl.Dense(64, use_bias=False, input_shape=(6,)),
            kl.BatchNormalization(),
            kl.LeakyReLU(),
            kl.Reshape((4, 4, 4)),
            kl.Conv2DTranspose(4, 5, padding="same", use_bias=False),
            kl.BatchNormalization(),
            kl.LeakyReLU(alpha=0.2),
            kl.Dropout(0.3),
            kl.PReLU(shared_axes=[1, 2]),
            kl.SeparableConv2D(4, 3, padding="same", activation="hard_sigmoid"),
            kl.DepthwiseConv2D(3, padding="same"),
            kl.UpSampling2D(interpolation="bilinear"),
            kl.Activation("elu"),
            kl.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
        ]
    )


def conditional() -> keras.Model:
    """With models in it that are used twice, and a ReLU whose settings are NumPy's."""
    z, label = keras.Input((6,)), keras.Input((1,), dtype="int32")
    table = kl.Flatten()(kl.Embedding(5, 6)(label))
    x = kl.Dense(64, activation="relu")(kl.Multiply()([z, table]))
    x = kl.Reshape((4, 4, 4))(x)
    convolution = kl.Conv2D(4, 3, padding="same", input_shape=(4, 4, 4))
    norms = kl.BatchNormalization(), kl.BatchNormalization()
    block = keras.Sequential(
        [convolution, norms[0], kl.ReLU(), kl.Conv2D(4, 3, padding="same"), norms[1]], name="block"
    )
    start = keras.Input((4, 4, 4))
    inner = kl.Conv2D(4, 1)(kl.LayerNormalization(axis=[1, 2, 3])(start))
    again = keras.Model(start, kl.BatchNormalization()(inner), name="again")
    x = again(block(again(kl.Add()([x, block(x)]))))
    x = kl.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh")(x)
    return keras.Model([z, label], x)


def frozen() -> keras.Model:
    """A model that is not trained within another, whose weights are then in another order."""
    inner = chain()
    inner.trainable = False
    z = keras.Input((6,))
    return keras.Model(z, inner(z))


def main() -> None:
    random = np.random.default_rng(1)
    z, label = random.normal(size=(3, 6)).astype(np.float32), np.array([[4], [0], [2]])
    pictures = {"z": z, "label": label}
    for build in (chain, conditional, frozen):
        keras.backend.clear_session()
        model, name = filled(build()), build.__name__
        pictures[name] = model([z, label] if build is conditional else z, training=False).numpy()
        if build is not chain:
            model.save(HERE / f"{name}.keras", save_format="keras_v3")
            model.save(HERE / f"{name}.h5", save_format="h5")
        else:
            model.save_weights(HERE / f"{name}.h5")
            (HERE / f"{name}.json").write_text(model.to_json())
    np.savez_compressed(HERE / "pictures.npz", **pictures)


if __name__ == "__main__":
    main()
