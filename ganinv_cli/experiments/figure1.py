"""Figure 1: from the start to the image that was sought, for the first trials."""

from pathlib import Path

import numpy as np

from ganinv_cli.images import to_pixels
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.names import representative_rule
from ganinv_cli.store import Figure, read_results
from ganinv_cli.store.rows import take_trials

TRIALS = 8


def make_figures(path: Path, generator: Generator, config: RecoverConfig) -> dict[str, Figure]:
    """The panels of the stochastic rule where it was run, or else of the first.

    With training-mode statistics an image depends on its batch, so all trials are drawn together.
    """
    rule = representative_rule(config.clip)
    results = read_results(path)
    group, root = results.groups[rule], results.groups[""]
    trials = group["trial"] if generator.batch_norm == "batch" else group["trial"][:TRIALS]
    z_found = take_trials(group, "z_found", trials)
    snapshots = take_trials(group, "z_snapshots", trials)
    panels = {"start": take_trials(group, "z_start", trials)}
    for place, gradients in enumerate(results.constants["snapshot_gradients"]):
        intermediate = snapshots[:, place]
        has_ended = np.isnan(intermediate).any(-1, keepdims=True)  # before this mark
        panels[f"{gradients:,.0f} gradients"] = np.where(has_ended, z_found, intermediate)
    panels |= {"found": z_found, "original": take_trials(root, "z_true", trials)}
    images = []
    for name, z in panels.items():
        source_group = root if name == "original" else group  # on the way they may have been others
        labels = take_trials(source_group, "label", trials) if "label" in source_group else None
        images.append(generator.render(z, len(trials), labels=labels)[:TRIALS])
    return {
        f"figure1-{rule}": Figure(
            to_pixels(np.array(images)), tuple(panels), tuple(trials[:TRIALS].tolist())
        )
    }
