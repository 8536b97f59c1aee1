"""A small generator and some of its images."""

import builders
import pytest

import ganinv_cli as ganinv
from ganinv_cli.images import to_pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a small checkpoint."""
    folder = tmp_path_factory.mktemp("small")
    builders.make_definition(folder)
    return folder


@pytest.fixture(scope="module")
def generator(folder):
    return ganinv.load(folder)


@pytest.fixture(scope="module")
def images(generator):
    """Three images of the generator: uint8."""
    return to_pixels(generator(generator.draw_z(3, seed=9)))
