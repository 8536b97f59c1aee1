"""Latent vectors that a user has: drawn by their numbers, or kept in a file."""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import UsageError
from ganinv_cli.ground_truth import true_z
from ganinv_cli.network.generator import Generator
from ganinv_cli.report.shared.latents import best
from ganinv_cli.store import Results, read

MOST_BYTES = 1 << 31  # of a file
FOUND, TRUE, LABEL = "z_found", "z_true", "label"  # columns of results
EXPLAINING = ("invert", "consistency")  # commands whose many z are of few images
RESULTS = (".h5", ".hdf5")


class Latents(NamedTuple):
    """What pictures are made of, a row each."""

    z: np.ndarray  # (n, latent) float32
    labels: np.ndarray | None  # (n,) int32; None: nothing says
    said: str = ""  # which of those of a file they are; empty where they were drawn


def drawn(generator: Generator, seed: int, count: int) -> Latents:
    """The first true z of `ganinv recover` with this seed; labels take turns."""
    numbers = np.arange(count)
    labels = (numbers % generator.labels).astype(np.int32) if generator.labels else None
    return Latents(true_z(generator, seed, numbers), labels)


def kept(path: Path, group: str, generator: Generator) -> Latents:
    """Those of an .npz, an .npy, or a results file's group. Raises UsageError.

    Of images that were inverted, without a group, the best of each.
    """
    found = _of_results(path, group) if path.suffix in RESULTS else _of_numpy(path)
    return _fitting(found, path, generator)


def npz(latents: Latents) -> bytes:
    """A file that `kept` reads: z, and label where there are some."""
    file = io.BytesIO()
    arrays = {"z": latents.z}
    if latents.labels is not None:
        arrays[LABEL] = latents.labels
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # none is allow_pickle
    return file.getvalue()


def _fitting(found: Latents, path: Path, generator: Generator) -> Latents:
    z, labels, said = found
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
        labels = None
    elif labels is None:
        labels = np.arange(len(z)) % generator.labels
    elif labels.shape != (len(z),) or not _within(labels, generator.labels):
        raise UsageError(
            f"{path} has labels that are not {len(z)} whole numbers from 0 to "
            f"{generator.labels - 1}; give --label"
        )
    whole = None if labels is None else labels.astype(np.int32)
    return Latents(z.astype(np.float32), whole, said or f"{len(z):,} z")


def _within(labels: np.ndarray, count: int) -> bool:
    return labels.dtype.kind in "iu" and bool(labels.min() >= 0 and labels.max() < count)


def _of_numpy(path: Path) -> Latents:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} has more than {MOST_BYTES:,} bytes; name a file of z alone")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return Latents(loaded, None)
        with loaded as archive:
            return Latents(archive["z"], archive.get(LABEL))
    except KeyError:
        raise UsageError(
            f"{path} holds no array z; name what --npz of ganinv invert or sample wrote"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror or 'it is no NumPy file'})"
        ) from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path} is no NumPy file of numbers ({str(error)[:80]}); name an .npz, .npy or .h5"
        ) from None


def _of_results(path: Path, group: str) -> Latents:
    results = read(path)
    if not group and results.attributes["command"] in EXPLAINING:
        return _best(results, path)
    columns = {
        name: column
        for name, rows in results.groups.items()
        for column in (FOUND, TRUE)
        if column in rows
    }
    chosen = group or next((name for name, column in columns.items() if column == FOUND), "")
    if chosen not in columns:
        names = ", ".join(name or "the root" for name in columns) or "none"
        raise UsageError(f"{path} has no group {chosen!r} with z; --group is one of {names}")
    z = results.groups[chosen][columns[chosen]]
    said = f"{len(z):,} z of group {chosen or 'the root'}"
    return Latents(z, _labels(results, chosen), said)


def _best(results: Results, path: Path) -> Latents:
    found = best(results, path)
    images = f"{found.images:,} {'image' if found.images == 1 else 'images'}"
    rules = " under each rule" if len(found.z) > found.images else ""
    said = f"the best z of each of {images}{rules}, of {found.starts:,} (--group NAME for all)"
    labels = _given(results, len(found.z)) if found.labels is None else found.labels
    return Latents(found.z, labels, said)


def _given(results: Results, count: int) -> np.ndarray | None:
    """The label that a run was given, if it was."""
    label = results.attributes["config"].get("label", -1)
    return np.full(count, label) if label >= 0 else None


def _labels(results: Results, group: str) -> np.ndarray | None:
    """The group's own; else those of the same trials' images, or the one that was given."""
    rows = results.groups[group]
    root = results.groups.get("", {})
    if LABEL in rows:
        return rows[LABEL]
    if LABEL not in root:
        return _given(results, len(rows["trial"]))
    by_trial = dict(zip(root["trial"].tolist(), root[LABEL].tolist(), strict=True))
    if not all(trial in by_trial for trial in rows["trial"].tolist()):
        return None
    return np.array([by_trial[trial] for trial in rows["trial"].tolist()])
