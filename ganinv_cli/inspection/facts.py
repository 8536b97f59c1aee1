"""Describe and check a generator, as plain JSON.

A check is a claim that must hold, with its measured difference.
"""

import json
from typing import Any

import numpy as np

from ganinv_cli.generators.formats.complete import find_output_range, parse_range
from ganinv_cli.generators.formats.interface import IN_SEQUENCE, format_names
from ganinv_cli.generators.network.definition import Convention, Definition
from ganinv_cli.generators.network.folding import fold_layers
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.graph import (
    LABEL,
    Network,
    PixelRange,
    TracedNetwork,
    Z,
    weight_arrays,
)
from ganinv_cli.generators.network.intermediates import list_intermediates
from ganinv_cli.generators.network.layers import BatchNorm, Conv, ConvTranspose, Layer
from ganinv_cli.generators.network.norms.check import FITS_BELOW
from ganinv_cli.inversion.objective.jacobian import POINTS, measure_largest_changes
from ganinv_cli.settings.shipped import is_shipped

Facts = dict[str, Any]  # plain JSON
Check = dict[str, Any]  # the same


def describe_definition(definition: Definition) -> Facts:
    """Return everything known about a generator, with the layers as in the file, not folded."""
    network, prior = definition.network, definition.prior
    height, width, channels = network.image_shape
    ranges = [each.value for each in definition.conventions if each.name == "range"]
    black, white = parse_range(ranges[-1]) if ranges else (-1.0, 1.0)
    is_mapped = (black, white) != (-1, 1)
    _, function = find_output_range(network)
    facts = {
        "path": definition.path,
        "format": definition.format,
        "layout": definition.layout,
        "latent": network.latent,
        "latent_shape": list(network.latent_shape),
        "intermediates": [each._asdict() for each in list_intermediates(network)],
        "labels": network.labels,
        "image": {"height": height, "width": width, "channels": channels},
        "range": {
            "black": round(black, 6),
            "white": round(white, 6),
            "function": function or None,
            "mapped": is_mapped,
            "seen": _map_range(definition.seen_range, black, white),
        },
        "prior": {"name": str(prior), "low": prior.low, "high": prior.high},
        "sha256": definition.sha256,
        "shipped": is_shipped(definition.sha256) and bool(definition.norm_check.is_confirmed),
        "stated": list(definition.convention_files),
        "conventions": [_describe_convention(each) for each in definition.conventions],
        "assumed": list(definition.assumed),
        "notes": list(definition.notes),
        "ignored": list(definition.ignored),
        "confirmed": definition.norm_check.is_confirmed,
        "doubt": find_doubt(definition),
        "norms": [
            {
                "name": row.name,
                "variance": _round_finite(row.discrepancy.variance),
                "mean": _round_finite(row.discrepancy.mean),
                "fits": row.discrepancy.fits,
            }
            for row in definition.norm_check.rows
        ],
    }
    if isinstance(network, TracedNetwork):
        return facts | _describe_operations(network)
    return facts | _describe_layers(network, len(network.nodes) - is_mapped)


def _map_range(seen: PixelRange | None, black: float, white: float) -> list[float] | None:
    return seen and [round(black + (end + 1) / 2 * (white - black), 4) for end in seen]


def check_generator(generator: Generator, definition: Definition) -> list[Check]:
    """Return all checks."""
    return [_check_norms(definition), _check_dependence(generator)]


def find_doubt(definition: Definition) -> str:
    """Return why this may not be the generator that was trained; empty if there is no reason."""
    check = definition.norm_check
    if check.is_confirmed is None and not check.doubt and IN_SEQUENCE in definition.assumed:
        return "it may have branches, and has no batch norms that could confirm that it has none"
    return check.doubt


def _describe_convention(row: Convention) -> Facts:
    other = row.runner_up
    return {
        "name": row.name,
        "layer": row.layer,
        "value": row.value,
        "source": row.source,
        "discrepancy": _round_finite(row.discrepancy),
        "runner_up": other
        and {"value": other.value, "discrepancy": _round_finite(other.discrepancy)},
    }


def _round_finite(number: float | None) -> float | None:
    return round(number, 6) if number is not None and np.isfinite(number) else None


def _describe_layers(network: Network, count: int) -> Facts:
    layers = [_describe_layer(network, number) for number in range(count)]
    norms = sum(layer["kind"] == BatchNorm.__name__ for layer in layers)
    return {
        "batch_norm": {"layers": norms, "statistics": "moving" if norms else None},
        "parameters": sum(layer["parameters"] for layer in layers),
        "multiply_adds": fold_layers(network).multiply_adds,
        "layers": layers,
    }


def _describe_operations(network: TracedNetwork) -> Facts:
    return {
        "batch_norm": {"layers": 0, "statistics": None},
        "parameters": network.parameters,
        "multiply_adds": network.multiply_adds,
        "largest_layer": network.largest_layer,
        "operations": dict(network.operations),
        "layers": [],
    }


def _describe_layer(network: Network, number: int) -> Facts:
    layer, inputs, name = network.nodes[number]
    return {
        "number": number + 1,
        "name": name,
        "kind": type(layer).__name__,
        "settings": _describe_settings(layer),
        "shape": list(network.shapes[number]),
        "parameters": sum(array.size for array in weight_arrays(layer)),
        "inputs": [{Z: "z", LABEL: "label"}.get(each, each + 1) for each in inputs],
    }


def _describe_settings(layer: Layer) -> Facts:
    plain = {
        name: value
        for name, value in vars(layer).items()
        if not isinstance(value, np.ndarray) and value is not None
    }
    if isinstance(layer, Conv | ConvTranspose):
        plain["kernel"] = layer.weights.shape[:2]
    if isinstance(layer, ConvTranspose):
        plain["same"] = layer.has_same_padding
    listed: Facts = json.loads(json.dumps(plain, default=float))  # NumPy's numbers, and tuples
    return listed


def _make_check(
    claim: str,
    passed: bool | None,
    found: float | None = None,
    limit: float | None = None,
    why: str = "",
) -> Check:
    """Return a claim and its measurement.

    `passed` is None if it was not checked. `found` is the largest difference, or a number of
    components of z; `why` says why it was not checked, or what was found that is not a difference.
    """
    known = found if np.isfinite(found or 0) else None
    return {"claim": claim, "passed": passed, "found": known, "limit": limit, "why": why}


def _check_norms(definition: Definition) -> Check:
    claim = "the statistics stored in the batch norms fit this network and prior"
    check = definition.norm_check
    if check.is_confirmed is None:  # without norms, what is assumed of layers is a guess
        doubt = find_doubt(definition)
        why = f"a guess, as {doubt}" if doubt else "there are none"
        return _make_check(claim, False if doubt else None, why=why)
    found = max(row.discrepancy.total for row in check.rows)
    return _make_check(claim, check.is_confirmed, found, FITS_BELOW)


def _check_dependence(generator: Generator) -> Check:
    """Check J and the pictures at the z at which solvers measure J."""
    claim = "pictures are finite and depend on every component of z"
    changes = np.stack(list(measure_largest_changes(generator, POINTS)))
    points, latent = changes.shape
    not_finite = int((~np.isfinite(changes)).any(1).sum())
    if not_finite:
        why = f"the picture or dG/dz is not finite at {not_finite} of {points} random z"
        return _make_check(claim, False, limit=0, why=why)
    ignored = [f"z[{number}]" for number in np.flatnonzero(~changes.any(0))]
    why = f"each of {latent:,} components changes them at {points} random z"
    if ignored:
        why = (
            f"{len(ignored):,} of {latent:,} components change nothing at {points} random z: "
            f"{format_names(ignored)}"
        )
    return _make_check(claim, not ignored, len(ignored), 0, why)
