"""Figures and pictures of images: recoveries with a histogram, and reconstructions."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePath
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli.clipping import RULES
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.cells import Cell, Pixels
from ganinv_cli.results.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.results.number_format import format_concise, format_number, format_scientific
from ganinv_cli.results.report.grid import DrawnFigure, Report
from ganinv_cli.results.report.image_measures import subtract_target
from ganinv_cli.results.report.plots import (
    GREY,
    LEFT,
    add_pixel_axes,
    draw_picture_rows,
    enlarge_side,
)
from ganinv_cli.results.report.run_notes import describe_rule
from ganinv_cli.results.report.table import Row, capitalize, get_key, label_images, shorten_name

PICTURES = "images"  # the folder of PNG files, and what they are called
PICTURE_NAME = re.compile(r"[0-9]{4,}-.+-(original|reconstruction|difference)\.png")
MAX_SHOWN = 60  # images in figures; the files show all
MAX_FIGURES = 20  # images that are drawn; more are too many to look through
HEADINGS = ("image", "best", "most distant")
PLOT, LEGEND, AXIS = 230, 60, 60  # pixels high: the histogram, the space above and below it
BINS = 40
DECADES = 2  # that distances must span for a logarithmic axis
PER_FIGURE = 6  # images
LETTER = 7  # pixels of a letter over a picture
MAX_NAME_LENGTH = 60  # characters of an image's file name in the names of its pictures


def draw_recoveries(report: Report) -> dict[str, DrawnFigure]:
    """Draw the first images with reconstructions, by stem, e.g. `image-0000`."""
    by_image: dict[int, list[Cell]] = {}
    for cell in report.cells:
        if cell.certificate is not None and cell.exercised:
            cells = by_image.setdefault(cell.image.number, [])
            if not cells or cells[0].image == cell.image:  # else its second name
                cells.append(cell)
    drawn: dict[str, DrawnFigure] = {}
    for number, cells in by_image.items():
        if len(drawn) < MAX_FIGURES and any(len(cell.recoveries.distances) for cell in cells):
            alt = ". ".join(
                f"{capitalize(describe_rule(cell.rule))}: {cell.recoveries.uniqueness.sentence}"
                for cell in cells
            )
            figure = _draw_recoveries(cells)
            drawn[f"image-{number:04d}"] = DrawnFigure(figure, f"{alt}.", _make_caption(cells))
    return drawn


def _draw_recoveries(cells: Sequence[Cell]) -> Figure:
    """Draw a row of pictures for each rule, as in HEADINGS, above a histogram of distances."""
    rows, image = [], cells[0].image
    for cell in cells:
        certificate = cell.certificate or {}
        found = (certificate[name][0] for name in ("reconstruction", "distant_reconstruction"))
        rows.append((cell.rule + _describe_best(cell), [image.target, *found]))
    title = shorten_name(image.name, 40)
    figure = draw_picture_rows(rows, above=HEADINGS, title=title, space=LEGEND + PLOT + AXIS)
    width, height = figure.get_size_inches() * figure.dpi
    axes = add_pixel_axes(figure, LEFT - 38, height - PLOT - AXIS, width - LEFT + 22, PLOT)
    _draw_histogram(axes, [cell for cell in cells if len(cell.recoveries.distances)])
    return figure


def _draw_histogram(axes: Axes, cells: Sequence[Cell]) -> None:
    """Draw the share of pairs by distance, a line per rule; logarithmic over many decades."""
    baseline = statistics.expected_distance(cells[0].recoveries.z.shape[1], cells[0].prior)
    every = np.concatenate([*(cell.recoveries.distances for cell in cells), [baseline]])
    least, most = every[every > 0].min(), every.max()
    logarithmic = most > least * 10**DECADES
    edges = (
        np.geomspace(least, most * 1.1, BINS) if logarithmic else np.linspace(0, most * 1.1, BINS)
    )
    for cell in cells:
        apart, rule = cell.recoveries.distances, RULES[cell.rule]
        counts, _ = np.histogram(np.clip(apart, edges[0], edges[-1]), edges)
        axes.stairs(
            100 * counts / len(apart), edges, color=rule.colour, linestyle=rule.dashes,
            linewidth=1.6, label=cell.rule,
        )  # fmt: skip
    keys: dict[str, Any] = {
        "frameon": False, "fontsize": 10, "loc": "lower left", "borderaxespad": 0,
        "columnspacing": 1.4, "handlelength": 2, "borderpad": 0,
    }  # fmt: skip
    axes.add_artist(axes.legend(ncols=4, bbox_to_anchor=(0, 1.15), **keys))
    marks = []
    if logarithmic:
        axes.set_xscale("log")
        if least < SAME_Z_TOLERANCE:
            same_z = f"one z: below {format_concise(SAME_Z_TOLERANCE)}"
            style: dict[str, Any] = {"color": GREY, "linewidth": 1.2, "linestyle": (0, (1, 2))}
            marks.append(axes.axvline(SAME_Z_TOLERANCE, label=same_z, **style))
    random = f"random z: {format_scientific(baseline)}"
    marks.append(axes.axvline(baseline, color="black", linewidth=1.2, label=random))
    axes.legend(handles=marks, ncols=2, bbox_to_anchor=(0, 1.04), **keys)
    axes.set_xlabel("distance between two recoveries, ‖zᵢ − zⱼ‖ / latent", fontsize=10)
    axes.set_ylabel("% of pairs", fontsize=10)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _describe_best(cell: Cell) -> str:
    psnr, label = cell.best_psnr, cell.recoveries.best_label
    decibels = f"\n{format_number(psnr)} dB" if np.isfinite(psnr) else ""
    return decibels + ("" if label is None else f"\nlabel {label}")


def _make_caption(cells: Sequence[Cell]) -> str:
    labelled = any(cell.recoveries.labels is not None for cell in cells)
    under = " under the same label" if labelled else ""
    return (
        f"The image {shorten_name(cells[0].image.name, None)} at the generator's size, the "
        "recovery with the least image loss (and its PSNR), the recovery with the z farthest from "
        f"that one, and the distances between all pairs of recoveries{under}, by rule."
    )


def draw_reconstructions(report: Report) -> dict[str, DrawnFigure]:
    """Draw the first images, six per figure: `reconstructions`, `reconstructions-2`, …"""
    shown = [*islice(_iterate_reconstructed(report), MAX_SHOWN)]
    names = label_images(report.rows)
    several = len({cell.rule for cell in report.cells}) > 1
    drawn = {}
    for first in range(0, len(shown), PER_FIGURE):
        some = shown[first : first + PER_FIGURE]
        alt = "; ".join(f"{names[get_key(row)]} {_describe_pair(row, several)}" for _, row in some)
        over = " Over each: the label that z was found under." if "label" in some[0][1] else ""
        caption = (
            "From above: the image at the generator's size, or the square of it that was judged; "
            "its reconstruction after all that explains it; and the residual, amplified around "
            "grey by one factor: white where pixels are left out, bright if the reconstruction is "
            f"brighter. Over each: the residual's root mean square in grey levels.{over}"
        )
        stem = f"reconstructions-{first // PER_FIGURE + 1}" if first else "reconstructions"
        drawn[stem] = DrawnFigure(_draw_pairs(some, several, report.rows), f"{alt}.", caption)
    return drawn


def _draw_pairs(pairs: Sequence[tuple[Cell, Row]], several: bool, every: Sequence[Row]) -> Figure:
    """Draw a column for each image; from above: original, reconstruction, residual.

    The least of their factors amplifies all, so that residuals can be compared.
    """
    room = enlarge_side(pairs[0][0].image.target.shape[0]) // LETTER
    names = label_images(every, room - len(_describe_label(pairs[0][1])))
    factor = min(row["difference_amplified"] for _, row in pairs)
    pictures = [_list_pictures(cell, factor) for cell, _ in pairs]
    above = [
        f"{names[get_key(row)]}{_describe_label(row)}\n{_state_nearness(row, several)}\n"
        f"{row['verdict']}"
        for _, row in pairs
    ]
    names_of_rows = ("original", "reconstruction", f"residual\n× {factor}")
    kinds = zip(names_of_rows, pictures[0], strict=True)
    rows = [(name, [each[kind] for each in pictures]) for name, kind in kinds]
    return draw_picture_rows(rows, above)


def _iterate_reconstructed(report: Report) -> Iterator[tuple[Cell, Row]]:
    pairs = zip(report.cells, report.rows, strict=True)
    return (pair for pair in pairs if pair[0].reconstruction is not None)


def _list_pictures(cell: Cell, factor: int) -> dict[str, Pixels]:
    """Return the image, its reconstruction, and their difference, amplified around grey."""
    difference = 128 + factor * subtract_target(cell)
    if cell.region is not None:
        difference[cell.region] = 255
    return {
        "original": cell.target,
        "reconstruction": cast("Pixels", cell.reconstruction),
        "difference": np.asarray(np.clip(difference, 0, 255), np.uint8),
    }


def _state_nearness(row: Row, several: bool) -> str:
    said = [] if row["residual"] is None else [f"residual {format_number(row['residual'])}"]
    return ", ".join([row["technique"], *said] if several else said)


def _describe_label(row: Row) -> str:
    return f", label {row['label']}" if "label" in row else ""


def _describe_pair(row: Row, several: bool) -> str:
    nearness = _state_nearness(row, several)
    return ", ".join(filter(None, (row["verdict"], nearness))) + _describe_label(row)


def iterate_pictures(report: Report) -> Iterator[tuple[str, Pixels]]:
    """Yield (name, pixels) of three PNGs per image, `images/0000-NAME-original.png` and so on.

    If several rules were run, their names precede `reconstruction` and `difference`.
    """
    several = len({cell.rule for cell in report.cells}) > 1
    for cell, row in _iterate_reconstructed(report):
        stem = f"{PICTURES}/{cell.image.number:04d}-{make_file_stem(cell.image.name)}"
        for kind, pixels in _list_pictures(cell, row["difference_amplified"]).items():
            rule = f"{cell.rule}-" if several and kind != "original" else ""
            yield f"{stem}-{rule}{kind}.png", pixels


def make_file_stem(name: str) -> str:
    """Return a file's name without its suffix, in characters that every system accepts."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name).stem)[:MAX_NAME_LENGTH]
