"""Write the notes on the certificates."""

from ganinv_cli.report.invert.numbers import InvertRow
from ganinv_cli.report.invert.pictures import FOLDER, MAX_SHOWN
from ganinv_cli.report.output.number_format import format_concise
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared.image_tables import (
    describe_criterion,
    describe_handling,
    join_names,
    name_images,
)
from ganinv_cli.report.shared.prior import format_bounds, read_prior
from ganinv_cli.report.shared.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE
from ganinv_cli.report.shared.run import make_run_notes
from ganinv_cli.statistics.image_error import POOR, VERDICTS


def make_notes(run: Json, inverted: list[InvertRow]) -> list[str]:
    """Return notes on missing trials, on the run, on changed files, and on reading the tables."""
    called = name_images(inverted)
    said = {called[row.number]: row.said for row in inverted}
    lines = [*make_run_notes(run), *describe_handling(said.items())]
    if mask := run["config"].get("mask"):
        lines.append(f"Pixels that the mask {mask} leaves out count in no number here.")
    poor = [called[row.number] for row in inverted if row.verdict.startswith(POOR)]
    if poor:
        lines.append(f"{join_names(poor)}: {POOR}.")
    untold = [called[row.number] for row in inverted if not row.told]
    if untold:
        lines.append(
            f"{join_names(untold)}: the image does not determine z, as too few pixels count, they "
            "are alike, or several z make the same picture; z may be another than was found."
        )
    lines.append(
        "RMSE: per pixel and channel, in grey levels of 255. Exact: no more is left than rounding "
        f"the image to 8 bits leaves{_describe_rounding(inverted)}; then, by PSNR, "
        + ", ".join(f"{words} from {least:g} dB" for least, words in VERDICTS.items())
        + ", below that poor."
    )
    low, high = format_bounds(read_prior(run["config"]))
    labelled = any(row.label is not None for row in inverted)
    lines.append(
        f"Agree: starts that reached the least image loss to within {100 * REACHED_SHARE:g} %, of "
        f"all{' under the same label' if labelled else ''}; one z: those of them at the best one's "
        f"z (‖·‖ / latent below {format_concise(SAME_Z_TOLERANCE)} from one to the next). "
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


def _describe_rounding(inverted: list[InvertRow]) -> str:
    known = [row.rounding_rmse for row in inverted if row.rounding_rmse]
    return f" (RMSE below {max(known):.2f})" if known else ""
