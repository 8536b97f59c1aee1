"""Own pictures after edits that no chain re-enacts, and the rule that tells them from strangers."""

import builders
import numpy as np
import pytest
from scipy import ndimage

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.reenact.fit import Renderer
from ganinv_cli.reenact.flexible.attempts import Traits, iterate_attempts
from ganinv_cli.reenact.flexible.features import Features
from ganinv_cli.reenact.flexible.flexible_fit import MappedPicture
from ganinv_cli.reenact.flexible.homography import Homography, make_zoom
from ganinv_cli.reenact.flexible.name_map import UNNAMED, describe_map, find_region
from ganinv_cli.reenact.flexible.own_pictures import OwnPictures, fit_guess
from ganinv_cli.reenact.flexible.rule import OWN, STRANGERS, find_limits
from ganinv_cli.reenact.flexible.views import View, Views
from ganinv_cli.reenact.pixels import WHITE, to_grey_levels

SHAPE = 32, 24, 3
RANDOM = np.random.default_rng(4)
STEP = 1e-3


def test_the_derivatives_of_a_map_are_those_of_its_differences():
    features, (picture, change) = Features(SHAPE), WHITE * RANDOM.random((2, *SHAPE))
    weights = RANDOM.normal(size=(features.count, SHAPE[2]))

    def apply(pixels):
        return np.einsum("fyx,fc->yxc", features.compute(pixels), weights)

    expected = (apply(picture + STEP * change) - apply(picture - STEP * change)) / (2 * STEP)
    found = features.differentiate(picture, change[None].astype(np.float32), weights)[0]
    assert features.count == 45
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


def test_a_homography_shows_other_places_and_is_differentiated_by_them():
    rows, columns = np.linspace(0, 1, SHAPE[0]), np.linspace(0, 1, SHAPE[1])
    smooth = (rows[:, None] + columns**2)[..., None]
    parameters = make_zoom(1.2) + RANDOM.normal(0, 0.01, 8)
    view = Homography(SHAPE[:2], parameters)
    derivatives = view.differentiate(smooth)
    for number, step in enumerate(STEP * np.eye(8)):
        ends = [Homography(SHAPE[:2], parameters + sign * step).apply(smooth) for sign in (1, -1)]
        expected = (ends[0] - ends[1])[view.inside] / (2 * STEP)
        assert np.corrcoef(derivatives[number][view.inside].ravel(), expected.ravel())[0, 1] > 0.99
    np.testing.assert_allclose(Homography(SHAPE[:2], make_zoom(1)).apply(smooth), smooth, atol=1e-9)


def test_a_guess_of_z_does_not_depend_on_brightness_and_contrast():
    z, parts = RANDOM.normal(size=(60, 4)), RANDOM.normal(0, 0.1, (4, *SHAPE))
    pictures = np.tensordot(z, parts, 1)
    guess = fit_guess(pictures[:-1], z[:-1])
    picture = to_grey_levels(pictures[-1])
    found = [guess.predict(each) for each in (picture, 0.5 * picture + 80)]
    assert all(np.corrcoef(each, z[-1])[0, 1] > 0.95 for each in found)


def test_a_map_is_fitted_to_no_picture_of_one_colour(tmp_path):
    arrays = builders.make_weights(widths=(12, 8, 4), latent=8)
    arrays["g_h3/w"] *= 0.1  # pale pictures, to which one colour is near
    path = builders.save_checkpoint(tmp_path, builders.rename_arrays(arrays, "C"))
    generator = make_generator(builders.read(path))
    z = RANDOM.uniform(-0.8, 0.8, (40, 8))
    own = OwnPictures(np.zeros((1, 32 * 32 * 3), np.float32), fit_guess(generator.render(z, 8), z))

    def count_fits(target):
        views = Views(Renderer(generator, -1, -1.0, 1.0), target, np.ones((32, 32), np.bool_))
        return len([*iterate_attempts(views, z[0], 10.0, own)])

    assert count_fits(to_grey_levels(generator.render(z[:1], 1)[0])) > 0
    assert count_fits(np.full((32, 32, 3), 80.0)) == 0


SMOOTH = ndimage.gaussian_filter(RANDOM.random(SHAPE), (2.5, 2.5, 0))
PICTURE = 50 + 150 * (SMOOTH - SMOOTH.min()) / np.ptp(SMOOTH)
GRAIN = RANDOM.normal(0, 10, (*SHAPE[:2], 1))
LOWER_EDGE = np.arange(SHAPE[0])[:, None, None] >= SHAPE[0] - 6
UPRIGHT, LARGER = make_zoom(1), make_zoom(1.2)
TURNED = np.array([0, 0.12, 0, -0.12, 0, 0, 0, 0])  # in places from -1 to 1


@pytest.mark.parametrize(
    ("edit", "move", "words"),
    [
        (lambda picture: picture + GRAIN, UPRIGHT, UNNAMED),
        (lambda picture: np.where(LOWER_EDGE, 242, picture), UPRIGHT, UNNAMED),
        (lambda picture: picture + GRAIN / 4, TURNED, "rotated"),
        (lambda picture: picture + GRAIN / 4, LARGER, "moved or resized"),
        (lambda picture: ndimage.gaussian_filter(picture, (1, 1, 0)), UPRIGHT, "blurred"),
        (lambda picture: WHITE * (picture / WHITE) ** 1.5, UPRIGHT, "colours changed"),
        (lambda picture: picture.mean(-1, keepdims=True) + 0 * picture, UPRIGHT, "made grey"),
        (
            lambda picture: picture + np.linspace(-50, 50, SHAPE[1])[:, None],
            UPRIGHT,
            "brighter at the right",
        ),
    ],
)
def test_a_word_is_said_only_if_its_part_of_the_map_lowers_the_residual(edit, move, words):
    homography, features = Homography(SHAPE[:2], move), Features(SHAPE)
    view = View(PICTURE, homography.apply(PICTURE), homography, homography.inside)
    wanted = edit(view.seen)[view.counted]
    values = features.compute(view.seen)[:, view.counted]
    weights = np.linalg.lstsq(values.T, wanted)[0]
    mapped = values.T @ weights
    end = MappedPicture(move, weights, view, values, mapped, wanted - mapped)
    assert describe_map(end, False, find_region(end)) == words


def _make_traits(structure, share, ratio):
    return Traits(structure, share, ratio, RANDOM.uniform(0.04, 0.06), uncertainty=0.1)


def _fit_known(own_share, other_share):
    """Fits of own pictures and of strangers, whose share in own directions is about so large."""
    noise = RANDOM.normal(0, 0.02, OWN + STRANGERS)
    own = [[(_make_traits(0.1, own_share + each, 8.0), True)] for each in noise[:OWN]]
    return own, [[(_make_traits(0.1, other_share + each, 3.0), False)] for each in noise[OWN:]]


def test_a_rule_refuses_all_but_a_twentieth_of_the_strangers():
    own, strangers = _fit_known(0.2, 0.6)
    rule = find_limits(own, strangers)
    assert sum(rule.accepts(traits) for ((traits, _),) in strangers) <= STRANGERS / 20
    assert all(rule.accepts(traits) for ((traits, _),) in own) and rule.power == 1


def test_a_rule_that_cannot_separate_accepts_nothing():
    own, strangers = _fit_known(0.4, 0.4)
    same = [[(_make_traits(0.1, traits.share, 3.0), True)] for ((traits, _),) in own]
    rule = find_limits(same, strangers)
    assert rule.power < 0.3
    assert not any(rule.accepts(traits) for ((traits, _),) in same)
