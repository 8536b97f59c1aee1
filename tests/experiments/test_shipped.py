"""The shipped generator agrees with its page, and can be inverted."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from ganinv_cli import formats
from ganinv_cli.cli import main
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.shipped import find

FOLDER = Path(__file__).parents[2] / "checkpoints"


@pytest.mark.parametrize(
    "path",
    sorted(FOLDER.rglob("DCGAN.model-*")),
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_each_file_has_the_sum_that_the_page_gives(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"`{digest}`" in (FOLDER / "README.md").read_text()


def test_there_are_an_early_and_a_final_generator_of_the_papers_shape():
    for name in ("portraits64", "portraits64-early"):
        found = formats.read(FOLDER / name)
        assert (found.layout, found.ignored) == ("C", ())
        generator = make_generator(found)
        assert (generator.latent, generator.image_shape) == (100, (64, 64, 3))
        names = {name for name, _ in tf.train.list_variables(found.path)}
        assert "generator/g_h4/w" in names
        assert "generator/g_bn3/moving_variance" in names


@pytest.mark.parametrize(
    ("name", "size", "most"), [("faces32", 32, 2_100_000), ("faces16", 16, 350_000)]
)
def test_the_small_generators_are_small_and_list_what_was_held_out(
    name: str, size: int, most: int
) -> None:
    found = formats.read(find("checkpoint", name))
    generator = make_generator(found)
    assert (generator.latent, generator.image_shape) == (100, (size, size, 3))
    assert generator.multiply_adds <= most
    folder = FOLDER / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
    assert len(set((folder / "held-out.txt").read_text().split())) >= 60


def test_its_pictures_differ_from_one_another():
    generator = make_generator(formats.read(find("checkpoint", "portraits64")))
    z = tf.random.stateless_uniform([32, 100], [0, 0], -1, 1)
    pictures = generator(z).numpy().reshape(32, -1)
    distances = np.sqrt(((pictures[:, None] - pictures[None]) ** 2).mean(-1))
    assert distances[np.triu_indices(32, 1)].min() > 0.1


@pytest.mark.slow
def test_it_is_inverted_by_the_plain_command(tmp_path):
    os.chdir(tmp_path)
    result = CliRunner().invoke(main, ["recover", "--trials", "4", "--format", "json", "-q"])
    assert result.exit_code == 0, result.output
    for row in json.loads(result.stdout)["tables"]["table1"]:
        assert row["recovered"]["1e-4"] == 4
