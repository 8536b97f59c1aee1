"""The verdict of `ganinv invert`, from image files to the word."""

import json

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, make_z, run_ganinv, save_image
from matplotlib import cbook
from PIL import Image

from ganinv_cli.formats import read
from ganinv_cli.images import to_pixels
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.shipped import find
from ganinv_cli.store import read_results

FLAT = {"black.png": 0, "grey.png": 128, "white.png": 255}
MIRRORED = """
import tensorflow as tf

LATENT = 4
WEIGHTS = tf.random.stateless_normal((4, 64), (3, 1)) / 3

def generate(z):
    mirrored = tf.concat([z[:, :3], tf.abs(z[:, 3:])], 1)
    return tf.tanh(tf.reshape(mirrored @ WEIGHTS, (-1, 8, 8, 1)))
"""


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """A small generator of grey pictures: its folder, and itself."""
    folder = tmp_path_factory.mktemp("grey")
    checkpoint = builders.make_checkpoint(folder, channels=1)
    return folder, make_generator(checkpoint)


def judge(folder, *arguments):
    """The rows of `ganinv invert`, by the names of the images."""
    result = run_ganinv(folder, "invert", *arguments, "--format", "json")
    return {row["image"]: row for row in json.loads(result.stdout)["tables"]["invert"]}


def save_copies(folder, generator, trial):
    pixels = make_image(generator, trial).squeeze()
    save_image(folder / f"{trial}.png", pixels)
    for quality in (95, 75):
        Image.fromarray(pixels).save(folder / f"{trial}-{quality}.jpg", quality=quality)


def save_flat(folder, generator):
    for name, value in FLAT.items():
        save_image(folder / name, np.full(generator.image_shape, value, np.uint8).squeeze())


def test_generated_pictures_are_made_as_png_and_as_jpeg_and_nothing_else_is(grey, tmp_path):
    for trial in range(2):
        save_copies(tmp_path, grey[1], trial)
    save_flat(tmp_path, grey[1])
    save_image(tmp_path / "noise.png", make_random_pixels(grey[1]).squeeze())
    rows = judge(tmp_path, ".", "--checkpoint", grey[0], "--batch-size", 16)
    made = {name for name, row in rows.items() if row["verdict"] == "made"}
    assert made == {f"{n}{end}" for n in range(2) for end in (".png", "-95.jpg", "-75.jpg")}
    assert rows["noise.png"]["verdict"] == "outside"
    assert rows["0.png"]["nearest_copy"] == "8 bits"


def test_a_z_that_is_never_drawn_is_implausible(grey, tmp_path):
    z = make_z(grey[1], 0)
    z[0, :3] = 2.5
    save_image(tmp_path / "forced.png", to_pixels(grey[1].render(z, 1))[0].squeeze())
    arguments = ("forced.png", "--checkpoint", grey[0], "--clip", "none")
    (row,) = judge(tmp_path, *arguments).values()
    assert (row["verdict"], row["outside"]) == ("implausible", 3)


def test_a_component_that_few_draws_reach_is_no_reason_against_a_normal_prior(grey, tmp_path):
    z = np.random.default_rng(1).standard_normal((1, 6)).astype(np.float32)
    z[0, 2] = 3.2
    save_image(tmp_path / "rare.png", to_pixels(grey[1].render(z, 1))[0].squeeze())
    arguments = ("rare.png", "--checkpoint", grey[0], "--prior", "normal:1,0.9999")
    (row,) = judge(tmp_path, *arguments).values()
    assert (row["verdict"], row["nearest_copy"]) == ("made", "8 bits")


def test_two_z_of_one_picture_are_ambiguous(tmp_path):
    (tmp_path / "generator.py").write_text(MIRRORED)
    run_ganinv(tmp_path, "sample", "generator.py", "--trust", "--count", 1, "--out", "a.png")
    arguments = ("a.png", "--checkpoint", "generator.py", "--trust", "--trials", 8)
    (row,) = judge(tmp_path, *arguments).values()
    assert row["verdict"] == "ambiguous"
    assert "from 2 different z" in row["explanation"]


def test_files_say_what_copies_lose(grey, tmp_path):
    save_image(tmp_path / "a.png", make_image(grey[1], 0).squeeze())
    (row,) = judge(tmp_path, "a.png", "--checkpoint", grey[0], "--trials", 2).values()
    image = read_results(tmp_path / "invert.h5").groups["image=0000"]
    assert image["copy_quality"][0].tolist() == [0, 95, 90, 75, 50, 25, 10]
    assert list(row["copy_rmse"]) == ["8 bits", *(f"JPEG {q}" for q in (95, 90, 75, 50, 25, 10))]


@pytest.mark.slow
def test_the_shipped_generator_knows_its_own(tmp_path):
    """Two starts, as an image outside the range takes thousands of gradients for each."""
    generator = make_generator(read(find("checkpoint", "portraits64"), Conventions()))
    save_copies(tmp_path, generator, 0)
    save_image(tmp_path / "black.png", np.zeros(generator.image_shape, np.uint8))
    photograph = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    images = ("0.png", "0-75.jpg", "black.png", photograph)
    rows = judge(tmp_path, *images, "--trials", 2)
    made = {name for name, row in rows.items() if row["verdict"] == "made"}
    assert made == {"0.png", "0-75.jpg"}
    assert rows["black.png"]["verdict"] in {"implausible", "outside"}
    assert rows["grace_hopper.jpg"]["verdict"] in {"near", "outside"}
