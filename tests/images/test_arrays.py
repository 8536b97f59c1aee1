"""Arrays, NumPy files and images of Pillow are treated as image files are; nothing is unpickled."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ImageError
from ganinv_cli.images import Crop, Picture, load_mask, load_picture, make_picture
from ganinv_cli.images.arrays import (
    FLOATS_NOTE,
    LatentsError,
    convert_tensor,
    load_numpy_file,
)

SHAPE = (8, 8, 3)
LATENT = 6


def _make(image: np.ndarray | Image.Image, shape: tuple[int, int, int] = SHAPE) -> Picture:
    return make_picture(image, "x", shape, Crop())


def _draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("form", ["L", "RGBA"])
@pytest.mark.parametrize(("channels", "side"), [(1, (12, 20)), (3, (5, 4))])
def test_an_array_becomes_what_a_file_of_it_becomes(tmp_path, form, channels, side):
    pixels = _draw(*side, len(form)).squeeze()
    shape = (8, 8, channels)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    file = load_picture(tmp_path / "x.png", shape, Crop())
    with Image.open(tmp_path / "x.png") as opened:
        given = [pixels, opened, *([pixels[..., None]] if form == "L" else [])]
        for each in given:
            target = _make(each, shape)
            np.testing.assert_array_equal(target.pixels, file.pixels)
            assert target.notes == file.notes


def test_an_opened_jpeg_file_keeps_what_tells_how_it_was_made(tmp_path):
    Image.fromarray(_draw(16, 24, 3)).save(tmp_path / "x.jpg", quality=60)
    file = load_picture(tmp_path / "x.jpg", SHAPE, Crop())
    with Image.open(tmp_path / "x.jpg") as opened:
        target = _make(opened)
    assert (target.enlarged, target.tables) == (file.enlarged, file.tables)
    assert (file.enlarged, len(file.tables)) == (2.0, 2)
    assert _make(_draw(16, 24, 3)).enlarged == 2.0


def test_what_was_done_is_noted(tmp_path):
    def list_notes(*size: int, crop: str = "center", channels: int = 3) -> tuple[str, ...]:
        shape = (64, 64, channels)
        return make_picture(_draw(*size), "x", shape, Crop(crop)).notes

    assert list_notes(480, 640, 3, channels=1) == (
        "cropped to the middle square (480 of 640×480 pixels)",
        "resized to 64×64",
        "made grey",
    )
    assert list_notes(128, 128, 3) == ("resized from 128×128 to 64×64",)
    assert list_notes(64, 128, crop="none") == ("resized from 128×64 to 64×64, which distorts it",)
    assert list_notes(64, 64, crop="8,0,32") == (
        "cropped to the square 8,0,32 (32 of 64×64 pixels)",
        "resized to 64×64",
    )


def test_the_hash_is_of_the_content():
    pixels = _draw(*SHAPE)
    hashes = [
        _make(each).sha256
        for each in (
            *(pixels, pixels.copy(), np.asfortranarray(pixels), pixels[::-1], pixels[..., 0]),
            *(Image.fromarray(pixels), Image.fromarray(pixels.copy())),
        )
    ]
    assert len({len(each) for each in hashes}) == 1
    assert hashes[0] == hashes[1] == hashes[2]
    assert hashes[5] == hashes[6]
    assert len(set(hashes)) == 4


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8), np.int64), "x holds int64; give uint8 from 0 to 255, or floats from -1"),
        (np.zeros(8, np.uint8), r"x has shape \(8,\); an image has shape \(height, width\)"),
        (np.full((8, 8), 255.0), "x holds floats from 255 to 255; scale them to -1 to 1, or conv"),
    ],
)
def test_what_is_no_image_is_refused_with_what_to_do(image, words):
    with pytest.raises(ImageError, match=words):
        _make(image)


def read(path: Path, **arrays: np.ndarray):
    """The images of a file with these arrays."""
    if path.suffix == ".npy":
        np.save(path, arrays["image"])
    else:
        np.savez_compressed(path, **arrays)
    return load_numpy_file(path, SHAPE, Crop(), LATENT)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_an_array_is_one_image_or_several(tmp_path, name):
    many = _draw(3, *SHAPE)
    (one,) = read(tmp_path / name, image=many[0]).values()
    assert one.name == name
    np.testing.assert_array_equal(one.pixels, many[0])
    images = list(read(tmp_path / name, image=many).values())
    assert [image.name for image in images] == [f"{name}[{number}]" for number in range(3)]
    np.testing.assert_array_equal([image.pixels for image in images], many)
    assert len({image.sha256 for image in images}) == 3
    assert images[0].sha256 == one.sha256


def test_several_arrays_are_named(tmp_path):
    arrays = {"a": _draw(*SHAPE), "b": _draw(2, *SHAPE), "n": np.arange(3), "o": _draw(0, *SHAPE)}
    images = read(tmp_path / "x.npz", **arrays)
    assert list(images) == ["x.npz[a]", "x.npz[b][0]", "x.npz[b][1]", "x.npz[n]", "x.npz[o]"]
    assert str(images["x.npz[n]"]).startswith("x.npz[n] has shape (3,)")
    assert str(images["x.npz[o]"]).startswith("x.npz[o] has shape (0, 8, 8, 3)")
    assert all(isinstance(image, Picture) for image in list(images.values())[:3])


def test_latent_vectors_are_named(tmp_path):
    z = np.zeros((4, LATENT), np.float32)
    for name, arrays in (("c.npy", {"image": z}), ("z.npz", {"z": z, "names": np.array(["a"])})):
        with pytest.raises(LatentsError, match=rf"{name} holds latent vectors of shape \(4, 6\)"):
            read(tmp_path / name, **arrays)


def test_a_file_without_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz")
    for read_file in (load_numpy_file, load_mask):
        with pytest.raises(ImageError, match="holds no array; leave it out"):
            read_file(tmp_path / "x.npz", SHAPE, Crop())


def test_a_pickle_is_not_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ImageError, match="cannot be read as NumPy arrays"):
        load_numpy_file(tmp_path / "x.npy", SHAPE, Crop())


@pytest.mark.parametrize("white", [True, 1.0])
def test_a_mask_may_be_an_array(tmp_path, white):
    mask = np.zeros(SHAPE[:2], np.asarray(white).dtype)
    mask[2:4, 1] = white
    np.save(tmp_path / "m.npy", mask)
    np.savez(tmp_path / "m.npz", mask=mask)
    for name in ("m.npy", "m.npz"):
        counted, _ = load_mask(tmp_path / name, SHAPE, Crop())
        assert np.argwhere(counted[..., 0]).tolist() == [[2, 1], [3, 1]]
    np.save(tmp_path / "m.npy", np.zeros((8, 8), bool))
    with pytest.raises(ImageError, match="has no white pixel"):
        load_mask(tmp_path / "m.npy", SHAPE, Crop())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_the_generators_shape_are_kept_and_others_are_rounded(tmp_path, dtype):
    image = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(dtype)
    pixels = np.rint((image.astype(np.float64) + 1) * 127.5)
    np.save(tmp_path / "x.npy", image)
    (read,) = load_numpy_file(tmp_path / "x.npy", SHAPE, Crop()).values()
    for picture in (read, _make(image)):
        assert picture.float_type == np.dtype(dtype).name
        np.testing.assert_array_equal(picture.floats, image)
        assert picture.target is picture.floats and (picture.pixels == pixels).all()
    for other in (image[:6, :6], image[..., :1], np.concatenate([image, image[..., :1]], 2)):
        assert _make(other).floats is None
    assert make_picture(image, "x", SHAPE, Crop("0,0,8")).floats is None
    assert _make(image[..., 0], (8, 8, 1)).floats.shape == (8, 8, 1)
    for wrong in (np.nan, np.inf, 1.1):
        with pytest.raises(ImageError, match=r"x has values that are not|x holds floats from"):
            _make(np.where(image > 0.9, dtype(wrong), image))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_floats_that_8_bits_hold_are_the_picture_of_8_bits(dtype):
    tensorflow = pytest.importorskip("tensorflow")
    pixels = _draw(*SHAPE)
    for values in (2 * (pixels / 255) - 1, pixels.astype(np.float32) / np.float32(127.5) - 1):
        picture = _make(convert_tensor(tensorflow.cast(values, dtype)))
        assert (picture.floats, picture.float_type) == (None, "")
        np.testing.assert_array_equal(picture.pixels, pixels)
        np.testing.assert_array_equal(picture.target, _make(pixels).target)


def test_floats_from_0_are_noted_though_they_may_mean_black():
    image = make_picture(np.zeros((8, 8, 3)), "dark.npy", (8, 8, 3), Crop())
    assert image.notes == (FLOATS_NOTE,)
