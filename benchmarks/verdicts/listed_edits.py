"""What people do to pictures with Pillow alone, and the words that a right verdict has for it."""

import io
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Picture = Image.Image
Random = np.random.Generator
LOSSLESS = "PNG"
NAMED_WITHIN = 5  # of the quality of a JPEG
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


class Edit(NamedTuple):
    """What is done to a picture before it is saved, and how it is saved."""

    chain: str | None  # pattern of the right chain of changes; None: no chain re-enacts it
    apply: Callable[[Picture, Random], Picture] = lambda picture, _: picture
    suffix: str = "png"
    options: Mapping[str, Any] = {}  # of saving

    def is_named(self, chain: str) -> bool:
        """Return whether a chain in words is the right one."""
        return self.chain is not None and re.search(self.chain, chain) is not None


def make_image(pixels: np.ndarray) -> Picture:
    """Return grey levels, rounded and clipped to 0 to 255, as a picture."""
    return Image.fromarray(np.rint(np.clip(pixels, 0, 255)).astype(np.uint8))


def _name_jpeg(quality: int) -> str:
    qualities = range(quality - NAMED_WITHIN, quality + NAMED_WITHIN + 1)
    return rf"saved as JPEG \D*({'|'.join(map(str, qualities))})\)?$"


def _resize(times: float, kernel: str, picture: Picture, _: Random) -> Picture:
    """Resize a picture to so many times its size and back."""
    method = Image.Resampling[kernel.upper()]
    size = round(times * picture.width), round(times * picture.height)
    return picture.resize(size, method).resize(picture.size, method)


def _crop(picture: Picture, _: Random) -> Picture:
    cropped = ImageOps.crop(picture, max(1, picture.width // 16))
    return cropped.resize(picture.size, Image.Resampling.BICUBIC)


def _store(suffix: str, quality: int, picture: Picture, _: Random) -> Picture:
    file = io.BytesIO()
    picture.save(file, suffix, quality=quality)
    return Image.open(file).convert(picture.mode)


def _apply_lut(table: Callable[[np.ndarray], np.ndarray], picture: Picture, _: Random) -> Picture:
    """Replace each value in 0 to 1 by that of a curve."""
    levels = np.rint(255 * table(np.arange(256) / 255)).astype(int).tolist()
    return picture.point(levels * len(picture.getbands()))


def _filter(of: Any, picture: Picture, _: Random) -> Picture:
    return picture.filter(of)


def _add_noise(deviation: float, picture: Picture, random: Random) -> Picture:
    return make_image(random.normal(np.asarray(picture), deviation))


def _write_text(picture: Picture, _: Random) -> Picture:
    edited, side = picture.copy(), picture.width
    draw = ImageDraw.Draw(edited)
    draw.text((side // 12, side // 12), "hello", fill=WHITE, font_size=max(6, side // 5))
    return edited


def _add_caption(picture: Picture, _: Random) -> Picture:
    edited, side = picture.copy(), picture.width
    draw = ImageDraw.Draw(edited)
    draw.rectangle((0, side - side // 6, side, side), fill=BLACK)
    draw.text((side // 10, side - side // 6), "who is it?", fill=WHITE, font_size=side // 7)
    return edited


def _add_watermark(picture: Picture, _: Random) -> Picture:
    layer, side = Image.new("L", picture.size), picture.width
    draw = ImageDraw.Draw(layer)
    draw.text((side // 6, side * 2 // 5), "STOCK", fill=100, font_size=max(6, side // 5))
    return Image.composite(Image.new("RGB", picture.size, WHITE), picture, layer)


def _add_sticker(picture: Picture, random: Random) -> Picture:
    edited, side = picture.copy(), picture.width
    left, top = (int(random.integers(side // 8, side * 5 // 8)) for _ in range(2))
    box = left, top, left + side // 4, top + side // 4
    ImageDraw.Draw(edited).ellipse(box, fill=(240, 200, 30), outline=BLACK)
    return edited


def _censor(picture: Picture, _: Random) -> Picture:
    edited, side = picture.copy(), picture.width
    box = side // 4, side * 3 // 8, side * 3 // 4, side // 2
    ImageDraw.Draw(edited).rectangle(box, fill=BLACK)
    return edited


def _add_margins(picture: Picture, _: Random) -> Picture:
    """Set a picture on a grey page, with the bars of a window above and below it."""
    side = picture.width
    edge = max(2, side // 12)
    small = picture.resize((side - 2 * edge,) * 2, Image.Resampling.LANCZOS)
    page = Image.new("RGB", picture.size, (236, 236, 240))
    ImageDraw.Draw(page).rectangle((0, 0, side, edge // 2), fill=(40, 44, 52))
    page.paste(small, (edge, edge))
    return page


def _take_photograph(picture: Picture, random: Random) -> Picture:
    """Blur a picture and add noise, as a phone that photographs a screen does."""
    return _add_noise(3, picture.filter(ImageFilter.GaussianBlur(picture.width / 80)), random)


def _shade_corners(picture: Picture, _: Random) -> Picture:
    shade = ImageOps.invert(Image.radial_gradient("L").resize(picture.size)).point(
        lambda level: min(255, 128 + level)
    )
    return ImageChops.multiply(picture, shade.convert("RGB"))


def _mirror(picture: Picture, _: Random) -> Picture:
    return ImageOps.mirror(picture)


def _make_grey(picture: Picture, _: Random) -> Picture:
    return picture.convert("L")


_gamma = partial(_apply_lut, lambda x: x ** (1 / 1.3))
_blur = partial(_filter, ImageFilter.GaussianBlur(0.7))
_ON_JPEG: Mapping[str, Any] = {"suffix": "jpg", "options": {"quality": 90}}
_JPEG_90 = _name_jpeg(90)

EDITS = {
    # re-enacted since ganinv names changes
    LOSSLESS: Edit("^$"),
    **{
        f"JPEG {quality}": Edit(
            f"^{_name_jpeg(quality)}", suffix="jpg", options={"quality": quality}
        )
        for quality in (95, 90, 75, 50, 30)
    },
    **{
        f"resized, {kernel}": Edit(f"2 times and back.*{kernel}", partial(_resize, 2, kernel))
        for kernel in ("bilinear", "bicubic")
    },
    "noise": Edit(r"^noise of (4\.[5-9]|5\.[0-4])\d* grey levels$", partial(_add_noise, 5)),
    "brightness": Edit(
        r"brightness × 1\.(0[89]|1[0-2])",
        lambda picture, _: ImageEnhance.Brightness(picture).enhance(1.10),
    ),
    "contrast": Edit("contrast", lambda picture, _: ImageEnhance.Contrast(picture).enhance(1.2)),
    "colours": Edit("colours", lambda picture, _: ImageEnhance.Color(picture).enhance(1.3)),
    "grey": Edit("made grey", _make_grey),
    "sepia": Edit(
        "colours|grey",
        lambda picture, _: ImageOps.colorize(picture.convert("L"), (30, 20, 10), (255, 240, 210)),
    ),
    "grey, JPEG 90": Edit(f"made grey.*{_JPEG_90}", _make_grey, **_ON_JPEG),
    "shifted": Edit(
        r"shifted by \(1(\.0+)?, 0(\.0+)?\) pixels",
        lambda picture, _: ImageChops.offset(picture, 1, 0),
    ),
    "cropped, enlarged": Edit(  # by 2 pixels of 32
        r"cropped to (8[78]|9[34]) %|enlarged 1\.(0[67]|1[3-5])", _crop
    ),
    "cropped, padded": Edit(
        r"^(without its border|but for \d+ % of the pixels)$",
        lambda picture, _: ImageOps.expand(ImageOps.crop(picture, 4), 4),
    ),
    "enlarged file": Edit(
        "enlarged 3 times",
        lambda picture, _: picture.resize((3 * picture.width,) * 2, Image.Resampling.BICUBIC),
    ),
    # the others
    "JPEG 90, then 75": Edit("JPEG.*JPEG", partial(_store, "JPEG", 90), "jpg", {"quality": 75}),
    "JPEG 70, then 90": Edit("JPEG.*JPEG", partial(_store, "JPEG", 70), "jpg", {"quality": 90}),
    "WebP 80": Edit("WebP", suffix="webp", options={"quality": 80}),
    "WebP 90, as PNG": Edit("WebP", partial(_store, "WEBP", 90)),
    "mirrored": Edit("mirror", _mirror),
    "mirrored, JPEG 90": Edit(f"mirror.*{_JPEG_90}", _mirror, **_ON_JPEG),
    "gamma": Edit("gamma", _gamma),
    "gamma, JPEG 90": Edit(f"gamma.*{_JPEG_90}", _gamma, **_ON_JPEG),
    "blurred": Edit("blurred", _blur),
    "blurred, JPEG 90": Edit(f"blurred.*{_JPEG_90}", _blur, **_ON_JPEG),
    "sharpened": Edit("sharpened", partial(_filter, ImageFilter.SHARPEN)),
    "unsharp mask": Edit("sharpened", partial(_filter, ImageFilter.UnsharpMask(1, 80, 0))),
    "rotated": Edit("rotated", lambda picture, _: picture.rotate(2, Image.Resampling.BICUBIC)),
    "256 colours": Edit("palette", lambda picture, _: picture.quantize(256)),
    "cropped, JPEG 90": Edit(f"(enlarged 1|cropped).*{_JPEG_90}", _crop, **_ON_JPEG),
    "halved and back": Edit("reduced.*and back", partial(_resize, 0.5, "bicubic")),
    "halved file": Edit("reduced", lambda picture, _: picture.resize((picture.width // 2,) * 2)),
    "text": Edit("but for", _write_text),
    "text, JPEG 90": Edit(f"{_JPEG_90}.*but for|but for", _write_text, **_ON_JPEG),
    "caption": Edit("but for", _add_caption),
    "watermark": Edit("but for", _add_watermark),
    "sticker": Edit("but for", _add_sticker),
    "censored": Edit("but for", _censor),
    "margins": Edit("border|but for", _add_margins),
    "photographed": Edit(None, _take_photograph, **_ON_JPEG),
    "corners shaded": Edit(None, _shade_corners),
    "equalized": Edit(None, lambda picture, _: ImageOps.equalize(picture)),
    "autocontrast": Edit(
        "colours", lambda picture, _: ImageOps.autocontrast(picture, preserve_tone=True)
    ),
    "posterized": Edit(None, lambda picture, _: ImageOps.posterize(picture, 4)),
    "smoothed": Edit(None, partial(_filter, ImageFilter.MedianFilter(3))),
}
