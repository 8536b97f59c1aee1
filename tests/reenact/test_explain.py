"""What explains a generator's own pictures after damage, and that nothing explains others."""

import io
from unittest import mock

import builders
import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import Picture, to_pixels
from ganinv_cli.images.decode import read_tables
from ganinv_cli.images.load import Crop, load_picture
from ganinv_cli.reenact import known_pictures
from ganinv_cli.reenact.chain import Chain, Fit
from ganinv_cli.reenact.explain import explain_image
from ganinv_cli.reenact.fit import Renderer, fit, measure_certainty
from ganinv_cli.reenact.known_pictures import OwnDraws
from ganinv_cli.reenact.pixels import GREY_LEVELS
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.reenact.stages.placement import Placement

SIDE, LATENT = 32, 8
LANCZOS = Image.Resampling.LANCZOS
CROPPED = "cropped to 88 % of its width"
NEAR = 0.1  # how far a start is from the z that made the picture, per component
RANDOM = np.random.default_rng(3)
Z = RANDOM.uniform(-0.8, 0.8, (2, LATENT))
STARTS = Z[0] + RANDOM.normal(0, NEAR, (2, LATENT))


def _make_generator(folder, perturbation=0.0, contrast=1.0):
    """A generator of 32 pixels; with a perturbation, a sibling of it."""
    arrays = builders.make_weights(widths=(12, 8, 4), latent=LATENT)
    arrays["g_h3/w"] *= contrast
    random = np.random.default_rng(1)
    moved = {
        name: array * (1 + perturbation * random.standard_normal(array.shape)).astype(np.float32)
        for name, array in arrays.items()
    }
    renamed = builders.rename_arrays(moved, "C")
    return make_generator(builders.read(builders.save_checkpoint(folder, renamed)))


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return _make_generator(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def sibling(tmp_path_factory):
    return _make_generator(tmp_path_factory.mktemp("sibling"), 0.03)


@pytest.fixture(scope="module")
def pictures(generator):
    """Two pictures of the generator, uint8."""
    return to_pixels(generator.render(Z, 2))


def _explain(generator, pixels, *, tables=(), aligns=True):
    return _explain_image(generator, Picture("a.png", "", pixels, tables=tables), aligns)


def _explain_image(generator, image, aligns=True, evaluations=30):
    pixels = image.pixels
    renderer = Renderer(generator, -1, -1.0, 1.0)
    chain, given = Chain((), EightBits(pixels)), (image.counted_pixels, evaluations)
    ends = [fit(renderer, chain, z, chain.start, *given) for z in STARTS]
    starts = np.array([end.z for end in sorted(ends, key=lambda end: end.excess)])
    jacobian = renderer.differentiate(starts[0])
    return explain_image(renderer, image, starts, jacobian, OwnDraws(renderer), aligns=aligns)


def _yield_nothing(search, *_):
    yield from ()


def _shade_corners(pixels):
    squares = np.linspace(-1, 1, SIDE) ** 2
    distance = (squares[:, None] + squares)[..., None] / 2
    return np.rint(pixels * (1 - 0.4 * distance)).astype(np.uint8)


def _resize(pixels, size, kernel=Image.Resampling.BICUBIC, box=None):
    return np.asarray(Image.fromarray(pixels).resize((size, size), kernel, box=box))


def _add_noise(pixels):
    return np.random.default_rng(0).normal(pixels, 5).clip(0, 255).round().astype(np.uint8)


def _compress(pixels, quality=75):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    image = Image.open(file)
    return np.asarray(image), read_tables(image)


def _paint(pixels):
    painted = pixels.copy()
    painted[3:12, 5:16] = (250, 250, 250), (0, 0, 0), *[(250, 0, 0)] * 9
    return painted


def _encode(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", **options)
    return np.asarray(Image.open(file).convert("RGB"))


DAMAGES = {
    "noise of 5": _add_noise,
    "enlarged 2 times and back (bicubic)": lambda p: _resize(_resize(p, 2 * SIDE), SIDE),
    "shifted by (1, 0) pixels": lambda p: np.roll(p, 1, 1),
    "cropped to 88 % of its width, enlarged 1.14 times": lambda p: _resize(p[2:-2, 2:-2], SIDE),
    "colours changed (brightness × 0.80)": lambda p: np.rint(0.8 * p).astype(np.uint8),
    "gamma 1.30": lambda p: np.rint(255 * (p / 255) ** (1 / 1.3)).astype(np.uint8),
    "brightness of corners × 0.60": _shade_corners,
    "mirrored": lambda p: p[:, ::-1].copy(),
    "rotated by 2.0°": lambda p: np.asarray(Image.fromarray(p).rotate(2, Image.Resampling.BICUBIC)),
    "blurred (radius 0.7": lambda p: np.asarray(
        Image.fromarray(p).filter(ImageFilter.GaussianBlur(0.7))
    ),
    "sharpened (11": lambda p: np.asarray(Image.fromarray(p).filter(ImageFilter.SHARPEN)),
    "made grey": lambda p: np.asarray(Image.fromarray(p).convert("L").convert("RGB")),
    "made grey and tinted": lambda p: np.asarray(
        ImageOps.colorize(Image.fromarray(p).convert("L"), (30, 20, 10), (255, 240, 210))
    ),
}


@pytest.mark.parametrize("words", DAMAGES)
def test_own_pictures_are_explained_by_what_was_done_to_them(generator, pictures, words):
    explanation = _explain(generator, DAMAGES[words](pictures[0]))
    assert explanation.explained and explanation.chain.startswith(words)
    assert np.isnan(explanation.excess_limit) == words.startswith("noise")  # of any level
    assert not explanation.excess > explanation.excess_limit
    error = (explanation.z_explained - Z[0]) / explanation.z_deviation
    assert np.sqrt(np.mean(error**2)) < 3
    assert explanation.known_directions == LATENT


@pytest.mark.parametrize("quality", [50, 95])
def test_a_jpeg_of_an_own_picture_is_explained_with_the_tables_or_without(
    generator, pictures, quality
):
    pixels, tables = _compress(pictures[0], quality)
    for known in (tables, ()):
        explanation = _explain(generator, pixels, tables=known)
        assert explanation.chain == f"saved as JPEG {quality}"
        assert np.abs(explanation.z_explained - Z[0]).max() < 0.1


def test_a_change_and_a_storage_make_a_chain(generator, pictures):
    pixels, tables = _compress(np.roll(pictures[0], 1, 1), 90)
    explanation = _explain(generator, pixels, tables=tables)
    assert explanation.chain == "shifted by (1, 0) pixels; saved as JPEG 90"
    assert not _explain(generator, pixels, tables=tables, aligns=False).explained


def test_a_picture_that_was_cut_out_of_a_jpeg_has_its_grid(generator, pictures):
    page = np.full((SIDE + 5, SIDE + 3, 3), 240, np.uint8)
    page[5:, 3:] = pictures[0]
    pixels, tables = _compress(page, 90)
    for known in (tables, ()):
        image = Picture("a", "", pixels[5:, 3:], tables=known, corner=(5, 3))
        explanation = _explain_image(generator, image)
        assert explanation.chain == "saved as JPEG 90"
        assert np.abs(explanation.z_explained - Z[0]).max() < 0.1


def test_a_jpeg_or_webp_of_other_colours_is_not_called_stored_alone(generator, pictures):
    grey = np.asarray(Image.fromarray(pictures[0]).convert("L").convert("RGB"))
    pixels, tables = _compress(grey, 90)
    assert _explain(generator, pixels, tables=tables).chain == "made grey; saved as JPEG 90"
    assert _explain(generator, _encode(grey, quality=90)).chain.startswith("made grey; saved as W")
    luma = grey[..., :1].astype(float)
    pixels, tables = _compress(np.rint(luma + 0.4 * (pictures[0] - luma)).astype(np.uint8), 90)
    chain = _explain(generator, pixels, tables=tables).chain
    assert chain == "colours changed; saved as JPEG 90"


def test_a_file_is_cropped_or_enlarged_as_its_own_size_says(generator, pictures):
    large = _resize(pictures[0], 3 * SIDE)
    cropped = pictures[0][2:-2, 2:-2]
    for pixels, words in ((large, "enlarged 3 times (bicubic)"), (cropped, CROPPED)):
        image = Picture("a", "", _resize(pixels, SIDE, LANCZOS), enlarged=len(pixels) / SIDE)
        assert _explain_image(generator, image).chain == words


@pytest.mark.parametrize(("shift", "explained"), [(5, True), (14, False)])
def test_a_change_leaves_half_of_the_pixels_in_sight(generator, pictures, shift, explained):
    placement, parameters = Placement(pictures[0].shape[:2]), np.array([shift, shift, 0.0, 0.0])

    def yield_moved(search, first, unchanged):
        yield search._fit(Chain((placement,), first.chain.storage), Z[0], 0, parameters)

    with mock.patch("ganinv_cli.reenact.search.Search.iterate_changed", yield_moved):
        moved = _explain(generator, np.roll(pictures[0], (shift, shift), (0, 1)))
    assert moved.explained == explained


def test_a_codec_is_found_by_encoding_again(generator, pictures):
    explanation = _explain(generator, _encode(pictures[0], quality=90))
    assert explanation.chain in ("saved as WebP 88", "saved as WebP 90", "saved as WebP 92")
    twice, tables = _compress(_compress(pictures[0], 60)[0], 90)
    explanation = _explain(generator, twice, tables=tables)
    assert explanation.chain == "saved as JPEG 60, and again as JPEG 90"
    assert np.abs(explanation.z_explained - Z[0]).max() < 0.1


@pytest.mark.parametrize(("quality", "chain"), [(None, ""), (90, "saved as JPEG 90")])
def test_a_region_is_the_pixels_that_were_painted_and_few_around_them(
    generator, pictures, quality, chain
):
    pixels, tables = _paint(pictures[0]), ()
    painted = (pixels != pictures[0]).any(-1)
    if quality:
        pixels, tables = _compress(pixels, quality)
    explanation = _explain(generator, pixels, tables=tables)
    assert explanation.explained and explanation.chain == chain
    assert np.abs(explanation.z_explained - Z[0]).max() < 0.1
    assert explanation.region[painted].mean() > 0.95
    assert explanation.region.mean() < painted.mean() + 0.15


def test_a_region_is_found_where_most_pixels_are_black_or_white(tmp_path):
    generator = _make_generator(tmp_path, contrast=100)
    pixels = to_pixels(generator.render(Z, 2))[0]
    pixels[3:14, 5:16] = np.random.default_rng(0).integers(0, 256, (11, 11, 3))
    with np.errstate(invalid="raise"):  # the root of a sum below 0 lost the region
        explanation = _explain(generator, pixels)
    assert explanation.explained and np.abs(explanation.z_explained - Z[0]).max() < 0.01


def test_an_image_within_rounding_costs_nothing(generator, pictures):
    with mock.patch("ganinv_cli.reenact.search.Search.iterate_changed", _yield_nothing):
        explanation = _explain(generator, pictures[0])
    assert explanation.explained and explanation.chain == ""
    assert np.abs(explanation.z_explained - Z[0]).max() < 0.01
    assert np.abs(explanation.reenacted.astype(int) - pictures[0]).max() <= 1


STRANGERS = ("average", "halves", "black", "flat", "noise")


@pytest.mark.parametrize(
    ("kind", "saved"),  # JPEG hides what parts a generator from a sibling as near as this one
    [("sibling", "PNG"), *((kind, saved) for kind in STRANGERS for saved in ("PNG", "JPEG"))],
)
def test_nothing_explains_a_picture_of_another_source(generator, sibling, pictures, kind, saved):
    one, other = pictures
    halves = one.copy()
    halves[:, SIDE // 2 :] = other[:, SIDE // 2 :]
    pixels = {
        "sibling": to_pixels(sibling.render(Z[:1], 1))[0],
        "average": np.rint(one / 2 + other / 2).astype(np.uint8),
        "halves": halves,
        "black": np.zeros_like(one),
        "flat": np.full_like(one, 100),
        "noise": np.random.default_rng(0).integers(0, 256, one.shape).astype(np.uint8),
    }[kind]
    pixels, tables = _compress(pixels) if saved == "JPEG" else (pixels, ())
    explanation = _explain(generator, pixels, tables=tables)
    assert not explanation.explained and explanation.excess > explanation.excess_limit
    if (kind, saved) == ("average", "PNG"):
        average = "an average of two of its pictures, 50 and 50 %"
        assert (explanation.mixed, explanation.chain) == (True, average)


def _solarise(pixels):  # by no chain's curve, seen at an angle
    image = Image.fromarray(np.rint(127.5 * (1 - np.cos(np.pi * pixels / 255))).astype(np.uint8))
    method = Image.Transform.QUAD, (1, 0, 0, SIDE - 2, SIDE - 1, SIDE, SIDE, 1)
    return np.asarray(image.transform(image.size, *method, Image.Resampling.BICUBIC))


def test_an_edit_that_no_chain_reenacts_leaves_what_an_edit_leaves(generator, pictures):
    explanation = _explain(generator, _solarise(pictures[0]))
    assert explanation.edited and not explanation.explained and "moved" in explanation.chain
    error, deviation = np.abs(explanation.z_explained - Z[0]), explanation.z_deviation
    assert error.max() < 0.1 and deviation.max() < 0.4 and ((error / deviation) ** 2).mean() < 4
    assert np.abs(explanation.reenacted.astype(int) - _solarise(pictures[0])).mean() < 10


def test_an_edited_picture_is_found_in_its_square_of_a_file(generator, pictures, tmp_path):
    page = np.full((SIDE + 9, SIDE + 9, 3), 240, np.uint8)
    page[5 : 5 + SIDE, 4 : 4 + SIDE] = _solarise(pictures[0])
    Image.fromarray(page).save(tmp_path / "page.png")
    picture = load_picture(tmp_path / "page.png", generator.image_shape, Crop())
    jacobian = Renderer(generator, -1, -1.0, 1.0).differentiate(STARTS[0]) / GREY_LEVELS
    found = Reenactor(generator, None, InvertConfig()).explain(
        picture, STARTS, -1, "none", jacobian
    )
    assert found["edited"] and found["chain"].startswith(f"in the square 4,5,{SIDE}")
    assert np.abs(found["z_explained"] - Z[0]).max() < 0.1


def test_a_picture_whose_z_only_a_flexible_fit_finds_is_not_edited(generator, pictures):
    with mock.patch("ganinv_cli.reenact.search.Search.iterate_changed", _yield_nothing):
        image = Picture("a.png", "", pictures[0])
        explanation = _explain_image(generator, image, evaluations=0)
    assert explanation.explained and explanation.chain == "" and not explanation.edited
    assert np.abs(explanation.z_explained - Z[0]).max() < 0.01


def test_a_generator_does_not_come_near_strangers_and_is_measured_once(generator, monkeypatch):
    errors = known_pictures.find_stranger_errors(generator, None)
    assert errors.shape == (known_pictures.STRANGERS,)
    assert (np.diff(errors) >= 0).all() and errors[0] > 1
    monkeypatch.setattr(known_pictures, "measure_stranger_errors", None)
    assert np.array_equal(known_pictures.find_stranger_errors(generator, None), errors)


def test_a_direction_of_z_is_known_if_its_error_is_below_half_the_priors_deviation():
    """A pixel with slope s, rounded to 8 bits, gives z an error of .29 / s; the prior's is .58."""
    picture, counted = np.full((1, 2, 1), 99.0), np.ones((1, 2), np.bool_)
    chain, none = Chain((), EightBits(picture.astype(np.uint8))), np.zeros(0)
    end = Fit(chain, np.zeros(2), none, picture, counted, 0.0)
    _, known = measure_certainty(end, np.diag([2.0, 0.5]).reshape(2, 1, 2, 1), 3**-0.5)
    assert known == 1


@pytest.mark.parametrize(
    ("rounding", "chain"), [(1e-12, "stored as float32"), (1e-14, "within rounding to 8 bits")]
)
def test_of_floats_is_left_what_the_generator_computes_inexactly(generator, rounding, chain):
    picture = generator.render(Z[:1], 1)[0]
    noise = np.random.default_rng(0).normal(0, 1e-6, picture.shape)
    floats = (picture + noise).astype(np.float32)
    image = Picture("a.npy", "", to_pixels(floats), floats=floats)
    renderer = Renderer(generator, -1, -1.0, 1.0)
    with mock.patch.object(OwnDraws, "rounding", rounding):
        explanation = explain_image(
            renderer, image, Z[:1], renderer.differentiate(Z[0]), OwnDraws(renderer)
        )
    assert explanation.explained and explanation.chain == chain
    assert 1e-4 < explanation.excess < explanation.excess_limit
