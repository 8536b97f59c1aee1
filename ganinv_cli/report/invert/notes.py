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
    "million has). ambiguous: the image is matched, but does not determine z. near: (a) no z "
    "matches the image, but one that the prior can draw is as near as the worst copy, or (b) only "
    "one start matches it, with an error above rounding. outside: none of these."
)
UNMEASURED = (
    "RMSE: per pixel and channel, in grey levels of 255. An earlier ganinv wrote this file, which "
    "does not say how much copies of the generator's own pictures lose. So an image is matched "
    "only if its error is not above rounding to 8 bits, and none is near. Run the command "
    f"again with --overwrite to measure it. {VERDICTS}"
)


def make_notes(run: Json, inverted: list[InvertRow]) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on reading the tables."""
    called = name_images(inverted)
    said = {called[row.key]: row.said for row in inverted}
    lines = [*make_run_notes(run), *describe_handling(said.items())]
    if mask := run["config"].get("mask"):
        lines.append(f"The mask {mask} leaves out some pixels; no number here counts them.")
    lines += _describe_copies(inverted)
    low, high = format_bounds(read_prior(run["config"]))
    labelled = any(row.label is not None for row in inverted)
    lines.append(
        f"Agree: of all starts{' under the same label' if labelled else ''}, those with an image "
        f"loss at most {100 * REACHED_SHARE:g} % above the lowest one, or not above rounding. One "
        "z: the agreeing starts that found the best z. Two starts found the same z if their "
        f"distance ‖·‖ / latent is below {format_concise(SAME_Z_TOLERANCE)}, or below the error "
        "that JPEG can cause, or if other agreeing starts connect them by such steps. Condition: "
        "the largest singular value of the Jacobian at z divided by the least. Rank: the number of "
        "directions of z that change the image. "
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
            "at the generator's size. In the difference, grey means that both are equal; brighter "
            "means that the reconstruction is brighter. It is amplified by the factor "
            f"difference_amplified of the JSON and CSV. Figures show the first {MAX_SHOWN} images."
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
        "RMSE: per pixel and channel, in grey levels of 255. Limits, the largest RMSE of copies of "
        f"the generator's own pictures: {losses}. Nearest copy: the best quality with a "
        "limit that is at least the image's RMSE. An image is matched if its nearest copy is JPEG "
        f"{MATCH_QUALITY} or better, or 8 bits. {VERDICTS}"
    ]
