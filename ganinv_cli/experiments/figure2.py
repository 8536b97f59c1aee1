"""Figure 2b: clean, noisy and recovered images of the first trials."""

from pathlib import Path

import numpy as np

from ganinv_cli.config import NoiseSweepConfig
from ganinv_cli.experiments.drawing import noise, noisy
from ganinv_cli.generator import Generator
from ganinv_cli.pictures import to_pixels
from ganinv_cli.store import Figure, read

TRIALS = 8


def pictures(path: Path, generator: Generator, config: NoiseSweepConfig) -> dict[str, Figure]:
    """One figure a variance, of the stochastic rule where it was run, or else of the first."""
    rule = "stochastic" if "stochastic" in config.clip else config.clip[0]
    groups = read(path).groups
    trials = np.arange(min(TRIALS, config.trials))
    clean = generator.render(_of(groups[""], "z_true", trials), TRIALS)
    unit = noise(generator, config.seed, trials)
    figures = {}
    for variance in config.variances:
        level = np.full(len(trials), variance)
        found = _of(groups[f"variance={variance:g}/{rule}"], "z_found", trials)
        panels = {
            "clean": clean,
            "noisy": noisy(clean, unit, level, config.clip_pixels),
            "recovered": generator.render(found, TRIALS),
        }
        shown = np.stack([to_pixels(images) for images in panels.values()])
        figures[f"figure2b-variance={variance:g}"] = Figure(
            shown, tuple(panels), tuple(trials.tolist())
        )
    return figures


def _of(rows: dict[str, np.ndarray], column: str, trials: np.ndarray) -> np.ndarray:
    """A column's values for some trials, whichever others a run has finished."""
    return np.asarray(rows[column][np.searchsorted(rows["trial"], trials)])
