"""The shipped generators agree with their page."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.generators import formats
from ganinv_cli.generators.network.make_generator import make_generator

FOLDER = Path(__file__).parents[2] / "checkpoints"


def test_each_file_has_the_sum_that_the_page_gives():
    page, files = (
        (FOLDER / "README.md").read_text(encoding="utf-8"),
        [*FOLDER.rglob("DCGAN.model-*")],
    )
    assert files
    for path in files:
        assert f"`{hashlib.sha256(path.read_bytes()).hexdigest()}`" in page, path


@pytest.mark.parametrize(
    ("name", "side", "multiply_adds", "size"),
    [
        ("portraits64", 64, np.inf, np.inf),
        ("faces32", 32, 2_100_000, 3_000_000),
        ("faces16", 16, 350_000, 3_000_000),
    ],
)
def test_its_pictures_have_the_papers_shape_and_differ(name, side, multiply_adds, size):
    found = formats.read(FOLDER / name)
    generator = make_generator(found)
    assert (found.layout, found.ignored) == ("C", ())
    assert (generator.latent, generator.image_shape) == (100, (side, side, 3))
    assert generator.multiply_adds <= multiply_adds
    assert sum(path.stat().st_size for path in (FOLDER / name).iterdir()) < size
    if size < np.inf:  # of the small ones, the page lists which images were held out
        assert len(set((FOLDER / name / "held-out.txt").read_text(encoding="utf-8").split())) >= 60
    pictures = generator(tf.random.stateless_uniform([32, 100], [0, 0], -1, 1)).numpy()
    rows = pictures.reshape(32, -1)
    distances = np.sqrt(((rows[:, None] - rows[None]) ** 2).mean(-1))
    assert distances[np.triu_indices(32, 1)].min() > 0.1
