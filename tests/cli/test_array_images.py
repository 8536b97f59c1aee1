"""Commands take NumPy arrays as they take image files."""

import json

import builders
import numpy as np
import pytest
from called import make_image, run_ganinv, save_image
from PIL import Image

from ganinv_cli.images import to_floats
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with two images beside a small checkpoint."""
    folder = tmp_path_factory.mktemp("small")
    generator = make_generator(builders.make_checkpoint(folder / "checkpoint"))
    for number, name in enumerate(("a.png", "b.png")):
        save_image(folder / name, make_image(generator, number))
    return folder


def _invert(folder, small, *given, **keywords):
    return run_ganinv(
        folder, "invert", *given, "--checkpoint", small / "checkpoint", "--trials", 1, **keywords
    )


def _save_arrays(small, tmp_path):
    """Save the images a.png and b.png as arrays, and a large one, and the z of an image."""
    pixels = [np.asarray(Image.open(small / name)) for name in ("a.png", "b.png")]
    np.save(tmp_path / "two.npy", to_floats(np.stack(pixels)))
    np.savez(tmp_path / "big.npz", image=np.kron(pixels[0], np.ones((2, 3, 1), np.uint8)))
    np.savez(tmp_path / "z.npz", z=np.zeros((1, 6), np.float32))


@pytest.mark.parametrize("command", ["invert", "consistency"])
def test_arrays_are_images(small, tmp_path, command):
    _save_arrays(small, tmp_path)
    table = {"invert": "invert", "consistency": "table2"}[command]
    source = [tmp_path] if command == "invert" else ["--image", tmp_path]
    given = ("--checkpoint", small / "checkpoint", "--trials", 2, "--clip", "none")
    more = ("--format", "json", "--out", tmp_path / "out.h5")
    result = run_ganinv(tmp_path, command, *source, *given, *more)
    assert [row["image"] for row in json.loads(result.stdout)["tables"][table]] == [
        "big.npz",
        "two.npy[0]",
        "two.npy[1]",
    ]
    assert (
        "big.npz: cropped to the middle square (32 of 48×32 pixels); resized to 16×16"
        in result.stderr.splitlines()
    )
    group = read_results(tmp_path / "out.h5").groups["image=0001"]
    np.testing.assert_array_equal(group["target"][0], np.asarray(Image.open(small / "a.png")))


def test_a_file_of_z_is_no_image(small, tmp_path):
    _save_arrays(small, tmp_path)
    error = _invert(tmp_path, small, tmp_path / "z.npz", code=2).stderr
    assert "z.npz holds latent vectors of shape (1, 6), not images" in error


def test_a_mask_may_be_an_array(small, tmp_path):
    mask = np.ones((16, 16), bool)
    mask[:4] = False
    np.save(tmp_path / "mask.npy", mask)
    _invert(tmp_path, small, small / "a.png", "--mask", tmp_path / "mask.npy")
    assert read_results(tmp_path / "invert.h5").constants["pixels_counted"] == mask.sum() * 3


def test_of_many_images_it_is_said_how_many_were_changed(small, tmp_path):
    np.save(
        tmp_path / "many.npy",
        np.random.default_rng(0).integers(0, 256, (9, 16, 20), np.uint8)[..., None],
    )
    result = _invert(tmp_path, small, tmp_path / "many.npy")
    assert (
        "9 of 9 images were changed to fit the generator (9 cropped)" in result.stderr.splitlines()
    )
