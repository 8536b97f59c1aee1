"""Each kind of noise does what its level says, and its residual is what it leaves."""

import numpy as np
import pytest

from ganinv_cli.errors import ResultsError
from ganinv_cli.noise import NOISES, Level, expected_residual, get_noise

IMAGES = np.random.default_rng(1).uniform(-0.9, 0.9, (400, 16, 16, 3)).astype(np.float32)
DRAWS = np.random.default_rng(2).normal(size=IMAGES.shape).astype(np.float32)


def apply(name, level, clip=False):
    return Level(NOISES[name], level).apply(IMAGES, DRAWS, clip)


@pytest.mark.parametrize("name", [name for name in NOISES if NOISES[name].more_is_worse])
def test_level_0_leaves_an_image_as_it_is_and_no_residual(name):
    assert np.array_equal(apply(name, 0.0), IMAGES)
    assert Level(NOISES[name], 0.0).find_residual(IMAGES[0], 10, 0.9) == 0


@pytest.mark.parametrize("name", NOISES)
def test_a_level_with_more_noise_is_farther_from_the_image(name):
    noise = NOISES[name]
    losses = [np.nansum((apply(name, each) - IMAGES) ** 2) for each in sorted(noise.levels)]
    assert losses == sorted(losses, reverse=not noise.more_is_worse)


@pytest.mark.parametrize("name", NOISES)
def test_the_residual_is_exceeded_as_seldom_as_it_says(name):
    level = Level(NOISES[name], 0.1)
    noisy = apply(name, level.value)
    losses = np.nansum((noisy - IMAGES) ** 2, (1, 2, 3))
    limits = np.array([level.find_residual(image, 0, 0.9) for image in noisy])
    if np.isinf(limits).all():
        return  # it is not known
    assert 0.85 < np.mean(losses <= limits) <= 1
    assert (limits <= 1.5 * losses.mean()).all()


def test_a_share_of_the_pixels_changes_and_a_larger_share_changes_these_too():
    few, many = (apply("salt-and-pepper", share) != IMAGES for share in (0.05, 0.2))
    assert (many | ~few).all() and (many.all(-1) == many.any(-1)).all()
    assert many.mean() == pytest.approx(0.2, abs=0.01)
    ends = apply("salt-and-pepper", 0.2)[many]
    assert set(ends.tolist()) == {-1, 1} and ends.mean() == pytest.approx(0, abs=0.02)
    assert np.isnan(apply("missing-pixels", 0.2)).mean() == pytest.approx(0.2, abs=0.01)


def test_gaussian_noise_has_its_variance_and_is_clipped_on_demand():
    assert np.var(apply("gaussian", 0.3) - IMAGES) == pytest.approx(0.3, rel=0.02)
    assert abs(apply("gaussian", 0.3)).max() > 1 == abs(apply("gaussian", 0.3, clip=True)).max()


def test_gaussian_noise_leaves_no_more_than_its_residual_as_often_as_it_says():
    # χ²(2) is below x with probability 1 − e^(−x/2)
    assert expected_residual(0.1, 12, 10) == pytest.approx(0.2 * np.log(1e6))
    random = np.random.default_rng(4)
    jacobian, noise = random.normal(size=(30, 10)), random.normal(0, 0.3, (30, 3000))
    residuals = np.linalg.lstsq(jacobian, noise, rcond=None)[1]
    bound = expected_residual(0.09, 30, 10, 0.9)
    assert np.mean(residuals < bound) == pytest.approx(0.9, abs=0.02)
    assert expected_residual(0.0, 12_288, 100) == 0
    assert expected_residual(0.1, 100, 100) == 0


def test_settings_of_early_files_are_of_gaussian_noise_and_other_kinds_are_refused():
    assert get_noise({"variances": [0.1]}) is NOISES["gaussian"]
    with pytest.raises(ResultsError, match="the kind hum, and this ganinv has gaussian, salt"):
        get_noise({"noise": "hum"})
