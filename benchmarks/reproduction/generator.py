"""The generator of a kept run."""

from typing import Any

from ganinv_cli.formats import read
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.shipped import find


def read_generator(config: dict[str, Any]) -> Generator:
    """Return the generator that a run's config names, with the run's prior."""
    checkpoint = find("checkpoint", config["checkpoint"])
    return make_generator(read(checkpoint, Conventions(prior=config["prior"])))
