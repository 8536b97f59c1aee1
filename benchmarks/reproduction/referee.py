"""The numbers of Table 1 again, from a results file alone: NumPy and h5py, no line of ganinv.

python benchmarks/reproduction/referee.py docs/results/faces16-authors.h5 ...
"""

import json
import sys
from itertools import combinations
from math import comb
from typing import Any

import h5py
import numpy as np

EPSILONS = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}


def count_tail(successes: int, trials: int, share: float) -> float:
    """Return the probability of at least so many successes."""
    terms = range(successes, trials + 1)
    return sum(comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in terms)


def bound(successes: int, trials: int) -> float:
    """Return the lower end of the exact 95 % interval of Clopper and Pearson, by bisection."""
    low, high = 0.0, successes / trials
    for _ in range(60):
        middle = (low + high) / 2
        below = count_tail(successes, trials, middle) < 0.025
        low, high = (middle, high) if below else (low, middle)
    return low


def recompute(path: str) -> dict[str, Any]:
    """Return shares, intervals, McNemar's p and medians of the first starts of `recover`."""
    with h5py.File(path) as file:
        rules = [name for name in json.loads(file.attrs["config"])["clip"] if name in file]
        error = {rule: file[f"{rule}/first/z_error"][()] for rule in rules}
    found: dict[str, Any] = {"median": {rule: float(np.median(error[rule])) for rule in rules}}
    for name, epsilon in EPSILONS.items():
        for rule in rules:
            n, k = len(error[rule]), int((error[rule] < epsilon).sum())
            found[f"{rule} {name}"] = (k, bound(k, n), 1 - bound(n - k, n))
        for one, other in combinations(rules, 2):
            first, second = error[one] < epsilon, error[other] < epsilon
            only = (int((first & ~second).sum()), int((second & ~first).sum()))
            p = min(1.0, 2 * count_tail(max(only), sum(only), 0.5))
            found[f"{one}, {other} {name}"] = (*only, p)
    return found


if __name__ == "__main__":
    json.dump({path: recompute(path) for path in sys.argv[1:]}, sys.stdout, indent=1)
