"""The numbers of the pages again, from a kept file alone: NumPy and h5py, no line of ganinv.

python benchmarks/reproduction/referee.py docs/results/faces16-authors.h5
"""

import json
import sys
from collections.abc import Sequence
from itertools import combinations
from math import comb, erfc, lgamma, sqrt
from pathlib import Path
from typing import Any

import h5py
import numpy as np

EPSILONS = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}
EXACT = 50  # pairs up to which Wilcoxon's test counts all signs
Errors = dict[str, np.ndarray]  # clipping rule -> error of z (trials,)


def count_tail(successes: int, trials: int, share: float) -> float:
    """Return the probability of at least so many successes."""
    k = np.arange(successes, trials + 1)
    ways = [lgamma(trials + 1) - lgamma(each + 1) - lgamma(trials - each + 1) for each in k]
    return float(np.exp(ways + k * np.log(share) + (trials - k) * np.log1p(-share)).sum())


def bound(successes: int, trials: int) -> float:
    """Return the lower end of the exact 95 % interval of Clopper and Pearson, by bisection."""
    low, high = 0.0, successes / trials
    for _ in range(60 if successes else 0):
        middle = (low + high) / 2
        below = count_tail(successes, trials, middle) < 0.025
        low, high = (middle, high) if below else (low, middle)
    return low


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """Return how many trials only one of the two recovered, and the p of the exact test."""
    only = int((first & ~second).sum()), int((second & ~first).sum())
    n = sum(only)
    return *only, min(1.0, 2 * sum(comb(n, k) for k in range(max(only), n + 1)) / 2**n)


def wilcoxon(first: np.ndarray, second: np.ndarray) -> float:
    """Return the two-sided p of the signed-rank test, pairs without a difference left out."""
    difference = (first - second)[first != second]
    n = len(difference)
    if not n:
        return 1.0
    sizes, inverse, ties = np.unique(abs(difference), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[inverse]
    positive, mean = ranks[difference > 0].sum(), n * (n + 1) / 4
    if n > EXACT or len(sizes) < n:
        variance = n * (n + 1) * (2 * n + 1) / 24 - (ties**3 - ties).sum() / 48
        return erfc(abs(positive - mean) / sqrt(2 * variance))
    ways = np.ones(1)  # of signs, by the sum of the positive ranks
    for rank in range(1, n + 1):
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways
        longer[rank:] += ways
        ways = longer
    extreme = int(max(positive, 2 * mean - positive))
    return float(min(1.0, 2 * ways[extreme:].sum() / 2.0**n))


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's corrected p: (n - k) times the k-th least from 0, and no less than before."""
    order = np.argsort(p, kind="stable")
    corrected = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)).clip(max=1)
    return [float(corrected[np.flatnonzero(order == place)[0]]) for place in range(len(p))]


def read_errors(path: Path) -> dict[str, Errors]:
    """Return the errors of z at the end of first starts: case -> rule -> (trials,).

    The case is "" of `recover`, a group such as `variance=0.01` of `noise-sweep`.
    """
    with h5py.File(path) as file:
        config = json.loads(file.attrs["config"])
        column = "z_error_least" if config.get("success") == "ever" else "first/z_error"
        cases = [name for name in file if "=" in name] or [""]
        return {
            case: {
                rule: file[f"{case}/{rule}/{column}"][()]
                for rule in config["clip"]
                if f"{case}/{rule}/{column}" in file
            }
            for case in cases
        }


def recompute(path: str | Path) -> dict[str, Any]:
    """Return shares, intervals, medians and tests of every rule and pair of rules."""
    found: dict[str, Any] = {}
    for case, errors in read_errors(Path(path)).items():
        head = f"{case} " if case else ""
        for rule, error in errors.items():
            found[f"{head}{rule}"] = {"median": np.median(error), "mean": np.mean(error)}
            n = len(error)
            for name, epsilon in EPSILONS.items():
                k = int((error < epsilon).sum())
                found[f"{head}{rule} {name}"] = (k, bound(k, n), 1 - bound(n - k, n))
        for one, other in combinations(errors, 2):
            first, second = errors[one], errors[other]
            logs = np.log(np.stack([first, second]))
            found[f"{head}{one}, {other}"] = {
                "second nearer": int((second < first).sum()),
                "second / first": float(np.exp(np.median(logs[1] - logs[0]))),
                "p": wilcoxon(first, second),
                "p of logarithms": wilcoxon(*logs),
            }
            for name, epsilon in EPSILONS.items():
                found[f"{head}{one}, {other} {name}"] = mcnemar(first < epsilon, second < epsilon)
    return found


def measure_distances(path: str | Path) -> dict[str, float]:
    """Return the mean of ‖z − z'‖ / latent over pairs of z of an image and rule (Table 2)."""
    distances: dict[str, float] = {}
    with h5py.File(path) as file:
        rules = json.loads(file.attrs["config"])["clip"] if "images" in file else []
        for rule in rules:
            starts = file[f"{rule}/starts"]
            for image in np.unique(starts["image"]):
                z = starts["z_found"][starts["image"][()] == image].astype(float)
                pairs = [np.linalg.norm(z[:i] - z[i], axis=1) for i in range(1, len(z))]
                distances[f"{image} {rule}"] = float(np.concatenate(pairs).mean() / z.shape[1])
    return distances


if __name__ == "__main__":
    found = {path: recompute(path) | measure_distances(path) for path in sys.argv[1:]}
    json.dump(found, sys.stdout, indent=1)
