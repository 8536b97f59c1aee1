"""Small generators on which the experiments take seconds."""

from pathlib import Path
from typing import NamedTuple

import builders
import pytest

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.make_generator import make_generator


class Small(NamedTuple):
    """A checkpoint, and its generator."""

    folder: Path
    generator: Generator


@pytest.fixture(scope="session")
def easy(tmp_path_factory):
    """6 unknowns and 3 channels: every start finds z."""
    folder = tmp_path_factory.mktemp("easy")
    return Small(folder, make_generator(builders.make_definition(folder)))


@pytest.fixture(scope="session")
def hard(tmp_path_factory):
    """12 unknowns and 2 channels: some first starts fail."""
    folder = tmp_path_factory.mktemp("hard")
    return Small(folder, make_generator(builders.make_hard_definition(folder)))
