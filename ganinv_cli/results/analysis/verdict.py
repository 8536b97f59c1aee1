"""The verdict on one image under one rule: did the generator make it?

It follows from whether a chain of changes to G(z) explains the image, from where z lies, and from
how many starts agree. It is decided once, when the run measures the image. docs/invert.md explains
the words.
"""

from typing import NamedTuple

import numpy as np

from ganinv_cli.prior import Prior
from ganinv_cli.results.analysis.evidence import AGREEING_STARTS, Evidence
from ganinv_cli.results.analysis.recoveries import format_range
from ganinv_cli.results.number_format import format_number
from ganinv_cli.results.store.columns import Verdict
from ganinv_cli.results.store.reenactment import Reenactment

OWN_VERDICTS: tuple[Verdict, ...] = ("made", "ambiguous", "edited")  # images by this generator
VERSION = 4  # of the rule; a file says which one decided
MANY_STARTS = 32  # that hardly miss a z which exists
HELP = "If it has margins or is part of a larger picture, --crop may help"


class Judgement(NamedTuple):
    """A verdict and what it follows from."""

    verdict: Verdict
    explanation: str  # a sentence or two, without the last full stop


def judge(evidence: Evidence, prior: Prior, is_cropped: bool = False) -> Judgement:
    """Return the verdict on an image, with its words; `is_cropped`: --crop was given."""
    verdict = decide(evidence)
    return Judgement(verdict, describe_verdict(verdict, evidence, prior, is_cropped))


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict on an image that is answered, or has had all its starts."""
    if not np.isfinite(evidence.rmse):
        return "failed"
    again = evidence.reenactment
    if again.explained if again else evidence.within_rounding:
        if evidence.is_never_drawn:
            return "outside"
        return "ambiguous" if evidence.rivals or not evidence.determines_z else "made"
    if again is None:
        return "no verdict"
    if evidence.is_edited:
        return "edited"
    if again.mixed:
        return "sibling"
    alarms = evidence.false_alarms
    is_nearest = alarms.strangers > 0 and alarms.as_near == 0
    agrees = evidence.plausible and evidence.same >= AGREEING_STARTS
    return "sibling" if agrees and is_nearest else "outside"


def describe_verdict(
    verdict: Verdict, evidence: Evidence, prior: Prior, is_cropped: bool = False
) -> str:
    """Return the verdict on an image in words, without a full stop.

    The answer comes first, then what it follows from, what was tried, and what would help.
    """
    if verdict == "failed":
        return "no start ended at a picture of finite numbers"
    if verdict == "no verdict":
        return (
            "this picture is not made as PNG by any z that was found, and changes of it could not "
            "be tried: J has too many or infinite numbers, or batch norms couple the images"
        )
    again = evidence.reenactment
    words = f"; {again.chain}" if again and again.chain else ""
    nearness = _describe_nearness(evidence)
    rest = ". The rest of the file was not judged" if again and again.is_square else ""
    if verdict == "made":
        known = again.known_directions if again else evidence.latent
        if known < evidence.latent:
            nearness += f"; it determines {known} of the {evidence.latent} directions of z"
        if again and again.loses:
            nearness += (
                ". A generator of nearly these weights, or a mixture with a little of another "
                "picture, might leave no more"
            )
        return f"explained by a picture of the generator{words}. {nearness}{rest}"
    if verdict == "ambiguous":
        reason = _describe_ambiguity(evidence)
        return f"explained by the generator, but {reason}{words}. {nearness}{rest}"
    tried = _describe_tried(again) if again else ""
    if verdict == "edited" and again:
        directions = f"{again.known_directions} of the {evidence.latent} directions of z"
        return (
            f"z of this picture is known, what was done to it is less sure{words}. The residual of "
            f"the edit is not like that of a wrong z; {directions} are known{rest}"
        )
    if verdict == "sibling" and again and again.mixed:
        return ". ".join(filter(None, (f"explained by {again.chain}, and by no single one", tried)))
    answer = {
        "sibling": (
            "not explained by any z, but nearly: another generator of nearly these weights may "
            "have made it, or it is a mixture of this generator's pictures, or this generator made "
            "it, and it was edited in a way that was not tried"
        ),
        "outside": _describe_outside(evidence, prior),
    }[verdict]
    helps = "" if verdict == "sibling" else _advise(evidence, is_cropped)
    measured = nearness + _describe_strangers(evidence)
    return ". ".join(filter(None, (answer, measured, tried, helps)))


def _describe_tried(again: Reenactment) -> str:
    if not again.tried:
        return ""
    squares = f", and {again.squares} squares of the file" if again.squares else ""
    return f"Tried: {again.tried} chains of changes and storage{squares}"


def _advise(evidence: Evidence, is_cropped: bool) -> str:
    """Return what may help that was not done yet; empty: nothing."""
    again = evidence.reenactment
    advice = [] if is_cropped or (again and again.squares) else [HELP]
    if evidence.starts < MANY_STARTS and not evidence.agrees:
        advice.append("more --starts may help")
    sentence = "; ".join(advice)
    return sentence[:1].upper() + sentence[1:]


def _describe_outside(evidence: Evidence, prior: Prior) -> str:
    if evidence.is_never_drawn and not evidence.false_alarms.as_near:
        return f"not explained by any z that may be drawn: {_describe_position(evidence, prior)}"
    answer, agreement = "not explained by any z or edit", _describe_agreement(evidence)
    return f"{answer}, though {agreement}" if evidence.agrees else f"{answer}: {agreement}"


def _describe_agreement(evidence: Evidence) -> str:
    if evidence.starts < AGREEING_STARTS:
        return "it had one start"
    if evidence.same < AGREEING_STARTS:
        return f"no two of {evidence.starts} starts agree on one z"
    only = "" if evidence.agrees else "only "
    return f"{only}{evidence.same} of {evidence.starts} starts agree on one z"


def _describe_nearness(evidence: Evidence) -> str:
    again = evidence.reenactment
    if again is None:
        rmse = format_number(evidence.rmse)
        return f"The residual is {rmse} grey levels, no more than rounding to 8 bits leaves"
    residual = f"The residual is {format_number(again.excess)} grey levels"
    if np.isnan(again.excess_limit):
        return residual
    return f"{residual} (limit for its own pictures: {format_number(again.excess_limit)})"


def _describe_strangers(evidence: Evidence) -> str:
    again, alarms = evidence.reenactment, evidence.false_alarms
    if again is None or alarms.most is None:
        return ""
    rmse, least = format_number(evidence.rmse), format_number(again.stranger_rmse[0])
    if alarms.as_near == alarms.strangers:
        return (
            f". Before any change it is {rmse}, and the generator comes as near to each of "
            f"{alarms.strangers} pictures that it cannot make"
        )
    return (
        f". Before any change it is {rmse}. That of {alarms.strangers} pictures that the generator "
        f"cannot make is {least} or more, and {alarms.as_near} of them are as near as this one (at "
        f"most {100 * alarms.most:.0f} % of all such pictures)"
    )


def _describe_position(evidence: Evidence, prior: Prior) -> str:
    """Return where z lies that is never drawn."""
    if not evidence.inside:
        lie = "lies" if evidence.outside == 1 else "lie"
        return (
            f"{evidence.outside} of its {evidence.latent} components {lie} outside "
            f"{format_range(prior)}"
        )
    low, high = map(format_number, evidence.norm_range)
    return f"its length is {format_number(evidence.norm)}, and z is drawn with {low} to {high}"


def _describe_ambiguity(evidence: Evidence) -> str:
    if evidence.rivals:
        return f"from {evidence.rivals + 1} different z, and the image does not determine which"
    if evidence.too_few_pixels:
        return "too few pixels count to tell z"
    if evidence.rank is not None and evidence.rank < evidence.latent:
        moving = f"{evidence.rank} of {evidence.latent}"
        return f"it does not determine z: only {moving} directions of z change it"
    return "it hardly depends on z there, so it does not determine z"
