"""Files without a readable generator are refused in a sentence that says what to do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from builders import Arrays, assert_refused, make_weights, rename_arrays, save_checkpoint

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors

pytestmark = pytest.mark.refusals
DATA = "DCGAN.model-7.data-00000-of-00001"


def save(change: Callable[[Arrays], object]) -> Callable[[Path], Path]:
    """Write a generator of 8 and 4 channels with changed tensors."""

    def write(folder: Path) -> Path:
        arrays = make_weights(latent=6, side=4, widths=(8, 4))
        change(arrays)
        return save_checkpoint(folder, arrays)

    return write


def set_shape(name: str, *shape: int) -> Callable[[Path], Path]:
    return save(lambda arrays: arrays.update({name: np.zeros(shape, np.float32)}))


def set_value(name: str, value: float, dtype: type = np.float32) -> Callable[[Path], Path]:
    def change(arrays: Arrays) -> None:
        arrays[name] = arrays[name].astype(dtype)
        arrays[name].flat[1] = value

    return save(change)


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


def remove(name: str, given: str = ".") -> Callable[[Path], Path]:
    return damage(lambda folder: (folder / name).unlink(), given)


def write_state(content: bytes) -> Callable[[Path], Path]:
    return damage(lambda folder: (folder / "checkpoint").write_bytes(content))


def spoil(name: str) -> Callable[[Path], Path]:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 255
        (folder / name).write_bytes(content)

    return damage(change)


def write_file(name: str, given: str = ".") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(bytes(range(256)))
        return folder / given

    return write


def write_unlike(folder: Path) -> Path:
    for name in ("DCGAN.model-9", "faces-3"):
        save_checkpoint(folder, make_weights(), name)
    (folder / "checkpoint").unlink()
    return folder


def write_below(folder: Path) -> Path:
    save_checkpoint(folder / "celebA_64", make_weights())
    return folder


REFUSALS: list[tuple[Callable[[Path], Path], tuple[str, ...]]] = [
    (write_other, ("holds no DCGAN generator", "conv0/kernel", "and 3 more", "g_h0_lin/Matrix")),
    (save(add_twin), ("2 generators", "g_h0_lin/Matrix, two/g_h0_lin/Matrix")),
    (save(drop_statistics), ("g_bn0 has gamma and beta but no statistics", "moving_mean")),
    (
        set_shape("g_h0_lin/Matrix", 6, 127),
        ("g_h0_lin [6, 127] Dense cannot take 6",),
    ),
    (
        save(lambda a: a.update({k: v[..., :96] for k, v in a.items() if "h0_lin" in k})),
        ("g_h0_lin [6, 96] expects a square map of 8 channels, found 96",),
    ),
    (set_shape("g_h2/w", 5, 5, 3, 9), ("g_h2 [5, 5, 3, 9] expects 9", "found 8 x 8 x 4")),
    (set_shape("g_bn1/gamma", 8), ("g_h1 [5, 5, 4, 8] BatchNorm cannot take 8 x 8 x 4",)),
    (set_shape("g_h1/w", 5, 3, 4), ("cannot be read as a TensorFlow checkpoint",)),
    (save(lambda a: a.update(make_weights(channels=2))), ("makes 16 x 16 x 2", "(grey) or 3")),
    (set_value("g_h1/w", np.nan), ("g_h1 holds values that are not finite", "earlier")),
    (set_value("g_bn1/moving_variance", -0.5), ("variances below 0; the training",)),
    (set_value("g_h1/w", 1, np.int8), ("g_h1/w holds int8", "not quantised")),
    (lambda folder: folder / "no" / "m-1", ("no/m-1 does not exist", "name a folder")),
    (lambda folder: folder, ("is a folder without a generator", "NAME.index and NAME.data-")),
    (write_unlike, ("2 checkpoints (DCGAN.model-9, faces-3)", "name one")),
    (write_below, ("give the folder inside it that does:", "celebA_64")),
    (remove(DATA), (f"{DATA}; No such file",)),
    (remove("DCGAN.model-7.index", DATA), ("DCGAN.model-7.index is missing in",)),
    (write_file("DCGAN.model-7.meta"), ("DCGAN.model-7.index is missing in",)),
    (write_file("garbage", "garbage"), ("is in no format that ganinv reads", "no garbage.index")),
    (
        write_state(b"\xff\x00garbage"),
        ("names no checkpoint that is there", "DCGAN.model-7"),
    ),
    (
        write_state(b'model_checkpoint_path: "/gone/DCGAN.model-9"'),
        ("found '/gone/DCGAN.model-9'", "name one", "DCGAN.model-7"),
    ),
    (spoil(DATA), ("cannot be read as", "copy it again")),
    (spoil("DCGAN.model-7.index"), ("cannot be read as", "copy it again")),
]


@pytest.mark.parametrize(("build", "words"), REFUSALS, ids=range(len(REFUSALS)))
def test_what_cannot_be_read_is_a_sentence(
    tmp_path: Path, build: Callable[[Path], Path], words: tuple[str, ...]
) -> None:
    assert_refused(build(tmp_path), *words)


def test_a_tensor_has_at_most_so_many_values(tmp_path: Path) -> None:
    """A part of a tensor can be saved alone, with the shape of the whole."""
    shape = "200000 1000 0,1:-"
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "m"),
        tensor_names=["a"],
        shape_and_slices=[shape],
        tensors=[tf.zeros((1, 1000))],
    )
    with pytest.raises(UnreadableError, match="a has 200000 x 1000 values, but at most"):
        CheckpointTensors(tmp_path / "m").read_array("a")


@pytest.mark.parametrize("layout", ["A", "C"])
def test_every_missing_tensor_is_named(tmp_path: Path, layout: str) -> None:
    arrays = rename_arrays(make_weights(), layout)
    for number, missing in enumerate(sorted(arrays)):
        rest = {name: array for name, array in arrays.items() if name != missing}
        about = missing if "Average" not in missing else missing.partition("_1/")[0]
        if missing.endswith("g_h2/w"):
            about = "g_h1"  # the last layer: without it the one before makes the image
        if missing.endswith("Matrix"):
            about = "expected g_h0_lin/Matrix"
        assert_refused(save_checkpoint(tmp_path / str(number), rest), about)
