"""Choice of the generator among the networks in a file of weights."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.interface import DISCRIMINATOR, IMAGE_NETWORK, UnreadableError, format_names
from ganinv_cli.formats.unsupported import explain_network
from ganinv_cli.formats.weights.step import Design

_GENERATOR_NAME = re.compile(
    r"(net_?)?g([_.\d]|$)|gen(?![a-z])|.*generator|decoder|.*_g$", re.IGNORECASE
)
_AVERAGE_NAME = re.compile(
    r"(?<![a-z])g?ema(?![a-z])|averaged?|shadow|(?<![a-z])avg", re.IGNORECASE
)
_DISCRIMINATOR_NAME = re.compile(
    r"(net_?)?d([_.\d]|$)|.*disc(r|$|[_.\d])|critic|encoder", re.IGNORECASE
)


class Candidate(NamedTuple):
    """A network in the file."""

    path: str  # path in the file
    names: frozenset[str]  # of its tensors in the file
    design: Design | None  # None if it is not a generator
    reason: str = ""  # why it is not a generator
    assumed: tuple[str, ...] = ()  # its choice, if there are several


def is_generator_name(name: str) -> bool:
    """Return whether a name is usual for a generator: G, netG, generator, gen_ema, decoder, …"""
    return bool(_GENERATOR_NAME.match(name)) and "optim" not in name.lower()


def is_discriminator_name(name: str) -> bool:
    """Return whether a name is usual for a discriminator: D, netD, discriminator, critic, …"""
    return bool(_DISCRIMINATOR_NAME.match(name))


def choose_generator(candidates: Sequence[Candidate]) -> Candidate:
    """Return the only generator, or among several the one with "average" or "ema" in its name.

    Raises UnreadableError.
    """
    generators = [each for each in candidates if each.design]
    if not generators:
        raise UnreadableError(_explain_no_generator(candidates))
    if len(generators) == 1:
        return generators[0]
    averages = [each for each in generators if _AVERAGE_NAME.search(each.path)]
    if len(averages) != 1:
        raise UnreadableError(
            f"holds {len(generators)} generators "
            f"({format_names([each.path or 'all' for each in generators])}), "
            "but one was expected, or one with ema in its name; save one of them alone"
        )
    choice = f"{averages[0].path}, the average, of {len(generators)} generators"
    return averages[0]._replace(assumed=(choice,))


def _explain_no_generator(candidates: Sequence[Candidate]) -> str:
    known = explain_network({name for each in candidates for name in each.names})
    if known:
        return known
    if not candidates:
        return "holds no weights by their names; expected those of a generator"
    likely = [each for each in candidates if is_generator_name(re.split(r"[./]", each.path)[-1])]
    reason = (likely or candidates)[0].reason
    if likely or len(candidates) == 1:
        is_clear = reason in (DISCRIMINATOR, IMAGE_NETWORK)
        return reason if is_clear else f"holds no generator that can be read: {reason}"
    return (
        f"holds {len(candidates)} networks ({format_names([each.path for each in candidates])}) "
        f"and no generator that can be read: {candidates[0].path} {reason}"
    )
