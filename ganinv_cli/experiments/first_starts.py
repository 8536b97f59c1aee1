"""Where first starts begin: at a draw from the prior, or where an encoder leads."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ganinv_cli.encoder import start
from ganinv_cli.encoder.model import Encoder, beside
from ganinv_cli.errors import ConfigError
from ganinv_cli.jobs import Job
from ganinv_cli.loop.queue import Supply
from ganinv_cli.loop.trial import Sought
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.shipped import find


class Starting(NamedTuple):
    """What gives a run's first starts, and what to remember of it."""

    encoder: Encoder | None  # None: every start is drawn
    identity: dict[str, str]


def starting(config: Config, generator: Generator) -> Starting:
    """As the config says. Raises CheckpointError where the encoder is missing or another's."""
    if config.start == "random":
        return Starting(None, {})
    if generator.labels:
        raise ConfigError("an encoder knows one label's images: name it with --label")
    path = beside(find("checkpoint", config.checkpoint))
    encoder = Encoder.load(path, generator)
    sha256 = hashlib.sha256(encoder.weights.tobytes() + encoder.bias.tobytes()).hexdigest()
    return Starting(encoder, {"encoder_sha256": sha256})


def supplied(
    supply: Supply,
    generator: Generator,
    encoder: Encoder,
    block: int,
    encoded: Callable[[Job], bool],
) -> Supply:
    """The same images, with the starts of those jobs that the encoder is for."""
    began = start.starts(generator, encoder, block)

    def made(jobs: Sequence[Job]) -> Sought:
        sought = supply(jobs)
        begin = np.full(sought.z_true.shape, np.nan, np.float32)
        rows = np.array([encoded(job) for job in jobs])
        if rows.any():
            begin[rows] = began(sought.images[rows].astype(np.float32))
        return sought._replace(begin=begin, cost=start.COST)

    return made


def check_labels(generator: Generator, config: Config, starts: int, option: str) -> None:
    """Raises ConfigError where starts that take the labels in turn do not come to each."""
    if starts < generator.labels:
        more = "" if config.batch_norm == "batch" else f", or raise --{option}"
        raise ConfigError(
            f"{starts} starts try {starts} of the generator's {generator.labels} labels: name one "
            f"with --label{more}"
        )
