"""Checks of a generator that a reader returned, and its range and prior."""

from dataclasses import replace

import numpy as np

from ganinv_cli.errors import ConfigError
from ganinv_cli.formats.interface import (
    MAX_LATENT,
    MAX_SIDE,
    MAX_VALUES,
    MAX_WEIGHTS,
    MIN_SIDE,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.convention import Convention
from ganinv_cli.network.folding import fold_layers
from ganinv_cli.network.graph import Network, Node, Z, weight_arrays
from ganinv_cli.network.layers import Activation, Affine, Pad, Reshape, Transpose, Upsample
from ganinv_cli.network.shapes import ShapeError, format_shape
from ganinv_cli.network.traced_network import PixelRange, TracedNetwork
from ganinv_cli.prior import parse_prior
from ganinv_cli.settings.conventions import Conventions

ACTIVATION_BOUNDS = {"tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)} | {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
}

_LENGTH_NOTE = (
    "its pictures follow from the direction of z alone, not from its length; the direction can be "
    "recovered, z itself cannot"
)


def complete_generator(generator: UnfinishedGenerator, conventions: Conventions) -> Checkpoint:
    """Return a checkpoint that is ready for use, with its prior and pixels in [-1, 1].

    Every shape is checked, then every weight. Raises UnreadableError if the generator makes no
    images, ConfigError for a wrong convention.
    """
    _check_network(generator.network)
    assumed = list(generator.assumed)
    network_range, option_range = (
        find_output_range(generator.network),
        _parse_range(conventions.range),
    )
    is_named = conventions.range in ACTIVATION_BOUNDS
    if (
        network_range
        and option_range
        and (
            network_range != option_range
            if is_named
            else not _is_within(option_range, network_range)
        )
    ):
        raise UnreadableError(
            f"ends in values from {network_range[0]:g} to {network_range[1]:g}, which --range "
            f"{conventions.range} contradicts; leave it out"
        )
    if not (network_range or option_range):
        assumed.append("pixels from -1 to 1, as it ends in no function that bounds them (--range)")
    prior = parse_prior(conventions.prior or generator.prior or "normal", generator.network.latent)
    prior_row = _describe_prior(generator, conventions)
    if prior_row.source == "assumed":
        assumed.append(f"z from the prior {prior} (--prior)")
    return Checkpoint(
        network=_rescale_output(generator.network, option_range or network_range or (-1.0, 1.0)),
        prior=prior,
        format=generator.format,
        layout=generator.layout,
        path=generator.path,
        ignored=generator.ignored,
        assumed=tuple(assumed),
        conventions=(
            prior_row,
            *(each for each in generator.conventions if each.name not in ("prior", "range")),
            _describe_range(generator, conventions, network_range),
        ),
        notes=(*generator.notes, *[_LENGTH_NOTE] * _ignores_length(generator.network)),
    )


def _describe_prior(generator: UnfinishedGenerator, conventions: Conventions) -> Convention:
    """Return the prior, and whether the file states it, it was given, or it is assumed."""
    for row in generator.conventions:
        if row.name == "prior":
            return row
    if conventions.prior:
        return Convention("prior", "", conventions.prior, "given")
    if generator.prior:
        return Convention("prior", "", generator.prior, "file")
    return Convention("prior", "", "normal:1", "assumed")


def _describe_range(
    generator: UnfinishedGenerator, conventions: Conventions, network_range: PixelRange | None
) -> Convention:
    """Return the values of black and white, and whether they are stated, given or assumed."""
    for row in generator.conventions:
        if row.name == "range":
            return row
    if conventions.range:
        return Convention("range", "", conventions.range, "given")
    if network_range:
        return Convention("range", "", f"{network_range[0]:g},{network_range[1]:g}", "file")
    return Convention("range", "", "-1,1", "assumed")


def _ignores_length(network: Network | TracedNetwork) -> bool:
    return isinstance(network, TracedNetwork) and network.ignores_length


def _is_within(inner: PixelRange, outer: PixelRange) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def find_output_range(network: Network | TracedNetwork) -> PixelRange | None:
    """Return the least and the largest value of the output, or None if it is unbounded."""
    if isinstance(network, TracedNetwork):
        return network.output_range
    number = len(network.nodes) - 1
    scale, shift = 1.0, 0.0  # the layers after this one compute x * scale + shift
    while number >= 0:
        layer, inputs, _ = network.nodes[number]
        if isinstance(layer, Activation):
            if layer.name not in ACTIVATION_BOUNDS:
                return None
            low, high = sorted(bound * scale + shift for bound in ACTIVATION_BOUNDS[layer.name])
            return (low, high) if low < high else None
        if isinstance(layer, Affine) and np.ptp(layer.scale) == np.ptp(layer.shift) == 0:
            shift += scale * float(layer.shift[0])
            scale *= float(layer.scale[0])
        elif not isinstance(layer, Reshape | Transpose | Upsample | Pad):
            return None
        number = inputs[0]
    return None


def _parse_range(text: str) -> PixelRange | None:
    if not text:
        return None
    if text in ACTIVATION_BOUNDS:
        return ACTIVATION_BOUNDS[text]
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = np.nan
    if not -np.inf < low < high < np.inf:
        raise ConfigError(
            f"{text!r} is not a range of pixels: give tanh, sigmoid, or the values of black and "
            "white, e.g. 0,255"
        )
    return low, high


def _rescale_output(
    network: Network | TracedNetwork, pixel_range: PixelRange
) -> Network | TracedNetwork:
    """Return the network with its output mapped from `pixel_range` to [-1, 1]."""
    if isinstance(network, TracedNetwork):
        return replace(network, pixel_range=pixel_range)
    low, high = pixel_range
    if (low, high) == (-1, 1):
        return network
    channels = network.shapes[-1][-1]
    scale = np.full(channels, 2 / (high - low), np.float32)
    shift = np.full(channels, -(high + low) / (high - low), np.float32)
    node = Node(Affine(scale, shift), (len(network.nodes) - 1,), "range")
    return replace(network, nodes=(*network.nodes, node))


def _check_network(network: Network | TracedNetwork) -> None:
    """Check sizes and weights; a traced network was evaluated when it was made."""
    _check_parameters(network)
    if isinstance(network, TracedNetwork):
        _check_image_shape(network.image_shape)
    else:
        _check_shapes(network)
        _check_weights(network)


def _check_parameters(network: Network | TracedNetwork) -> None:
    if network.parameters > MAX_WEIGHTS:
        raise UnreadableError(
            f"holds a generator of {network.parameters:,} weights, but at most {MAX_WEIGHTS:,} "
            "were expected; is it a generator of pictures?"
        )
    if not 1 <= network.latent <= MAX_LATENT:
        raise UnreadableError(
            f"takes latent vectors of {network.latent:,} components, but 1 to {MAX_LATENT:,} "
            "were expected; is it a generator of pictures?"
        )


def _check_shapes(network: Network) -> None:
    try:
        shapes = network.shapes
    except ShapeError as error:
        raise UnreadableError(
            f"the layers do not fit one another: {error}; the file is damaged or of another network"
        ) from None
    for shape, node in zip(shapes, network.nodes, strict=True):
        if np.prod(shape, dtype=np.float64) > MAX_VALUES:
            raise UnreadableError(
                f"{node.name or 'a layer'} makes {format_shape(shape)} values for one picture, "
                f"but at most {MAX_VALUES:,} were expected; is it a generator of pictures?"
            )
    _check_image_shape(shapes[-1] if shapes else ())
    needed = network.prune_to(len(network.nodes) - 1).nodes
    if not any(Z in node.inputs for node in needed):
        raise UnreadableError(
            "makes pictures that do not depend on the latent vector; is it a whole generator?"
        )


def _check_image_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 3:
        raise UnreadableError(
            f"makes {format_shape(shape)} of a latent vector, but a picture of height x width x "
            "channels was expected; is it a generator of pictures?"
        )
    if shape[2] not in (1, 3) or not (MIN_SIDE <= min(shape[:2]) <= max(shape[:2]) <= MAX_SIDE):
        raise UnreadableError(
            f"makes {format_shape(shape)}; expected pictures of {MIN_SIDE} to {MAX_SIDE} pixels a "
            "side in 1 channel (grey) or 3 (colour); use such a generator"
        )


def _check_weights(network: Network) -> None:
    """Check the weights of the layers as stored, and after folding."""
    _check_finite(network)
    with np.errstate(all="ignore"):
        _check_finite(fold_layers(network))


def _check_finite(network: Network) -> None:
    for node in network.nodes:
        if not all(np.isfinite(array).all() for array in weight_arrays(node.layer)):
            raise UnreadableError(
                f"{node.name or 'a layer'} holds values that are not finite float32 numbers; the "
                "training diverged, use an earlier checkpoint of the run"
            )
