"""Checks of a generator that a reader returned, and its range and prior."""

import math
from dataclasses import replace

import numpy as np

from ganinv_cli.errors import ConfigError
from ganinv_cli.generators.formats.interface import (
    MAX_SIDE,
    MAX_VALUES,
    MIN_SIDE,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.generators.network.definition import Convention, Definition
from ganinv_cli.generators.network.graph import (
    Network,
    Node,
    PixelRange,
    TracedNetwork,
    weight_arrays,
)
from ganinv_cli.generators.network.layers import Activation, Affine, BatchNorm, Move, format_shape
from ganinv_cli.prior import parse_prior
from ganinv_cli.settings.conventions import Conventions

ACTIVATION_BOUNDS = {
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
}

BOUND_TOLERANCE = 1e-6  # of the range of pixels: rounding in float32

LENGTH_NOTE = (
    "its pictures follow from the direction of z alone, not from its length; the direction can be "
    "recovered, z itself cannot"
)


def complete_generator(generator: UnfinishedGenerator, conventions: Conventions) -> Definition:
    """Return the definition that is ready for use, with its prior and pixels in [-1, 1].

    Raises UnreadableError if the generator makes no images, ConfigError for a wrong convention.
    """
    network, assumed = generator.network, list(generator.assumed)
    _check_pictures(network)
    _check_latent(network, conventions)
    network_range, _ = find_output_range(network)
    pixel_range = network_range or (-1.0, 1.0)
    if conventions.range:
        pixel_range = _parse_range_within(network_range, conventions.range)
    prior = parse_prior(conventions.prior or generator.prior or "normal", network.latent)
    range_text = "{:g},{:g}".format(*network_range) if network_range else ""
    rows = {
        "prior": _describe("prior", conventions.prior, generator.prior, "normal:1"),
        "range": _describe("range", conventions.range, range_text, "-1,1"),
    }
    between = [row for row in generator.conventions if row.name not in rows]
    rows |= {row.name: row for row in generator.conventions if row.name in rows}
    if not (network_range or conventions.range):
        assumed.append("pixels from -1 to 1, as it ends in no function that bounds them (--range)")
    if rows["prior"].source == "assumed":
        assumed.append(f"z from the prior {prior} (--prior)")
    ignores_length = isinstance(network, TracedNetwork) and network.ignores_length
    changed = {
        "network": _rescale_output(network, pixel_range),
        "prior": prior,
        "assumed": tuple(assumed),
        "conventions": (rows["prior"], *between, rows["range"]),
        "notes": (*generator.notes, LENGTH_NOTE) if ignores_length else generator.notes,
    }
    return Definition(**vars(generator) | changed)


def _describe(name: str, option: str | None, stated: str, usual: str) -> Convention:
    if option:
        return Convention(name, "", option, "given")
    return Convention(name, "", stated or usual, "file" if stated else "assumed")


def _parse_range_within(network_range: PixelRange | None, option: str) -> PixelRange:
    low, high = parse_range(option)
    rounding = BOUND_TOLERANCE * (high - low)
    if network_range and not (
        network_range[0] - rounding <= low and high <= network_range[1] + rounding
    ):
        raise UnreadableError(
            f"ends in values from {network_range[0]:g} to {network_range[1]:g}, which --range "
            f"{option} contradicts; leave it out"
        )
    return low, high


def find_output_range(network: Network | TracedNetwork) -> tuple[PixelRange | None, str]:
    """Return the bounds of the output, and the function that bounds it; None if none does."""
    if isinstance(network, TracedNetwork):
        return network.output_range, network.output_function
    number = len(network.nodes) - 1
    scale, shift = 1.0, 0.0  # the layers after this one compute x * scale + shift
    while number >= 0:
        layer, inputs, _ = network.nodes[number]
        if isinstance(layer, Activation) and layer.name in ACTIVATION_BOUNDS:
            low, high = sorted(bound * scale + shift for bound in ACTIVATION_BOUNDS[layer.name])
            return ((low, high), layer.name) if low < high else (None, "")
        if isinstance(layer, Affine) and np.ptp(layer.scale) == np.ptp(layer.shift) == 0:
            shift += scale * float(layer.shift[0])
            scale *= float(layer.scale[0])
        elif not isinstance(layer, Move):
            break
        number = inputs[0]
    return None, ""


def parse_range(text: str) -> PixelRange:
    """Return the values of black and white. Raises ConfigError."""
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


def choose_last_function(text: str) -> str:
    """Return the function whose name or bounds a range is, e.g. tanh for -1,1; empty if none."""
    usual = {bounds: name for name, bounds in reversed(ACTIVATION_BOUNDS.items())}
    return text if text in ACTIVATION_BOUNDS else usual.get(parse_range(text), "")


def _rescale_output(
    network: Network | TracedNetwork, pixel_range: PixelRange
) -> Network | TracedNetwork:
    """Return the network with its output mapped from `pixel_range` to [-1, 1]."""
    low, high = pixel_range
    if isinstance(network, TracedNetwork):
        return replace(network, pixel_range=pixel_range)
    if (low, high) == (-1, 1):
        return network
    channels = network.image_shape[-1]
    scale = np.full(channels, 2 / (high - low), np.float32)
    shift = np.full(channels, -(high + low) / (high - low), np.float32)
    node = Node(Affine(scale, shift), (len(network.nodes) - 1,), "range")
    return replace(network, nodes=(*network.nodes, node))


def _check_latent(network: Network | TracedNetwork, conventions: Conventions) -> None:
    if conventions.latent_shape and math.prod(conventions.latent_shape) != network.latent:
        raise ConfigError(
            f"latent = {conventions.latent}, but the generator takes z of {network.latent} "
            "components; leave it out"
        )


def _check_pictures(network: Network | TracedNetwork) -> None:
    if isinstance(network, Network):
        for (layer, _, name), shape in zip(network.nodes, network.shapes, strict=True):
            if math.prod(shape) > MAX_VALUES:
                raise UnreadableError(
                    f"{name or 'a layer'} makes {format_shape(shape)} values for one picture, but "
                    f"at most {MAX_VALUES:,} were expected; is it a generator of pictures?"
                )
            is_finite = all(np.isfinite(array).all() for array in weight_arrays(layer))
            if not is_finite or (isinstance(layer, BatchNorm) and layer.variance.min() < 0):
                raise UnreadableError(
                    f"{name or 'a layer'} holds values that are not finite float32 numbers, or "
                    "variances below 0; the training diverged, use an earlier checkpoint of the run"
                )
    shape = network.image_shape
    is_image = len(shape) == 3 and shape[2] in (1, 3)
    if not is_image or not MIN_SIDE <= min(shape[:2]) <= max(shape[:2]) <= MAX_SIDE:
        raise UnreadableError(
            f"makes {format_shape(shape)} of a latent vector; expected pictures of {MIN_SIDE} to "
            f"{MAX_SIDE} pixels a side in 1 channel (grey) or 3 (colour); use such a generator"
        )
