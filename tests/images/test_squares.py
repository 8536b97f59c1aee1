"""Squares of a file that look like pictures of their own."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from ganinv_cli.images.squares import Square, suggest_squares

SIDE = 32


def _make_picture(seed, side=SIDE):
    """A smooth picture of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side // 4, side // 4, 3), np.uint8)
    picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    return picture.filter(ImageFilter.GaussianBlur(1))


def _make_page(width, height, squares, colour=(128, 128, 128)):
    page = Image.new("RGB", (width, height), colour)
    for number, (left, top, side) in enumerate(squares):
        page.paste(_make_picture(number, side), (left, top))
    return page


def _make_window():
    page = _make_page(150, 120, [Square(30, 20, 90)], "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 149, 11), fill=(40, 44, 52))
    draw.text((60, 0), "Photos", fill="white", font_size=10)
    return page


PAGES = {
    "border": (_make_page(40, 40, [Square(4, 4, SIDE)]), {Square(4, 4, SIDE)}),
    "window": (_make_window(), {Square(30, 20, 90)}),
    "one above the other": (
        _make_page(SIDE, 2 * SIDE, tiles := [Square(0, n * SIDE, SIDE) for n in range(2)]),
        {*tiles},
    ),
    "grid": (
        _make_page(
            *(2 * SIDE, 2 * SIDE),
            tiles := [Square(x * SIDE, y * SIDE, SIDE) for x in range(2) for y in range(2)],
        ),
        {*tiles},
    ),
    "grid with gutters": (
        _make_page(
            *(2 * SIDE + 2, 2 * SIDE + 2),
            tiles := [Square(34 * x, 34 * y, SIDE) for x in range(2) for y in range(2)],
        ),
        {*tiles},
    ),
}


@pytest.mark.parametrize("kind", PAGES)
def test_pictures_on_a_page_and_in_a_grid_are_suggested_before_others(kind):
    page, squares = PAGES[kind]
    suggested = suggest_squares(np.asarray(page), SIDE // 2)
    assert {*suggested[: len(squares)]} == squares


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (3 * SIDE, 2 * SIDE)])
def test_of_a_picture_without_margins_nothing_is_suggested(shape):
    for seed in range(20):
        picture = np.asarray(_make_picture(seed, max(shape)))[: shape[0], : shape[1]]
        assert suggest_squares(picture, SIDE // 2) == []
