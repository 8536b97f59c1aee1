"""Write a generator of any format as a TensorFlow or Keras file."""

from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import Activation, Conv, ConvTranspose


class UnwritableError(Exception):
    """Raised if a format cannot hold a generator.

    The message names the layer and what to do instead, without the path of the checkpoint.
    """


def describe_layer(network: Network, number: int) -> str:
    """Return the name or number of a layer and its kind, e.g. "main.9 (leaky_relu 0.2)"."""
    node_layer, _, name = network.nodes[number]
    kind = type(node_layer).__name__
    if isinstance(node_layer, Activation):
        slope = "" if node_layer.slope is None else f" {node_layer.slope:g}"
        kind = f"{node_layer.name}{slope}"
    if isinstance(node_layer, Conv | ConvTranspose):
        height, width = node_layer.weights.shape[:2]
        kind += f" {height} x {width}, stride {'x'.join(map(str, node_layer.stride))}"
    return f"{name or f'layer {number + 1}'} ({kind})"
