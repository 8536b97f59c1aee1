"""Generators in Python: a file that is run if it is trusted, or a function.

The file defines `LATENT`, and `generate(z)` of TensorFlow tensors; for labels, `LABELS` and
`generate(z, label)`. `LATENT` is a number, or a shape. `PRIOR` is optional. The function is
traced, so workers do not need the file.
"""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganinv_cli.generators.formats.boundary import explain_reading_errors
from ganinv_cli.generators.formats.complete import complete_generator
from ganinv_cli.generators.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.generators.formats.user_code import explain_errors, run_beside, trace_user_function
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.settings.conventions import Conventions

ADVICE = "; correct the file (-v shows the line)"


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator that a Python file defines. Raises UnreadableError."""
    if not conventions.trust:
        raise UnreadableError(
            "is a Python file, which must be run to get its generator; --trust runs it"
        )
    with run_beside(path):
        with explain_errors("does not run", ADVICE):
            names = runpy.run_path(str(path.absolute()))
        if not callable(names.get("generate")) or "LATENT" not in names:
            raise UnreadableError(
                "does not define both generate and LATENT; define a function generate(z) of "
                "TensorFlow tensors, and LATENT = 100 for 100 values in z"
            )
        with explain_errors("has a wrong LATENT or LABELS", ADVICE):
            latent, labels = names["LATENT"], int(names.get("LABELS", 0))
            shape = tuple(map(int, latent if isinstance(latent, tuple | list) else [latent]))
        failure = ("has a generate that fails", ADVICE)
        network = trace_user_function(names["generate"], shape, labels, *failure)
    prior = str(names.get("PRIOR", ""))
    return UnfinishedGenerator(network, "Python", "traced", str(path), prior=prior)


def read_function(
    function: Callable[..., Any], labels: int, conventions: Conventions
) -> Definition:
    """Return a function of TensorFlow tensors as a generator.

    It takes z (batch, *shape) float32, of the shape that is given, and, if there are `labels`,
    label (batch,) int32, and returns images (batch, height, width, channels). Raises
    CheckpointError if it is not a generator of images, ConfigError for a wrong convention.
    """
    name = f"the function {getattr(function, '__name__', type(function).__name__)}"
    with explain_reading_errors(name, "a generator"):
        shape = conventions.latent_shape
        network = trace_user_function(function, shape, labels, "fails", "; correct it")
        return complete_generator(
            UnfinishedGenerator(network, "Python", "traced", name), conventions
        )
