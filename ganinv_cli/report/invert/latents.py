"""Save the best z of every image as one NumPy archive, for programs."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.files import ArrayFileError, make_folder, read_arrays, replace_file
from ganinv_cli.report.invert import numbers
from ganinv_cli.report.invert.numbers import InvertRow
from ganinv_cli.report.shared.image_results import ImageResults, best_psnr, read_images
from ganinv_cli.store import NamedImage, Results, read_results, select_images


def save_latents(
    results_file: Path, path: Path, images: Sequence[NamedImage] | None = None
) -> None:
    """Write the best z of each image and rule to an .npz file, one row for each.

    `images` are the images to write, in order; None: all.

    Arrays: names, sha256, rule, verdict (n,) strings; z (n, latent) float64, refined if it was;
    image_loss, psnr (n,) float64, in dB, inf if the loss is 0; starts (n,), and agreeing (n,), how
    many of them found that z; for a conditional generator also label (n,), that z was found under.
    The file is replaced as a whole or not at all.

    Raises ResultsError if the results hold no z of an image, GaninvError if `path` cannot be
    written.
    """
    results = read_results(results_file)
    if images is not None:
        results = select_images(results, images)
    found = _find_best(results, results_file)
    rows = [each.row for each in found]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        names=np.array([row.image for row in rows]),
        sha256=np.array([each.sha256 for each in found]),
        rule=np.array([row.technique for row in rows]),
        z=np.stack([each.z for each in found]),
        image_loss=np.array([each.loss for each in found]),
        psnr=np.array([each.psnr for each in found]),
        verdict=np.array([row.verdict for row in rows]),
        agreeing=np.array([row.agreement.same for row in rows]),
        starts=np.array([row.starts for row in rows]),
        **_make_label_column(rows, results.attributes["config"].get("label", -1)),
    )
    try:
        make_folder(path.parent)
        replace_file(path, file.getvalue())
    except OSError as error:
        raise GaninvError(
            f"{path}: the z of the images cannot be written there ({error.strerror}); "
            "free some space or name another file, then give the same command again"
        ) from error


def holds_saved_latents(path: Path) -> bool:
    """Return whether a file is like those that `save_latents` writes."""
    try:
        return {"names", "rule", "z"} <= read_arrays(path).keys()
    except (OSError, ArrayFileError):
        return False


class BestLatents(NamedTuple):
    """The best z of each image and rule, one row for each."""

    z: np.ndarray  # (n, latent) float64
    labels: np.ndarray | None  # (n,); None: the run found no labels
    image_count: int  # images among the rows
    start_count: int  # over all images and rules


def select_best(results: Results, results_file: Path) -> BestLatents:
    """Return the rows that `save_latents` writes. Raises ResultsError if there are none."""
    rows = _find_best(results, results_file)
    labels = [each.row.label for each in rows]
    return BestLatents(
        np.stack([each.z for each in rows]),
        None if None in labels else np.array(labels),
        len({each.row.number for each in rows}),
        sum(each.row.starts for each in rows),
    )


class _BestLatent(NamedTuple):
    """The best z of one image under one rule."""

    row: InvertRow
    sha256: str
    z: np.ndarray  # (latent,) float64
    loss: float
    psnr: float


def _find_best(results: Results, results_file: Path) -> list[_BestLatent]:
    found = [each for image in read_images(results) for each in _find_in_image(image)]
    if not found:
        raise ResultsError(
            f"{results_file}: it holds no z of an image; name results of `ganinv invert`"
        )
    return found


def _find_in_image(image: ImageResults) -> Iterator[_BestLatent]:
    for row, recoveries in zip(numbers.make_rows(image), image.recoveries.values(), strict=True):
        best, psnr = recoveries.best_row, best_psnr(image, recoveries)
        z = recoveries.z[best].copy()  # a view would keep all other z in memory
        yield _BestLatent(row, image.sha256, z, float(recoveries.loss[best]), psnr)


def _make_label_column(rows: list[InvertRow], fixed_label: int) -> dict[str, Any]:
    """Return the labels that were found, or the one that was given; no column without either."""
    if rows[0].label is None and fixed_label < 0:
        return {}
    labels = [fixed_label if row.label is None else row.label for row in rows]
    return {"label": np.array(labels)}
