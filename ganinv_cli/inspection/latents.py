"""Latent vectors to render: drawn from the prior, or read from a file."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import UsageError
from ganinv_cli.files import ArrayFileError, read_arrays
from ganinv_cli.ground_truth import draw_true_z
from ganinv_cli.network.generator import Generator
from ganinv_cli.report.invert.latents import select_best
from ganinv_cli.store import Results, read_results

Z_NAME = "z"  # of the array in .npz files
FOUND_COLUMN, TRUE_COLUMN, LABEL_COLUMN = "z_found", "z_true", "label"  # columns of results
IMAGE_COMMANDS = ("invert", "consistency")  # commands that find many z for each image
RESULTS_SUFFIXES = (".h5", ".hdf5")


class Latents(NamedTuple):
    """The inputs of a generator, one row per picture."""

    z: np.ndarray  # (n, latent) float32
    labels: np.ndarray | None  # (n,) int32; None: not known
    description: str = ""  # which z of a file these are; empty if they were drawn


def draw_latents(generator: Generator, seed: int, count: int) -> Latents:
    """Return the first true z of `ganinv recover` with this seed; labels are taken in turn."""
    numbers = np.arange(count)
    labels = (numbers % generator.labels).astype(np.int32) if generator.labels else None
    return Latents(draw_true_z(generator, seed, numbers), labels)


def read_latents(path: Path, group: str, generator: Generator) -> Latents:
    """Return the z in an .npz or .npy file, or in a group of a results file.

    Without a group, the z of results of images are the best of each image. Raises UsageError.
    """
    latents = _read_results(path, group) if path.suffix in RESULTS_SUFFIXES else _read_numpy(path)
    return _fit_to_generator(latents, path, generator)


def encode_npz(latents: Latents) -> bytes:
    """Return the content of an .npz file that `read_latents` reads."""
    file = io.BytesIO()
    arrays = {Z_NAME: latents.z}
    if latents.labels is not None:
        arrays[LABEL_COLUMN] = latents.labels
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # none is allow_pickle
    return file.getvalue()


def _fit_to_generator(latents: Latents, path: Path, generator: Generator) -> Latents:
    z, labels, description = latents
    if z.ndim == 1:
        z = z[None]
    if z.ndim != 2 or not len(z) or z.shape[1] != generator.latent or z.dtype.kind != "f":
        raise UsageError(
            f"{path} holds z of {z.dtype} {z.shape}; the generator takes floats of "
            f"(n, {generator.latent}); name the z of this generator"
        )
    finite = np.isfinite(z).all(1)
    if not finite.all():
        raise UsageError(f"{path}: z number {int(np.argmin(finite))} is not finite; leave it out")
    if not generator.labels:
        return Latents(z.astype(np.float32), None, description or f"{len(z):,} z")
    if labels is None:
        labels = np.arange(len(z)) % generator.labels
    known = labels.dtype.kind in "iu" and np.isin(labels, np.arange(generator.labels)).all()
    if labels.shape != (len(z),) or not known:
        raise UsageError(
            f"{path} has labels that are not {len(z)} whole numbers from 0 to "
            f"{generator.labels - 1}; give --label"
        )
    return Latents(z.astype(np.float32), labels.astype(np.int32), description or f"{len(z):,} z")


def _read_numpy(path: Path) -> Latents:
    try:
        arrays = read_arrays(path)
    except (OSError, ArrayFileError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}); name an .npz, .npy or .h5 of numbers"
        ) from None
    z = arrays.get("", arrays.get(Z_NAME))
    if z is None:
        raise UsageError(
            f"{path} has no array z; name a file written by ganinv invert --npz or ganinv sample "
            "--npz"
        )
    return Latents(z, arrays.get(LABEL_COLUMN))


def _read_results(path: Path, group: str) -> Latents:
    results = read_results(path)
    if not group and results.attributes["command"] in IMAGE_COMMANDS:
        return _select_best(results, path)
    columns = {
        name: next(column for column in (FOUND_COLUMN, TRUE_COLUMN) if column in rows)
        for name, rows in results.groups.items()
        if FOUND_COLUMN in rows or TRUE_COLUMN in rows
    }
    chosen = group or next((name for name, column in columns.items() if column == FOUND_COLUMN), "")
    if chosen not in columns:
        names = ", ".join(name or "the root" for name in columns) or "none"
        raise UsageError(f"{path} has no group {chosen!r} with z; --group is one of {names}")
    z = results.groups[chosen][columns[chosen]]
    return Latents(
        z, _read_labels(results, chosen), f"{len(z):,} z of group {chosen or 'the root'}"
    )


def _select_best(results: Results, path: Path) -> Latents:
    found = select_best(results, path)
    images = f"{found.image_count:,} {'image' if found.image_count == 1 else 'images'}"
    rules = " under each rule" if len(found.z) > found.image_count else ""
    labels = _configured_labels(results, len(found.z)) if found.labels is None else found.labels
    return Latents(
        found.z,
        labels,
        f"the best z of each of {images}{rules}, of {found.start_count:,} (--group NAME for all)",
    )


def _configured_labels(results: Results, count: int) -> np.ndarray | None:
    """Return the label in the settings of a run, if there is one."""
    label = results.attributes["config"].get("label", -1)
    return np.full(count, label) if label >= 0 else None


def _read_labels(results: Results, group: str) -> np.ndarray | None:
    """Return the labels of a group; else the true labels of its trials; else the run's label."""
    rows, root = results.groups[group], results.groups.get("", {})
    if LABEL_COLUMN in rows:
        return rows[LABEL_COLUMN]
    if LABEL_COLUMN not in root:
        return _configured_labels(results, len(rows["trial"]))
    by_trial = dict(zip(root["trial"].tolist(), root[LABEL_COLUMN].tolist(), strict=True))
    labels = [by_trial.get(trial) for trial in rows["trial"].tolist()]
    return None if None in labels else np.array(labels)
