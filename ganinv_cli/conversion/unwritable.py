"""Why a generator cannot be written in a format."""

from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import Activation, Conv, ConvTranspose


class UnwritableError(Exception):
    """What stands in the way, and what to do; the command adds the path."""


def describe_layer(network: Network, number: int) -> str:
    """A layer by its name in the file, or its number, and its kind: main.9 (leaky_relu 0.2)."""
    node_layer, _, name = network.nodes[number]
    kind = type(node_layer).__name__
    if isinstance(node_layer, Activation):
        slope = "" if node_layer.slope is None else f" {node_layer.slope:g}"
        kind = f"{node_layer.name}{slope}"
    if isinstance(node_layer, Conv | ConvTranspose):
        height, width = node_layer.weights.shape[:2]
        kind += f" {height} x {width}, stride {'x'.join(map(str, node_layer.stride))}"
    return f"{name or f'layer {number + 1}'} ({kind})"
