"""Generators that Keras 1, 2 or 3 saved, read without Keras: config and weights are data.

.keras, .h5 and .weights.h5. Each layer is translated to ours; one that is not known is refused, and
nothing that a file holds is run.
"""

import json
from pathlib import Path

from ganinv_cli.formats.interface import UnfinishedGenerator
from ganinv_cli.formats.keras import files as keras_files
from ganinv_cli.formats.keras.config import Model, parse_config
from ganinv_cli.formats.keras.layer_settings import UntranslatedError
from ganinv_cli.formats.keras.translate import refuse_unknown, translate_model
from ganinv_cli.formats.keras.weights import (
    ROOT_GROUPS,
    LayoutByClass,
    LayoutByName,
    WeightLayout,
    Weights,
)
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """The generator of a file, or of a file of weights with its config beside it.

    What is not known of a model is left to Keras where the file is trusted.
    Raises UnreadableError.
    """
    try:
        with keras_files.open_keras_file(path) as stored:
            return _translate_file(path, stored)
    except UntranslatedError:
        if not conventions.trust:
            raise
    from ganinv_cli.formats.keras import trace  # in the body: it loads Keras

    return trace.read(path)


def _translate_file(path: Path, file: keras_files.KerasFile) -> UnfinishedGenerator:
    model = parse_config(file.config)
    refuse_unknown(model)
    version = _read_version(file)
    generator, assumed = translate_model(model, Weights(_choose_layout(file, model)), int(version))
    return UnfinishedGenerator(
        network=generator,
        format=f"Keras {version} ({file.file_type})",
        layout=model.kind,
        path=str(path),
        ignored=_list_ignored_names(file),
        assumed=assumed,
    )


def _choose_layout(file: keras_files.KerasFile, model: Model) -> WeightLayout:
    if any(file.weights.find_group(root) for root in ROOT_GROUPS):
        return LayoutByClass(file.weights, model)
    return LayoutByName(file.weights, model)


def _read_version(file: keras_files.KerasFile) -> str:
    """The first number of Keras's, from the file, the metadata or the config."""
    version: object = file.version
    for text in (file.version, file.config):
        try:
            metadata = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(metadata, dict) and "keras_version" in metadata:
            version = metadata["keras_version"]
            break
    first = str(version)[:1]
    if first in ("1", "2", "3"):
        return first
    return "3" if '"module"' in file.config else "2"


def _list_ignored_names(file: keras_files.KerasFile) -> tuple[str, ...]:
    """Names in the file that are not the model's, such as the state of an optimizer."""
    known = {
        *ROOT_GROUPS,
        "vars",
        "top_level_model_weights",
        *file.weights.read_texts("layer_names"),
    }
    return tuple(sorted({*file.other_names, *file.weights.names} - known))
