"""Figure 1: from the start to the image that was sought, for the first trials."""

from pathlib import Path

import numpy as np

from ganinv_cli.config import RecoverConfig
from ganinv_cli.experiments import columns
from ganinv_cli.generator import Generator
from ganinv_cli.pictures import to_pixels
from ganinv_cli.store import Figure, read
from ganinv_cli.words import shown_rule

TRIALS = 8


def pictures(path: Path, generator: Generator, config: RecoverConfig) -> dict[str, Figure]:
    """The panels of the stochastic rule where it was run, or else of the first.

    With training-mode statistics an image depends on its batch, so all trials are drawn together.
    """
    rule = shown_rule(config.clip)
    results = read(path)
    group = results.groups[rule]
    trials = group["trial"]
    truth = columns.of(results.groups[""], "z_true", trials)
    found = columns.labels_of(group, trials)  # on the way they may have been others
    original = columns.labels_of(results.groups[""], trials)
    panels = {"start": group["z_start"]}
    for place, gradients in enumerate(results.constants["snapshot_gradients"]):
        on_the_way = group["z_snapshots"][:, place]
        arrived = np.isnan(on_the_way).any(-1, keepdims=True)  # before this mark
        panels[f"{gradients:,.0f} gradients"] = np.where(arrived, group["z_found"], on_the_way)
    panels |= {"found": group["z_found"], "original": truth}
    shown = slice(None) if generator.batch_norm == "batch" else slice(TRIALS)
    size = len(trials[shown])
    images = []
    for name, z in panels.items():
        beside = original if name == "original" else found
        labels = None if beside is None else beside[shown]
        images.append(generator.render(z[shown], size, labels=labels)[:TRIALS])
    return {
        f"figure1-{rule}": Figure(
            to_pixels(np.array(images)), tuple(panels), tuple(trials[:TRIALS].tolist())
        )
    }
