"""Read generators that Keras 2 or 3 saved: .keras, .h5 and .weights.h5.

`vet` rebuilds the config from classes that only compute, `load_model` lets Keras build the model,
and `trace_model` makes operations of it. No code in a file is run.
"""

from pathlib import Path
from typing import Any

from ganinv_cli.generators.formats.boundary import explain_reading_errors
from ganinv_cli.generators.formats.complete import complete_generator
from ganinv_cli.generators.formats.interface import UnfinishedGenerator
from ganinv_cli.generators.formats.keras.load_model import load_model
from ganinv_cli.generators.formats.keras.trace_model import trace_model
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a file, or of a file of weights with its config beside it."""
    model, name, ignored = load_model(path)
    return trace_model(model, conventions, name, str(path), ignored)


def read_model(model: Any, conventions: Conventions) -> Definition:
    """Return a Keras model as a generator.

    Raises CheckpointError if it is not a generator of images, ConfigError for a wrong convention.
    """
    name = f"the Keras model {model.name}"
    with explain_reading_errors(name, "a generator"):
        return complete_generator(trace_model(model, conventions, "Keras", name), conventions)
