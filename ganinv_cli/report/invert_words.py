"""The certificates in words."""

from ganinv_cli.report.consistency_minima import REACHED, SAME
from ganinv_cli.report.invert_pictures import FOLDER, SHOWN
from ganinv_cli.report.many import handling, listed, short, unread
from ganinv_cli.report.powers import concise, scientific
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.runs import run_notes
from ganinv_cli.report.wording import number
from ganinv_cli.statistics.certificate import POOR, WORDS


def sections(inverted: list[Row], errors: list[Row]) -> list[Section]:
    """How near each reconstruction is, how sure its z is, and the files that were not read."""
    if not inverted:
        return unread(errors)
    return [_nearness(inverted), _certainty(inverted), *unread(errors)]


def notes(run: Row, inverted: list[Row]) -> list[str]:
    """What is missing, what was run, what was done to the files, and how to read the tables."""
    lines = [*run_notes(run), *handling([(row["image"], row["said"]) for row in inverted])]
    if mask := run["config"].get("mask"):
        lines.append(f"Pixels that the mask {mask} leaves out count in no number here.")
    poor = [row["image"] for row in inverted if row["verdict"] == POOR]
    if poor:
        lines.append(f"{listed(poor)}: {POOR}.")
    lines.append(
        "RMSE: per pixel and channel, in grey levels of 255. Exact: no more is left than rounding "
        f"the image to 8 bits leaves{_rounding(inverted)}; then, by PSNR, "
        + ", ".join(f"{words} from {least:g} dB" for least, words in WORDS.items())
        + ", below that poor."
    )
    lines.append(
        f"Agree: starts that reached the least image loss to within {100 * REACHED:g} %, of all; "
        f"one z: those of them at the best one's z (‖·‖ / latent below {concise(SAME)} from one "
        "to the next). Converged: no direction within .01 of z leads further down. Condition and "
        "rank: of the Jacobian at z, its largest singular value over "
        "its least, and the directions of z that move the image. At bound: components of z at or "
        "beyond -1 or 1; outside: those beyond, where no z is drawn."
    )
    if any(row["difference_amplified"] for row in inverted):
        lines.append(
            f"Each image's original, reconstruction and difference are PNGs in {FOLDER}/, at the "
            "generator's own size; the difference is reconstruction less image around grey, "
            "amplified as difference_amplified in the JSON and CSV says. Figures show the first "
            f"{SHOWN}."
        )
    return lines


def _rounding(inverted: list[Row]) -> str:
    known = [row["rounding"] for row in inverted if row.get("rounding")]
    return f" (RMSE below {max(known):.2f})" if known else ""


def _places(inverted: list[Row], longest: int) -> list[str]:
    """The image, and the rule where there are several."""
    several = len({row["technique"] for row in inverted}) > 1
    return [
        short(row["image"], longest) + (f",\n{row['technique']}" if several else "")
        for row in inverted
    ]


def _nearness(inverted: list[Row]) -> Section:
    return Section(
        "How near the reconstruction is",
        ("image", "RMSE", "PSNR\n(dB)", "image loss", "verdict"),
        [
            (
                place,
                number(row["rmse"]),
                number(row["psnr"]),
                scientific(row["image_loss"]),
                row["verdict"].partition(":")[0],
            )
            for place, row in zip(_places(inverted, 28), inverted, strict=True)
        ],
    )


def _certainty(inverted: list[Row]) -> Section:
    return Section(
        "How sure z is",
        ("image", "agree", "one z", "converged", "condition", "rank", "at\nbound",
         "outside"),
        [
            (
                place,
                f"{row['agreement']['reached']:,} of {row['starts']:,}",
                f"{row['agreement']['same']:,}",
                "yes" if row["converged"] else "no",
                number(row["condition"]),
                "-" if row["rank"] is None else f"{row['rank']:,}/{row['latent']:,}",
                f"{row['at_bound']:,}",
                f"{row['outside']:,}",
            )
            for place, row in zip(_places(inverted, 15), inverted, strict=True)
        ],
    )  # fmt: skip
