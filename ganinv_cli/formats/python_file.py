"""Read generators that are functions in a Python file, by running the file; only if it is trusted.

The file defines `LATENT`, and `generate(z)` of TensorFlow tensors; for labels, `LABELS` and
`generate(z, label)`. `PRIOR` is optional. The function is traced, so workers do not need the file.
"""

import runpy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ConfigError, to_printable
from ganinv_cli.formats.detect import FileFacts, Format
from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.prior import parse_prior
from ganinv_cli.settings.conventions import Conventions


class _Definitions(NamedTuple):
    """The definitions in a file that describe its generator."""

    generate: Callable[..., Any]  # (z (batch, latent) float32[, label (batch,) int32]) -> pictures
    latent: int
    labels: int  # 0: unconditional
    prior: str


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator that a Python file defines. Raises UnreadableError."""
    if not conventions.trust:
        raise UnreadableError(
            "is a Python file, which must be run to get its generator; --trust runs it"
        )
    import tensorflow as tf

    from ganinv_cli.formats.traced.functions import FunctionInput, trace_function
    from ganinv_cli.formats.traced.user_code import explain_errors, run_beside

    explain = partial(explain_errors, advice="; correct the file", folder=path.parent)
    with run_beside(path):
        with explain("does not run"):
            names = runpy.run_path(str(path.absolute()))
        defined = _check_names(names)

        def generate(*tensors: tf.Tensor) -> tf.Tensor:
            with explain("has a generate that fails"):
                return tf.convert_to_tensor(defined.generate(*tensors))

        inputs = [FunctionInput("z", tf.float32, (None, defined.latent))]
        if defined.labels:
            inputs.append(FunctionInput("label", tf.int32, (None,)))
        network = trace_function(generate, inputs, defined.labels)
    return UnfinishedGenerator(network, "Python", "traced", str(path), prior=defined.prior)


def _check_names(names: Mapping[str, Any]) -> _Definitions:
    """Return the definitions of a file. Raises UnreadableError."""
    generate, prior = names.get("generate"), names.get("PRIOR", "")
    if not callable(generate):
        raise UnreadableError(
            "defines no function generate(z); define it, of TensorFlow tensors, and LATENT = 100 "
            "for 100 values in z"
        )
    latent, labels = (_check_size(names, key, least) for key, least in _SIZES.items())
    try:
        if prior != "":
            text = prior if isinstance(prior, str) else repr(prior)
            parse_prior(text, latent=1)  # only whether it can be read; LATENT is checked later
    except ConfigError as error:
        raise UnreadableError(f"has a wrong PRIOR: {to_printable(error)[:300]}") from None
    return _Definitions(generate, latent, labels, prior)


_SIZES = {"LATENT": 1, "LABELS": 0}  # names of whole numbers, and the least that each may be


def _check_size(names: Mapping[str, Any], key: str, least: int) -> int:
    size = names.get(key, 0)
    if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < least:
        shown = f"has {key} = {to_printable(repr(size))[:60]}" if key in names else f"has no {key}"
        raise UnreadableError(f"{shown}; expected a whole number of at least {least}")
    return int(size)


def _recognises(facts: FileFacts) -> bool:
    return facts.path.suffix == ".py" and facts.is_file


FORMAT = Format("a Python file", read, _recognises, is_whole_model=True)
