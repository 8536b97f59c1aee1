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
    "made: matched by one z, which may be drawn. implausible: matched, but only by z that are "
    "never drawn, beyond a bound or of a length ‖z‖ that fewer than one draw in a million has. "
    "ambiguous: matched, but the image does not tell z. near: not matched, but no farther than the "
    "worst copy by a z that may be drawn; or matched by a single start, with more left than "
    "rounding leaves. outside: neither."
)
UNMEASURED = (
    "RMSE: per pixel and channel, in grey levels of 255. This file does not say how much copies of "
    "the generator's own pictures lose, as an earlier ganinv wrote it: an image is matched only if "
    "no more is left than rounding it to 8 bits leaves, and none is near. Run the command again "
    f"with --overwrite to measure it. {VERDICTS}"
)


def make_notes(run: Json, inverted: list[InvertRow]) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on reading the tables."""
    called = name_images(inverted)
    said = {called[row.number]: row.said for row in inverted}
    lines = [*make_run_notes(run), *describe_handling(said.items())]
    if mask := run["config"].get("mask"):
        lines.append(f"Pixels that the mask {mask} leaves out count in no number here.")
    lines += _describe_copies(inverted)
    low, high = format_bounds(read_prior(run["config"]))
    labelled = any(row.label is not None for row in inverted)
    lines.append(
        f"Agree: starts that reached the least image loss to within {100 * REACHED_SHARE:g} %, of "
        f"all{' under the same label' if labelled else ''}; one z: those of them at the best one's "
        f"z (from one to the next, ‖·‖ / latent is below {format_concise(SAME_Z_TOLERANCE)}, or "
        "below what errors of a JPEG file explain if they are what is left of the image). "
        "Condition and rank: of the Jacobian at z, its largest singular value over its least, and "
        f"the directions of z that move the image. At bound: components of z at or beyond {low} or "
        f"{high}; outside: those beyond, where no z is drawn."
    )
    if labelled:
        lines.append(
            "Label: the one under which the best z was found. A start tries one label, and the "
            "starts take the labels in turn; z found under another label cannot be compared."
        )
    if inverted:
        polished = any(row.z == "polished" for row in inverted)
        lines.append(describe_criterion(run, inverted[0].latent, polished))
    if any(row.difference_amplified for row in inverted):
        lines.append(
            f"Each image's original, reconstruction and difference are PNGs in {FOLDER}/, at the "
            "generator's own size; the difference is reconstruction less image around grey, "
            "amplified as difference_amplified in the JSON and CSV says. Figures show the first "
            f"{MAX_SHOWN}."
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
        "RMSE: per pixel and channel, in grey levels of 255. Copies of the generator's own "
        f"pictures have at most: {losses}. Nearest copy: the first of these kinds that may have "
        f"as much. An image is matched up to JPEG {MATCH_QUALITY}. {VERDICTS}"
    ]
