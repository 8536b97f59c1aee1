"""Describe a checkpoint as plain JSON. Does not import TensorFlow."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from ganinv_cli.formats.complete import find_output_range
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.folding import fold_layers
from ganinv_cli.network.graph import LABEL, Network, Z, weight_arrays
from ganinv_cli.network.layers import Activation, Affine, BatchNorm, Conv, ConvTranspose, Layer

RANGE_LAYER = "range"  # name of the layer that maps the pixels of the file's network to [-1, 1]

Facts = dict[str, Any]  # plain JSON


def describe_checkpoint(checkpoint: Checkpoint) -> Facts:
    """Return everything known of a checkpoint; the layers are those of the file, not folded."""
    network, whole = remove_range_layer(checkpoint.network), checkpoint.network
    height, width, channels = whole.shapes[-1]
    norms = sum(isinstance(node.layer, BatchNorm) for node in network.nodes)
    prior = checkpoint.prior
    return {
        "path": checkpoint.path,
        "format": checkpoint.format,
        "layout": checkpoint.layout,
        "latent": network.latent,
        "labels": network.labels,
        "image": {"height": height, "width": width, "channels": channels},
        "prior": {"name": str(prior), "low": prior.low, "high": prior.high},
        "range": _describe_range(whole),
        "batch_norm": {"layers": norms, "statistics": "moving" if norms else None},
        "parameters": network.parameters,
        "multiply_adds": fold_layers(whole).multiply_adds,
        "sha256": checkpoint.sha256,
        "told": list(checkpoint.convention_files),
        "assumed": list(checkpoint.assumed),
        "ignored": list(checkpoint.ignored),
        "layers": [_describe_layer(network, number) for number in range(len(network.nodes))],
    }


def remove_range_layer(network: Network) -> Network:
    """Return the network without the layer that was added to map its pixels to [-1, 1]."""
    if not find_range_layer(network):
        return network
    return replace(network, nodes=network.nodes[:-1])


def find_range_layer(network: Network) -> Affine | None:
    """Return the layer that was added to map the pixels to [-1, 1], if there is one."""
    last = network.nodes[-1]
    return last.layer if isinstance(last.layer, Affine) and last.name == RANGE_LAYER else None


def _describe_range(network: Network) -> Facts:
    """Return the pixel values of black and white, and the function that bounds them, if any."""
    low, high = -1.0, 1.0
    if last := find_range_layer(network):
        scale, shift = float(last.scale[0]), float(last.shift[0])
        low, high = (bound / scale - shift / scale for bound in (low, high))
    within = remove_range_layer(network)
    bounded = find_output_range(within) is not None
    acts = [node.layer.name for node in within.nodes if isinstance(node.layer, Activation)]
    return {
        "black": round(low, 6),
        "white": round(high, 6),
        "function": acts[-1] if bounded and acts else None,
        "mapped": last is not None,
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
    listed: Facts = _to_lists(plain)
    return listed


def _to_lists(value: Any) -> Any:
    """Return the value with tuples replaced by lists, as JSON has them."""
    if isinstance(value, dict):
        return {name: _to_lists(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_to_lists(each) for each in value]
    return float(value) if isinstance(value, np.floating) else value
