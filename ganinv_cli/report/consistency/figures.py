"""Draw an image, its best and most distant recoveries, and a histogram of distances."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli import statistics
from ganinv_cli.analysis.image_results import ImageResults, best_psnr, read_images
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.analysis.uniqueness import decide_uniqueness
from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import format_concise, format_number, format_scientific
from ganinv_cli.report.consistency import MAX_FIGURES
from ganinv_cli.report.images import shorten_name
from ganinv_cli.report.plots import (
    GAP,
    GREY,
    add_pixel_axes,
    draw_picture,
    enlarge_side,
    find_max_length,
    make_sheet,
    write_text,
)
from ganinv_cli.report.report import DrawnFigure
from ganinv_cli.report.run import capitalize, describe_rule
from ganinv_cli.settings.names import image_group
from ganinv_cli.statistics import Floats

if TYPE_CHECKING:
    from ganinv_cli.store import Results

HEADINGS = ("image", "best", "most distant")
NAME_SIZE = 12  # points
LEFT, TOP, EDGE = 104, 62, 16  # pixels around the pictures
PLOT, LEGEND, AXIS = 230, 72, 60  # pixels high: the histogram, the space above and below it
BINS = 40
DECADES = 2  # that distances must span for a logarithmic axis


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Return figures by stem, e.g. `image-0000`, of the first images with reconstructions."""
    drawn: dict[str, DrawnFigure] = {}
    for image in read_images(results):
        stem = image_group(image.number).replace("=", "-")
        if len(drawn) == MAX_FIGURES:
            break
        if stem in drawn or not image.certificates:  # of an image with two names, the first
            continue
        if distances := _collect_distances(image):
            figure = draw_image_figure(image, distances)
            drawn[stem] = DrawnFigure(figure, _make_alt_text(image), _make_caption(image))
    return drawn


def draw_image_figure(image: ImageResults, distances: dict[str, Floats]) -> Figure:
    """Draw a row of pictures for each rule, as in HEADINGS, above a histogram of distances."""
    side = enlarge_side(image.target.shape[0])
    width = LEFT + 3 * (side + GAP) + EDGE
    plot = TOP + len(image.certificates) * (side + GAP)
    figure = make_sheet(width, plot + LEGEND + PLOT + AXIS)
    max_length = find_max_length(
        lambda length: [shorten_name(image.name, length)], width - 2 * EDGE, NAME_SIZE
    )
    write_text(figure, shorten_name(image.name, max_length), EDGE, 12, fontsize=NAME_SIZE)
    for index, (technique, certificate) in enumerate(image.certificates.items()):
        top = TOP + index * (side + GAP)
        label = technique + _describe_best(image, technique)
        write_text(figure, label, LEFT - 10, top + side / 2, ha="right", va="center", fontsize=10)
        found = (certificate[name][0] for name in ("reconstruction", "distant_reconstruction"))
        for column, picture in enumerate((image.target, *found)):
            draw_picture(figure, picture, LEFT + column * (side + GAP), top)
    for column, heading in enumerate(HEADINGS):
        centre = LEFT + column * (side + GAP) + side / 2
        write_text(figure, heading, centre, TOP - 22, ha="center", fontsize=10)
    axes = add_pixel_axes(figure, LEFT - 38, plot + LEGEND, width - LEFT + 38 - EDGE, PLOT)
    recoveries = next(iter(image.recoveries.values()))
    baseline = statistics.expected_distance(recoveries.z.shape[1], image.prior)
    draw_histogram(axes, distances, baseline)
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


def _collect_distances(image: ImageResults) -> dict[str, Floats]:
    apart = {
        technique: recoveries.measure_distances(recoveries.has_finite_z)
        for technique, recoveries in image.recoveries.items()
    }
    return {technique: distances for technique, distances in apart.items() if len(distances)}


def _describe_best(image: ImageResults, rule: str) -> str:
    """Return the PSNR and the label of the best recovery, each on a line of its own."""
    recoveries = image.recoveries[rule]
    psnr, label = best_psnr(image, recoveries), recoveries.best_label
    decibels = f"\n{format_number(psnr)} dB" if np.isfinite(psnr) else ""
    return decibels + ("" if label is None else f"\nlabel {label}")


def _make_alt_text(image: ImageResults) -> str:
    verdicts = (
        f"{capitalize(describe_rule(technique))}: {decide_uniqueness(found).sentence}"
        for technique, found in image.recoveries.items()
    )
    return (
        f"{'. '.join(verdicts)}. Above, the image, its best reconstruction and the recovery "
        "farthest from that one; below, a histogram of the distances between recoveries."
    )


def _make_caption(image: ImageResults) -> str:
    labelled = any(recoveries.labels is not None for recoveries in image.recoveries.values())
    return (
        f"The image {shorten_name(image.name, None)} at the generator's size, the recovery with "
        "the least image loss (and its PSNR), the recovery with the z farthest from that one, and "
        f"the distances between all pairs of recoveries{' under the same label' * labelled}, by "
        "rule."
    )
