"""Inferences that are kept between commands, by the content of the weights."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np

from ganinv_cli import cache
from ganinv_cli.formats.weights.inference.infer import Inference, infer_conventions
from ganinv_cli.formats.weights.inference.measure import keep_weights
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.network.convention import Alternative, Convention

KIND = "conventions"
VERSION = 7  # of the method: kept inferences of another one are not used


def infer_or_load(plan: Plan) -> Inference:
    """Return the conventions inferred from the stored statistics, from the cache if possible.

    Raises UnreadableError if the statistics fit no chain of the layers.
    """
    plan = keep_weights(plan)
    key = cache.make_key(VERSION, _hash_content(plan))
    arrays = cache.load(KIND, key)
    if arrays is not None and "json" in arrays:
        return _decode(json.loads(arrays["json"].tobytes()))
    inference = infer_conventions(plan)
    text = json.dumps(_encode(inference)).encode()
    cache.save(KIND, key, {"json": np.frombuffer(text, np.uint8)})
    return inference


def _hash_content(plan: Plan) -> str:
    """Return the hash of all inputs of an inference: weights, names, and given values."""
    digest = hashlib.sha256(repr((plan.framework, plan.conventions)).encode())
    for layer in plan.weighted_layers:
        digest.update(repr((layer.name, layer.weightless_before, layer.transposed)).encode())
        for role, weight in sorted(layer.weights.items()):
            digest.update(repr((role, weight.shape)).encode())
            digest.update(np.ascontiguousarray(weight.read()).tobytes())
    return digest.hexdigest()


def _encode(inference: Inference) -> Any:
    return {
        "settings": [[*key, value] for key, value in inference.settings.items()],
        "conventions": [[*key, asdict(row)] for key, row in inference.conventions.items()],
        "contradictions": inference.contradictions,
    }


def _decode(content: Any) -> Inference:
    return Inference(
        {(name, number): value for name, number, value in content["settings"]},
        {(name, number): _decode_row(row) for name, number, row in content["conventions"]},
        tuple(content["contradictions"]),
    )


def _decode_row(row: dict[str, Any]) -> Convention:
    runner_up = row.pop("runner_up")
    return Convention(**row, runner_up=Alternative(*runner_up) if runner_up else None)
