"""Experiments refuse wrong images with exit 2 and one sentence, and leave no file."""

import struct
import time
import zlib

import builders
import numpy as np
import pytest
from called import list_messages, make_image, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a checkpoint, a good image and many bad ones."""
    folder = tmp_path_factory.mktemp("place")
    pixels = make_image(make_generator(builders.make_checkpoint(folder / "checkpoint")), 0)
    save_image(folder / "good.png", pixels)
    save_image(folder / "black.png", np.zeros((16, 16), np.uint8))
    (folder / "text.png").write_text("no image")
    (folder / "empty").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "notes.md").write_text("no image either")
    whole = save_image(
        folder / "whole.jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), "u1")
    )
    (folder / "half.jpg").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks)))
    return folder


def _chunk(named):
    name, data = named
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _refused(folder, *arguments, checkpoint="checkpoint"):
    """The sentence of the refusal."""
    before = sorted(folder.rglob("*"))
    result = run_ganinv(folder, *arguments, "--checkpoint", checkpoint, code=2)
    assert result.stdout == ""
    assert sorted(folder.rglob("*")) == before
    *usage, said = list_messages(result)  # how the command is called stands above its misuse
    assert not usage or usage[0].startswith("Usage: ")
    assert said.startswith("Error: ")
    assert "Traceback" not in result.stderr
    return said


CONSISTENCY = ("consistency", "--image")


@pytest.mark.parametrize("command", [CONSISTENCY, ("invert",)], ids=["consistency", "invert"])
@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("nowhere.png", "does not exist; name an image or a folder"),
        ("text.png", "is no image of a known format"),
        ("half.jpg", "half.jpg cannot be read as an image"),
        ("huge.png", "more than 89 million"),
        ("empty", "empty holds no image"),
        ("notes", "notes holds no image"),
    ],
)
def test_what_is_no_image_is_explained_in_a_sentence(place, command, image, words):
    assert words in _refused(place, *command, image)


def test_an_oversized_image_is_refused_before_it_is_decoded(place):
    began = time.monotonic()
    _refused(place, "invert", "huge.png")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["invert"], "no image is named"),
        (["consistency"], "no image is named"),
        (["invert", "good.png", "--crop", "some"], "a crop is center, none or X,Y,SIZE"),
        (["invert", "good.png", "--crop", "0,0,0"], "a crop is center, none or X,Y,SIZE"),
        (["invert", "good.png", "--crop", "9,0,9"], "good.png has 16 x 16 pixels, and the square"),
        (["invert", "good.png", "--mask", "black.png"], "black.png has no white pixel"),
        (["invert", "good.png", "--mask", "nowhere.png"], "nowhere.png"),
        (["invert", "good.png", "--mask", "text.png"], "text.png is no image"),
        (["invert", "text.png", "half.jpg", "huge.png"], "nor can the other 2"),
        (["invert", "good.png", "--trials", "0"], "0 is not a whole number of at least 1"),
        (["invert", "good.png", "--clip", "hard"], "of none, standard, stochastic, wall"),
        (["invert", "good.png", "--stationary", "1"], "--stationary"),
        ([*CONSISTENCY, "good.png", "--trials", "0"], "0 is not a whole number of at least 1"),
        ([*CONSISTENCY, "good.png", "--clip", "hard"], "of none, standard, stochastic, wall"),
        ([*CONSISTENCY, "good.png", "--batch-norm", "batch"], 'use solver = "gd"'),
        (["noise-sweep", "--trials", "0"], "0 is not a whole number of at least 1"),
        (["noise-sweep", "--clip", "hard"], "of none, standard, stochastic, wall"),
        (["noise-sweep", "--variances", "-0.1"], "variances: -0.1 is not a finite number"),
        (["noise-sweep", "--variances", "0.1,nan"], "variances: nan is not a finite number"),
        (["noise-sweep", "--variances", "inf"], "variances: inf is not a finite number"),
        (["noise-sweep", "--variances", "much"], "much is not a list of numbers such as 0.01,0.1"),
        (["noise-sweep", "--variances", ","], ", is not a list of numbers such as 0.01,0.1"),
        (["noise-sweep", "--variances", "0.1,0.1"], "two are the same"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_misuse_is_explained_in_a_sentence(place, arguments, words):
    assert words in _refused(place, *arguments)


@pytest.mark.parametrize(
    "arguments", [["noise-sweep"], ["invert", "good.png"], [*CONSISTENCY, "good.png"]], ids=" ".join
)
@pytest.mark.parametrize("checkpoint", ["nowhere", "notes", "good.png"])
def test_a_checkpoint_that_cannot_be_read_is_explained_in_a_sentence(place, arguments, checkpoint):
    assert checkpoint in _refused(place, *arguments, checkpoint=checkpoint)
