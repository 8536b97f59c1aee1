"""Save the best z of every image as one NumPy archive, for programs."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.analysis.certificate import Certificate, make_certificates
from ganinv_cli.analysis.image_results import read_images
from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.files import ArrayFileError, make_folder, read_arrays, replace_file
from ganinv_cli.store import NamedImage, Results, read_results, select_images


def save_latents(
    results_file: Path, path: Path, images: Sequence[NamedImage] | None = None
) -> None:
    """Write the best z of each image and rule to an .npz file, one row for each.

    `images` are the images to write, in order; None: all.

    Arrays: names, sha256, rule, verdict (n,) strings; z (n, latent) float64, refitted through the
    changes that explain the image; z_deviation, of the same shape, its standard error, NaN if the
    image was not re-enacted; image_loss, psnr (n,) float64, in dB, inf if the loss is 0; starts
    (n,), and agreeing (n,), how many of them found the best z; for a conditional generator also
    label (n,), that z was found under.
    The file is replaced as a whole or not at all.

    Raises ResultsError if the results hold no z of an image, GaninvError if `path` cannot be
    written.
    """
    results = read_results(results_file)
    if images is not None:
        results = select_images(results, images)
    rows = _find_best(results, results_file)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        names=np.array([row["image"] for row in rows]),
        sha256=np.array([row["sha256"] for row in rows]),
        rule=np.array([row["technique"] for row in rows]),
        z=np.array([row["z_explained"] for row in rows]),
        z_deviation=np.array([row["z_deviation"] for row in rows]),
        image_loss=np.array([row["image_loss"] for row in rows]),
        psnr=np.array([row["psnr"] for row in rows]),
        verdict=np.array([row["verdict"] for row in rows]),
        agreeing=np.array([row["agreement"]["same"] for row in rows]),
        starts=np.array([row["starts"] for row in rows]),
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
    labels = [row.get("label") for row in rows]
    return BestLatents(
        np.array([row["z_explained"] for row in rows]),
        None if None in labels else np.array(labels),
        len({row["number"] for row in rows}),
        sum(row["starts"] for row in rows),
    )


def _find_best(results: Results, results_file: Path) -> list[Certificate]:
    found = [
        {**certificate, "sha256": image.sha256}
        for image in read_images(results)
        for certificate in make_certificates(image)
    ]
    if not found:
        raise ResultsError(
            f"{results_file}: it holds no z of an image; name results of `ganinv invert`"
        )
    return found


def _make_label_column(rows: list[Certificate], fixed_label: int) -> dict[str, Any]:
    """Return the labels that were found, or the one that was given; no column without either."""
    if "label" not in rows[0] and fixed_label < 0:
        return {}
    labels = [row.get("label", fixed_label) for row in rows]
    return {"label": np.array(labels)}
