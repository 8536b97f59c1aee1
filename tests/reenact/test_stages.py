"""Stages that change a picture: as Pillow makes them, with derivatives, and in words."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ganinv_cli.images import Picture
from ganinv_cli.reenact.chain import Chain
from ganinv_cli.reenact.pixels import round_to_pixels
from ganinv_cli.reenact.stages.colours import Colours
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.reenact.stages.placement import RESIZING_KERNELS, TURNED_KERNELS, Placement
from ganinv_cli.reenact.stages.resampling import KERNELS, Filter, iterate_mirrors, iterate_resizings
from ganinv_cli.reenact.stages.subject import Subject

SHAPE = (24, 32, 3)
SIZE = SHAPE[:2]
NONE = np.zeros(0)
BOX_3 = 9 / 8  # of a SHARPEN kernel, 2.125 x - 1.125 mean(x)


def _make_picture(seed=0):
    """A smooth picture without black and white, in grey levels."""
    coarse = np.random.default_rng(seed).integers(20, 235, (6, 8, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(SHAPE[1::-1], Image.Resampling.BICUBIC))


def _place(x=0.0, y=0.0, scale=1.0, degrees=0.0):
    return np.array([x, y, np.log(scale), np.radians(degrees)])


def _recolour(gain=1.0, offset=0.0, gamma=1.0, corners=1.0):
    colours = gain * np.eye(SHAPE[2] + 1, SHAPE[2])
    colours[-1] = offset / 255
    return np.concatenate([[-np.log(gamma), 0, np.log(corners)], colours.ravel()])


def _make_chain():
    return Chain((Placement(SIZE), Colours(3)), EightBits(_make_picture()))


@pytest.mark.parametrize("enlarged", [1, 4])
def test_a_resizing_that_was_undone_is_that_of_pillow(enlarged):
    """A file of another size was reduced when it was read, by Lanczos's kernel."""
    pixels = _make_picture()
    picture = Picture("a.png", "", pixels, enlarged=enlarged)
    for (change,) in iterate_resizings(Subject(picture, None, aligns=True)):
        kernel = next(name for name in KERNELS if name in change.words)
        how, times = change.words.split()[:2]
        factor = float(times) if how == "enlarged" else 1 / float(times)
        assert factor == enlarged or enlarged == 1
        there = KERNELS[kernel]
        back = Image.Resampling.LANCZOS if enlarged > 1 else there
        large = Image.fromarray(pixels).resize((int(factor * 32), int(factor * 24)), there)
        expected = np.asarray(large.resize((32, 24), back))
        copy = change.copy(pixels, NONE).astype(int)
        assert np.abs(copy - expected).max() <= 2
        assert np.mean(copy != expected) < 0.15
        assert np.abs(change.apply(pixels, NONE) - expected).mean() < 1


@pytest.mark.parametrize("kernel", RESIZING_KERNELS)
def test_a_crop_that_was_enlarged_is_that_of_pillow(kernel):
    pixels, placement = _make_picture(), Placement(SIZE, kernel)
    cropped = Image.fromarray(pixels).crop((4, 3, 28, 21))
    expected = np.asarray(cropped.resize((32, 24), KERNELS[kernel]))
    parameters = _place(scale=4 / 3)
    inside = placement.find_inside(SIZE, parameters)
    assert inside.mean() > 0.4
    difference = placement.apply(pixels, parameters) - expected
    assert np.abs(difference[inside]).max() < 1.6
    assert np.abs(placement.copy(pixels, parameters).astype(int) - expected)[inside].max() <= 1


@pytest.mark.parametrize("kernel", TURNED_KERNELS)
def test_a_rotation_is_that_of_pillow(kernel):
    pixels, placement = _make_picture(), Placement(SIZE, kernel)
    method = Image.Resampling.BILINEAR if kernel == "bilinear" else Image.Resampling.BICUBIC
    expected = np.asarray(Image.fromarray(pixels).rotate(3, method)).astype(int)
    inside = placement.find_inside(SIZE, _place(degrees=3))
    assert inside.mean() > 0.6
    copy = placement.copy(pixels, _place(degrees=3))
    assert np.abs(copy - expected)[inside].max() <= 1


def test_a_shift_leaves_out_the_pixels_that_came_from_outside():
    pixels, placement = _make_picture(), Placement(SIZE)
    parameters = _place(2, -1)
    inside = placement.find_inside(SIZE, parameters)
    expected = np.roll(pixels, (-1, 2), (0, 1))
    np.testing.assert_allclose(placement.apply(pixels, parameters)[inside], expected[inside])
    assert not inside[:, :2].any() and not inside[-1].any() and inside.sum() == 23 * 30
    assert placement.find_inside(SIZE, _place(1000)).mean() == 0.5


@pytest.mark.parametrize(
    ("of", "is_gaussian", "parameters"),
    [
        (ImageFilter.GaussianBlur(0.7), True, [1, 0.7]),
        (ImageFilter.GaussianBlur(2.5), True, [1, 2.5]),
        (ImageFilter.UnsharpMask(1.3, 80, 0), True, [-0.8, 1.3]),
        (ImageFilter.SHARPEN, False, [-BOX_3]),
        (ImageFilter.SMOOTH, False, [9 / 13]),
    ],
)
def test_a_filter_is_that_of_pillow(of, is_gaussian, parameters):
    pixels, change = _make_picture(), Filter(SHAPE, is_gaussian)
    expected = np.asarray(Image.fromarray(pixels).filter(of)).astype(int)
    inside = change.find_inside(SIZE, np.array(parameters))
    difference = change.copy(pixels, np.array(parameters)) - expected
    assert np.abs(difference[inside]).max() <= 2
    assert np.abs(difference[inside]).mean() < 0.5


def test_a_mirror_image_turns_each_row():
    pixels = _make_picture()
    ((mirror,),) = iterate_mirrors(Subject(Picture("a.png", "", pixels), None, aligns=True))
    assert (mirror.copy(pixels, NONE) == pixels[:, ::-1]).all()


def test_the_derivatives_of_a_chain_are_those_of_its_pictures():
    chain, picture = _make_chain(), _make_picture().astype(float)
    jacobian = np.stack([_make_picture(1), _make_picture(2)]).astype(float)
    parameters = np.concatenate([_place(0.3, -0.4, 1.1, 2), _recolour(0.9, 5, 1.2, 0.7)])
    derivatives = chain.differentiate(picture, jacobian, parameters)
    steps = 1e-4 * np.eye(len(derivatives))
    for derivative, step in zip(derivatives, steps, strict=True):
        moved = [
            chain.apply(
                picture + np.tensordot(sign * step[:2], jacobian, 1), parameters + sign * step[2:]
            )
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(derivative, (moved[0] - moved[1]) / 2e-4, atol=1e-3)


def test_a_change_is_said_in_words():
    chain = _make_chain()
    grey = _recolour()
    grey[3:12] = np.repeat([0.3, 0.59, 0.11], 3)
    for placed, recoloured, words in (
        (_place(), _recolour(), ""),
        (_place(1, -0.5), _recolour(), "shifted by (1, -0.5) pixels"),
        (_place(scale=1.031), _recolour(), "cropped to 97 % of its width, enlarged 1.03 times"),
        (_place(scale=0.8), _recolour(), "reduced 1.25 times"),
        (_place(degrees=-2), _recolour(), "rotated by -2.0°"),
        (_place(), _recolour(gain=1.1), "colours changed (brightness × 1.10)"),
        (_place(), _recolour(gain=1.2, offset=-25), "colours changed (contrast × 1.20)"),
        (_place(), _recolour(gamma=1.3), "gamma 1.30"),
        (_place(), _recolour(corners=0.6), "brightness of corners × 0.60"),
        (_place(), grey, "made grey"),
    ):
        done = chain.divide(np.concatenate([placed, recoloured]))
        assert "".join(stage.describe(values) for stage, values in done) == words
    assert Filter(SHAPE, True).describe(np.array([1, 0.7])) == "blurred (radius 0.7, 100 %)"
    assert Filter(SHAPE, False).describe(np.array([-1.12])) == "sharpened (112 %)"
    assert round_to_pixels(np.array([-3.0, 12.6, 300.0])).tolist() == [0, 13, 255]
