"""Figure 2b: clean, noisy and recovered images of the first trials."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ganinv_cli.ground_truth import noise, noisy
from ganinv_cli.images import to_pixels
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import NoiseSweepConfig
from ganinv_cli.settings.names import shown_rule, variance_group
from ganinv_cli.store import Figure, read
from ganinv_cli.store.rows import Group, of_trials

TRIALS = 8


def pictures(path: Path, generator: Generator, config: NoiseSweepConfig) -> dict[str, Figure]:
    """One figure a variance, of the stochastic rule where it was run, or else of the first.

    All show the first trials that were run at every variance; there is none where no trial was.
    """
    rule = shown_rule(config.clip)
    groups = read(path).groups
    names = [variance_group(variance, rule) for variance in config.variances]
    shared = _shared(groups, ["", *names])
    trials = shared[shared < config.trials][:TRIALS]
    if not len(trials):
        return {}
    truth = groups[""]
    labels = of_trials(truth, "label", trials) if "label" in truth else None
    clean = generator.render(of_trials(truth, "z_true", trials), TRIALS, labels=labels)
    unit = noise(generator, config.seed, trials)
    figures = {}
    for variance, name in zip(config.variances, names, strict=True):
        level = np.full(len(trials), variance)
        group = groups[name]
        found = of_trials(group, "z_found", trials)
        labels = of_trials(group, "label", trials) if "label" in group else None
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


def _shared(groups: Mapping[str, Group], names: Iterable[str]) -> np.ndarray:
    """The numbers of the trials that each of these groups has, sorted, (n,)."""
    none = np.zeros(0, np.int64)
    trials = (groups[name]["trial"] if name in groups else none for name in names)
    return functools.reduce(np.intersect1d, trials)
