"""The training loop: alternate discriminator and generator steps, save, continue after a stop.

Every random number is a function of (seed, step), so an interrupted run continues with the same
numbers as an uninterrupted one.
"""

import math
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import ConfigError, explain_failures
from ganinv_cli.files import check_writable, explain_write_errors
from ganinv_cli.precision import require_fast_dtype
from ganinv_cli.training import networks
from ganinv_cli.training.augment import augment_images
from ganinv_cli.training.run_folder import (
    claim_folder,
    copy_checkpoint,
    write_newest,
)
from ganinv_cli.training.settings import TrainingSettings


class TrainingProgress(NamedTuple):
    """The state of a run after a step, for display."""

    step: int
    steps: int
    generator_loss: float  # nats
    discriminator_loss: float  # nats
    images_per_second: float  # real images, since the first step of the process; 0 at that
    seconds_left: float  # NaN at the first step
    saved: Path | None  # the checkpoint's prefix, if one was written at this step


class _TrainingState(NamedTuple):
    generator: dict[str, tf.Variable]
    discriminator: dict[str, tf.Variable]
    averaged: dict[str, tf.Variable]  # the generator's weights, averaged over the steps
    generator_adam: tf.keras.optimizers.Optimizer
    discriminator_adam: tf.keras.optimizers.Optimizer
    step: tf.Variable


def check_precision(settings: TrainingSettings) -> None:
    """Raise ConfigError if this machine cannot train in the precision."""
    has_gpu = bool(tf.config.list_logical_devices("GPU"))
    require_fast_dtype(settings.precision, settings.precision, has_gpu)


def train_generator(
    images: np.ndarray,
    settings: TrainingSettings,
    folder: Path,
    keep_every: int | None = None,
    save_seconds: float = 180.0,
    on_start: Callable[[int], None] = lambda steps: None,
) -> Generator[TrainingProgress, None, None]:
    """Train on uint8 images (n, size, size, channels); yield after every step.

    Writes into `folder`: the averaged generator as `DCGAN.model-STEP` (layout C, the newest only),
    a sheet of samples for each in `samples/`, every `keep_every` steps a copy in `kept/`, and in
    `state/` the state to continue from. Closing or interrupting the generator saves the last step.
    `on_start` is called with the number of steps done before.
    Raises ConfigError if the folder holds another run, ResultsError if another process has locked
    it, GaninvError if it cannot be written.
    """
    with claim_folder(folder, settings, images):
        model = _initialize_state(settings)
        saver = _restore_latest(model, folder)
        take_step = _compile_step(model, settings, images)

        def save() -> Path:
            done = int(model.step)
            saved = write_newest(folder, done, model.averaged, settings)
            with explain_write_errors(folder):
                if keep_every and done % keep_every == 0:
                    copy_checkpoint(saved, folder / "kept")
                saver.save()  # last: a run killed before this repeats the steps since the last save
            return saved

        started = saved_at = time.monotonic()
        first = saved_step = int(model.step)
        if first < settings.steps:
            check_writable(folder)
            on_start(first)
        try:
            for step in range(first, settings.steps):
                indices = tf.constant(_batch_indices(step, len(images), settings))
                of_generator, of_discriminator = map(float, take_step(indices, tf.constant(step)))
                done, saved = step + 1, None
                due = time.monotonic() - saved_at > save_seconds or done == settings.steps
                if due or (keep_every and done % keep_every == 0):
                    saved, saved_at, saved_step = save(), time.monotonic(), done
                timed = step - first
                if not timed:  # the first step has compiled the others
                    started = time.monotonic()
                per_step = (time.monotonic() - started) / timed if timed else math.nan
                rate = settings.batch_size / per_step if timed else 0.0
                left = (settings.steps - done) * per_step
                yield TrainingProgress(
                    done, settings.steps, of_generator, of_discriminator, rate, left, saved
                )
        except (KeyboardInterrupt, GeneratorExit):
            if int(model.step) > saved_step:
                save()
            raise


def _restore_latest(model: _TrainingState, folder: Path) -> tf.train.CheckpointManager:
    state = tf.train.Checkpoint(**model._asdict())
    damage = (tf.errors.OpError, ValueError, IndexError)  # the last: of a truncated file
    advice = "restore it, or delete the folder to train anew"
    with explain_failures(f"{folder / 'state'} is damaged", advice, ConfigError, damage):
        saver = tf.train.CheckpointManager(state, str(folder / "state"), max_to_keep=1)
        restored = saver.restore_or_initialize()
        if restored is None and (folder / "state" / "checkpoint").exists():  # TensorFlow only warns
            raise ValueError("checkpoint cannot be read")
    return saver


def _initialize_state(settings: TrainingSettings) -> _TrainingState:
    seed = 2 * settings.seed
    generator = networks.initialize_parameters(networks.generator_shapes(settings), seed)
    shapes = networks.discriminator_shapes(settings)
    discriminator = networks.initialize_parameters(shapes, seed + 1)
    averaged = {name: tf.Variable(value) for name, value in generator.items()}
    adams = []
    for variables in (generator, discriminator):
        adam = tf.keras.optimizers.Adam(settings.learning_rate, beta_1=settings.beta_1)
        adam.build(list(variables.values()))
        adams.append(adam)
    step = tf.Variable(0, dtype=tf.int64)
    return _TrainingState(generator, discriminator, averaged, adams[0], adams[1], step)


def _batch_indices(step: int, count: int, settings: TrainingSettings) -> np.ndarray:
    """Return the indices (batch,) of the images of a step; each epoch has every image once."""
    first = step * settings.batch_size
    positions = np.arange(first, first + settings.batch_size)
    orders = {
        epoch: np.random.default_rng([settings.seed, epoch]).permutation(count)
        for epoch in np.unique(positions // count).tolist()
    }
    return np.array([orders[place // count][place % count] for place in positions.tolist()])


def _compile_step(
    model: _TrainingState, settings: TrainingSettings, images: np.ndarray
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    precision = tf.as_dtype(settings.precision)
    pictures = tf.constant(images)

    def make_seed(step: tf.Tensor, stream: int) -> tf.Tensor:
        """Return a seed (2,); streams are ten apart, so that each augmentation has its own seed."""
        return tf.stack([settings.seed * 1000 + stream * 10, step])

    def generate_fakes(step: tf.Tensor, stream: int) -> tf.Tensor:
        shape = [settings.batch_size, settings.latent]
        z = tf.random.stateless_uniform(shape, make_seed(step, stream), -1, 1)
        return networks.generate(model.generator, z, precision)[0]

    def discriminate(batch: tf.Tensor, step: tf.Tensor, stream: int) -> tf.Tensor:
        batch = augment_images(batch, make_seed(step, stream), settings.augment)
        return networks.logits(model.discriminator, batch, precision)

    def gather_reals(indices: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        real = tf.cast(tf.gather(pictures, indices), tf.float32) / 127.5 - 1
        if settings.flip:
            shape = [settings.batch_size, 1, 1, 1]
            coin = tf.random.stateless_uniform(shape, make_seed(step, 1))
            real = tf.where(coin < 0.5, real, tf.reverse(real, [2]))
        return real

    def loss(label: float, logits: tf.Tensor) -> tf.Tensor:
        labels = tf.fill(tf.shape(logits), label)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))

    def descend(tape: Any, loss: tf.Tensor, parameters: Any, adam: Any) -> None:
        variables = list(parameters.values())
        adam.apply(tape.gradient(loss, variables), variables)

    @tf.function
    def take_step(indices: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        fake = generate_fakes(step, 2)
        with tf.GradientTape() as tape:
            on_real = discriminate(gather_reals(indices, step), step, 3)
            on_fake = discriminate(fake, step, 4)
            discriminator_loss = loss(1.0, on_real) + loss(0.0, on_fake)
        descend(tape, discriminator_loss, model.discriminator, model.discriminator_adam)
        with tf.GradientTape() as tape:
            generator_loss = loss(1.0, discriminate(generate_fakes(step, 5), step, 6))
        descend(tape, generator_loss, model.generator, model.generator_adam)
        _update_average(model, settings.average)
        return generator_loss, discriminator_loss

    return take_step  # type: ignore[no-any-return]


def _update_average(model: _TrainingState, average: float) -> None:
    """Move the average of the weights after a step, by 1 − average.

    It follows faster at first, as if it had seen only the steps taken so far.
    """
    model.step.assign_add(1)
    steps_done = tf.cast(model.step, tf.float32)
    decay = tf.minimum(average, (1 + steps_done) / (10 + steps_done))
    for name, value in model.generator.items():
        model.averaged[name].assign(decay * model.averaged[name] + (1 - decay) * value)
