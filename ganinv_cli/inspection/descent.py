"""What linear theory predicts for gradient descent on a generator, as plain JSON."""

from typing import Any

import numpy as np

from ganinv_cli.jacobian import JacobianSpectrum
from ganinv_cli.network.jacobian import FLOAT32_ROUNDING
from ganinv_cli.statistics.descent_theory import (
    AUTHORS_RATE,
    HALVE_EVERY,
    Schedule,
    find_stable_rate,
    predict,
)

UPDATES = (20_000, 100_000)


def summarize_descent(spectrum: JacobianSpectrum) -> dict[str, Any] | None:
    """Return the condition of JᵀJ, the stable rate, and what theory predicts at three rates.

    None if the spectrum is not usable (see `JacobianSpectrum.is_usable`).
    """
    if not spectrum.is_usable:
        return None
    stable = find_stable_rate(spectrum.eigenvalues)
    rates = {"authors": AUTHORS_RATE, "half": AUTHORS_RATE / 2, "stable": stable}
    points, starts, _ = spectrum.start_components.shape
    return {
        "points": points,
        "starts": starts,
        "condition": _summarize_condition(spectrum.eigenvalues),
        "stable_rate": stable,
        "halve_every": HALVE_EVERY,
        "theory": [
            _predict(spectrum, name, Schedule(rate, updates, HALVE_EVERY))
            for name, rate in rates.items()
            for updates in UPDATES
        ],
    }


def _predict(spectrum: JacobianSpectrum, name: str, schedule: Schedule) -> dict[str, Any]:
    prediction = predict(*spectrum, schedule)._asdict()
    del prediction["points"]
    return {"name": name, "rate": schedule.rate, "updates": schedule.updates, **prediction}


def _summarize_condition(eigenvalues: np.ndarray) -> dict[str, float]:
    """Return the median and the worst condition of JᵀJ over the directions that move the image."""
    largest = eigenvalues.max(axis=1)
    moving = eigenvalues > FLOAT32_ROUNDING**2 * largest[:, None]
    least = np.where(moving, eigenvalues, np.inf).min(axis=1)
    conditions = largest[largest > 0] / least[largest > 0]
    return {"median": float(np.median(conditions)), "worst": float(conditions.max())}
