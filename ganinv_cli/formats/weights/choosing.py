"""Which of the networks in a file of weights is its generator."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.formats.tensorflow.dcgan_names import listed
from ganinv_cli.formats.weights.sequence import Plan

_NAMED = re.compile(r"(net_?)?g([_.\d]|$)|gen(?![a-z])|.*generator|decoder|.*_g$", re.IGNORECASE)
_AVERAGED = re.compile(r"(?<![a-z])g?ema(?![a-z])|averaged?|shadow|(?<![a-z])avg", re.IGNORECASE)
_OPPOSED = re.compile(r"(net_?)?d([_.\d]|$)|.*disc(r|$|[_.\d])|critic|encoder", re.IGNORECASE)


class Candidate(NamedTuple):
    """A network in the file."""

    path: str  # where it stands
    names: frozenset[str]  # of its tensors, as a user of the file knows them
    plan: Plan | None  # None: it is no generator
    why: str = ""  # it is none


class Chosen(NamedTuple):
    """The generator."""

    path: str
    names: frozenset[str]
    plan: Plan
    assumed: tuple[str, ...]  # that it is this one, and what the plan assumes


def named(name: str) -> bool:
    """Whether a generator is usually called so: G, netG, generator, gen_ema, decoder, …"""
    return bool(_NAMED.match(name)) and "optim" not in name.lower()


def opposed(name: str) -> bool:
    """Whether what takes images is usually called so: D, netD, discriminator, critic, …"""
    return bool(_OPPOSED.match(name))


def chosen(judged: Sequence[Candidate]) -> Chosen:
    """The one generator, or of several the one that is called an average.

    Raises UnreadableError.
    """
    whole = [each for each in judged if each.plan]
    averaged = [each for each in whole if _AVERAGED.search(each.path)]
    if len(whole) > 1 and len(averaged) != 1:
        raise UnreadableError(
            f"holds {len(whole)} generators ({listed([each.path or 'all' for each in whole])}) "
            "where one was expected, or one with ema in its name; save one of them alone"
        )
    for each in averaged if len(whole) > 1 else whole:
        said = (f"{each.path}, the average, of {len(whole)} generators",) if len(whole) > 1 else ()
        assert each.plan is not None
        return Chosen(each.path, each.names, each.plan, (*said, *each.plan.assumed))
    raise UnreadableError(_why_none(judged))


def _why_none(judged: Sequence[Candidate]) -> str:
    if not judged:
        return "holds no weights by their names; expected those of a generator"
    likely = [each for each in judged if named(re.split(r"[./]", each.path)[-1])]
    if likely or len(judged) == 1:
        return f"holds no generator that can be read: {(likely or judged)[0].why}"
    return (
        f"holds {len(judged)} networks ({listed([each.path for each in judged])}) and no generator "
        f"that can be read; of {judged[0].path}: {judged[0].why}"
    )
