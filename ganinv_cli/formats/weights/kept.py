"""Inferences that are kept between commands, by the content of the weights."""

import hashlib
import json
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli import cache
from ganinv_cli.formats.weights.step import Design, Key, Value
from ganinv_cli.network.convention import Alternative, Convention

KIND = "conventions"
VERSION = 13  # of the method: kept inferences of another one are not used
PRIOR: Key = ("prior", -1)
LABELS: Key = ("labels", -1)


class Decision(NamedTuple):
    """The value of a convention that a norm was compared for."""

    value: Value  # to build the generator with
    convention: Convention


Inference = dict[Key, Decision]


def infer_or_load(design: Design) -> Inference:
    """Return the conventions inferred from the stored statistics, from the cache if possible.

    Raises UnreadableError if the statistics fit no chain of the layers.
    """
    if not any(step.norm_layer for step in design.steps):
        return {}
    inputs = VERSION, _hash_content(design)
    arrays = cache.load(KIND, *inputs)
    if arrays is not None:
        return {
            (name, number): Decision(value, _decode(row))
            for name, number, value, row in json.loads(arrays["json"].tobytes())
        }
    from ganinv_cli.formats.weights.infer import infer_conventions  # loads TensorFlow

    inference = infer_conventions(design)
    rows = [[*key, value, asdict(row)] for key, (value, row) in inference.items()]
    cache.save(KIND, {"json": np.frombuffer(json.dumps(rows).encode(), np.uint8)}, *inputs)
    return inference


def _hash_content(design: Design) -> str:
    """Return the hash of all inputs of an inference: weights, names, and given values."""
    digest = hashlib.sha256(repr((design.framework, design.conventions)).encode())
    for layer in (layer for step in design.steps for layer in step.layers):
        digest.update(repr((layer.name, layer.weightless_before, layer.transposed)).encode())
        for role, weight in sorted(layer.weights.items()):
            digest.update(repr((role, weight.shape)).encode())
            digest.update(np.ascontiguousarray(weight.read()).tobytes())
    return digest.hexdigest()


def _decode(row: dict[str, Any]) -> Convention:
    runner_up = row.pop("runner_up")
    return Convention(**row, runner_up=Alternative(*runner_up) if runner_up else None)
