"""Generators that are objects of a running program: a Keras model, or a TensorFlow function."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ganinv_cli.formats.boundary import explain_reading_errors
from ganinv_cli.formats.complete import complete_generator
from ganinv_cli.formats.interface import UnfinishedGenerator
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.settings.conventions import Conventions

_ADVICE = "; correct it"


def read_keras_model(model: Any, conventions: Conventions) -> Checkpoint:
    """Return a Keras model as a generator of layers, or of operations if a layer is unknown.

    Raises CheckpointError if it is not a generator of images, ConfigError for a wrong convention.
    """
    from ganinv_cli.formats.keras.translate import translate_or_trace

    name = f"the Keras model {model.name}"
    with explain_reading_errors(name, "a generator"):
        network, layout, assumed = translate_or_trace(model)
        generator = UnfinishedGenerator(network, "Keras", layout, name, assumed=assumed)
        return complete_generator(generator, conventions)


def read_function(
    function: Callable[..., Any], latent: int, labels: int, conventions: Conventions
) -> Checkpoint:
    """Return a function of TensorFlow tensors as a generator.

    It takes z (batch, latent) float32 and, if there are `labels`, label (batch,) int32, and returns
    images (batch, height, width, channels). Raises as `read_keras_model` does.
    """
    from ganinv_cli.formats.traced.user_code import explain_errors, trace_user_function

    name = f"the function {getattr(function, '__name__', type(function).__name__)}"
    with explain_reading_errors(name, "a generator"):
        explain = partial(explain_errors, "fails", _ADVICE)
        network = trace_user_function(function, latent, labels, explain)
        generator = UnfinishedGenerator(network, "Python", "traced", name)
        return complete_generator(generator, conventions)
