"""Why a generator cannot be written in a format."""

from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import Activation, Conv, ConvTranspose


class UnwritableError(Exception):
    """What stands in the way, and what to do; the command adds the path."""


def layer(network: Network, number: int) -> str:
    """A layer by its name in the file, or its number, and its kind: main.9 (leaky_relu 0.2)."""
    described, _, name = network.nodes[number]
    kind = type(described).__name__
    if isinstance(described, Activation):
        slope = "" if described.slope is None else f" {described.slope:g}"
        kind = f"{described.name}{slope}"
    if isinstance(described, Conv | ConvTranspose):
        height, width = described.weights.shape[:2]
        kind += f" {height} x {width}, stride {'x'.join(map(str, described.stride))}"
    return f"{name or f'layer {number + 1}'} ({kind})"
