"""Changes of a picture: as Pillow makes them, with derivatives, and in words."""

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.reenact.changes import (
    KERNELS,
    Alignment,
    iterate_enlargements,
    round_to_pixels,
)

SHAPE = (24, 32, 3)


def _make_picture(seed=0):
    """A smooth picture without black and white, in grey levels."""
    coarse = np.random.default_rng(seed).integers(20, 235, (6, 8, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(SHAPE[1::-1], Image.Resampling.BICUBIC))


def _make_parameters(alignment, x=0.0, y=0.0, scale=1.0, gain=1.0, offset=0.0):
    parameters = alignment.start.copy()
    parameters[:3] = x, y, np.log(scale)
    parameters[3:] *= gain
    parameters[-SHAPE[2] :] = offset / 255
    return parameters


@pytest.mark.parametrize("enlarged", [1, 4])
def test_an_enlargement_that_was_undone_is_that_of_pillow(enlarged):
    """A file of another size was reduced when it was read, by Lanczos's kernel."""
    pixels = _make_picture()
    for change in iterate_enlargements(SHAPE, enlarged=enlarged):
        kernel = next(name for name in KERNELS if name in change.words)
        factor = float(change.words.split()[1])
        assert factor == enlarged or enlarged == 1
        up = KERNELS[kernel][0]
        back = Image.Resampling.LANCZOS if enlarged > 1 else up
        large = Image.fromarray(pixels).resize((int(factor * 32), int(factor * 24)), up)
        expected = np.asarray(large.resize((32, 24), back))
        copy = change.copy(pixels, change.start).astype(int)
        assert np.abs(copy - expected).max() <= 2
        assert np.mean(copy != expected) < 0.15
        assert np.abs(change.apply(pixels, change.start) - expected).max() < 3


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_crop_that_was_enlarged_is_that_of_pillow(kernel):
    pixels, alignment = _make_picture(), Alignment(SHAPE, kernel)
    cropped = Image.fromarray(pixels).crop((4, 3, 28, 21))
    expected = np.asarray(cropped.resize((32, 24), KERNELS[kernel][0]))
    parameters = _make_parameters(alignment, scale=4 / 3)
    inside = alignment.find_inside(parameters)
    assert inside.mean() > 0.4
    difference = alignment.apply(pixels, parameters) - expected
    assert np.abs(difference[inside]).max() < 1.6


def test_a_shift_leaves_out_the_pixels_that_came_from_outside():
    pixels, alignment = _make_picture(), Alignment(SHAPE)
    parameters = _make_parameters(alignment, x=2, y=-1)
    inside = alignment.find_inside(parameters)
    expected = np.roll(pixels, (-1, 2), (0, 1))
    np.testing.assert_allclose(alignment.apply(pixels, parameters)[inside], expected[inside])
    assert not inside[:, :2].any() and not inside[-1].any() and inside.sum() == 23 * 30


def test_the_derivatives_of_an_alignment_are_those_of_its_pictures():
    alignment, picture = Alignment(SHAPE), _make_picture().astype(float)
    jacobian = np.stack([_make_picture(1), _make_picture(2)]).astype(float)
    parameters = _make_parameters(alignment, 0.3, -0.4, 1.1, 0.9, 5)
    derivatives = alignment.differentiate(picture, jacobian, parameters)
    steps = 1e-4 * np.eye(len(derivatives))
    for derivative, step in zip(derivatives, steps, strict=True):
        moved = [
            alignment.apply(
                picture + np.tensordot(sign * step[:2], jacobian, 1), parameters + sign * step[2:]
            )
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(derivative, (moved[0] - moved[1]) / 2e-4, atol=1e-3)


def test_an_alignment_is_said_in_words():
    alignment = Alignment(SHAPE)
    grey = alignment.start.copy()
    grey[3:12] = np.repeat([0.3, 0.59, 0.11], 3)
    for parameters, words in (
        (alignment.start, ""),
        (_make_parameters(alignment, 1, -0.5), "shifted by (1, -0.5) pixels"),
        (_make_parameters(alignment, scale=1.031), "enlarged 1.03 times"),
        (_make_parameters(alignment, gain=1.1), "colours changed (brightness × 1.10)"),
        (_make_parameters(alignment, gain=1.2, offset=-25), "colours changed (contrast × 1.20)"),
        (grey, "made grey"),
    ):
        assert alignment.describe(parameters) == words
    assert round_to_pixels(np.array([-3.0, 12.6, 300.0])).tolist() == [0, 13, 255]
