"""Write the notes on the certificates."""

from ganinv_cli.report.invert.numbers import InvertRow
from ganinv_cli.report.invert.pictures import FOLDER, MAX_SHOWN
from ganinv_cli.report.invert.verdict import MATCH_QUALITY, REACHED_SHARE
from ganinv_cli.report.output.number_format import format_concise, format_number
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.image_tables import (
    describe_criterion,
    describe_handling,
    name_images,
)
from ganinv_cli.report.shared.prior import format_bounds, read_prior
from ganinv_cli.report.shared.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.report.shared.run import make_run_notes

VERDICTS = (
    "made: one z matches the image, and the prior can draw it. implausible: only z that the prior "
    "never draws match the image (beyond a bound, or of a length ‖z‖ that fewer than one draw in a "
    "million has). ambiguous: the image is matched, but does not determine z. near: no z matches "
    "the image, but one that the prior can draw is as near as the worst copy; or a single start "
    "matches it, with more left than rounding leaves. outside: none of these."
)
UNMEASURED = (
    "RMSE: per pixel and channel, in grey levels of 255. An earlier ganinv wrote this file, which "
    "does not say how much copies of the generator's own pictures lose. So an image is matched "
    "only if no more is left than rounding to 8 bits leaves, and none is near. Run the command "
    f"again with --overwrite to measure it. {VERDICTS}"
)


def make_notes(run: Json, inverted: list[InvertRow]) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on reading the tables."""
    called = name_images(inverted)
    said = {called[row.number]: row.said for row in inverted}
    lines = [*make_run_notes(run), *describe_handling(said.items())]
    if mask := run["config"].get("mask"):
        lines.append(f"The mask {mask} leaves out some pixels; no number here counts them.")
    lines += _describe_copies(inverted)
    low, high = format_bounds(read_prior(run["config"]))
    labelled = any(row.label is not None for row in inverted)
    lines.append(
        f"Agree: starts with an image loss within {100 * REACHED_SHARE:g} % of the least, of all"
        f"{' under the same label' if labelled else ''}. One z: those of them at the best z, which "
        f"are linked by distances ‖·‖ / latent below {format_concise(SAME_Z_TOLERANCE)}, or below "
        "what the errors of a JPEG file explain. Condition: the largest singular value of the "
        "Jacobian at z over the least. Rank: the number of directions of z that change the image. "
        f"At bound: components of z at or beyond {low} or {high}. Outside: components beyond them, "
        "which the prior never draws."
    )
    if labelled:
        lines.append(
            "Label: the label under which the best z was found. Each start tries one label, and "
            "the starts take the labels in turn. z under different labels cannot be compared."
        )
    if inverted:
        polished = any(row.z == "polished" for row in inverted)
        lines.append(describe_criterion(run, polished))
    if any(row.difference_amplified for row in inverted):
        lines.append(
            f"Original, reconstruction and difference of each image are PNG files in {FOLDER}/, "
            "at the generator's size. The difference is reconstruction minus original around grey, "
            "amplified by the factor difference_amplified of the JSON and CSV. Figures show the "
            f"first {MAX_SHOWN} images."
        )
    return lines


def _describe_copies(inverted: list[InvertRow]) -> list[str]:
    """Return a note on what the verdicts are measured by, the copies of the images' own run."""
    measured = [row for row in inverted if len(row.copy_rmse) > 1]
    if not measured:
        return [UNMEASURED] if inverted else []
    losses = ", ".join(
        f"{name} {format_number(rmse)}" for name, rmse in measured[0].copy_rmse.items()
    )
    return [
        "RMSE: per pixel and channel, in grey levels of 255. Largest RMSE of copies of the "
        f"generator's own pictures: {losses}. Nearest copy: the first of these that is not below "
        f"the image's RMSE. An image is matched if that is JPEG {MATCH_QUALITY} or better. "
        f"{VERDICTS}"
    ]
