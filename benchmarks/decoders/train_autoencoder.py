"""Train the small autoencoder that ships: 4 x 4 x 8 latents, pictures of 32 x 32 pixels.

A variational autoencoder whose posterior has a fixed deviation, of convolutions alone. The same
command goes on where it stopped.

    python -m benchmarks.decoders.train_autoencoder portraits/ --out checkpoints/autoencoder32 \\
        --exclude checkpoints/faces32/held-out.txt
"""

from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf

from ganinv_cli.training.square_images import SquareCrop, load_images

SIZE, MARGIN = 32, 4  # of a picture, and around it, which random crops take from
CROP = SquareCrop(0.72 * (SIZE + 2 * MARGIN) / SIZE, (0.5, 0.40))
CHANNELS = 8  # of z
POSTERIOR, PIXEL = 0.1, 0.1  # standard deviations of z given a picture, of a pixel given z
BATCH, EPOCH = 64, 200  # pictures of a step, and steps between saved models
RATE = 1e-3


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--exclude", type=click.Path(path_type=Path), help="Names to leave out, a line each.")
@click.option("--steps", default=16_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(source: Path, out: Path, exclude: Path | None, steps: int, seed: int) -> None:
    """Train on a folder of pictures; write encoder.keras and decoder.keras."""
    excluded = exclude.read_text("utf-8").split() if exclude else []
    pixels = load_images(source, SIZE + 2 * MARGIN, 3, CROP, excluded) / np.float32(127.5) - 1
    keras.utils.set_random_seed(seed)
    encoder, decoder = make_encoder(), make_decoder()
    model = _Autoencoder(encoder, decoder)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)))
    model(tf.zeros((1, SIZE, SIZE, 3)))  # which builds it
    out.mkdir(parents=True, exist_ok=True)

    def save(*_: object) -> None:
        for name, network in (("encoder", encoder), ("decoder", decoder)):
            network.save(out / f"{name}.keras")

    callbacks = [
        keras.callbacks.BackupAndRestore(out / "backup"),
        keras.callbacks.LambdaCallback(on_epoch_end=save),
    ]
    epochs = -(-steps // EPOCH)
    batches = _make_batches(pixels, seed)
    model.fit(batches, epochs=epochs, steps_per_epoch=EPOCH, callbacks=callbacks, verbose=2)


def make_encoder() -> keras.Model:
    """Return pictures (n, 32, 32, 3) in [-1, 1] -> z (n, 4, 4, 8)."""
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = _convolve(picture, 24)
    for filters in (32, 48, 64):
        x = _convolve(x, filters, strides=2)
    x = _convolve(x, 64)
    return keras.Model(picture, keras.layers.Conv2D(CHANNELS, 1, name="z")(x), name="encoder")


def make_decoder() -> keras.Model:
    """Return z (n, 4, 4, 8) -> pictures (n, 32, 32, 3), which no last function bounds."""
    z = keras.Input((SIZE // 8, SIZE // 8, CHANNELS), name="z")
    x = _convolve(_convolve(z, 64), 64)
    for filters in (48, 32, 24):
        x = _convolve(_convolve(keras.layers.UpSampling2D()(x), filters), filters)
    picture = keras.layers.Conv2D(3, 3, padding="same", name="picture")(x)
    return keras.Model(z, picture, name="decoder")


def _convolve(x: tf.Tensor, filters: int, strides: int = 1) -> tf.Tensor:
    return keras.layers.Conv2D(filters, 3, strides, "same", activation="leaky_relu")(x)


class _Autoencoder(keras.Model):
    """Minus the evidence lower bound, up to a constant, per picture."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.rmse = keras.metrics.RootMeanSquaredError("rmse")  # of values in [-1, 1]

    def call(self, pictures: tf.Tensor) -> tf.Tensor:
        return self.decoder(self.encoder(pictures))

    def train_step(self, pictures: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            z = self.encoder(pictures)
            noisy = z + POSTERIOR * tf.random.normal(tf.shape(z))
            made = self.decoder(noisy)
            error = tf.reduce_sum((made - pictures) ** 2, (1, 2, 3)) / (2 * PIXEL**2)
            loss = tf.reduce_mean(error + tf.reduce_sum(z**2, (1, 2, 3)) / 2)
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.rmse.update_state(pictures, made)
        deviation = tf.math.reduce_std(z)
        return {"loss": loss, "rmse": self.rmse.result(), "deviation": deviation}

    @property
    def metrics(self) -> list[keras.Metric]:
        return [self.rmse]


def _make_batches(pixels: np.ndarray, seed: int) -> tf.data.Dataset:
    """Return random crops of random pictures, half of them mirrored, without an end."""

    def crop(picture: tf.Tensor) -> tf.Tensor:
        square = tf.image.random_crop(picture, (SIZE, SIZE, 3))
        return tf.image.random_flip_left_right(square)

    pictures = tf.data.Dataset.from_tensor_slices(pixels).repeat()
    return pictures.shuffle(len(pixels), seed).map(crop).batch(BATCH, drop_remainder=True)


if __name__ == "__main__":
    main()
