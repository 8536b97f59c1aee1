"""The output of a training run: a generator in checkpoint layout C and a sheet of samples."""

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.files import encode_png, make_folder, replace_file
from ganinv_cli.formats import read
from ganinv_cli.formats.tensorflow.checkpoint_files import write_checkpoint
from ganinv_cli.inspection.render import draw_overview
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.training import networks
from ganinv_cli.training.folder import explain_write_errors
from ganinv_cli.training.settings import TrainingSettings

CALIBRATION_BATCHES = 64


def write_newest(
    folder: Path, step: int, weights: networks.Parameters, settings: TrainingSettings
) -> Path:
    """Write the averaged generator after `step` steps and its sheet; remove the previous one.

    Training does not run the averaged weights, so their batch statistics are measured here. A sheet
    has the images of the same latent vectors at every step. Raises GaninvError if the folder cannot
    be written.
    """
    statistics = _calibrate_statistics(weights, settings)
    arrays = {name: np.asarray(value) for name, value in {**weights, **statistics}.items()}
    prefix = folder / f"DCGAN.model-{step}"
    with explain_write_errors(folder):
        write_checkpoint(prefix, arrays)
        sheet = encode_png(draw_overview(make_generator(read(prefix)), settings.seed))
        for old in folder.glob("DCGAN.model-*"):  # not before, as a diverged one cannot be read
            if old.stem != prefix.name:
                old.unlink()
        replace_file(make_folder(folder / "samples") / f"{step:06d}.png", sheet)
    return prefix


def copy_checkpoint(prefix: Path, folder: Path) -> None:
    """Copy the files of a checkpoint into another folder."""
    for part in prefix.parent.glob(f"{prefix.name}.*"):
        shutil.copy2(part, make_folder(folder) / part.name)


def _calibrate_statistics(
    weights: networks.Parameters, settings: TrainingSettings
) -> dict[str, tf.Tensor]:
    """Return the mean of the batch statistics over CALIBRATION_BATCHES batches of new z."""
    run = tf.function(lambda z: networks.generate(weights, z, tf.float32)[1])
    totals: dict[str, tf.Tensor] = {}
    shape = [settings.batch_size, settings.latent]
    for number in range(CALIBRATION_BATCHES):
        moments = run(tf.random.stateless_uniform(shape, [settings.seed, number], -1, 1))
        for name, value in moments.items():
            totals[name] = totals.get(name, 0.0) + value / CALIBRATION_BATCHES
    return totals
