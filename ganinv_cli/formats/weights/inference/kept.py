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
VERSION = 8  # of the method: kept inferences of another one are not used
PRIOR: Key = ("prior", -1)


class Inference(NamedTuple):
    """The conventions inferred from stored statistics."""

    values: dict[Key, Value]  # to build the generator with
    conventions: dict[Key, Convention]  # those that a norm was compared for
    contradictions: tuple[str, ...] = ()  # given values that the statistics contradict


def infer_or_load(design: Design) -> Inference:
    """Return the conventions inferred from the stored statistics, from the cache if possible.

    Raises UnreadableError if the statistics fit no chain of the layers.
    """
    if not any(step.norm_layer for step in design.steps):
        return Inference({}, {})
    key = cache.make_key(VERSION, _hash_content(design))
    arrays = cache.load(KIND, key)
    if arrays is not None and "json" in arrays:
        return _decode(json.loads(arrays["json"].tobytes()))
    from ganinv_cli.formats.weights.inference.infer import infer_conventions  # loads TensorFlow

    inference = infer_conventions(design)
    text = json.dumps(_encode(inference)).encode()
    cache.save(KIND, key, {"json": np.frombuffer(text, np.uint8)})
    return inference


def _hash_content(design: Design) -> str:
    """Return the hash of all inputs of an inference: weights, names, and given values."""
    digest = hashlib.sha256(repr((design.framework, design.conventions)).encode())
    for step in design.steps:
        for layer in (step.linear, step.slope, step.norm_layer):
            if layer is None:
                continue
            digest.update(repr((layer.name, layer.weightless_before, layer.transposed)).encode())
            for role, weight in sorted(layer.weights.items()):
                digest.update(repr((role, weight.shape)).encode())
                digest.update(np.ascontiguousarray(weight.read()).tobytes())
    return digest.hexdigest()


def _encode(inference: Inference) -> Any:
    return {
        "values": [[*key, value] for key, value in inference.values.items()],
        "conventions": [[*key, asdict(row)] for key, row in inference.conventions.items()],
        "contradictions": inference.contradictions,
    }


def _decode(content: Any) -> Inference:
    return Inference(
        {(name, number): value for name, number, value in content["values"]},
        {(name, number): _decode_row(row) for name, number, row in content["conventions"]},
        tuple(content["contradictions"]),
    )


def _decode_row(row: dict[str, Any]) -> Convention:
    runner_up = row.pop("runner_up")
    return Convention(**row, runner_up=Alternative(*runner_up) if runner_up else None)
