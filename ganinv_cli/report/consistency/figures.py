"""An image, the best and the most distant of its recoveries, and how far apart they all lie."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli import statistics
from ganinv_cli.report.consistency.images import Image
from ganinv_cli.report.consistency.minima import SAME
from ganinv_cli.report.consistency.notes import FIGURES
from ganinv_cli.report.consistency.numbers import psnr
from ganinv_cli.report.consistency.verdict import verdict
from ganinv_cli.report.output.number_format import concise, number, scientific
from ganinv_cli.report.output.pixel_sheet import area, enlarged, place, sheet, write
from ganinv_cli.report.output.plots import GAP, GREY, LINES, PICTURE
from ganinv_cli.report.report import Drawn
from ganinv_cli.report.shared.image_names import short
from ganinv_cli.report.shared.run import Pixels
from ganinv_cli.settings.names import image_group
from ganinv_cli.statistics import Floats

HEADINGS = ("image", "best", "most distant")
LEFT, TOP, EDGE = 104, 62, 16  # pixels around the pictures
PLOT, LEGEND, AXIS = 230, 72, 60  # pixels high: the histogram, the room above and below it
BINS = 40
DECADES = 2  # from which on distances are drawn on a logarithmic axis


def draw(images: Iterable[Image]) -> dict[str, Drawn]:
    """`image=0000` and the like, for the first images that have a picture or two recoveries."""
    drawn: dict[str, Drawn] = {}
    for image in images:
        if len(drawn) == FIGURES:
            break
        pictures, distances = _pictures(image), _distances(image)
        if image.rules and (pictures or distances):
            figure = portrait(image, pictures, distances)
            said = (made(image, bool(pictures), bool(distances)) for made in (_alt, _caption))
            drawn[image_group(image.number)] = Drawn(figure, *said)
    return drawn


def portrait(
    image: Image, pictures: dict[str, list[Pixels]], distances: dict[str, Floats]
) -> Figure:
    """A row of pictures for each technique, as in HEADINGS, above a histogram of distances."""
    first = next(iter(pictures.values()), [np.zeros((PICTURE, PICTURE, 3), np.uint8)])[0]
    side = enlarged(first.shape[0])
    width = LEFT + 3 * (side + GAP) + EDGE
    plot = TOP + len(pictures) * (side + GAP) if pictures else TOP - 20
    figure = sheet(width, plot + (LEGEND + PLOT + AXIS if distances else 0))
    write(figure, short(image.name, 44), EDGE, 12, fontsize=12)
    for at, (technique, row) in enumerate(pictures.items()):
        top = TOP + at * (side + GAP)
        label = technique + _decibels(image, technique) + _label(image, technique)
        write(figure, label, LEFT - 10, top + side / 2, ha="right", va="center", fontsize=10)
        for column, picture in enumerate(row):
            place(figure, picture, LEFT + column * (side + GAP), top)
    for column, heading in enumerate(HEADINGS[: max(map(len, pictures.values()), default=0)]):
        centre = LEFT + column * (side + GAP) + side / 2
        write(figure, heading, centre, TOP - 22, ha="center", fontsize=10)
    if distances:
        axes = area(figure, LEFT - 38, plot + LEGEND, width - LEFT + 38 - EDGE, PLOT)
        histogram(axes, distances, statistics.baseline(_latent(image), image.prior))
    return figure


def histogram(axes: Axes, distances: dict[str, Floats], baseline: float) -> None:
    """The share of pairs by distance, a line a technique; logarithmic where it spans decades."""
    every = np.concatenate([*distances.values(), [baseline]])
    least, most = every[every > 0].min(), every.max()
    logarithmic = most > least * 10**DECADES
    edges = (
        np.geomspace(least, most * 1.1, BINS) if logarithmic else np.linspace(0, most * 1.1, BINS)
    )
    for technique, apart in distances.items():
        counts, _ = np.histogram(np.clip(apart, edges[0], edges[-1]), edges)
        colour, dashes = LINES[technique]
        axes.stairs(
            100 * counts / len(apart), edges, color=colour, linestyle=dashes,
            linewidth=1.6, label=technique,
        )  # fmt: skip
    keys: dict[str, Any] = {
        "frameon": False, "fontsize": 10, "loc": "lower left", "borderaxespad": 0,
        "columnspacing": 1.4, "handlelength": 2, "borderpad": 0,
    }  # fmt: skip
    axes.add_artist(axes.legend(ncols=4, bbox_to_anchor=(0, 1.15), **keys))
    if logarithmic:
        axes.set_xscale("log")
    marks = []
    if logarithmic and least < SAME:
        marks.append(axes.axvline(SAME, color=GREY, linewidth=1.2, linestyle=(0, (1, 2)),
                                  label=f"one z: below {concise(SAME)}"))  # fmt: skip
    marks.append(axes.axvline(baseline, color="black", linewidth=1.2,
                              label=f"random z: {scientific(baseline)}"))  # fmt: skip
    axes.legend(handles=marks, ncols=2, bbox_to_anchor=(0, 1.04), **keys)
    axes.set_xlabel("distance between two recoveries, ‖zᵢ − zⱼ‖ / latent", fontsize=10)
    axes.set_ylabel("% of pairs", fontsize=10)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _pictures(image: Image) -> dict[str, list[Pixels]]:
    if image.target is None:
        return {}
    rows = {
        technique: [
            image.target,
            certificate["reconstruction"][0],
            certificate["distant_reconstruction"][0],
        ]
        for technique, certificate in image.certificates.items()
    }
    return rows or {"": [image.target]}


def _distances(image: Image) -> dict[str, Floats]:
    apart = {
        technique: recoveries.distances(recoveries.numbers)
        for technique, recoveries in image.rules.items()
    }
    return {technique: distances for technique, distances in apart.items() if len(distances)}


def _decibels(image: Image, technique: str) -> str:
    """How near the best recovery is, on a line of its own."""
    if technique not in image.rules or (found := psnr(image, image.rules[technique])) is None:
        return ""
    return f"\n{number(found)} dB"


def _label(image: Image, technique: str) -> str:
    """Under which label the best recovery is, on a line of its own."""
    if technique not in image.rules or (best := image.rules[technique].best_label) is None:
        return ""
    return f"\nlabel {best}"


def _latent(image: Image) -> int:
    return int(next(iter(image.rules.values())).z.shape[1])


def _alt(image: Image, pictures: bool, distances: bool) -> str:
    verdicts = (f"{technique}: {verdict(found)}" for technique, found in image.rules.items())
    made = ", its best reconstruction and the recovery farthest from that one"
    places = [f"above, the image{made if image.certificates else ''}"] if pictures else []
    places += ["below, a histogram of the distances between recoveries"] if distances else []
    said = "; ".join(places)
    return f"{'. '.join(verdicts)}. {said[0].upper()}{said[1:]}."


def _caption(image: Image, pictures: bool, distances: bool) -> str:
    said = []
    if pictures:
        lacking = "" if image.certificates else ", whose reconstructions are not made yet"
        said.append(f"the image as the generator sees it{lacking}")
    if pictures and image.certificates:
        said.append("the recovery with the least image loss (and its PSNR)")
        said.append(f"the recovery whose z is farthest from that one's{_covered(image)}")
    if distances:
        apart = f"the distances between all pairs of recoveries{_under_labels(image)}, by technique"
        said.append(f"and {apart}" if said else apart)
    return f"{short(image.name, None)}: {', '.join(said)}."


def _under_labels(image: Image) -> str:
    labelled = any(recoveries.labels is not None for recoveries in image.rules.values())
    return " under the same label" if labelled else ""


def _covered(image: Image) -> str:
    """Of how many recoveries the pictures are, where more have been added since."""
    counts = {
        len(image.rules[technique].loss): int(certificate["recoveries"][0])
        for technique, certificate in image.certificates.items()
        if "recoveries" in certificate
    }
    earlier = [of for now, of in counts.items() if of < now]
    return f" (among the first {min(earlier):,} recoveries)" if earlier else ""
