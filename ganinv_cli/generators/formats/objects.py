"""Generators that are objects of a program: Keras models, PyTorch modules and functions."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ganinv_cli.errors import ConfigError, UsageError
from ganinv_cli.generators.formats.python import read_function
from ganinv_cli.generators.formats.torch_module import is_module, read_module
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.settings.conventions import WEIGHTS_ONLY, Conventions

LAYERS = frozenset({*WEIGHTS_ONLY, "trust"} - {"labels"})


class ObjectKind(NamedTuple):
    """A kind of object."""

    title: str
    recognises: Callable[[Any], bool]
    read: Callable[[Any, Conventions], Definition]
    known: frozenset[str]  # settings that the object has in itself


def _is_model(source: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(source, keras.Model)


def _read_model(model: Any, conventions: Conventions) -> Definition:
    from ganinv_cli.generators.formats.keras import read_model  # which imports Keras

    return read_model(model, conventions)


def _read_module(module: Any, conventions: Conventions) -> Definition:
    return read_module(module, conventions.labels or 0, conventions)


def _read_function(function: Any, conventions: Conventions) -> Definition:
    if not conventions.latent_shape:
        raise ConfigError("give the size or the shape of z, e.g. load(function, latent=100)")
    return read_function(function, conventions.labels or 0, conventions)


KINDS = (  # an object is of the first that recognises it
    ObjectKind("Keras model", _is_model, _read_model, LAYERS | {"labels"}),
    ObjectKind("module", is_module, _read_module, LAYERS),
    ObjectKind("function", callable, _read_function, LAYERS),
)


def read_object(source: Any, conventions: Conventions) -> Definition:
    """Return an object as a generator.

    Raises UsageError if it is of another kind, ConfigError for a setting that it has in itself.
    """
    if isinstance(source, Mapping):
        raise UsageError(
            "a state dict is weights alone; give the module itself, or save it, "
            "torch.save(weights, 'netG.pt'), and give that file"
        )
    for kind in KINDS:
        if kind.recognises(source):
            given = {name for name in vars(conventions) if conventions.is_given(name)}
            if unused := kind.known & given:
                names = " and ".join(sorted(unused))
                raise ConfigError(f"leave out {names}: a {kind.title} says it")
            return kind.read(source, conventions)
    raise UsageError(
        f"a {type(source).__name__} is not a generator; give a path, a torch.nn.Module, a "
        "Keras model, or a function of a tf.Tensor"
    )
