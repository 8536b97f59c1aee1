"""Figure 2b: clean, noisy and recovered images of the first trials."""

from pathlib import Path

import numpy as np

from ganinv_cli.config import NoiseSweepConfig
from ganinv_cli.experiments import columns
from ganinv_cli.experiments.drawing import noise, noisy
from ganinv_cli.generator import Generator
from ganinv_cli.pictures import to_pixels
from ganinv_cli.store import Figure, read
from ganinv_cli.words import shown_rule, variance_group

TRIALS = 8


def pictures(path: Path, generator: Generator, config: NoiseSweepConfig) -> dict[str, Figure]:
    """One figure a variance, of the stochastic rule where it was run, or else of the first."""
    rule = shown_rule(config.clip)
    groups = read(path).groups
    trials = np.arange(min(TRIALS, config.trials))
    truth = groups[""]
    clean = generator.render(
        columns.of(truth, "z_true", trials), TRIALS, labels=columns.labels_of(truth, trials)
    )
    unit = noise(generator, config.seed, trials)
    figures = {}
    for variance in config.variances:
        level = np.full(len(trials), variance)
        group = groups[variance_group(variance, rule)]
        found, labels = columns.of(group, "z_found", trials), columns.labels_of(group, trials)
        panels = {
            "clean": clean,
            "noisy": noisy(clean, unit, level, config.clip_pixels),
            "recovered": generator.render(found, TRIALS, labels=labels),
        }
        shown = np.stack([to_pixels(images) for images in panels.values()])
        figures[f"figure2b-variance={variance:g}"] = Figure(
            shown, tuple(panels), tuple(trials.tolist())
        )
    return figures
