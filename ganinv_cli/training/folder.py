"""The folder of a training run: it holds one run, and one process at a time writes there."""

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import ConfigError, GaninvError
from ganinv_cli.files import make_folder, replace_file
from ganinv_cli.store import lock
from ganinv_cli.training.settings import TrainingSettings

DESCRIPTION_NAME = "training.json"
PATTERN_CHARACTERS = set("*?[\\")  # TensorFlow reads a path with one of these as a pattern
MESSAGE_WRAPPING = re.compile(
    r"\{\{.*?\}\} ?| ?\[Op:.*|\n.*", re.DOTALL
)  # parts of TensorFlow's messages to leave out


@contextlib.contextmanager
def claim_folder(folder: Path, settings: TrainingSettings, images: np.ndarray) -> Iterator[None]:
    """Lock the folder, and write the run's settings to `training.json` or check them against it.

    Only `steps` may differ. Raises ConfigError if the folder is a file, has an unusable name or
    holds another run, ResultsError if another process has locked it, GaninvError if it cannot be
    written.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; name a folder with --out")
    if PATTERN_CHARACTERS & set(str(folder)):
        raise ConfigError(f"{folder} has one of * ? [ \\ in its name; name another --out")
    with explain_write_errors(folder):
        make_folder(folder)
    with lock.hold_lock(folder / DESCRIPTION_NAME):
        _write_or_check_description(folder, _make_description(settings, images))
        yield


@contextlib.contextmanager
def explain_write_errors(folder: Path) -> Iterator[None]:
    """Turn an error in writing to `folder` into a GaninvError."""
    try:
        yield
    except OSError as error:
        raise _write_error(folder, error.strerror or str(error)) from error
    except tf.errors.OpError as error:
        raise _write_error(folder, MESSAGE_WRAPPING.sub("", error.message)) from error


def _write_error(folder: Path, reason: str) -> GaninvError:
    return GaninvError(
        f"{folder} cannot be written ({reason}); free some space or allow writing and "
        "run the same command again, or name another --out"
    )


def _make_description(settings: TrainingSettings, images: np.ndarray) -> dict[str, Any]:
    description: dict[str, Any] = dataclasses.asdict(settings)
    description["augment"] = list(settings.augment)
    description["images"] = len(images)
    description["images_sha256"] = hashlib.sha256(images.tobytes()).hexdigest()
    del description["steps"]
    return description


def _write_or_check_description(folder: Path, description: dict[str, Any]) -> None:
    path = folder / DESCRIPTION_NAME
    if not path.exists():
        with explain_write_errors(folder):
            replace_file(path, (json.dumps(description, indent=2) + "\n").encode())
        return
    other = _read_description(path)
    differing = sorted(key for key in description if other.get(key) != description[key])
    if differing:
        raise ConfigError(
            f"{folder} holds a training run with another {', '.join(differing)}; "
            "name another --out, or delete the folder"
        )


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"{path} cannot be read ({reason}); restore it, or name another --out"
        ) from error
    if not isinstance(description, dict):
        raise ConfigError(
            f"{path} is not what ganinv wrote there; restore it, or name another --out"
        )
    return description
