"""Gradient descent on the mean over a picture's values: its stable rate.

If the generator G is linear, z ← z − η ∇ mean((G(z) − x)²) multiplies the error along each
eigenvector of JᵀJ / values by 1 − 2ηλ (Nesterov 2018, *Lectures on Convex Optimization*, section
1.2.3). Here J = dG/dz at the true z, `values` is the number of values of a picture, λ is an
eigenvalue, and η is the rate. Descent is stable if |1 − 2ηλ| < 1 in each direction, that is
η < 1/λ. Above this limit z stays at some distance from the solution (Cohen et al. 2021, *Gradient
Descent on Neural Networks Typically Occurs at the Edge of Stability*).
"""

from ganinv_cli.statistics.averages import Floats

AUTHORS_RATE = 1.0  # on the mean over a picture's values, halved every HALVE_EVERY updates
HALVE_EVERY = 50_000
DIGITS = 3  # of a stable rate, so that processors that round differently give the same


def find_stable_rate(eigenvalues: Floats) -> float:
    """Return 1/(2λ), half of the limit of stability, λ the largest of (points, latent)."""
    return float(f"{1 / (2 * eigenvalues.max()):.{DIGITS}g}")
