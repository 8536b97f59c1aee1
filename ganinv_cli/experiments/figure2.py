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
    results = read(path)
    root = results.groups[""]
    trials = root["trial"][:TRIALS]
    clean = generator.render(root["z_true"][:TRIALS], TRIALS)
    unit = noise(generator, config.seed, trials)
    figures = {}
    for variance in config.variances:
        level = np.full(len(trials), variance)
        found = results.groups[f"variance={variance:g}/{rule}"]["z_found"][:TRIALS]
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
