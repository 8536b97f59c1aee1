"""The training loop: alternate one discriminator and one generator step, save, go on after a stop.

Every random number is a function of (seed, step), so a run that was interrupted and goes on sees
what it would have seen.
"""

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import ConfigError
from ganinv_cli.training import export, networks
from ganinv_cli.training.augment import augmented
from ganinv_cli.training.folder import claimed, writing
from ganinv_cli.training.settings import TrainingSettings


class Progress(NamedTuple):
    """Where a run stands after a step."""

    step: int
    steps: int
    generator_loss: float  # nats
    discriminator_loss: float  # nats
    images_per_second: float  # real images, since the process started
    saved: Path | None  # the checkpoint's prefix, when one was written at this step


class _Model(NamedTuple):
    generator: dict[str, tf.Variable]
    discriminator: dict[str, tf.Variable]
    averaged: dict[str, tf.Variable]  # the generator's weights, averaged over the steps
    moving: dict[str, tf.Variable]  # the generator's batch statistics, decay .9
    generator_adam: tf.keras.optimizers.Optimizer
    discriminator_adam: tf.keras.optimizers.Optimizer
    step: tf.Variable


def train(
    images: np.ndarray,
    settings: TrainingSettings,
    folder: Path,
    keep_every: int | None = None,
    save_seconds: float = 180.0,
) -> Generator[Progress, None, None]:
    """Train on uint8 images (n, size, size, channels); yield after every step.

    Writes into `folder`: the averaged generator as `DCGAN.model-STEP` (layout C, the newest only),
    a sample sheet beside each in `samples/`, every `keep_every` steps a copy in `kept/`, and in
    `state/` what it needs to go on. Close it, or interrupt it, and what was trained since is saved.
    Raises ConfigError where the folder holds another run, ResultsError where another process holds
    the folder, GaninvError where the disk refuses.
    """
    with claimed(folder, settings, images):
        model = _initial(settings)
        saver = _restored(model, folder)
        take_step = _compiled(model, settings, images)

        def save() -> Path:
            done = int(model.step)
            saved = export.newest(
                folder, done, model.generator, model.averaged, model.moving, settings
            )
            with writing(folder):
                if keep_every and done % keep_every == 0:
                    export.keep(saved, folder / "kept")
                saver.save()  # last: a run killed before this repeats all of it
            return saved

        started, first = time.monotonic(), int(model.step)
        saved_at, saved_step = started, first
        try:
            for step in range(first, settings.steps):
                losses = take_step(
                    tf.constant(_batch(step, len(images), settings)), tf.constant(step)
                )
                done, saved = step + 1, None
                due = time.monotonic() - saved_at > save_seconds or done == settings.steps
                if due or (keep_every and done % keep_every == 0):
                    saved, saved_at, saved_step = save(), time.monotonic(), done
                rate = (done - first) * settings.batch_size / (time.monotonic() - started)
                yield Progress(
                    done, settings.steps, float(losses[0]), float(losses[1]), rate, saved
                )
        except (KeyboardInterrupt, GeneratorExit):
            if int(model.step) > saved_step:
                save()
            raise


def _restored(model: _Model, folder: Path) -> tf.train.CheckpointManager:
    """What saves the model; the model is now the one saved last, if there is one."""
    saver = tf.train.CheckpointManager(
        tf.train.Checkpoint(**model._asdict()), str(folder / "state"), max_to_keep=1
    )
    try:
        saver.restore_or_initialize()
    except (tf.errors.OpError, ValueError, IndexError) as error:  # the last: a file cut short
        raise ConfigError(
            f"{folder / 'state'} is damaged ({str(error).splitlines()[0]}); "
            "delete the folder to train anew"
        ) from error
    return saver


def _initial(settings: TrainingSettings) -> _Model:
    generator_shapes = networks.generator_shapes(
        settings.size, settings.channels, settings.latent, settings.widths
    )
    discriminator_shapes = networks.discriminator_shapes(
        settings.size, settings.channels, settings.widths
    )
    generator = networks.initial(generator_shapes, 2 * settings.seed)
    discriminator = networks.initial(discriminator_shapes, 2 * settings.seed + 1)
    moving = {}
    for number, width in enumerate(settings.widths):
        moving[f"generator/g_bn{number}/moving_mean"] = tf.Variable(tf.zeros(width))
        moving[f"generator/g_bn{number}/moving_variance"] = tf.Variable(tf.ones(width))
    averaged = {name: tf.Variable(value) for name, value in generator.items()}
    adams = []
    for variables in (generator, discriminator):
        adam = tf.keras.optimizers.Adam(settings.learning_rate, beta_1=settings.beta_1)
        adam.build(list(variables.values()))
        adams.append(adam)
    step = tf.Variable(0, dtype=tf.int64)
    return _Model(generator, discriminator, averaged, moving, adams[0], adams[1], step)


def _batch(step: int, count: int, settings: TrainingSettings) -> np.ndarray:
    """Which images step number `step` sees: each epoch shows every image once, in its own order."""
    first = step * settings.batch_size
    places = np.arange(first, first + settings.batch_size)
    orders = {
        epoch: np.random.default_rng([settings.seed, epoch]).permutation(count)
        for epoch in np.unique(places // count).tolist()
    }
    return np.array([orders[place // count][place % count] for place in places.tolist()])


def _compiled(
    model: _Model, settings: TrainingSettings, images: np.ndarray
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    precision = tf.as_dtype(settings.precision)
    pictures = tf.constant(images)

    def seed(step: tf.Tensor, purpose: int) -> tf.Tensor:
        """Ten for each purpose, so that each augmentation has its own."""
        return tf.stack([settings.seed * 1000 + purpose * 10, step])

    def fakes(step: tf.Tensor, purpose: int) -> tuple[tf.Tensor, networks.Moments]:
        shape = [settings.batch_size, settings.latent]
        z = tf.random.stateless_uniform(shape, seed(step, purpose), -1, 1)
        return networks.generate(model.generator, z, precision)

    def judged(shown: tf.Tensor, step: tf.Tensor, purpose: int) -> tf.Tensor:
        shown = augmented(shown, seed(step, purpose), settings.augment)
        return networks.logits(model.discriminator, shown, precision)

    def reals(which: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        real = tf.cast(tf.gather(pictures, which), tf.float32) / 127.5 - 1
        if settings.flip:
            heads = tf.random.stateless_uniform([settings.batch_size, 1, 1, 1], seed(step, 1)) < 0.5
            real = tf.where(heads, real, tf.reverse(real, [2]))
        return real

    @tf.function
    def take_step(which: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        fake, _ = fakes(step, 2)
        with tf.GradientTape() as tape:
            on_real, on_fake = judged(reals(which, step), step, 3), judged(fake, step, 4)
            discriminator_loss = _cross_entropy(on_real, 1.0) + _cross_entropy(on_fake, 0.0)
        _descend(tape, discriminator_loss, model.discriminator, model.discriminator_adam)
        with tf.GradientTape() as tape:
            fake, moments = fakes(step, 5)
            generator_loss = _cross_entropy(judged(fake, step, 6), 1.0)
        _descend(tape, generator_loss, model.generator, model.generator_adam)
        _follow(model, moments, settings.average)
        return generator_loss, discriminator_loss

    return take_step  # type: ignore[no-any-return]


def _cross_entropy(logits: tf.Tensor, label: float) -> tf.Tensor:
    labels = tf.fill(tf.shape(logits), label)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def _descend(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    parameters: dict[str, tf.Variable],
    adam: tf.keras.optimizers.Optimizer,
) -> None:
    variables = list(parameters.values())
    adam.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))


def _follow(model: _Model, moments: networks.Moments, average: float) -> None:
    """Move the averages after a step: batch statistics by .1, weights by 1 − average.

    The weights' average follows faster at first, as if it had seen only the steps taken so far.
    """
    model.step.assign_add(1)
    seen = tf.cast(model.step, tf.float32)
    decay = tf.minimum(average, (1 + seen) / (10 + seen))
    for name, value in model.generator.items():
        model.averaged[name].assign(decay * model.averaged[name] + (1 - decay) * value)
    for norm in moments.mean:
        for statistic, value in (("mean", moments.mean), ("variance", moments.variance)):
            moving = model.moving[f"generator/{norm}/moving_{statistic}"]
            moving.assign(networks.DECAY * moving + (1 - networks.DECAY) * value[norm])
