"""Generators that Keras 1, 2 or 3 saved, read without Keras: config and weights are data.

.keras, .h5 and .weights.h5. Each layer is translated to ours; one that is not known is refused, and
nothing that a file holds is run.
"""

import json
from pathlib import Path

from ganinv_cli.formats.keras import files as keras_files
from ganinv_cli.formats.keras.config import Model, parsed
from ganinv_cli.formats.keras.graph import network, refuse_unknown
from ganinv_cli.formats.keras.settings import UntranslatedError
from ganinv_cli.formats.keras.weights import ROOTS, ByClass, ByName, Finder, Weights
from ganinv_cli.formats.reading import Conventions, Found


def read(path: Path, conventions: Conventions) -> Found:
    """The generator of a file, or of a file of weights with its config beside it.

    What is not known of a model is left to Keras where the file is trusted.
    Raises UnreadableError.
    """
    try:
        with keras_files.found(path) as stored:
            return _read(path, stored)
    except UntranslatedError:
        if not conventions.trust:
            raise
    from ganinv_cli.formats.keras import trusted  # in the body: it loads Keras

    return trusted.read(path)


def _read(path: Path, stored: keras_files.Stored) -> Found:
    model = parsed(stored.config)
    refuse_unknown(model)
    version = _version(stored)
    made, assumed = network(model, Weights(_finder(stored, model)), int(version))
    return Found(
        network=made,
        format=f"Keras {version} ({stored.ending})",
        layout=model.kind,
        path=str(path),
        ignored=_ignored(stored),
        assumed=assumed,
    )


def _finder(stored: keras_files.Stored, model: Model) -> Finder:
    if any(stored.weights.group(root) for root in ROOTS):
        return ByClass(stored.weights, model)
    return ByName(stored.weights, model)


def _version(stored: keras_files.Stored) -> str:
    """The first number of Keras's, from the file, the metadata or the config."""
    told: object = stored.version
    for text in (stored.version, stored.config):
        try:
            about = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(about, dict) and "keras_version" in about:
            told = about["keras_version"]
            break
    first = str(told)[:1]
    if first in ("1", "2", "3"):
        return first
    return "3" if '"module"' in stored.config else "2"


def _ignored(stored: keras_files.Stored) -> tuple[str, ...]:
    """Names in the file that are not the model's, such as the state of an optimizer."""
    known = {*ROOTS, "vars", "top_level_model_weights", *stored.weights.texts("layer_names")}
    return tuple(sorted({*stored.around, *stored.weights.names} - known))
