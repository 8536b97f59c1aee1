"""Edits of tone and filters, of random strength, with Pillow and NumPy alone.

They share no code with `ganinv_cli/reenact`, and their strengths are what apps for pictures offer:
none was chosen by what ganinv recognises. Each takes an RGB picture of any size and returns it
edited, with what was done in words.
"""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Picture = Image.Image
Random = np.random.Generator
RandomEdit = Callable[[Picture, Random], tuple[Picture, str]]
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue


def to_picture(levels: np.ndarray) -> Picture:
    """Return grey levels (height, width, 3), rounded and clipped to 0 to 255, as a picture."""
    return Image.fromarray(np.rint(np.clip(levels, 0, 255)).astype(np.uint8))


def read_levels(picture: Picture) -> np.ndarray:
    """Return the grey levels (height, width, 3) as float64."""
    return np.asarray(picture.convert("RGB"), np.float64)


def draw_factor(random: Random, most: float) -> float:
    """Return a factor from 1 / most to most, by its logarithm."""
    return math.exp(random.uniform(-1, 1) * math.log(most))


def mix(one: Picture, other: Picture, share: float) -> Picture:
    """Return (1 − share) of one picture and share of another."""
    return Image.blend(one, other, share)


# Tone


def change_contrast(picture: Picture, random: Random) -> tuple[Picture, str]:
    factor = draw_factor(random, 1.5)
    return ImageEnhance.Contrast(picture).enhance(factor), f"contrast × {factor:.2f}"


def change_brightness(picture: Picture, random: Random) -> tuple[Picture, str]:
    factor = draw_factor(random, 1.4)
    return ImageEnhance.Brightness(picture).enhance(factor), f"brightness × {factor:.2f}"


def change_saturation(picture: Picture, random: Random) -> tuple[Picture, str]:
    factor = random.uniform(0, 2)
    return ImageEnhance.Color(picture).enhance(factor), f"saturation × {factor:.2f}"


def adjust(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Change contrast, brightness and saturation, as three sliders do."""
    contrast, brightness, saturation = (draw_factor(random, most) for most in (1.3, 1.2, 1.5))
    picture = ImageEnhance.Contrast(picture).enhance(contrast)
    picture = ImageEnhance.Brightness(picture).enhance(brightness)
    words = f"contrast, brightness, saturation × {contrast:.2f}, {brightness:.2f}, {saturation:.2f}"
    return ImageEnhance.Color(picture).enhance(saturation), words


def change_curve(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Apply a gamma and an S-curve, black and white held."""
    gamma, steepness = draw_factor(random, 1.6), random.uniform(-0.15, 0.15)
    x = (np.arange(256) / 255) ** gamma
    curve = x - steepness * np.sin(2 * np.pi * x)  # monotonic, since 0.15 · 2π < 1
    levels = np.rint(255 * np.clip(curve, 0, 1)).astype(int).tolist()
    return picture.point(levels * 3), f"curve, gamma {gamma:.2f}, S {steepness:.2f}"


def apply_film(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Fade black and white, and give shadows and lights different tints."""
    fade, strength = random.uniform(0, 40), random.uniform(5, 25)
    levels = read_levels(picture)
    light = (levels @ LUMA)[..., None] / 255
    shadows, lights = (strength * random.uniform(-1, 1, 3) for _ in range(2))
    toned = levels + (1 - light) * shadows + light * lights
    faded = fade + toned * (255 - 1.5 * fade) / 255
    return to_picture(faded), f"film, black at {fade:.0f}, tints of {strength:.0f}"


def equalise(picture: Picture, random: Random) -> tuple[Picture, str]:
    share = random.uniform(0.5, 1)
    return mix(picture, ImageOps.equalize(picture), share), f"equalised, {100 * share:.0f} %"


def stretch_contrast(picture: Picture, random: Random) -> tuple[Picture, str]:
    cutoff, as_grey = random.uniform(0, 3), bool(random.integers(2))
    stretched = ImageOps.autocontrast(picture, cutoff, preserve_tone=as_grey)
    channels = "all channels together" if as_grey else "each channel"
    return stretched, f"autocontrast, {cutoff:.1f} % cut, {channels}"


def posterise(picture: Picture, random: Random) -> tuple[Picture, str]:
    bits = int(random.integers(3, 7))
    return ImageOps.posterize(picture, bits), f"posterised to {bits} bits"


def balance_white(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Make a picture warmer or colder, and greener or pinker, in linear light."""
    warmth, tint = draw_factor(random, 1.3), draw_factor(random, 1.15)
    gains = np.array([warmth, tint, 1 / warmth])
    linear = (read_levels(picture) / 255) ** 2.2 * gains
    balanced = to_picture(255 * np.clip(linear, 0, 1) ** (1 / 2.2))
    return balanced, f"white balance, warmth {warmth:.2f}, tint {tint:.2f}"


def add_vignette(picture: Picture, random: Random) -> tuple[Picture, str]:
    strength, power = random.uniform(0.2, 0.7), random.uniform(1.5, 4)
    y, x = (np.linspace(-1, 1, side) for side in (picture.height, picture.width))
    distance = np.hypot(y[:, None], x) / math.sqrt(2)  # 1 in the corners
    shade = 1 - strength * distance**power
    return to_picture(read_levels(picture) * shade[..., None]), f"vignette, {100 * strength:.0f} %"


def make_sepia(picture: Picture, random: Random) -> tuple[Picture, str]:
    share = random.uniform(0.3, 1)
    brown = ImageOps.colorize(picture.convert("L"), (30, 18, 8), (255, 240, 205))
    return mix(picture, brown, share), f"sepia, {100 * share:.0f} %"


def enhance_locally(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Equalise the luma of each of some tiles, with clipped histograms (as CLAHE does)."""
    tiles, limit = int(random.integers(2, 5)), random.uniform(1.5, 3)
    levels = read_levels(picture)
    luma = levels @ LUMA
    curves = np.array([[_equalise_tile(tile, limit) for tile in np.array_split(row, tiles, 1)]
                       for row in np.array_split(luma, tiles, 0)])  # fmt: skip
    down, right = (_find_weights(side, tiles) for side in luma.shape)
    entries = curves[:, :, np.rint(luma).astype(int)]  # (tiles, tiles, height, width)
    equalised = np.einsum("yi,xj,ijyx->yx", down, right, entries)
    enhanced = to_picture(levels + (equalised - luma)[..., None])
    return enhanced, f"local contrast, {tiles} × {tiles} tiles, limit {limit:.1f}"


def _equalise_tile(luma: np.ndarray, limit: float) -> np.ndarray:
    """Return the curve (256,) of a tile, whose slope is at most `limit`, in grey levels."""
    counts, _ = np.histogram(np.rint(luma), 256, (-0.5, 255.5))
    density = counts / luma.size * 256
    width = 2 * 8 + 1  # grey levels over which the counts of so few pixels are smoothed
    smooth = np.convolve(density, np.full(width, 1 / width), "same")
    clipped = np.minimum(smooth, limit)
    clipped += 1 - clipped.mean()  # what was clipped is spread
    return np.asarray(np.cumsum(clipped) * 255 / 256)


def _find_weights(side: int, tiles: int) -> np.ndarray:
    """Return the weights (side, tiles) of linear interpolation between the tiles' centres."""
    place = np.clip((np.arange(side) + 0.5) / side * tiles - 0.5, 0, tiles - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(tiles))))


# Filters


def blur(picture: Picture, random: Random) -> tuple[Picture, str]:
    radius = random.uniform(0.4, 1.2)
    return picture.filter(ImageFilter.GaussianBlur(radius)), f"blurred, {radius:.2f} pixels"


def take_median(picture: Picture, random: Random) -> tuple[Picture, str]:
    share = random.uniform(0.5, 1)
    return mix(
        picture, picture.filter(ImageFilter.MedianFilter(3)), share
    ), f"median, {100 * share:.0f} %"


def sharpen(picture: Picture, random: Random) -> tuple[Picture, str]:
    radius, percent = random.uniform(0.6, 2), int(random.integers(40, 160))
    sharp = picture.filter(ImageFilter.UnsharpMask(radius, percent, 0))
    return sharp, f"sharpened by {percent} % at {radius:.1f} pixels"


def add_grain(picture: Picture, random: Random) -> tuple[Picture, str]:
    deviation, channels = random.uniform(2, 10), int(random.choice((1, 3)))
    levels = read_levels(picture)
    grain = random.normal(0, deviation, (*levels.shape[:2], channels))
    words = "grey" if channels == 1 else "coloured"
    return to_picture(levels + grain), f"{words} grain of {deviation:.1f} grey levels"


def smooth_skin(picture: Picture, random: Random) -> tuple[Picture, str]:
    """Average each pixel with near ones of like colours (a bilateral filter)."""
    reach, tolerance = random.uniform(0.8, 1.6), random.uniform(10, 35)
    levels = read_levels(picture)
    padded = np.pad(levels, ((2, 2), (2, 2), (0, 0)), "edge")
    height, width, _ = levels.shape
    total, weights = np.zeros_like(levels), np.zeros((height, width, 1))
    for down in range(5):
        for right in range(5):
            near = padded[down : down + height, right : right + width]
            colour = ((near - levels) ** 2).sum(-1, keepdims=True) / (2 * tolerance**2)
            place = ((down - 2) ** 2 + (right - 2) ** 2) / (2 * reach**2)
            weight = np.exp(-colour - place)
            total += weight * near
            weights += weight
    return to_picture(total / weights), f"skin smoothed, tolerance {tolerance:.0f}"


def blur_by_motion(picture: Picture, random: Random) -> tuple[Picture, str]:
    length, degrees = random.uniform(1.5, 3.5), random.uniform(0, 180)
    angle = math.radians(degrees)
    moves = np.linspace(-length / 2, length / 2, 9)
    moved = [
        read_levels(
            picture.transform(
                picture.size,
                Image.Transform.AFFINE,
                (1, 0, move * math.cos(angle), 0, 1, move * math.sin(angle)),
                Image.Resampling.BILINEAR,
            )
        )
        for move in moves
    ]
    # a moved picture is black beyond its edge, where the picture itself is taken
    inside = [read_levels(picture) * (each.sum(-1, keepdims=True) == 0) + each for each in moved]
    return to_picture(np.mean(inside, 0)), f"motion of {length:.1f} pixels at {degrees:.0f}°"


def emboss(picture: Picture, random: Random) -> tuple[Picture, str]:
    share = random.uniform(0.1, 0.35)
    return mix(picture, picture.filter(ImageFilter.EMBOSS), share), f"embossed, {100 * share:.0f} %"


TONE: dict[str, RandomEdit] = {
    "contrast": change_contrast,
    "brightness": change_brightness,
    "saturation": change_saturation,
    "sliders": adjust,
    "curve": change_curve,
    "film": apply_film,
    "equalised": equalise,
    "autocontrast": stretch_contrast,
    "posterised": posterise,
    "white balance": balance_white,
    "vignette": add_vignette,
    "sepia": make_sepia,
    "local contrast": enhance_locally,
}
FILTER: dict[str, RandomEdit] = {
    "blur": blur,
    "median": take_median,
    "sharpening": sharpen,
    "grain": add_grain,
    "skin": smooth_skin,
    "motion": blur_by_motion,
    "emboss": emboss,
}
