"""Latent vectors to render: drawn from the prior, or read from a file."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganinv_cli.errors import UsageError, explain_failures
from ganinv_cli.files import ArrayFileError, read_arrays
from ganinv_cli.prior import Normal
from ganinv_cli.results.analysis.latents import read_image_trial_sets
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.rows import take_trials
from ganinv_cli.settings.names import IMAGES

if TYPE_CHECKING:
    from ganinv_cli.generators.network.generator import Generator


class Latents(NamedTuple):
    """The inputs of a generator, one row per picture."""

    z: np.ndarray  # (n, latent) float32
    labels: np.ndarray | None  # (n,) int32; None: not known


class StoredLatents(NamedTuple):
    """The z in a file, of any generator."""

    file: Path
    z: np.ndarray
    labels: np.ndarray | None  # None: not in the file
    description: str  # which z of the file these are
    checkpoint_sha256: str  # of their generator; empty if the file does not say


def draw_latents(generator: "Generator", seed: int, count: int) -> Latents:
    """Return the first true z of `ganinv recover` with this seed; labels are taken in turn."""
    from ganinv_cli.inversion.objective.ground_truth import draw_true_z

    numbers = np.arange(count)
    labels = (numbers % generator.labels).astype(np.int32) if generator.labels else None
    return Latents(draw_true_z(generator, seed, numbers), labels)


def read_latents(path: Path, group: str = "") -> StoredLatents:
    """Return the z in an .npz or .npy file, or in a group of a results file.

    Without a group, the z of results of images are the best of each image. Raises UsageError.
    """
    is_results = path.suffix in (".h5", ".hdf5")
    return _read_results(path, group) if is_results else _read_numpy(path)


def fit_latents(stored: StoredLatents, generator: "Generator") -> Latents:
    """Return the z of a file as a generator takes them. Raises UsageError if it does not.

    Labels that the file does not hold are taken in turn.
    """
    path, z, labels = stored.file, stored.z, stored.labels
    shape = generator.latent_shape
    fits = z.shape[1:] in (shape, (generator.latent,)) and len(z) and z.dtype.kind == "f"
    if not (fits and (np.abs(z) <= np.finfo(np.float32).max).all()):  # false for NaN
        raise UsageError(
            f"{path} holds z of {z.dtype} {z.shape}; the generator takes finite floats of "
            f"{('n', *shape)}; name the z of this generator".replace("'", "")
        )
    z = z.reshape(len(z), -1)
    if not generator.labels:
        return Latents(z.astype(np.float32), None)
    if labels is None:
        labels = np.arange(len(z)) % generator.labels
    if labels.shape != (len(z),) or not np.isin(labels, np.arange(generator.labels)).all():
        raise UsageError(
            f"{path} has labels that are not {len(z)} whole numbers from 0 to "
            f"{generator.labels - 1}; give --label"
        )
    return Latents(z.astype(np.float32), labels.astype(np.int32))


def interpolate(
    generator: "Generator", first: StoredLatents, last: StoredLatents, count: int
) -> Latents:
    """Return z on the way from the one z of a file to that of another, both included.

    They are u + t (v − u). For a normal prior they are (sin((1 − t) θ) u + sin(t θ) v) / sin θ with
    the angle θ between u and v, which keeps the length of draws (White 2016, Sampling Generative
    Networks). Raises UsageError, also if the labels differ.
    """
    u, v = (fit_latents(each, generator) for each in (first, last))
    if u.labels is not None and v.labels is not None and u.labels[0] != v.labels[0]:
        raise UsageError(
            f"{first.file} has the label {u.labels[0]}, and {last.file} {v.labels[0]}; give --label"
        )
    t = np.linspace(0, 1, count)[:, None]
    lengths = np.linalg.norm(u.z) * np.linalg.norm(v.z)
    angle = np.arccos(np.clip(np.sum(u.z * v.z) / max(lengths, np.finfo(np.float32).tiny), -1, 1))
    if isinstance(generator.prior, Normal) and np.sin(angle) > 1e-6:
        z = (np.sin((1 - t) * angle) * u.z + np.sin(t * angle) * v.z) / np.sin(angle)
    else:
        z = (1 - t) * u.z + t * v.z
    labels = None if u.labels is None else np.repeat(u.labels, count)
    return Latents(z.astype(np.float32), labels)


def read_row(name: str) -> StoredLatents:
    """Return the first z of a file, or that of a row, as in `z.npz[3]`. Raises UsageError."""
    found = None if Path(name).exists() else re.fullmatch(r"(.+)\[(\d+)\]", name)
    file, row = (found[1], int(found[2])) if found else (name, 0)
    stored = read_latents(Path(file))
    if row >= len(stored.z):
        raise UsageError(f"{file} holds {len(stored.z)} z, from {file}[0] on; name one of them")
    labels = None if stored.labels is None else stored.labels[row : row + 1]
    return stored._replace(z=stored.z[row : row + 1], labels=labels)


def encode_npz(latents: Latents, generator: "Generator") -> bytes:
    """Return the content of an .npz file that `read_latents` reads."""
    file = io.BytesIO()
    z = latents.z.reshape(-1, *generator.latent_shape)
    arrays = {"z": z, "checkpoint_sha256": np.array(generator.sha256)}
    labels = {} if latents.labels is None else {"label": latents.labels}
    np.savez_compressed(file, **arrays, **labels)  # type: ignore[arg-type]  # no allow_pickle
    return file.getvalue()


def _read_numpy(path: Path) -> StoredLatents:
    advice = "name an .npz, .npy or .h5 of numbers"
    with explain_failures(f"{path} cannot be read", advice, UsageError, (OSError, ArrayFileError)):
        arrays = read_arrays(path)
    z = arrays.get("", arrays.get("z"))
    if z is None:
        raise UsageError(
            f"{path} has no array z; name a file written by ganinv invert --npz or ganinv sample "
            "--npz"
        )
    z = np.atleast_2d(z)
    labels = np.atleast_1d(arrays["label"]) if "label" in arrays else None
    sha256 = str(arrays.get("checkpoint_sha256", ""))
    return StoredLatents(path, z, labels, f"{len(z):,} z", sha256)


def _read_results(path: Path, group: str) -> StoredLatents:
    results = read_results(path)
    label = results.attributes["config"].get("label")  # of the run
    sha256 = results.attributes["checkpoint_sha256"]

    def fill_labels(labels: np.ndarray | None, count: int) -> np.ndarray | None:
        return np.full(count, label) if labels is None and label is not None else labels

    if not group and IMAGES in results.groups:
        trial_sets = read_image_trial_sets(results, path)
        count, starts = (
            len({trial_set.image.number for trial_set in trial_sets}),
            sum(c.trials for c in trial_sets),
        )
        images = f"{count:,} {'image' if count == 1 else 'images'}"
        rules = " under each rule" if len(trial_sets) > count else ""
        said = f"the best z of each of {images}{rules}, of {starts:,} (--group NAME for all)"
        best_labels = [trial_set.recoveries.best_label for trial_set in trial_sets]
        labels = None if None in best_labels else np.array(best_labels)
        z = np.array([trial_set.best_z for trial_set in trial_sets])
        return StoredLatents(path, z, fill_labels(labels, len(z)), said, sha256)
    columns = {
        name: next(column for column in ("z_found", "z_true") if column in rows)
        for name, rows in results.groups.items()
        if "z_found" in rows or "z_true" in rows
    }
    chosen = group or next((name for name in columns if columns[name] == "z_found"), "")
    if chosen not in columns:
        names = ", ".join(name or "the root" for name in columns) or "none"
        raise UsageError(f"{path} has no group {chosen!r} with z; --group is one of {names}")
    rows, root = results.groups[chosen], results.groups.get("", {})
    labels = rows.get("label")
    if labels is None and "label" in root:  # the true labels of the group's trials
        labels = take_trials(root, "label", rows["trial"])
    z = rows[columns[chosen]]
    said = f"{len(z):,} z of group {chosen or 'the root'}"
    return StoredLatents(path, z, fill_labels(labels, len(z)), said, sha256)
