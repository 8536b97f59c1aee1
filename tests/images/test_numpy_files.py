"""NumPy files hold one image or several; other contents are named, and never unpickled."""

from pathlib import Path

import numpy as np
import pytest

from ganinv_cli.errors import ImageError
from ganinv_cli.images import Crop, load_mask
from ganinv_cli.images.arrays import LatentsError, load_numpy_file

SHAPE = (8, 8, 3)
LATENT = 6


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def read(path: Path, **arrays: np.ndarray):
    """The images of a file with these arrays."""
    if path.suffix == ".npy":
        np.save(path, arrays["image"])
    else:
        np.savez_compressed(path, **arrays)
    return load_numpy_file(path, SHAPE, Crop(), LATENT)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_an_array_is_one_image_or_several(tmp_path, name):
    many = draw(3, *SHAPE)
    (one,) = read(tmp_path / name, image=many[0])
    assert (one.name, one.error) == (name, "")
    np.testing.assert_array_equal(one.pixels, many[0])
    images = read(tmp_path / name, image=many)
    assert [image.name for image in images] == [f"{name}[{number}]" for number in range(3)]
    np.testing.assert_array_equal([image.pixels for image in images], many)
    assert len({image.sha256 for image in images}) == 3
    assert images[0].sha256 == one.sha256


def test_several_arrays_are_named(tmp_path):
    arrays = {"a": draw(*SHAPE), "b": draw(2, *SHAPE), "n": np.arange(3), "o": draw(0, *SHAPE)}
    errors = {image.name: image.error for image in read(tmp_path / "x.npz", **arrays)}
    assert list(errors) == ["x.npz[a]", "x.npz[b][0]", "x.npz[b][1]", "x.npz[n]", "x.npz[o]"]
    assert errors["x.npz[n]"].startswith("x.npz[n] has shape (3,)")
    assert errors["x.npz[o]"].startswith("x.npz[o] has shape (0, 8, 8, 3)")
    assert not any(list(errors.values())[:3])


def test_latent_vectors_are_named(tmp_path):
    z = np.zeros((4, LATENT), np.float32)
    for name, arrays in (("c.npy", {"image": z}), ("z.npz", {"z": z, "names": np.array(["a"])})):
        with pytest.raises(LatentsError, match=rf"{name} holds latent vectors of shape \(4, 6\)"):
            read(tmp_path / name, **arrays)


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
        counted = load_mask(tmp_path / name, SHAPE, Crop())
        assert np.argwhere(counted[..., 0]).tolist() == [[2, 1], [3, 1]]
    np.save(tmp_path / "m.npy", np.zeros((8, 8), bool))
    with pytest.raises(ImageError, match="has no white pixel"):
        load_mask(tmp_path / "m.npy", SHAPE, Crop())
