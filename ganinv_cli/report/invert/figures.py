"""Draw each image beside its reconstruction and their difference, twelve per figure."""

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ganinv_cli.analysis.certificate import choose_amplification
from ganinv_cli.analysis.image_results import ImageKey, find_rules, read_images
from ganinv_cli.number_format import format_number
from ganinv_cli.report.images import name_images
from ganinv_cli.report.invert.pictures import MAX_SHOWN, Pair, draw_difference, iterate_pairs
from ganinv_cli.report.plots import (
    GAP,
    draw_picture,
    enlarge_side,
    find_max_length,
    make_sheet,
    write_text,
)
from ganinv_cli.report.report import DrawnFigure

if TYPE_CHECKING:
    from ganinv_cli.store import Results

PAIRS_PER_FIGURE, PAIRS_PER_LINE = 12, 6  # images
NAME_SIZE = 8  # points
LEFT, EDGE, HEAD, BETWEEN = 104, 12, 54, 12  # pixels: names of rows, right, over a line, between


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Return figures by stem, `reconstructions`, `reconstructions-2`, … of the first images."""
    shown = list(islice(iterate_pairs(read_images(results)), MAX_SHOWN))
    rows = [{"image": image.name, "number": image.number} for image in read_images(results)]

    def write_names(max_length: int) -> list[str]:
        names = name_images(rows, max_length)
        return [names[pair.image.key] + describe_label(pair) for pair in shown]

    side = enlarge_side(shown[0].original.shape[0]) if shown else 0
    whole = name_images(rows)
    shortened = name_images(rows, find_max_length(write_names, side, NAME_SIZE))
    several = len(find_rules(results)) > 1
    chunks = [
        shown[first : first + PAIRS_PER_FIGURE] for first in range(0, len(shown), PAIRS_PER_FIGURE)
    ]
    return {
        "reconstructions" + (f"-{figure}" if figure > 1 else ""): _draw_figure(
            chunk, several, whole, shortened
        )
        for figure, chunk in enumerate(chunks, start=1)
    }


def draw_pairs(
    pairs: list[Pair], has_several_rules: bool, amplification: int, names: Mapping[ImageKey, str]
) -> Figure:
    """Draw lines of PAIRS_PER_LINE images; from above: original, reconstruction, difference."""
    side = enlarge_side(pairs[0].original.shape[0])
    columns, lines = min(len(pairs), PAIRS_PER_LINE), -(-len(pairs) // PAIRS_PER_LINE)
    tall = HEAD + 3 * (side + GAP) + BETWEEN
    figure = make_sheet(max(LEFT + columns * (side + GAP) + EDGE, 360), lines * tall)
    for line in range(lines):
        for at, label in enumerate(
            ("original", "reconstruction", f"difference\n× {amplification}")
        ):
            middle = line * tall + HEAD + at * (side + GAP) + side / 2
            write_text(figure, label, LEFT - 8, middle, ha="right", va="center")
    for at, pair in enumerate(pairs):
        line, column = divmod(at, PAIRS_PER_LINE)
        left, top = LEFT + column * (side + GAP), line * tall + HEAD
        lines_over = (
            names[pair.image.key] + describe_label(pair),
            describe_nearness(pair, has_several_rules),
            pair.row["verdict"],
        )
        for over, text in zip((46, 31, 16), lines_over, strict=True):
            write_text(figure, text, left, top - over, fontsize=NAME_SIZE)
        pictures = (pair.original, pair.reconstruction, draw_difference(pair, amplification))
        for row, picture in enumerate(pictures):
            draw_picture(figure, picture, left, top + row * (side + GAP))
    return figure


def describe_nearness(pair: Pair, has_several_rules: bool) -> str:
    """Return the grey levels that are left, and the rule's name if there are several rules."""
    left = pair.row["rmse"] if pair.row["excess"] is None else pair.row["excess"]
    said = [f"{format_number(left)} left"] if left is not None else []
    return ", ".join([pair.rule, *said] if has_several_rules else said)


def describe_label(pair: Pair) -> str:
    """Return the label that z was found under; empty without labels."""
    label = pair.image.recoveries[pair.rule].best_label
    return "" if label is None else f", label {label}"


def _describe_pair(pair: Pair, has_several_rules: bool) -> str:
    nearness = describe_nearness(pair, has_several_rules)  # may be empty
    said = [pair.row["verdict"], *([nearness] if nearness else [])]
    return ", ".join(said) + describe_label(pair)


def _draw_figure(
    pairs: list[Pair],
    has_several_rules: bool,
    full_names: Mapping[ImageKey, str],
    short_names: Mapping[ImageKey, str],
) -> DrawnFigure:
    times = choose_amplification([pair.difference for pair in pairs])
    said = "; ".join(
        f"{full_names[pair.image.key]} {_describe_pair(pair, has_several_rules)}" for pair in pairs
    )
    over = (
        " Over each: the label that z was found under." if any(map(describe_label, pairs)) else ""
    )
    return DrawnFigure(
        draw_pairs(pairs, has_several_rules, times, short_names),
        "The verdict on each image, and what its reconstruction leaves of it, in grey levels: "
        f"{said}. For each, from above: the original, its reconstruction, and the difference.",
        "From above: the image at the generator's size, its reconstruction, and their difference, "
        f"amplified {times} times around grey: bright if the reconstruction is brighter."
        f"{over}",
    )
