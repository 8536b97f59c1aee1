"""Files without a readable DCGAN generator are refused in a sentence that says what to do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from builders import Arrays, assert_refused, make_weights, rename_arrays, save_checkpoint

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.tensorflow import dcgan
from ganinv_cli.formats.tensorflow.dcgan_names import match_names
from ganinv_cli.settings.conventions import Conventions


def test_no_generator_says_what_was_found_and_expected(tmp_path: Path) -> None:
    prefix = save_checkpoint(
        tmp_path, {f"conv{n}/kernel": np.zeros(1, np.float32) for n in range(9)}
    )
    assert_refused(
        prefix, "holds no DCGAN generator", "conv0/kernel", "and 3 more", "g_h0_lin/Matrix"
    )


def test_a_tensorflow_2_checkpoint_is_called_one(tmp_path: Path) -> None:
    prefix = tf.train.Checkpoint(w=tf.Variable(1.0)).save(str(tmp_path / "ckpt"))
    assert_refused(Path(prefix), "TensorFlow 2 object checkpoint", "holds no generator", "state/")


def test_two_generators(tmp_path: Path) -> None:
    twins = {f"{p}/{name}": a for p in ("one", "two") for name, a in make_weights().items()}
    assert_refused(
        save_checkpoint(tmp_path, twins), "2 generators", "one/g_h0_lin/Matrix, two/g_h0_lin/Matrix"
    )


@pytest.mark.parametrize("layout", ["A", "C"])
def test_every_missing_tensor_is_named(tmp_path: Path, layout: str) -> None:
    arrays = rename_arrays(make_weights(), layout)
    for number, missing in enumerate(sorted(arrays)):
        rest = {name: array for name, array in arrays.items() if name != missing}
        about = missing if "Average" not in missing else missing.partition("_1/")[0]
        if missing.endswith("g_h2/w"):
            about = "g_h1/w"  # the last layer: without it the one before makes the image
        assert_refused(save_checkpoint(tmp_path / str(number), rest), about)


def test_a_layer_missing_between_two_others(tmp_path: Path) -> None:
    arrays = rename_arrays(make_weights(widths=(4, 4, 4)), "C")
    del arrays["generator/g_h2/w"]
    assert_refused(
        save_checkpoint(tmp_path, arrays),
        "generator/g_h2/w is missing",
        "found generator/g_h2/biases",
    )


def test_missing_statistics(tmp_path: Path) -> None:
    arrays = {name: array for name, array in make_weights().items() if "moving" not in name}
    assert_refused(
        save_checkpoint(tmp_path, arrays),
        "g_bn0 has gamma and beta but no statistics",
        "moving_mean",
    )


def _sized(name: str, *shape: int) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = np.zeros(shape, np.float32)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_sized("g_h0_lin/Matrix", 6, 127), ("g_h1/w [5, 5, 4, 8]", "g_h0_lin/Matrix [6, 127]")),
        (_sized("g_h0_lin/bias", 5), ("g_h0_lin/bias [5]", "g_h0_lin/Matrix [6, 128]")),
        (_sized("g_h2/w", 5, 5, 3, 9), ("g_h2/w [5, 5, 3, 9]", "g_h1/w [5, 5, 4, 8]")),
        (_sized("g_h2/biases", 4), ("g_h2/biases [4]", "g_h2/w [5, 5, 3, 4]")),
        (_sized("g_bn1/gamma", 8), ("g_bn1/gamma [8]", "g_h1/w [5, 5, 4, 8]")),
        (_sized("g_bn0/moving_mean"), ("g_bn0/moving_mean []", "g_h0_lin/Matrix")),
        (_sized("g_h2/w", 5, 3, 4), ("g_h2/w [5, 3, 4]", "(height, width, outputs, inputs)")),
        (_sized("g_h1/w", 5, 5, 4, 0), ("g_h1/w [5, 5, 4, 0]", "each at least 1")),
        (_sized("g_h0_lin/Matrix", 128), ("g_h0_lin/Matrix [128]", "(inputs, outputs)")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_shapes_that_do_not_fit_are_named(
    tmp_path: Path, change: Callable[[Arrays], None], words: tuple[str, ...]
) -> None:
    arrays = make_weights(latent=6, side=4, widths=(8, 4))
    change(arrays)
    assert_refused(save_checkpoint(tmp_path, arrays), *words)


def test_a_first_map_that_is_not_square(tmp_path: Path) -> None:
    arrays = make_weights()
    arrays["g_h0_lin/Matrix"] = np.zeros((6, 4 * 6 * 8), np.float32)
    arrays["g_h0_lin/bias"] = np.zeros(4 * 6 * 8, np.float32)
    assert_refused(save_checkpoint(tmp_path, arrays), "24 places of 8 channels", "not a square map")


def test_images_of_two_channels(tmp_path: Path) -> None:
    assert_refused(
        save_checkpoint(tmp_path, make_weights(channels=2)), "images of 2 channels", "1 (grey) or 3"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["g_h1/w", "g_bn1/moving_variance"])
def test_weights_that_are_not_finite_are_named(tmp_path: Path, name: str, value: float) -> None:
    arrays = make_weights()
    arrays[name].flat[1] = value
    assert_refused(
        save_checkpoint(tmp_path, arrays), f"{name} holds values that are not finite", "earlier"
    )


def test_weights_too_large_for_float32_are_named(tmp_path: Path) -> None:
    arrays = make_weights()
    arrays["g_h1/w"] = arrays["g_h1/w"].astype(np.float64) * 1e300
    assert_refused(
        save_checkpoint(tmp_path, arrays), "g_h1/w holds values that are not finite float32"
    )


def test_a_negative_variance_is_named(tmp_path: Path) -> None:
    arrays = make_weights()
    arrays["g_bn1/moving_variance"][0] = -0.5
    assert_refused(save_checkpoint(tmp_path, arrays), "g_bn1/moving_variance holds -0.5")


def test_weights_that_are_not_floats_are_named(tmp_path: Path) -> None:
    arrays = make_weights()
    arrays["g_h1/w"] = arrays["g_h1/w"].astype(np.int8)
    assert_refused(save_checkpoint(tmp_path, arrays), "g_h1/w holds int8", "not quantised")


class _Unread:
    """Tensors that may be asked for their shapes only."""

    def __init__(self, arrays: Arrays, **larger: tuple[int, ...]) -> None:
        self.shapes = {name: array.shape for name, array in arrays.items()} | larger

    def __getitem__(self, name: str) -> np.ndarray:
        raise AssertionError(f"{name} was read")


@pytest.mark.parametrize(
    ("larger", "words"),
    [
        ({"g_h0_lin/Matrix": (1 << 50, 128)}, "at most 100,000,000 were expected"),
        ({"g_h0_lin/Matrix": (1, 8 << 18), "g_h0_lin/bias": (8 << 18,)}, "a map of 2048 x 2048"),
    ],
    ids=["weights", "pixels"],
)
def test_sizes_are_bounded_before_anything_is_read(
    larger: dict[str, tuple[int, ...]], words: str
) -> None:
    tensors = _Unread(make_weights(), **larger)
    with pytest.raises(UnreadableError, match=words):
        dcgan.build_network(tensors, match_names(tensors.shapes), Conventions())
