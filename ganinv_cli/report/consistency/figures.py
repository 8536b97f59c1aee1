"""Draw an image, its best and most distant recoveries, and a histogram of distances."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Pixels
from ganinv_cli.analysis.image_results import ImageResults, finite_psnr, read_images
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.analysis.uniqueness import decide_uniqueness
from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_concise, format_number, format_scientific
from ganinv_cli.report.consistency import MAX_FIGURES
from ganinv_cli.report.images import shorten_name
from ganinv_cli.report.plots import (
    GAP,
    GREY,
    PICTURE_SIDE,
    add_pixel_axes,
    draw_picture,
    enlarge_side,
    make_sheet,
    write_text,
)
from ganinv_cli.report.report import DrawnFigure
from ganinv_cli.settings.names import image_group
from ganinv_cli.statistics import Floats

if TYPE_CHECKING:
    from ganinv_cli.store import Results

HEADINGS = ("image", "best", "most distant")
LEFT, TOP, EDGE = 104, 62, 16  # pixels around the pictures
PLOT, LEGEND, AXIS = 230, 72, 60  # pixels high: the histogram, the space above and below it
BINS = 40
DECADES = 2  # that distances must span for a logarithmic axis


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Return figures by stem, e.g. `image=0000`, of the first images with pictures or distances."""
    drawn: dict[str, DrawnFigure] = {}
    for image in read_images(results):
        if len(drawn) == MAX_FIGURES:
            break
        if image_group(image.number) in drawn:  # under its first name
            continue
        pictures, distances = _collect_pictures(image), _collect_distances(image)
        if image.recoveries and (pictures or distances):
            figure = draw_image_figure(image, pictures, distances)
            said = (
                made(image, bool(pictures), bool(distances))
                for made in (_make_alt_text, _make_caption)
            )
            drawn[image_group(image.number)] = DrawnFigure(figure, *said)
    return drawn


def draw_image_figure(
    image: ImageResults, pictures: dict[str, list[Pixels]], distances: dict[str, Floats]
) -> Figure:
    """Draw a row of pictures for each rule, as in HEADINGS, above a histogram of distances."""
    first = next(iter(pictures.values()), [np.zeros((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)])[0]
    side = enlarge_side(first.shape[0])
    width = LEFT + 3 * (side + GAP) + EDGE
    plot = TOP + len(pictures) * (side + GAP) if pictures else TOP - 20
    figure = make_sheet(width, plot + (LEGEND + PLOT + AXIS if distances else 0))
    write_text(figure, shorten_name(image.name, 44), EDGE, 12, fontsize=12)
    for index, (technique, row) in enumerate(pictures.items()):
        top = TOP + index * (side + GAP)
        label = technique + _format_psnr(image, technique) + _format_label(image, technique)
        write_text(figure, label, LEFT - 10, top + side / 2, ha="right", va="center", fontsize=10)
        for column, picture in enumerate(row):
            draw_picture(figure, picture, LEFT + column * (side + GAP), top)
    for column, heading in enumerate(HEADINGS[: max(map(len, pictures.values()), default=0)]):
        centre = LEFT + column * (side + GAP) + side / 2
        write_text(figure, heading, centre, TOP - 22, ha="center", fontsize=10)
    if distances:
        axes = add_pixel_axes(figure, LEFT - 38, plot + LEGEND, width - LEFT + 38 - EDGE, PLOT)
        draw_histogram(
            axes, distances, statistics.expected_distance(_get_latent_size(image), image.prior)
        )
    return figure


def draw_histogram(axes: Axes, distances: dict[str, Floats], baseline: float) -> None:
    """Draw the share of pairs by distance, a line per rule; logarithmic over many decades."""
    every = np.concatenate([*distances.values(), [baseline]])
    least, most = every[every > 0].min(), every.max()
    logarithmic = most > least * 10**DECADES
    edges = (
        np.geomspace(least, most * 1.1, BINS) if logarithmic else np.linspace(0, most * 1.1, BINS)
    )
    for technique, apart in distances.items():
        counts, _ = np.histogram(np.clip(apart, edges[0], edges[-1]), edges)
        rule = RULES[technique]
        axes.stairs(
            100 * counts / len(apart), edges, color=rule.colour, linestyle=rule.dashes,
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
    if logarithmic and least < SAME_Z_TOLERANCE:
        same_z = f"one z: below {format_concise(SAME_Z_TOLERANCE)}"
        marks.append(axes.axvline(SAME_Z_TOLERANCE, color=GREY, linewidth=1.2,
                                  linestyle=(0, (1, 2)), label=same_z))  # fmt: skip
    marks.append(axes.axvline(baseline, color="black", linewidth=1.2,
                              label=f"random z: {format_scientific(baseline)}"))  # fmt: skip
    axes.legend(handles=marks, ncols=2, bbox_to_anchor=(0, 1.04), **keys)
    axes.set_xlabel("distance between two recoveries, ‖zᵢ − zⱼ‖ / latent", fontsize=10)
    axes.set_ylabel("% of pairs", fontsize=10)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _collect_pictures(image: ImageResults) -> dict[str, list[Pixels]]:
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


def _collect_distances(image: ImageResults) -> dict[str, Floats]:
    apart = {
        technique: recoveries.measure_distances(recoveries.has_finite_z)
        for technique, recoveries in image.recoveries.items()
    }
    return {technique: distances for technique, distances in apart.items() if len(distances)}


def _format_psnr(image: ImageResults, rule: str) -> str:
    """Return the PSNR of the best recovery, on a line of its own."""
    if (
        rule not in image.recoveries
        or (found := finite_psnr(image, image.recoveries[rule])) is None
    ):
        return ""
    return f"\n{format_number(found)} dB"


def _format_label(image: ImageResults, rule: str) -> str:
    """Return the label of the best recovery, on a line of its own."""
    if rule not in image.recoveries or (best := image.recoveries[rule].best_label) is None:
        return ""
    return f"\nlabel {best}"


def _get_latent_size(image: ImageResults) -> int:
    return int(next(iter(image.recoveries.values())).z.shape[1])


def _make_alt_text(image: ImageResults, has_pictures: bool, has_distances: bool) -> str:
    verdicts = (
        f"{technique}: {decide_uniqueness(found).sentence}"
        for technique, found in image.recoveries.items()
    )
    made = ", its best reconstruction and the recovery farthest from that one"
    places = [f"above, the image{made if image.certificates else ''}"] if has_pictures else []
    places += ["below, a histogram of the distances between recoveries"] if has_distances else []
    said = "; ".join(places)
    return f"{'. '.join(verdicts)}. {said[0].upper()}{said[1:]}."


def _make_caption(image: ImageResults, has_pictures: bool, has_distances: bool) -> str:
    said = []
    if has_pictures:
        lacking = "" if image.certificates else " (its reconstructions are not made yet)"
        said.append(f"the image at the generator's size{lacking}")
    if has_pictures and image.certificates:
        said.append("the recovery with the least image loss (and its PSNR)")
        said.append(f"the recovery with the z farthest from that one{_describe_coverage(image)}")
    if has_distances:
        apart = (
            f"the distances between all pairs of recoveries{_describe_label_scope(image)}, by rule"
        )
        said.append(f"and {apart}" if said else apart)
    return f"{shorten_name(image.name, None)}: {', '.join(said)}."


def _describe_label_scope(image: ImageResults) -> str:
    labelled = any(recoveries.labels is not None for recoveries in image.recoveries.values())
    return " under the same label" if labelled else ""


def _describe_coverage(image: ImageResults) -> str:
    """Return how many recoveries the pictures cover, if more were added since."""
    counts = {
        len(image.recoveries[technique].loss): int(certificate["recoveries"][0])
        for technique, certificate in image.certificates.items()
        if "recoveries" in certificate
    }
    earlier = [of for now, of in counts.items() if of < now]
    return f" (among the first {min(earlier):,} recoveries)" if earlier else ""
