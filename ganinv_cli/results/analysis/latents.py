"""Save the best z of every image as one NumPy archive, for programs."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.errors import GaninvError, ResultsError, explain_failures
from ganinv_cli.files import ArrayFileError, read_arrays, replace_file
from ganinv_cli.results.analysis.trial_sets import TrialSet, read_trial_sets
from ganinv_cli.results.store import Image, Results, read_results, select_images


def save_latents(results_file: Path, path: Path, images: Sequence[Image] | None = None) -> None:
    """Write the best z of each image and rule to an .npz file, one row for each.

    `images` are the images to write, in order; None: all.

    Arrays: names, sha256, rule, verdict (n,) strings; z (n, latent) float64, or (n, *shape) if z
    has a shape, refitted through the changes that explain the image; z_deviation, of the same
    shape, its standard error, NaN unless the verdict is made, ambiguous or edited; image_loss, psnr
    (n,) float64, in dB, inf if the loss is 0; starts (n,), and agreeing (n,), how many of them
    found the best z; for a conditional generator also label (n,), that z was found under. And
    checkpoint_sha256 (), the generator's. The file is replaced as a whole or not at all.

    Raises ResultsError if the results hold no z of an image, GaninvError if `path` cannot be
    written.
    """
    results = read_results(results_file)
    if images is not None:
        results = select_images(results, images)
    trial_sets = read_image_trial_sets(results, results_file)
    starts = [trial_set.recoveries for trial_set in trial_sets]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        names=np.array([trial_set.image.name for trial_set in trial_sets]),
        sha256=np.array([trial_set.image.sha256 for trial_set in trial_sets]),
        rule=np.array([trial_set.rule for trial_set in trial_sets]),
        z=shape_latents(results, [trial_set.best_z for trial_set in trial_sets]),
        z_deviation=shape_latents(results, [trial_set.z_deviation for trial_set in trial_sets]),
        image_loss=np.array([each.loss[each.best_row] for each in starts]),
        psnr=np.array([trial_set.best_psnr for trial_set in trial_sets]),
        verdict=np.array([trial_set.judgement.verdict for trial_set in trial_sets]),
        agreeing=np.array([trial_set.evidence.same for trial_set in trial_sets]),
        starts=np.array([trial_set.trials for trial_set in trial_sets]),
        checkpoint_sha256=np.array(results.attributes["checkpoint_sha256"]),
        **_find_labels(starts[0].labels is not None, trial_sets, results),
    )
    what = f"{path}: the z of the images cannot be written there"
    advice = "free some space or name another file, then give the same command again"
    with explain_failures(what, advice, GaninvError):
        replace_file(path, file.getvalue())


def shape_latents(results: Results, z: Sequence[np.ndarray]) -> np.ndarray:
    """Return vectors of z, one row each, in the shape that the generator's z has."""
    return np.array(z).reshape(len(z), *results.attributes.get("latent_shape") or (-1,))


def holds_saved_latents(path: Path) -> bool:
    """Return whether a file is like those that `save_latents` writes."""
    try:
        return {"names", "rule", "z"} <= read_arrays(path).keys()
    except (OSError, ArrayFileError):
        return False


def read_image_trial_sets(results: Results, results_file: Path) -> list[TrialSet]:
    """Return the trial sets of images. Raises ResultsError if there are none."""
    trial_sets = [
        trial_set for trial_set in read_trial_sets(results) if isinstance(trial_set.case, Image)
    ]
    if not trial_sets:
        raise ResultsError(
            f"{results_file}: it holds no z of an image; name results of `ganinv invert`"
        )
    return trial_sets


def _find_labels(
    has_labels: bool, trial_sets: Sequence[TrialSet], results: Results
) -> dict[str, Any]:
    """Return the labels that were found, or the one that was given; no column without either."""
    fixed_label = results.attributes["config"].get("label")
    if not has_labels and fixed_label is None:
        return {}
    found = [trial_set.recoveries.best_label for trial_set in trial_sets]
    return {"label": np.array([fixed_label if label is None else label for label in found])}
