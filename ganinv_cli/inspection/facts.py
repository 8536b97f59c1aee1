"""Describe a checkpoint as plain JSON. Does not import TensorFlow."""

import json
import math
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ganinv_cli.formats.complete import find_output_range
from ganinv_cli.formats.interface import CHAIN
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.convention import Convention
from ganinv_cli.network.folding import fold_layers
from ganinv_cli.network.graph import LABEL, Network, Z, weight_arrays
from ganinv_cli.network.layers import (
    Activation,
    Affine,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Layer,
)
from ganinv_cli.network.norms.check import NormRow
from ganinv_cli.network.traced_network import PixelRange, TracedNetwork

LABEL_WEIGHT = 1.5  # of the labels of omniart-eye-generator: 1.95; by chance: up to 1.03
RANGE_LAYER = "range"  # name of the layer that maps the pixels of the file's network to [-1, 1]

Facts = dict[str, Any]  # plain JSON


def describe_checkpoint(checkpoint: Checkpoint) -> Facts:
    """Return everything known about a checkpoint, with the layers as in the file, not folded."""
    network, prior = checkpoint.network, checkpoint.prior
    height, width, channels = network.image_shape
    shared = {
        "path": checkpoint.path,
        "format": checkpoint.format,
        "layout": checkpoint.layout,
        "latent": network.latent,
        "labels": network.labels,
        "image": {"height": height, "width": width, "channels": channels},
        "range": _describe_range(network),
        "prior": {"name": str(prior), "low": prior.low, "high": prior.high},
        "sha256": checkpoint.sha256,
        "told": list(checkpoint.convention_files),
        "conventions": [_describe_convention(each) for each in checkpoint.conventions],
        "assumed": list(checkpoint.assumed),
        "notes": [*checkpoint.notes, *_suggest_labels(checkpoint)],
        "ignored": list(checkpoint.ignored),
        "confirmed": checkpoint.norm_check.is_confirmed,
        "doubt": find_doubt(checkpoint),
        "norms": [_describe_norm(row) for row in checkpoint.norm_check.rows],
    }
    if isinstance(network, TracedNetwork):
        return shared | _describe_operations(network)
    return shared | _describe_layers(network)


def find_doubt(checkpoint: Checkpoint) -> str:
    """Return why this may not be the generator that was trained; empty if there is no reason."""
    check = checkpoint.norm_check
    if check.is_confirmed is None and not check.doubt and CHAIN in checkpoint.assumed:
        return "it may have branches, and has no batch norms that could confirm that it has none"
    return check.doubt


def _suggest_labels(checkpoint: Checkpoint) -> list[str]:
    """Return a clause if the last components of z look like a label, in a file of weights alone.

    Components of a one-hot label have larger weights: each is LABEL_WEIGHT times as large (root
    mean square) as that of any other component.
    """
    network, is_alone = checkpoint.network, any(each.layer for each in checkpoint.conventions)
    if isinstance(network, TracedNetwork) or network.labels or not is_alone:
        return []
    layers = [node.layer for node in network.nodes]
    first = next((each for each in layers if isinstance(each, Conv | ConvTranspose | Dense)), None)
    axis = -1 if isinstance(first, ConvTranspose) else -2
    if first is None or first.weights.shape[axis] != network.latent:
        return []
    rows = np.moveaxis(first.weights, axis, 0).reshape(network.latent, -1)
    sizes = np.sqrt(np.mean(np.square(rows, dtype=np.float64), 1))
    for count in range(2, network.latent):
        if sizes[-count:].min() > LABEL_WEIGHT * sizes[:-count].max():
            return [
                f"the last {count} of the {network.latent} components of z have larger weights "
                f"than all others, as a label has; --labels {count} takes them apart"
            ]
    return []


def _describe_norm(row: NormRow) -> Facts:
    """Return a norm's discrepancies; None if no channel has one."""
    numbers = row.discrepancy._asdict()
    known = {name: each if np.isfinite(each) else None for name, each in numbers.items()}
    return {"name": row.name, **known, "fits": row.discrepancy.fits}


def _describe_convention(row: Convention) -> Facts:
    """Return a convention; a discrepancy is a number, or None if none was measured."""
    runner_up = row.runner_up
    return {
        "name": row.name,
        "layer": row.layer,
        "value": row.value,
        "source": row.source,
        "discrepancy": _round_finite(row.discrepancy),
        "runner_up": runner_up
        and {"value": runner_up.value, "discrepancy": _round_finite(runner_up.discrepancy)},
    }


def _round_finite(number: float | None) -> float | None:
    return round(number, 6) if number is not None and math.isfinite(number) else None


def _describe_layers(whole: Network) -> Facts:
    network = remove_range_layer(whole)
    norms = sum(isinstance(node.layer, BatchNorm) for node in network.nodes)
    return {
        "batch_norm": {"layers": norms, "statistics": "moving" if norms else None},
        "parameters": network.parameters,
        "multiply_adds": fold_layers(whole).multiply_adds,
        "layers": [_describe_layer(network, number) for number in range(len(network.nodes))],
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


def remove_range_layer(network: Network) -> Network:
    """Return the network without the layer that was added to map its pixels to [-1, 1]."""
    return replace(network, nodes=network.nodes[:-1]) if _find_range_layer(network) else network


def _find_range_layer(network: Network) -> Affine | None:
    """Return the layer that was added to map the pixels to [-1, 1], if there is one."""
    last = network.nodes[-1]
    return last.layer if isinstance(last.layer, Affine) and last.name == RANGE_LAYER else None


def find_pixel_range(network: Network | TracedNetwork) -> PixelRange:
    """Return the values of black and white in the file's own pictures."""
    if isinstance(network, TracedNetwork):
        return network.pixel_range
    if last := _find_range_layer(network):
        scale, shift = float(last.scale[0]), float(last.shift[0])
        return (-1 - shift) / scale, (1 - shift) / scale
    return -1.0, 1.0


def _describe_range(network: Network | TracedNetwork) -> Facts:
    """Return the pixel values of black and white, and the function that bounds them, if any."""
    black, white = find_pixel_range(network)
    if isinstance(network, TracedNetwork):
        function, mapped = network.output_function, network.pixel_range != (-1, 1)
    else:
        within = remove_range_layer(network)
        acts = [node.layer.name for node in within.nodes if isinstance(node.layer, Activation)]
        function = acts[-1] if acts and find_output_range(within) is not None else ""
        mapped = _find_range_layer(network) is not None
    return {
        "black": round(black, 6),
        "white": round(white, 6),
        "function": function or None,
        "mapped": mapped,
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
        "inputs": [_name_input(each) for each in inputs],
    }


def _name_input(number: int) -> int | str:
    return {Z: "z", LABEL: "label"}.get(number, number + 1)


def _describe_settings(layer: Layer) -> Facts:
    """Return the settings of a layer without its arrays, and the size of its kernel."""
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    plain = {
        name: value
        for name, value in values.items()
        if not isinstance(value, np.ndarray) and value is not None
    }
    if isinstance(layer, Conv | ConvTranspose):
        plain["kernel"] = layer.weights.shape[:2]
    if isinstance(layer, ConvTranspose):
        plain["same"] = layer.has_same_padding
    listed: Facts = json.loads(json.dumps(plain, default=float))  # NumPy's numbers, and tuples
    return listed
