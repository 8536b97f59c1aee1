"""Gradient descent near its solution, by linear theory.

Where the generator G is linear, z ← z − η ∇ mean((G(z) − x)²) multiplies the error along each
eigenvector of JᵀJ / values by 1 − 2ηλ (Nesterov 2018, *Lectures on Convex Optimization*, section
1.2.3). J = dG/dz, `values` is the number of values of a picture, λ an eigenvalue and η the rate on
the mean over these values. Descent is stable if |1 − 2ηλ| < 1 in each direction, η < 1/λ.

Functions take eigenvalues float64 (points, latent) of JᵀJ / values, in any order.
"""

import numpy as np

from ganinv_cli.statistics.averages import Floats

DIGITS = 3  # of a stable rate: processors that round differently agree on it


def find_stability_limit(eigenvalues: Floats) -> Floats:
    """Return the rate (points,) above which descent leaves each z, ∞ if nothing moves the image."""
    largest = eigenvalues.max(axis=-1)
    without = np.full(np.shape(largest), np.inf)
    return np.asarray(np.divide(1, largest, out=without, where=largest > 0))


def find_stable_rate(eigenvalues: Floats) -> float:
    """Return 1/(2λ), half of the limit of stability, λ the largest eigenvalue at any point."""
    return float(f"{find_stability_limit(eigenvalues).min() / 2:.{DIGITS}g}")
