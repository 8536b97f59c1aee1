"""The verdict on an image: from evidence to verdict, and from recoveries to evidence."""

import numpy as np
import pytest
from reports.known_sweep import (
    LATENT,
    SIDE,
    add_earlier_certificate,
    add_labels,
    make_image_groups,
    make_image_results,
)

from ganinv_cli.analysis.certificate import make_certificates
from ganinv_cli.analysis.image_results import read_images
from ganinv_cli.analysis.verdict import Evidence, decide, explain
from ganinv_cli.images.copies import ROUNDED
from ganinv_cli.prior import Uniform

PIXELS = SIDE * SIDE * 3
SURE = Evidence(
    **{"copy": ROUNDED, "starts": 8, "reached": 8, "same": 8, "rivals": 0, "z_error": 0.1},
    **{"vague": False, "outside": 0, "inside": True, "plausible": True, "too_few_pixels": False},
    **{"norm": 5.7, "norm_range": (4.43, 6.96), "rank": LATENT, "latent": LATENT},
)
FAR_OUT = {"outside": 9, "inside": False, "plausible": False}
CASES = [
    ({}, "made", "the error is only rounding to 8 bits, and 8 of 8 starts found the same z"),
    ({"same": 1, "reached": 1}, "made", "1 of 8 starts"),
    ({"starts": 1, "same": 1}, "made", "1 of 1 start found"),
    ({"rank": None}, "made", "8 of 8"),
    ({"copy": 95}, "made", "no larger than that of JPEG 95 on its own pictures"),
    ({"copy": 75, "same": 2}, "made", "2 of 8 starts"),
    ({"copy": 90, "starts": 1, "same": 1}, "made", "1 of 1 start"),
    ({"copy": 90, "same": 1}, "near", "only 1 of 8 starts came so near; try more (--trials)"),
    ({"copy": 50}, "near", "that of JPEG 50 on its own pictures, and such a copy is poor"),
    ({"copy": 10, "rivals": 3, **FAR_OUT}, "near", "JPEG 10"),
    ({"copy": 50, **FAR_OUT}, "outside", "near it, but only from a z that its prior never draws"),
    ({"copy": None}, "outside", "larger than that of JPEG 10 on the generator's own"),
    ({"copy": None, **FAR_OUT}, "outside", "no z was found that makes this picture"),
    (FAR_OUT, "implausible", "9 of its 100 components lie outside [-1, 1]"),
    ({**FAR_OUT, "outside": 1}, "implausible", "1 of its 100 components lies outside"),
    ({"copy": 75, "same": 1, **FAR_OUT}, "implausible", "only from a z that its prior never draws"),
    ({"norm": 9.5, "plausible": False}, "implausible", "length is 9.50, and z is drawn with 4.43"),
    ({"rank": 3, **FAR_OUT}, "implausible", "never draws"),
    ({"rivals": 2}, "ambiguous", "from 3 different z, and the image does not determine which"),
    ({"rivals": 1, **FAR_OUT}, "ambiguous", "from 2 different z"),
    ({"rank": 40}, "ambiguous", "only 40 of 100 directions of z change it"),
    ({"vague": True}, "ambiguous", "it hardly depends on z there"),
    ({"too_few_pixels": True}, "ambiguous", "too few pixels count to tell z"),
    ({"rank": 99, "norm": 9.5, "plausible": False}, "ambiguous", "99 of 100 directions"),
]


@pytest.mark.parametrize(("evidence", "verdict", "words"), CASES)
def test_the_verdict_and_its_sentence_follow_from_the_evidence(evidence, verdict, words):
    whole = SURE._replace(**evidence)
    assert decide(whole) == verdict
    sentence = explain(verdict, whole, Uniform(), masked=False, farthest_copy=10)
    assert words in sentence and not sentence.endswith(".")


def certify(groups=None, constants=None, config=(), **given):
    """The certificate of one image."""
    groups = make_image_groups(**given) if groups is None else groups
    results = make_image_results("invert", constants=constants, portrait=groups)
    results.attributes["config"] |= dict(config)
    (image,) = read_images(results)
    (found,) = make_certificates(image)
    return found


@pytest.mark.parametrize(
    ("counted", "rank", "verdict"),
    [(500, LATENT, "made"), (LATENT, LATENT, "ambiguous"), (500, 40, "ambiguous")],
)
def test_only_the_pixels_of_a_mask_count(counted, rank, verdict):
    groups = make_image_groups(losses=(1e-9,))
    groups["stochastic/certificate"]["singular_values"][0, rank:] = 0
    found = certify(groups, {"pixels_counted": np.array(counted)})
    assert (found["verdict"], found["told"]) == (verdict, verdict == "made")
    assert found["psnr"] == pytest.approx(10 * np.log10(4 * counted / 1e-9))
    assert "these pixels" in found["explanation"]


def test_a_rival_is_another_z_at_the_least_loss_that_may_be_drawn():
    assert certify(minima=(5, 3), losses=(1.0, 1.02))["verdict"] == "made"
    groups = make_image_groups(minima=(5, 3), losses=(1.0, 1.005))
    found = certify(groups)
    agreement = found["agreement"]
    assert (found["verdict"], agreement["reached"], agreement["same"]) == ("ambiguous", 8, 5)
    groups["stochastic"]["polished/z_found"][5:, 0] = 40
    assert certify(groups)["verdict"] == "made"


def test_another_label_is_a_rival_and_one_start_per_label_is_enough():
    def find_verdict(losses):
        found = certify(add_labels(make_image_groups(minima=(1, 1), losses=losses), 0, 1))
        return found["verdict"], found["label"], found["starts_under_label"]

    assert find_verdict((1.0, 1.0)) == ("ambiguous", 0, 1)
    assert find_verdict((9.0, 1.0)) == ("made", 1, 1)


def test_z_may_differ_by_what_is_left_of_the_image():
    """Noise with this loss gives z an error of 1.2, more than the distance of these starts."""

    def scatter(loss):
        groups = make_image_groups(minima=(6,), losses=(loss,), wobble=0.02)
        groups["stochastic/certificate"]["singular_values"][:] = 1.0
        return certify(groups)

    jpeg, rounded = scatter(2.0), scatter(1e-3)
    assert jpeg["z_error"] == pytest.approx(3 * np.sqrt(2.0 / (PIXELS - LATENT) * LATENT))
    assert (jpeg["verdict"], jpeg["agreement"]["same"]) == ("made", 6)
    assert (rounded["verdict"], rounded["agreement"]["same"]) == ("ambiguous", 1)


@pytest.mark.parametrize(
    ("excess", "singular_value", "verdict"),
    [(0.5, 1.0, "made"), (0.5, 10.0, "implausible"), (50.0, 1e-9, "implausible")],
)
def test_z_may_be_outside_the_bounds_by_what_is_left_of_the_image(excess, singular_value, verdict):
    groups = make_image_groups(minima=(6,), losses=(1.0,))
    groups["stochastic"]["polished/z_found"][:, 0] = 1 + excess
    groups["stochastic/certificate"]["singular_values"][:] = singular_value
    found = certify(groups)
    assert (found["verdict"], found["outside"]) == (verdict, 1)


def test_a_z_of_a_length_that_is_never_drawn_is_implausible():
    groups = make_image_groups(minima=(6,), losses=(0.1,))
    groups["stochastic"]["polished/z_found"] *= 0.1
    found = certify(groups)
    assert (found["verdict"], found["outside"]) == ("implausible", 0)
    assert found["z_norm"] < found["z_norm_range"][0]
    assert certify(groups, config={"prior": "normal:0.06"})["verdict"] == "made"


@pytest.mark.parametrize(("loss", "direction", "value"), [(1.0, slice(None), 0.05), (0.0, 99, 0)])
def test_an_image_that_hardly_depends_on_z_does_not_determine_it(loss, direction, value):
    groups = make_image_groups(minima=(6,), losses=(loss,))
    groups["stochastic/certificate"]["singular_values"][0, direction] = value
    found = certify(groups)
    assert (found["verdict"], found["told"]) == ("ambiguous", False)


def test_a_certificate_of_another_z_than_the_best_says_nothing():
    groups = add_earlier_certificate(make_image_groups(minima=(8,)))
    assert certify(groups)["condition"] == pytest.approx(100)  # of the last one
    groups["stochastic"]["polished/image_loss"][3] = 1.0  # found since
    found = certify(groups)
    assert (found["best_trial"], found["condition"], found["rank"]) == (3, None, None)
