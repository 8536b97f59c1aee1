"""Figures and pictures of images: recoveries with a histogram, and reconstructions."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePath
from textwrap import fill
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv_cli.clipping import RULES
from ganinv_cli.errors import to_printable
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.results.analysis.trial_sets import Pixels, TrialSet
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
from ganinv_cli.results.report.table import Row, capitalize, get_key, label_images

PICTURES = "images"  # the folder of PNG files, and what they are called
PICTURE_NAME = re.compile(r"[0-9]{4,}-.+-(original|reconstruction|difference)\.png")
MAX_SHOWN = 60  # images in figures; the files show all
MAX_FIGURES = 20  # images that are drawn; more are too many to look through
HEADINGS = ("image", "best", "most distant")
PLOT, LEGEND, AXIS = 230, 60, 60  # pixels high: the histogram, the space above and below it
BINS = 40
DECADES = 2  # that distances must span for a logarithmic axis
PER_FIGURE = 6  # images
LETTER, TITLE_LETTERS = 7, 60  # pixels of a letter over a picture; letters of a line of a title
MAX_NAME_LENGTH = 60  # characters of an image's file name in the names of its pictures


def draw_recoveries(report: Report) -> dict[str, DrawnFigure]:
    """Draw the first images with reconstructions, by stem, e.g. `image-0000`."""
    by_image: dict[int, list[TrialSet]] = {}
    for trial_set in report.trial_sets:
        if trial_set.certificate is not None and trial_set.exercised:
            trial_sets = by_image.setdefault(trial_set.image.number, [])
            if not trial_sets or trial_sets[0].image == trial_set.image:  # else its second name
                trial_sets.append(trial_set)
    drawn: dict[str, DrawnFigure] = {}
    for number, trial_sets in by_image.items():
        if len(drawn) < MAX_FIGURES and any(
            len(trial_set.recoveries.distances) for trial_set in trial_sets
        ):
            alt = ". ".join(
                f"{capitalize(describe_rule(trial_set.rule))}: "
                f"{trial_set.recoveries.uniqueness.sentence}"
                for trial_set in trial_sets
            )
            figure = _draw_recoveries(trial_sets)
            drawn[f"image-{number:04d}"] = DrawnFigure(figure, f"{alt}.", _make_caption(trial_sets))
    return drawn


def _draw_recoveries(trial_sets: Sequence[TrialSet]) -> Figure:
    """Draw a row of pictures for each rule, as in HEADINGS, above a histogram of distances."""
    rows, image = [], trial_sets[0].image
    for trial_set in trial_sets:
        certificate = trial_set.certificate or {}
        found = (certificate[name][0] for name in ("reconstruction", "distant_reconstruction"))
        rows.append((trial_set.rule + _describe_best(trial_set), [image.target, *found]))
    title = fill(to_printable(image.name), TITLE_LETTERS)
    figure = draw_picture_rows(rows, above=HEADINGS, title=title, space=LEGEND + PLOT + AXIS)
    width, height = figure.get_size_inches() * figure.dpi
    axes = add_pixel_axes(figure, LEFT - 38, height - PLOT - AXIS, width - LEFT + 22, PLOT)
    _draw_histogram(
        axes, [trial_set for trial_set in trial_sets if len(trial_set.recoveries.distances)]
    )
    return figure


def _draw_histogram(axes: Axes, trial_sets: Sequence[TrialSet]) -> None:
    """Draw the share of pairs by distance, a line per rule; logarithmic over many decades."""
    baseline = statistics.expected_distance(
        trial_sets[0].recoveries.z.shape[1], trial_sets[0].prior
    )
    every = np.concatenate(
        [*(trial_set.recoveries.distances for trial_set in trial_sets), [baseline]]
    )
    least, most = every[every > 0].min(), every.max()
    logarithmic = most > least * 10**DECADES
    edges = (
        np.geomspace(least, most * 1.1, BINS) if logarithmic else np.linspace(0, most * 1.1, BINS)
    )
    for trial_set in trial_sets:
        apart, rule = trial_set.recoveries.distances, RULES[trial_set.rule]
        counts, _ = np.histogram(np.clip(apart, edges[0], edges[-1]), edges)
        axes.stairs(
            100 * counts / len(apart), edges, color=rule.colour, linestyle=rule.dashes,
            linewidth=1.6, label=trial_set.rule,
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


def _describe_best(trial_set: TrialSet) -> str:
    psnr, label = trial_set.best_psnr, trial_set.recoveries.best_label
    decibels = f"\n{format_number(psnr)} dB" if np.isfinite(psnr) else ""
    return decibels + ("" if label is None else f"\nlabel {label}")


def _make_caption(trial_sets: Sequence[TrialSet]) -> str:
    labelled = any(trial_set.recoveries.labels is not None for trial_set in trial_sets)
    under = " under the same label" if labelled else ""
    return (
        f"The image {to_printable(trial_sets[0].image.name)} at the generator's size, the "
        "recovery with the least image loss (and its PSNR), the recovery with the z farthest from "
        f"that one, and the distances between all pairs of recoveries{under}, by rule."
    )


def draw_reconstructions(report: Report) -> dict[str, DrawnFigure]:
    """Draw the first images, six per figure: `reconstructions`, `reconstructions-2`, …"""
    shown = [*islice(_iterate_reconstructed(report), MAX_SHOWN)]
    names = label_images(report.rows)
    several = len({trial_set.rule for trial_set in report.trial_sets}) > 1
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


def _draw_pairs(
    pairs: Sequence[tuple[TrialSet, Row]], several: bool, every: Sequence[Row]
) -> Figure:
    """Draw a column for each image; from above: original, reconstruction, residual.

    The least of their factors amplifies all, so that residuals can be compared.
    """
    room = enlarge_side(pairs[0][0].image.target.shape[0]) // LETTER
    room -= len(_describe_label(pairs[0][1]))
    names = label_images(every)
    factor = min(row["difference_amplified"] for _, row in pairs)
    pictures = [_list_pictures(trial_set, factor) for trial_set, _ in pairs]
    above = [
        f"{fill(names[get_key(row)], room)}{_describe_label(row)}\n"
        f"{_state_nearness(row, several)}\n{row['verdict']}"
        for _, row in pairs
    ]
    names_of_rows = ("original", "reconstruction", f"residual\n× {factor}")
    kinds = zip(names_of_rows, pictures[0], strict=True)
    rows = [(name, [each[kind] for each in pictures]) for name, kind in kinds]
    return draw_picture_rows(rows, above)


def _iterate_reconstructed(report: Report) -> Iterator[tuple[TrialSet, Row]]:
    pairs = zip(report.trial_sets, report.rows, strict=True)
    return (pair for pair in pairs if pair[1].get("difference_amplified"))


def _list_pictures(trial_set: TrialSet, factor: int) -> dict[str, Pixels]:
    """Return the image, its reconstruction, and their difference, amplified around grey."""
    difference = 128 + factor * subtract_target(trial_set)
    if trial_set.region is not None:
        difference[trial_set.region] = 255
    return {
        "original": trial_set.target,
        "reconstruction": cast("Pixels", trial_set.reconstruction),
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
    several = len({trial_set.rule for trial_set in report.trial_sets}) > 1
    for trial_set, row in _iterate_reconstructed(report):
        stem = f"{PICTURES}/{trial_set.image.number:04d}-{make_file_stem(trial_set.image.name)}"
        for kind, pixels in _list_pictures(trial_set, row["difference_amplified"]).items():
            rule = f"{trial_set.rule}-" if several and kind != "original" else ""
            yield f"{stem}-{rule}{kind}.png", pixels


def make_file_stem(name: str) -> str:
    """Return a file's name without its suffix, in characters that every system accepts."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name).stem)[:MAX_NAME_LENGTH]
