"""Images in every format, and TOML configs, as the experiments read them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from .archive_mutations import edit_archive, edit_npy
from .subject import Command, Mutation, Subject
from .support import ROOT, write_checkpoint
from .text_mutations import edit_toml_file

_RUN = ("--checkpoint", "g", "--batch-size", "1", "--budget", "4", "--restarts", "0", "--quiet")
_FORMATS = ("png", "jpg", "gif", "tif", "webp", "bmp")
_SIDE = 16


def list_images() -> list[Subject]:
    """Return a subject for each format of images, and for masks."""
    return [
        *(_make(ending, _write_image(ending)) for ending in _FORMATS),
        _make("npy", _write_npy, edit_npy),
        _make("npz", _write_npz, edit_archive),
        Subject(
            *("mask", "images", _write_mask, ("mask.png",)),
            commands=(_invert("x.png", "--mask", "mask.png"),),
        ),
    ]


def list_configs() -> list[Subject]:
    """Return the subjects for --config."""
    recover = ("recover", "--config", "c.toml", "--trials", "1", "--clip", "none", *_RUN)
    sweep = ("noise-sweep", "--config", "c.toml", "--trials", "1", "--variances", "0.1", *_RUN)
    return [
        _make_config("recover", recover),
        _make_config("noise-sweep", sweep),
    ]


def _make(ending: str, build: Callable[[Path], None], *edits: Mutation) -> Subject:
    name = f"x.{ending}"
    return Subject(f"image-{ending}", "images", build, (name,), (_invert(name),), edits)


def _invert(image: str, *more: str) -> Command:
    arguments = ("invert", image, "--starts", "1", "--out", "i.h5", *more, *_RUN)
    return Command(arguments, ("i.h5", ".i.h5.lock"))


def _make_config(name: str, arguments: tuple[str, ...]) -> Subject:
    def build(folder: Path) -> None:
        write_checkpoint(folder)
        (folder / "c.toml").write_text((ROOT / "configs" / f"{name}.toml").read_text())

    command = Command((*arguments, "--out", "r.h5"), ("r.h5", ".r.h5.lock"))
    return Subject(
        f"config-{name}", "TOML files", build, ("c.toml",), (command,), (edit_toml_file,)
    )


def _write_image(ending: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        write_checkpoint(folder)
        Image.fromarray(_draw_pixels()).save(folder / f"x.{ending}")

    return write


def _write_npy(folder: Path) -> None:
    write_checkpoint(folder)
    np.save(folder / "x.npy", np.stack([_draw_pixels()] * 2))


def _write_npz(folder: Path) -> None:
    write_checkpoint(folder)
    np.savez_compressed(folder / "x.npz", images=np.stack([_draw_pixels()] * 2))


def _write_mask(folder: Path) -> None:
    _write_image("png")(folder)
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    mask[4:12, 4:12] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def _draw_pixels() -> np.ndarray:
    ramp = np.arange(_SIDE * _SIDE * 3, dtype=np.uint8)
    return ramp.reshape(_SIDE, _SIDE, 3)
