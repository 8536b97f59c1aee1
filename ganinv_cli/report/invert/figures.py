"""Each image beside its reconstruction and the difference, a dozen a figure."""

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ganinv_cli.report.consistency.images import images, techniques
from ganinv_cli.report.consistency.numbers import psnr
from ganinv_cli.report.invert.pictures import SHOWN, Pair, amplification, difference, pairs
from ganinv_cli.report.output.number_format import number
from ganinv_cli.report.output.pixel_sheet import enlarged, place, sheet, write
from ganinv_cli.report.output.plots import GAP
from ganinv_cli.report.report import Drawn
from ganinv_cli.report.shared.image_names import names

if TYPE_CHECKING:
    from ganinv_cli.store import Results

A_FIGURE, A_LINE = 12, 6  # images
LEFT, EDGE, HEAD, BETWEEN = 104, 12, 40, 12  # pixels: names of rows, right, over a line, between


def draw(results: "Results") -> dict[str, Drawn]:
    """`reconstructions`, then `reconstructions-2` and on, of the first images that are finished."""
    shown = list(islice(pairs(images(results)), SHOWN))
    rows = [{"number": image.number, "image": image.name} for image in images(results)]
    room = 20 - max((len(under(pair)) for pair in shown), default=0)
    whole, shortened = names(rows), names(rows, room)
    several = len(techniques(results)) > 1
    chunks = [shown[first : first + A_FIGURE] for first in range(0, len(shown), A_FIGURE)]
    return {
        "reconstructions" + (f"-{figure}" if figure > 1 else ""): _drawn(
            chunk, several, whole, shortened
        )
        for figure, chunk in enumerate(chunks, start=1)
    }


def montage(shown: list[Pair], several: bool, amplified: int, called: Mapping[int, str]) -> Figure:
    """Lines of A_LINE images; under one another: original, reconstruction, difference."""
    side = enlarged(shown[0].original.shape[0])
    columns, lines = min(len(shown), A_LINE), -(-len(shown) // A_LINE)
    tall = HEAD + 3 * (side + GAP) + BETWEEN
    figure = sheet(max(LEFT + columns * (side + GAP) + EDGE, 360), lines * tall)
    for line in range(lines):
        for at, label in enumerate(("original", "reconstruction", f"difference\n× {amplified}")):
            middle = line * tall + HEAD + at * (side + GAP) + side / 2
            write(figure, label, LEFT - 8, middle, ha="right", va="center")
    for at, pair in enumerate(shown):
        line, column = divmod(at, A_LINE)
        left, top = LEFT + column * (side + GAP), line * tall + HEAD
        write(figure, called[pair.image.number] + under(pair), left, top - 32, fontsize=8)
        write(figure, near(pair, several), left, top - 17, fontsize=8)
        pictures = (pair.original, pair.reconstruction, difference(pair, amplified))
        for row, picture in enumerate(pictures):
            place(figure, picture, left, top + row * (side + GAP))
    return figure


def near(pair: Pair, several: bool) -> str:
    """How near the reconstruction is, and the rule's name where there are several."""
    decibels = psnr(pair.image, pair.image.rules[pair.technique])
    said = [f"{number(decibels)} dB"] if decibels is not None else []
    return ", ".join([pair.technique, *said] if several else said)


def under(pair: Pair) -> str:
    """The label that z was found under; nothing where there are no labels."""
    label = pair.image.rules[pair.technique].best_label
    return "" if label is None else f", label {label}"


def _drawn(
    shown: list[Pair], several: bool, whole: Mapping[int, str], shortened: Mapping[int, str]
) -> Drawn:
    times = amplification(shown)
    said = "; ".join(
        f"{whole[pair.image.number]} {near(pair, several)}{under(pair)}" for pair in shown
    )
    over = " Over each: the label that z was found under." if any(map(under, shown)) else ""
    return Drawn(
        montage(shown, several, times, shortened),
        f"How near each reconstruction is (PSNR): {said}. For each, from above: the original, its "
        "reconstruction, and the difference.",
        "From above: the image as the generator sees it, its reconstruction, and reconstruction "
        f"less image, amplified {times} times around grey: brighter where the reconstruction is."
        f"{over}",
    )
