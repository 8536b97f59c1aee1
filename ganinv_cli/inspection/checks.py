"""Whether a generator does what is claimed of it, each claim with the number that was measured."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.reading import Conventions
from ganinv_cli.ground_truth import true_z
from ganinv_cli.inspection.original import Original, UncheckedError, original
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator

ROWS = 8  # random z
LIMIT = 1e-4  # of pixels in [-1, 1]: rounding of float32, and far from what an eye sees
STEP = 1e-7  # of the finite difference, in z
DIRECTIONS = 9
DERIVATIVE = 1e-4  # share of the derivative that the finite difference may miss


@dataclass(frozen=True)
class Check:
    """A claim, and what was found."""

    claim: str
    passed: bool | None  # None: not checked
    found: float | None  # the largest difference
    limit: float | None
    why: str = ""  # it was not checked


def checks(
    generator: Generator,
    checkpoint: Checkpoint,
    path: Path,
    conventions: Conventions,
    label: int,
    seed: int,
) -> list[Check]:
    """All of them, at the first z that `ganinv recover` draws with this seed.

    `label` is the one to which the generator is fixed, or -1.
    """
    z = true_z(generator, seed, np.arange(ROWS))
    labels = np.arange(ROWS) % generator.labels if generator.labels else None
    theirs = np.full(ROWS, label) if label >= 0 else labels
    made = _made(generator, z, labels)
    rounding = _apart(made, _made(generator, z.astype(np.float64), labels))
    limit = max(LIMIT, 10 * rounding)  # a deep network rounds more
    return [
        _independent(generator, z, labels, made, limit),
        Check("float32 and float64 make the same pictures", None, rounding, None, "a measurement"),
        _as_written(checkpoint, path, conventions, z, theirs, made, limit),
        _derivative(generator, z[:1], None if labels is None else labels[:1], seed),
    ]


def plain(found: list[Check]) -> list[dict[str, Any]]:
    """As plain JSON, which has no NaN."""
    return [
        asdict(each) | {"found": each.found if np.isfinite(each.found or 0) else None}
        for each in found
    ]


def _made(generator: Generator, z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    images: np.ndarray = generator(
        tf.constant(z), labels=None if labels is None else tf.constant(labels)
    ).numpy()
    return images


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    """NaN where a picture is not finite."""
    with np.errstate(invalid="ignore"):
        return float(np.abs(first.astype(np.float64) - second).max())


def _judged(claim: str, found: float, limit: float) -> Check:
    return Check(claim, bool(found <= limit), found, limit)  # NaN has not passed


def _independent(
    generator: Generator,
    z: np.ndarray,
    labels: np.ndarray | None,
    made: np.ndarray,
    limit: float,
) -> Check:
    alone = [
        _made(generator, z[row : row + 1], None if labels is None else labels[row : row + 1])
        for row in range(len(z))
    ]
    found = _apart(made, np.concatenate(alone))
    return _judged("a picture depends on its own z alone, not on the batch", found, limit)


def _as_written(
    checkpoint: Checkpoint,
    path: Path,
    conventions: Conventions,
    z: np.ndarray,
    labels: np.ndarray | None,
    made: np.ndarray,
    limit: float,
) -> Check:
    claim = "pictures are those of the program that the file holds"
    try:
        program: Original = original(checkpoint, path, conventions)
        theirs = program(z, labels)
    except UncheckedError as error:
        return Check(claim, None, None, None, str(error))
    return _judged(claim, _apart(made, theirs), limit)


def _derivative(generator: Generator, z: np.ndarray, labels: np.ndarray | None, seed: int) -> Check:
    """Of G along random directions at one z: their median, as a ReLU may switch on the way."""
    at = z.astype(np.float64)
    moves = np.random.default_rng(seed).normal(size=(DIRECTIONS, z.shape[1]))
    beside = None if labels is None else np.repeat(labels, len(moves))
    given = None if labels is None else tf.constant(labels)
    exact = generator.moved(tf.constant(at), tf.constant(moves), given).numpy()
    there, back = (_made(generator, at + step * moves, beside) for step in (STEP, -STEP))
    with np.errstate(invalid="ignore"):
        missed = (exact - (there - back) / (2 * STEP)).reshape(DIRECTIONS, -1)
    lengths = np.linalg.norm(exact.reshape(DIRECTIONS, -1), axis=1)
    found = float(np.median(np.linalg.norm(missed, axis=1) / np.maximum(lengths, 1e-300)))
    return _judged("derivatives are those of finite differences, in float64", found, DERIVATIVE)
