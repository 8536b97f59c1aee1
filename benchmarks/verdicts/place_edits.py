"""Edits of geometry and of regions, of random strength, with Pillow and NumPy alone.

As in `colour_edits`, each takes an RGB picture of any size and returns it edited, with what was
done in words.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from benchmarks.tiny import ROOT
from benchmarks.verdicts.colour_edits import (
    Picture,
    Random,
    RandomEdit,
    draw_factor,
    read_levels,
    to_picture,
)

BICUBIC = Image.Resampling.BICUBIC
KERNELS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": BICUBIC,
    "Lanczos": Image.Resampling.LANCZOS,
}
WORDS = ("hello", "me", "2026", "LOL", "wow!", "lovely", "SALE", "@anna", "no way")
NEIGHBOURS = ROOT / "docs" / "portraits" / "64"  # pictures beside which a collage sets one


# Geometry


def crop(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Cut a picture to a part of the same shape, and enlarge it to the size that it had."""
    share = random.uniform(0.8, 0.97)
    width, height = share * picture.width, share * picture.height
    left = random.uniform(0, picture.width - width)
    top = random.uniform(0, picture.height - height)
    corners = round(left), round(top), round(left + width), round(top + height)
    return picture.crop(corners).resize(picture.size, BICUBIC), f"cropped to {100 * share:.0f} %"


def shift(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Move a picture by some pixels or parts of them; what is beyond the edge repeats it."""
    x, y = (random.uniform(-0.06, 0.06) * side for side in picture.size)
    if random.integers(2):
        x, y = round(x), round(y)
    matrix = (1, 0, -x, 0, 1, -y)
    return _transform(picture, Image.Transform.AFFINE, matrix), f"shifted by ({x:.2g}, {y:.2g})"


def rotate(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Rotate a picture; in half of the cases the corners, which are empty, are cut off."""
    degrees = float(random.choice((-1, 1))) * random.uniform(1, 8)
    rotated = picture.rotate(degrees, BICUBIC)
    words = f"rotated by {degrees:.1f}°"
    if random.integers(2):
        border = int(np.ceil(np.sin(np.radians(abs(degrees))) * max(picture.size) / 2))
        cut = ImageOps.crop(rotated, min(border, min(picture.size) // 4))
        return cut.resize(picture.size, BICUBIC), f"{words}, corners cut off"
    return rotated, words


def change_perspective(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Take the corners from up to 6 % inside."""
    width, height = picture.size
    inwards = random.uniform(0, 0.06, (4, 2)) * picture.size
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)], np.float64)
    signs = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)])
    quad = tuple((corners + signs * inwards).ravel())
    tilted = picture.transform(picture.size, Image.Transform.QUAD, quad, BICUBIC)
    return tilted, f"perspective, up to {np.abs(inwards).max():.1f} pixels"


def mirror(picture: Picture, random: Random) -> tuple[Picture, str]:
    return ImageOps.mirror(picture), "mirrored"


def change_aspect(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Stretch a picture in one direction; the file has another shape then."""
    factor = draw_factor(random, 1.25)
    size = round(factor * picture.width), picture.height
    return picture.resize(size, BICUBIC), f"width × {factor:.2f}"


def resize_back(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Make a picture smaller and large again."""
    factor, kernel = random.uniform(0.5, 0.95), str(random.choice([*KERNELS]))
    size = tuple(round(factor * side) for side in picture.size)
    small = picture.resize((size[0], size[1]), KERNELS[kernel])
    return small.resize(picture.size, KERNELS[kernel]), f"× {factor:.2f} and back, {kernel}"


def resize(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Make a picture larger or smaller; the file has another size then."""
    factor, kernel = random.uniform(0.7, 3), str(random.choice([*KERNELS]))
    size = tuple(round(factor * side) for side in picture.size)
    return picture.resize((size[0], size[1]), KERNELS[kernel]), f"size × {factor:.2f}, {kernel}"


def distort(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Distort a picture as a lens does: r -> r (1 + k r²), r = 1 at the middle of an edge."""
    k = float(random.choice((-1, 1))) * random.uniform(0.02, 0.12)
    levels = read_levels(picture)
    height, width, _ = levels.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    times = (1 + k * (x**2 + y**2)) / (1 + 2 * max(k, 0))  # corners stay inside
    rows = np.clip((y * times + 1) / 2 * (height - 1), 0, height - 1)
    columns = np.clip((x * times + 1) / 2 * (width - 1), 0, width - 1)
    return to_picture(_interpolate(levels, rows, columns)), f"lens, k = {k:.2f}"


def _interpolate(levels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the levels at some places, (height, width) each, by bilinear interpolation."""
    top = np.minimum(rows.astype(int), levels.shape[0] - 2)
    left = np.minimum(columns.astype(int), levels.shape[1] - 2)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    above = (1 - right) * levels[top, left] + right * levels[top, left + 1]
    below = (1 - right) * levels[top + 1, left] + right * levels[top + 1, left + 1]
    return np.asarray((1 - down) * above + down * below)


def _transform(picture: Picture, kind: Image.Transform, matrix: Sequence[float]) -> Picture:
    """Transform a picture whose edge pixels go on beyond it."""
    pad = 8
    wide = to_picture(np.pad(read_levels(picture), ((pad, pad), (pad, pad), (0, 0)), "edge"))
    return ImageOps.crop(wide.transform(wide.size, kind, matrix, BICUBIC), pad)


# Regions


def _draw_colour(random: Random) -> tuple[int, int, int]:
    red, green, blue = (int(level) for level in random.integers(0, 256, 3))
    return red, green, blue


def write_text(picture: Picture, random: Random) -> tuple[Picture, str]:
    edited, word = picture.copy(), str(random.choice(WORDS))
    size = max(7, int(random.uniform(0.12, 0.25) * picture.height))
    left, top = random.uniform(0, 0.4) * picture.width, random.uniform(0, 0.8) * picture.height
    draw = ImageDraw.Draw(edited)
    draw.text((left, top), word, fill=_draw_colour(random), font_size=size)
    return edited, f"text of {size} pixels"


def add_sticker(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Cover a part of a picture with a face of one colour."""
    edited = picture.copy()
    size = random.uniform(0.15, 0.35) * min(picture.size)
    left, top = (random.uniform(0, side - size) for side in picture.size)
    draw = ImageDraw.Draw(edited)
    draw.ellipse((left, top, left + size, top + size), _draw_colour(random), (0, 0, 0))
    for part in (0.3, 0.7):
        x, y, radius = left + part * size, top + 0.35 * size, 0.07 * size
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (0, 0, 0))
    return edited, f"sticker of {size:.0f} pixels"


def add_caption(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Cover the lower edge of a picture, or add to it, with a bar and a text."""
    height = max(8, int(random.uniform(0.15, 0.25) * picture.height))
    below = bool(random.integers(2))
    top = picture.height if below else picture.height - height
    edited = ImageOps.pad(picture, picture.size)
    if below:
        edited = Image.new("RGB", (picture.width, picture.height + height))
        edited.paste(picture)
    light = bool(random.integers(2))
    draw = ImageDraw.Draw(edited)
    draw.rectangle((0, top, picture.width, top + height), (255, 255, 255) if light else (0, 0, 0))
    text, ink = str(random.choice(WORDS)), (0, 0, 0) if light else (255, 255, 255)
    draw.text((2, top), text, fill=ink, font_size=height - 2)
    return edited, f"caption of {height} pixels {'below' if below else 'over'} the picture"


def inpaint(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Remove a region: what is around it is blurred into it."""
    size = random.uniform(0.12, 0.3) * min(picture.size)
    left, top = (random.uniform(0, side - size) for side in picture.size)
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((left, top, left + size, top + size), 255)
    soft = mask.filter(ImageFilter.GaussianBlur(0.7))
    filled = picture.filter(ImageFilter.GaussianBlur(size / 2))
    return Image.composite(filled, picture, soft), f"region of {size:.0f} pixels inpainted"


def pixelate(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Hide a region, e.g. the eyes, under large squares."""
    width, height = (random.uniform(0.2, 0.4) * side for side in picture.size)
    left, top = random.uniform(0, picture.width - width), random.uniform(0, picture.height - height)
    box = round(left), round(top), round(left + width), round(top + height)
    part = picture.crop(box)
    squares = part.resize((4, 3), Image.Resampling.BOX).resize(part.size, Image.Resampling.NEAREST)
    edited = picture.copy()
    edited.paste(squares, (box[0], box[1]))
    return edited, f"region of {part.width} × {part.height} pixels pixelated"


def make_collage(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Set a picture beside another, or in a grid of four."""
    columns, rows = ((2, 1), (1, 2), (2, 2))[int(random.integers(3))]
    gap, width, height = int(random.integers(0, 3)), *picture.size
    size = columns * (width + gap) - gap, rows * (height + gap) - gap
    page = Image.new("RGB", size, (255, 255, 255))
    own, paths = int(random.integers(columns * rows)), sorted(NEIGHBOURS.glob("*.png"))
    for cell in range(columns * rows):
        place = cell % columns * (width + gap), cell // columns * (height + gap)
        if cell == own:
            page.paste(picture, place)
            continue
        with Image.open(paths[int(random.integers(len(paths)))]) as file:
            page.paste(ImageOps.fit(file.convert("RGB"), picture.size), place)
    return page, f"collage of {columns} × {rows}"


def take_screenshot(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Show a picture in a window, with a bar above it, and a page around it."""
    left, right, below = (int(each * picture.width) for each in random.uniform(0.02, 0.5, 3))
    bar = max(4, int(random.uniform(0.1, 0.25) * picture.height))
    dark = bool(random.integers(2))
    page_colour, bar_colour = (
        ((30, 30, 34), (54, 57, 63)) if dark else ((250,) * 3, (222, 225, 230))
    )
    size = picture.width + left + right, picture.height + bar + below
    page = Image.new("RGB", size, page_colour)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, size[0], bar - 2), bar_colour)
    colours = ((255, 95, 86), (255, 189, 46), (39, 201, 63))
    for number, colour in enumerate(colours):
        x = 2 + number * bar
        draw.ellipse((x, 1, x + bar - 4, bar - 3), colour)
    page.paste(picture, (left, bar))
    return page, f"screenshot, margins of {left}, {bar}, {right}, {below}"


def add_frame(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Cover the edge of a picture with a frame, or set one around it."""
    width, colour = max(1, int(random.uniform(0.03, 0.12) * picture.width)), _draw_colour(random)
    if random.integers(2):
        return ImageOps.expand(picture, width, colour), f"frame of {width} pixels around it"
    inside = ImageOps.crop(picture, width)
    return ImageOps.expand(inside, width, colour), f"frame of {width} pixels over it"


def add_watermark(picture: Picture, random: Random) -> tuple[Picture, str]:
    opacity, word = random.uniform(0.15, 0.5), str(random.choice(WORDS))
    layer = Image.new("L", picture.size)
    size = max(8, int(random.uniform(0.15, 0.3) * picture.height))
    draw = ImageDraw.Draw(layer)
    step = 2 * size if random.integers(2) else picture.height  # several times, or once
    for top in range(size // 2, picture.height, step):
        draw.text((picture.width // 8, top), word, fill=round(255 * opacity), font_size=size)
    white = Image.new("RGB", picture.size, (255, 255, 255))
    return Image.composite(white, picture, layer), f"watermark of {100 * opacity:.0f} %"


GEOMETRY: dict[str, RandomEdit] = {
    "crop": crop,
    "shift": shift,
    "rotation": rotate,
    "perspective": change_perspective,
    "mirror": mirror,
    "aspect": change_aspect,
    "smaller and back": resize_back,
    "size": resize,
    "lens": distort,
}
REGION: dict[str, RandomEdit] = {
    "text": write_text,
    "sticker": add_sticker,
    "caption": add_caption,
    "inpainting": inpaint,
    "pixelated region": pixelate,
    "collage": make_collage,
    "screenshot": take_screenshot,
    "frame": add_frame,
    "watermark": add_watermark,
}
