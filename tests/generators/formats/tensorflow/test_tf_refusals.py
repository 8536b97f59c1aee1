"""Files without a readable generator are refused in a sentence that says what to do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import Arrays, assert_refused, make_weights, rename_arrays, save_checkpoint

pytestmark = pytest.mark.refusals
DATA = "DCGAN.model-7.data-00000-of-00001"


def save(change: Callable[[Arrays], object]) -> Callable[[Path], Path]:
    """Write a generator of 8 and 4 channels with changed tensors."""

    def write(folder: Path) -> Path:
        arrays = make_weights(latent=6, side=4, widths=(8, 4))
        change(arrays)
        return save_checkpoint(folder, arrays)

    return write


def drop_statistics(arrays: Arrays) -> None:
    for name in [name for name in arrays if "moving" in name]:
        del arrays[name]


def add_twin(arrays: Arrays) -> None:
    arrays.update({f"two/{name}": array for name, array in arrays.items()})


def write_other(folder: Path) -> Path:
    return save_checkpoint(folder, {f"conv{n}/kernel": np.zeros(1, np.float32) for n in range(9)})


def damage(change: Callable[[Path], object], given: str = ".") -> Callable[[Path], Path]:
    """Write a generator and change the folder."""

    def write(folder: Path) -> Path:
        save_checkpoint(folder, make_weights())
        change(folder)
        return folder / given

    return write


def write_state(content: bytes) -> Callable[[Path], Path]:
    return damage(lambda folder: (folder / "checkpoint").write_bytes(content))


def spoil(folder: Path) -> None:
    content = bytearray((folder / DATA).read_bytes())
    content[len(content) // 2] ^= 255
    (folder / DATA).write_bytes(content)


def write_unlike(folder: Path) -> Path:
    for name in ("DCGAN.model-9", "faces-3"):
        save_checkpoint(folder, make_weights(), name)
    (folder / "checkpoint").unlink()
    return folder


def write_below(folder: Path) -> Path:
    save_checkpoint(folder / "celebA_64", make_weights())
    return folder


REFUSALS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "other": (
        write_other,
        ("holds no DCGAN generator", "conv0/kernel", "and 3 more", "g_h0_lin/Matrix"),
    ),
    "two": (save(add_twin), ("2 generators", "g_h0_lin/Matrix, two/g_h0_lin/Matrix")),
    "statistics": (
        save(drop_statistics),
        ("g_bn0 has gamma and beta but no statistics", "moving_mean"),
    ),
    "outputs": (
        save(lambda a: a.update({k: v[..., :96] for k, v in a.items() if "h0_lin" in k})),
        ("g_h0_lin [6, 96] expects a square map of 8 channels, found 96",),
    ),
    "shape": (
        save(lambda arrays: arrays.update({"g_h2/w": np.zeros((5, 5, 3, 9), np.float32)})),
        ("g_h2 [5, 5, 3, 9] expects 9", "found 8 x 8 x 4"),
    ),
    "no folder": (
        lambda folder: folder / "no" / "m-1",
        ("no/m-1 does not exist", "name a folder"),
    ),
    "several": (write_unlike, ("2 checkpoints (DCGAN.model-9, faces-3)", "name one")),
    "below": (write_below, ("give the folder inside it that does:", "celebA_64")),
    "no index": (
        damage(lambda folder: (folder / "DCGAN.model-7.index").unlink(), DATA),
        ("DCGAN.model-7.index is missing in",),
    ),
    "garbled state": (
        write_state(b"\xff\x00garbage"),
        ("names no checkpoint in its folder", "DCGAN.model-7"),
    ),
    "state of another": (
        write_state(b'model_checkpoint_path: "/gone/DCGAN.model-9"'),
        ("found '/gone/DCGAN.model-9'", "name one", "DCGAN.model-7"),
    ),
    "spoilt": (damage(spoil), ("cannot be read as", "copy it again")),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_read_is_a_sentence(tmp_path, name):
    build, words = REFUSALS[name]
    assert_refused(build(tmp_path), *words)


def test_every_missing_tensor_is_named(tmp_path):
    arrays = rename_arrays(make_weights(), "A")
    for number, missing in enumerate(sorted(arrays)):
        rest = {name: array for name, array in arrays.items() if name != missing}
        about = missing if "Average" not in missing else missing.partition("_1/")[0]
        if missing.endswith("g_h2/w"):
            about = "g_h1"  # the last layer: without it the one before makes the image
        if missing.endswith("Matrix"):
            about = "expected g_h0_lin/Matrix"
        assert_refused(save_checkpoint(tmp_path / str(number), rest), about)
