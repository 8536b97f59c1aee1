"""Targets with a known z: images that the generator makes of draws from its prior."""

from collections.abc import Mapping, Sequence

import numpy as np

from ganinv_cli.ground_truth import draw_true_labels, draw_true_z
from ganinv_cli.jobs import Job
from ganinv_cli.loop.trial import MakeTargets, Target
from ganinv_cli.network.generator import Generator
from ganinv_cli.store.rows import take_trials


def render_trials(
    generator: Generator, rows: Mapping[str, np.ndarray], z: np.ndarray, trials: np.ndarray
) -> np.ndarray:
    """Return the images of z (trials, latent), with the labels that the rows have for them."""
    labels = take_trials(rows, "label", trials) if "label" in rows else None
    return generator.render(z, len(z), labels=labels)


def prepare_known_targets(
    generator: Generator, seed: int, batch_size: int, precision: str = "float32"
) -> MakeTargets:
    """Return a function that makes each job's target: the image of a known z, in `precision`."""

    def make_targets(jobs: Sequence[Job]) -> list[Target]:
        rows = {trial: row for row, trial in enumerate(sorted({job.trial for job in jobs}))}
        trials = np.array(list(rows))
        z, labels = draw_true_z(generator, seed, trials), draw_true_labels(generator, seed, trials)
        images = generator.render(z, batch_size, precision, labels)
        return [
            Target(images[row], z[row], label=-1 if labels is None else int(labels[row]))
            for row in (rows[job.trial] for job in jobs)
        ]

    return make_targets
