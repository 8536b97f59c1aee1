"""The z of every image as one NumPy archive, for programs."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.report.consistency.images import Image, images
from ganinv_cli.report.consistency.numbers import decibels
from ganinv_cli.report.invert import numbers
from ganinv_cli.report.output.folder import replace
from ganinv_cli.report.report import Row
from ganinv_cli.store import Results, read


def save(results_file: Path, npz: Path) -> None:
    """Write the best z of each image and rule, a row each, as `np.load` reads it.

    names, sha256, rule: (n,) words; z: (n, latent) float64, polished where it was; image_loss,
    psnr (dB; inf: the loss is 0): (n,) float64; starts: (n,) how many there were, and agreeing,
    (n,), how many of them are that z; of a conditional generator also label, (n,), the one that z
    was found under. The file is replaced as a whole or not at all.

    Raises ResultsError where the results hold no z of an image; GaninvError where `npz` cannot be
    written.
    """
    results = read(results_file)
    found = _found(results, results_file)
    rows = [each.row for each in found]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        names=np.array([row["image"] for row in rows]),
        sha256=np.array([each.sha256 for each in found]),
        rule=np.array([row["technique"] for row in rows]),
        z=np.stack([each.z for each in found]),
        image_loss=np.array([each.loss for each in found]),
        psnr=np.array([each.psnr for each in found]),
        agreeing=np.array([row["agreement"]["same"] for row in rows]),
        starts=np.array([row["starts"] for row in rows]),
        **_labels(rows, results.attributes["config"].get("label", -1)),
    )
    try:
        npz.parent.mkdir(parents=True, exist_ok=True)
        replace(npz, file.getvalue())
    except OSError as error:
        raise GaninvError(
            f"{npz}: the z of the images cannot be written there ({error.strerror}); "
            "make room or name another file, then give the same command again"
        ) from error


class Best(NamedTuple):
    """The z of each image and rule that explains the image best, a row each."""

    z: np.ndarray  # (n, latent) float64
    labels: np.ndarray | None  # (n,); None: the generator asked for none
    images: int  # how many there are
    starts: int  # of all of them


def best(results: Results, results_file: Path) -> Best:
    """Those that `save` writes. Raises ResultsError where the results hold no z of an image."""
    rows = _found(results, results_file)
    labels = [each.row.get("label") for each in rows]
    return Best(
        np.stack([each.z for each in rows]),
        None if None in labels else np.array(labels),
        len({each.row["number"] for each in rows}),
        sum(each.row["starts"] for each in rows),
    )


class _Found(NamedTuple):
    """The best z of one image under one rule."""

    row: Row  # of invert_numbers
    sha256: str
    z: np.ndarray  # (latent,) float64
    loss: float
    psnr: float


def _found(results: Results, results_file: Path) -> list[_Found]:
    found = [each for image in images(results) for each in _of_image(image)]
    if not found:
        raise ResultsError(
            f"{results_file}: it holds no z of an image; name results of `ganinv invert`"
        )
    return found


def _of_image(image: Image) -> Iterator[_Found]:
    for row, recoveries in zip(numbers.rows(image), image.rules.values(), strict=True):
        best, psnr = recoveries.best, decibels(image, recoveries)
        z = recoveries.z[best].copy()  # and not a view, which would keep the others
        yield _Found(row, image.sha256, z, float(recoveries.loss[best]), psnr)


def _labels(rows: list[Row], fixed: int) -> dict[str, Any]:
    """Those that were found, or the one that was given; none where the generator asks for none."""
    if "label" not in rows[0] and fixed < 0:
        return {}
    return {"label": np.array([row.get("label", fixed) for row in rows])}
