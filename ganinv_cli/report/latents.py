"""The z of every image as one NumPy archive, for programs."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.report import consistency_numbers as numbers
from ganinv_cli.report import invert_numbers
from ganinv_cli.report.folder import replace
from ganinv_cli.report.report import Row
from ganinv_cli.store import read


def save(results_file: Path, npz: Path) -> None:
    """Write the best z of each image and rule, a row each, as `np.load` reads it.

    names, sha256, rule: (n,) words; z: (n, latent) float64, polished where it was; image_loss,
    psnr (dB; inf: the loss is 0): (n,) float64; starts: (n,) how many there were, and agreeing,
    (n,), how many of them are that z; of a conditional generator also label, (n,), the one that z
    was found under. The file is replaced as a whole or not at all.

    Raises ResultsError where the results hold no z of an image; GaninvError where `npz` cannot be
    written.
    """
    images = numbers.images(read(results_file))
    found = numbers.by_rule(images)
    if not found:
        raise ResultsError(
            f"{results_file}: it holds no z of an image; name results of `ganinv invert`"
        )
    rows = invert_numbers.rows(images)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        names=np.array([image.name for image, _, _ in found]),
        sha256=np.array([image.sha256 for image, _, _ in found]),
        rule=np.array([rule for _, rule, _ in found]),
        z=np.stack([each.z[each.best] for _, _, each in found]),
        image_loss=np.array([each.loss[each.best] for _, _, each in found]),
        psnr=np.array([numbers.decibels(image, each) for image, _, each in found]),
        agreeing=np.array([row["agreement"]["same"] for row in rows]),
        starts=np.array([row["starts"] for row in rows]),
        **_labels(rows),
    )
    try:
        npz.parent.mkdir(parents=True, exist_ok=True)
        replace(npz, file.getvalue())
    except OSError as error:
        raise GaninvError(
            f"{npz}: the z of the images cannot be written there ({error.strerror}); "
            "make room or name another file, then give the same command again"
        ) from error


def _labels(rows: list[Row]) -> dict[str, Any]:
    """Where the generator asks for one."""
    return {"label": np.array([row["label"] for row in rows])} if "label" in rows[0] else {}
