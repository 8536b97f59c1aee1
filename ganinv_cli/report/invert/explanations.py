"""The verdict on an image as a sentence that a reader of no other page understands."""

from ganinv_cli.images.copies import ROUNDED, describe_copy
from ganinv_cli.prior import Prior
from ganinv_cli.report.invert.verdict import Evidence, Verdict
from ganinv_cli.report.output.number_format import format_number
from ganinv_cli.report.shared.prior import format_range


def explain(
    verdict: Verdict, evidence: Evidence, prior: Prior, masked: bool, farthest_copy: int
) -> str:
    """Return the verdict on an image in words, without a full stop.

    `masked`: only some pixels count; `farthest_copy` is the least JPEG quality that was measured.
    """
    if verdict == "failed":
        return "no start ended at a picture of finite numbers"
    subject = "these pixels" if masked else "this picture"
    if verdict == "made":
        return (
            f"the generator made {subject}: {_describe_rest(evidence)}, and "
            f"{evidence.same} of {_count_starts(evidence)} found the same z"
        )
    if verdict == "implausible":
        return (
            f"the generator makes {subject}, but only from a z that its prior never draws: "
            f"{_describe_position(evidence, prior)}"
        )
    if verdict == "ambiguous":
        return f"the generator makes {subject}, but {_describe_ambiguity(evidence)}"
    if verdict == "near":
        return (
            f"it is uncertain whether the generator made {subject}: {_describe_nearness(evidence)}"
        )
    if evidence.copy is not None:
        return (
            f"no z was found that makes {subject}: the generator comes near it, but only from a z "
            f"that its prior never draws: {_describe_position(evidence, prior)}"
        )
    return (
        f"no z was found that makes {subject}: the error is larger than that of "
        f"{describe_copy(farthest_copy)} on the generator's own pictures"
    )


def _describe_rest(evidence: Evidence) -> str:
    if evidence.copy is None or evidence.copy == ROUNDED:
        return "the error is only rounding to 8 bits"
    return f"the error is no larger than that of {describe_copy(evidence.copy)} on its own pictures"


def _count_starts(evidence: Evidence) -> str:
    return "1 start" if evidence.starts == 1 else f"{evidence.starts} starts"


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


def _describe_nearness(evidence: Evidence) -> str:
    left = _describe_rest(evidence)
    if evidence.is_match:
        return (
            f"{left}, but only {evidence.same} of {_count_starts(evidence)} came so near; "
            "try more (--trials)"
        )
    return f"{left}, and such a copy is poor"
