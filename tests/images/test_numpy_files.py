"""NumPy files hold one image or several; other contents are named, and never unpickled."""

import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ImageError, UsageError
from ganinv_cli.experiments.image_files import read_image_files
from ganinv_cli.images import Crop, TargetImage, load_mask, numpy_files

SHAPE = (8, 8, 3)
LATENT = 6


def _draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def _read(*paths: Path) -> list[TargetImage]:
    names = [str(path) for path in paths]
    return read_image_files(names, SHAPE, Crop(), paths[0].parent / "out", LATENT)


def _save(path: Path, **arrays: np.ndarray) -> Path:
    if path.suffix == ".npy":
        np.save(path, arrays["image"])
    else:
        np.savez_compressed(path, **arrays)
    return path


def _describe(images: list[TargetImage]) -> dict[str, str]:
    return {image.name: image.error for image in images}


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.NPY"])
def test_an_array_is_one_image_or_several(tmp_path: Path, name: str) -> None:
    many = _draw(3, *SHAPE)
    if name != "x.NPY":
        (one,) = _read(_save(tmp_path / name, image=many[0]))
        assert (one.name, one.error) == (name, "")
        np.testing.assert_array_equal(one.pixels, many[0])
    else:
        (tmp_path / name).write_bytes(_save(tmp_path / "y.npy", image=many).read_bytes())
    path = tmp_path / name if name == "x.NPY" else _save(tmp_path / name, image=many)
    images = _read(path)
    assert [image.name for image in images] == [f"{name}[{number}]" for number in range(3)]
    np.testing.assert_array_equal([image.pixels for image in images], many)
    assert len({image.sha256 for image in images}) == 3


def test_several_arrays_are_named(tmp_path: Path) -> None:
    arrays = {"a": _draw(*SHAPE), "b": _draw(2, *SHAPE), "n": np.arange(3)}
    images = _read(_save(tmp_path / "x.npz", **arrays))
    errors = _describe(images)
    assert list(errors) == ["x.npz[a]", "x.npz[b][0]", "x.npz[b][1]", "x.npz[n]"]
    assert errors["x.npz[n]"].startswith("x.npz[n] has shape (3,)")
    assert not any(errors[name] for name in list(errors)[:3])


def test_an_array_under_another_name_has_the_same_hash(tmp_path: Path) -> None:
    first = _save(tmp_path / "x.npy", image=_draw(*SHAPE))
    second = _save(tmp_path / "y.npz", image=_draw(*SHAPE))
    assert len({image.sha256 for image in _read(first, second)}) == 1


def test_numpy_files_are_found_in_folders_and_files_of_z_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    _save(folder / "a.npy", image=_draw(*SHAPE))
    Image.fromarray(_draw(*SHAPE)).save(folder / "b.png")
    z = np.zeros((4, LATENT), np.float32)
    _save(folder / "c.npy", image=z)
    _save(folder / "z.npz", z=z, names=np.array(["a"]))
    assert list(_describe(_read(folder))) == ["a.npy", "b.png"]
    for name in ("c.npy", "z.npz"):
        with pytest.raises(ImageError, match=rf"{name} holds latent vectors of shape \(4, 6\)"):
            _read(folder / name)
    errors = _describe(_read(folder / "z.npz", folder / "a.npy"))
    assert "ganinv sample GENERATOR --z FILE" in errors["z.npz"]


def _encode_header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def _zip(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", content)
    return path


HUGE = (100_000, 100_000, 3)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.npy", b"", "cannot be read as NumPy arrays"),
        ("x.npy", b"text", "cannot be read as NumPy arrays"),
        ("x.npy", _encode_header(HUGE), "its header and its size disagree"),
        ("x.npy", _encode_header(SHAPE) + bytes(10), "its header and its size disagree"),
        ("x.npy", _encode_header((1,), "|O") + bytes(8), "it holds Python objects"),
        ("x.npy", b"\x93NUMPY\x03\x00" + bytes(20), r"version \(3, 0\)"),
        ("x.npz", b"", "cannot be read as NumPy arrays"),
        ("x.npz", _encode_header(HUGE), "its header and its size disagree"),
        ("x.npz", b"text", "cannot be read as NumPy arrays"),
    ],
)
def test_a_damaged_file_is_named_and_huge_arrays_are_not_allocated(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    if name == "x.npz" and content:
        _zip(path, content)
    else:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=words) as caught:
        _read(path)
    assert name in str(caught.value)


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ImageError, match="it holds Python objects"):
        _read(path)


def test_a_bomb_is_refused_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_files, "MAX_ARRAY_BYTES", 1 << 20)
    path = _zip(tmp_path / "x.npz", _encode_header((2000, 2000)) + bytes(4_000_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ImageError, match=r"x\.npz .* \(it has 3 MB of arrays, more than 1\)"):
        _read(path)


def test_too_many_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_files, "MAX_IMAGES", 2)
    with pytest.raises(ImageError, match="holds 3 images; give 1 to 2"):
        _read(_save(tmp_path / "x.npy", image=_draw(3, *SHAPE)))
    with pytest.raises(ImageError, match="holds 0 images"):
        _read(_save(tmp_path / "x.npy", image=_draw(0, *SHAPE)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x\.npy does not exist"):
        _read(tmp_path / "x.npy")


@pytest.mark.slow
def test_any_damage_is_explained(tmp_path: Path) -> None:
    for name in ("x.npy", "x.npz"):
        path = _save(tmp_path / name, image=_draw(*SHAPE))
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
            with contextlib.suppress(ImageError):
                _read(path)
            path.write_bytes(whole[:place])
            with pytest.raises(ImageError):
                _read(path)


@pytest.mark.parametrize("white", [True, 255, 1.0, np.float16(0.5)])
def test_a_mask_may_be_an_array(tmp_path: Path, white: object) -> None:
    mask = np.zeros(SHAPE[:2], np.asarray(white).dtype if white != 255 else np.uint8)
    mask[2:4, 1] = white
    np.save(tmp_path / "m.npy", mask)
    np.savez(tmp_path / "m.npz", mask=mask)
    for name in ("m.npy", "m.npz"):
        counted = load_mask(tmp_path / name, SHAPE, Crop())
        assert np.argwhere(counted[..., 0]).tolist() == [[2, 1], [3, 1]]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.full((8, 8), -1.0)}, "scale them to 0 to 1"),
        ({"a": np.zeros((8, 8), np.int32)}, "holds int32"),
        ({"a": np.ones((8, 8), bool), "b": np.ones((8, 8), bool)}, "holds 2 arrays"),
        ({"a": np.zeros((8, 8), bool)}, "has no white pixel"),
        ({"a": np.ones((2, 8, 8, 1), bool)}, "has shape"),
    ],
)
def test_what_is_no_mask_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], words: str
) -> None:
    np.savez(tmp_path / "m.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=words):
        load_mask(tmp_path / "m.npz", SHAPE, Crop())
