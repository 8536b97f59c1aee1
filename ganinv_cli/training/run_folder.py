"""The folder of a training run: settings, the generator in layout C, and sheets of samples.

It holds one run, and one process at a time writes there.
"""

import contextlib
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import DAMAGE_ERRORS, ConfigError, explain_failures
from ganinv_cli.files import TRAINING, encode_png, explain_write_errors, make_folder, replace_file
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.tensorflow.checkpoint_files import write_checkpoint
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inspection.render_pictures import draw_contact_sheet
from ganinv_cli.inversion.objective.ground_truth import draw_true_z
from ganinv_cli.lock import hold_lock
from ganinv_cli.training import networks
from ganinv_cli.training.settings import TrainingSettings

CALIBRATION_BATCHES = 64
SHEET_SIDE = 8  # pictures per row and column
PATTERN_CHARACTERS = set("*?[\\")  # TensorFlow reads a path with one of these as a pattern


@contextlib.contextmanager
def claim_folder(folder: Path, settings: TrainingSettings, images: np.ndarray) -> Iterator[None]:
    """Lock the folder, and write the run's settings to `training.json` or check them against it.

    Only `steps` may differ. Raises ConfigError if the folder has an unusable name or holds another
    run, ResultsError if another process has locked it, GaninvError if it cannot be written.
    """
    if PATTERN_CHARACTERS & set(str(folder)):
        raise ConfigError(f"{folder} has one of * ? [ \\ in its name; name another --out")
    with explain_write_errors(folder):
        make_folder(folder)
    with hold_lock(folder / TRAINING):
        _write_or_check_description(folder, _make_description(settings, images))
        yield


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
        generator = make_generator(read(prefix))
        z = draw_true_z(generator, settings.seed, np.arange(SHEET_SIDE**2))
        sheet = encode_png(draw_contact_sheet(generator, z, None, SHEET_SIDE))
        for old in folder.glob("DCGAN.model-*"):  # not before, as a diverged one cannot be read
            if old.stem != prefix.name:
                old.unlink()
        replace_file(folder / "samples" / f"{step:06d}.png", sheet)
    return prefix


def copy_checkpoint(prefix: Path, folder: Path) -> None:
    """Copy the files of a checkpoint into another folder."""
    for part in prefix.parent.glob(f"{prefix.name}.*"):
        shutil.copy2(part, make_folder(folder) / part.name)


def _make_description(settings: TrainingSettings, images: np.ndarray) -> dict[str, Any]:
    description: dict[str, Any] = dataclasses.asdict(settings)
    description["augment"] = list(settings.augment)
    description["images"] = len(images)
    description["images_sha256"] = hashlib.sha256(images.tobytes()).hexdigest()
    del description["steps"]
    return description


def _write_or_check_description(folder: Path, description: dict[str, Any]) -> None:
    path = folder / TRAINING
    if not path.exists():
        if [*folder.glob("DCGAN.model-*"), *folder.glob("checkpoint")]:
            raise ConfigError(f"{folder} holds a checkpoint of another run; name another --out")
        with explain_write_errors(folder):
            replace_file(path, (json.dumps(description, indent=2) + "\n").encode())
        return
    advice = "restore it, or name another --out"
    with explain_failures(f"{path} cannot be read", advice, ConfigError, DAMAGE_ERRORS):
        other = dict(json.loads(path.read_bytes()))
    differing = sorted(key for key in description if other.get(key) != description[key])
    if differing:
        raise ConfigError(
            f"{folder} holds a training run with another {', '.join(differing)}; "
            "name another --out, or delete the folder"
        )


def _calibrate_statistics(
    weights: networks.Parameters, settings: TrainingSettings
) -> dict[str, tf.Tensor]:
    run = tf.function(lambda z: networks.generate(weights, z, tf.float32)[1])
    totals: dict[str, tf.Tensor] = {}
    shape = [settings.batch_size, settings.latent]
    for number in range(CALIBRATION_BATCHES):
        moments = run(tf.random.stateless_uniform(shape, [settings.seed, number], -1, 1))
        for name, value in moments.items():
            totals[name] = totals.get(name, 0.0) + value / CALIBRATION_BATCHES
    return totals
