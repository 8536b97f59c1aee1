"""Figure 2b: clean, noisy and recovered images of the first trials."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ganinv_cli.ground_truth import add_noise, draw_noise
from ganinv_cli.images import to_pixels
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import NoiseSweepConfig
from ganinv_cli.settings.names import representative_rule, variance_group
from ganinv_cli.store import Figure, read_results
from ganinv_cli.store.rows import Group, take_trials

TRIALS = 8


def make_figures(path: Path, generator: Generator, config: NoiseSweepConfig) -> dict[str, Figure]:
    """One figure a variance, of the stochastic rule where it was run, or else of the first.

    All show the first trials that were run at every variance; there is none where no trial was.
    """
    rule = representative_rule(config.clip)
    groups = read_results(path).groups
    names = [variance_group(variance, rule) for variance in config.variances]
    shared = _intersect_trials(groups, ["", *names])
    trials = shared[shared < config.trials][:TRIALS]
    if not len(trials):
        return {}
    truth = groups[""]
    labels = take_trials(truth, "label", trials) if "label" in truth else None
    clean = generator.render(take_trials(truth, "z_true", trials), TRIALS, labels=labels)
    unit = draw_noise(generator, config.seed, trials)
    figures = {}
    for variance, name in zip(config.variances, names, strict=True):
        trial_variances = np.full(len(trials), variance)
        group = groups[name]
        found = take_trials(group, "z_found", trials)
        labels = take_trials(group, "label", trials) if "label" in group else None
        panels = {
            "clean": clean,
            "noisy": add_noise(clean, unit, trial_variances, config.clip_pixels),
            "recovered": generator.render(found, TRIALS, labels=labels),
        }
        panel_images = np.stack([to_pixels(images) for images in panels.values()])
        figures[f"figure2b-variance={variance:g}"] = Figure(
            panel_images, tuple(panels), tuple(trials.tolist())
        )
    return figures


def _intersect_trials(groups: Mapping[str, Group], names: Iterable[str]) -> np.ndarray:
    """The numbers of the trials that each of these groups has, sorted, (n,)."""
    none = np.zeros(0, np.int64)
    trials = (groups[name]["trial"] if name in groups else none for name in names)
    return functools.reduce(np.intersect1d, trials)
