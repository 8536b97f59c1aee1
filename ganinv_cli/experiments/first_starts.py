"""First starts: draws from the prior, or the guesses of an encoder."""

from collections.abc import Callable, Sequence

import numpy as np

from ganinv_cli.encoder import start
from ganinv_cli.encoder.model import Encoder, encoder_path
from ganinv_cli.errors import ConfigError
from ganinv_cli.jobs import Job
from ganinv_cli.loop.trial import MakeTargets, Targets
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.shipped import find


def load_encoder(config: Config, generator: Generator) -> Encoder | None:
    """Load the encoder if the config asks for one; None: every start is drawn.

    Raises CheckpointError if it is missing, or was fitted to another generator.
    """
    if config.start == "random":
        return None
    if generator.labels:
        raise ConfigError("an encoder is fitted to one label's images: name the label with --label")
    return Encoder.load(encoder_path(find("checkpoint", config.checkpoint)), generator)


def add_encoder_starts(
    make_targets: MakeTargets,
    generator: Generator,
    encoder: Encoder,
    block: int,
    uses_encoder: Callable[[Job], bool],
) -> MakeTargets:
    """Return `make_targets` with the encoder's starts, for the jobs that use it."""
    encode_starts = start.make_find_starts(generator, encoder, block)

    def make_encoded_targets(jobs: Sequence[Job]) -> Targets:
        targets = make_targets(jobs)
        first_starts = np.full(targets.z_true.shape, np.nan, np.float32)
        rows = np.array([uses_encoder(job) for job in jobs])
        if rows.any():
            first_starts[rows] = encode_starts(targets.images[rows].astype(np.float32))
        return targets._replace(
            first_start=first_starts, first_start_cost=start.GRADIENTS_PER_IMAGE
        )

    return make_encoded_targets


def check_labels(generator: Generator, config: Config, starts: int, option: str) -> None:
    """Check that there is a start for each label (they are taken in turn). Raises ConfigError."""
    if starts < generator.labels:
        more = "" if config.batch_norm == "batch" else f", or raise --{option}"
        raise ConfigError(
            f"{starts} starts try {starts} of the generator's {generator.labels} labels: give one "
            f"with --label{more}"
        )
