"""The verdict on an image, for every combination of evidence that decides it."""

import numpy as np
import pytest
from known_sweep import LATENT, add_labels, make_image_groups, make_image_results

from ganinv_cli.images.copies import ROUNDED
from ganinv_cli.prior import Uniform
from ganinv_cli.report import summarize
from ganinv_cli.report.invert.explanations import explain
from ganinv_cli.analysis.verdict import Evidence, decide

SURE = Evidence(
    copy=ROUNDED,
    starts=8,
    reached=8,
    same=8,
    rivals=0,
    z_error=0.1,
    vague=False,
    outside=0,
    inside=True,
    norm=5.7,
    norm_range=(4.43, 6.96),
    plausible=True,
    too_few_pixels=False,
    rank=LATENT,
    latent=LATENT,
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
    (
        {"copy": 50},
        "near",
        "no larger than that of JPEG 50 on its own pictures, and such a copy is poor",
    ),
    ({"copy": 10, "rivals": 3, **FAR_OUT}, "near", "JPEG 10"),
    (
        {"copy": 50, **FAR_OUT},
        "outside",
        "comes near it, but only from a z that its prior never draws",
    ),
    ({"copy": None}, "outside", "larger than that of JPEG 10 on the generator's own"),
    ({"copy": None, **FAR_OUT}, "outside", "no z was found that makes this picture"),
    (FAR_OUT, "implausible", "9 of its 100 components lie outside [-1, 1]"),
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


def row(groups, **config):
    given = make_image_results("invert", portrait=groups)
    given.attributes["config"] |= config
    (found,) = summarize(given, "x").tables["invert"]
    return found


def test_another_z_as_near_makes_it_ambiguous_and_one_at_a_larger_loss_does_not():
    assert row(make_image_groups(minima=(5, 3), losses=(1.0, 1.005)))["verdict"] == "ambiguous"
    assert row(make_image_groups(minima=(5, 3), losses=(1.0, 1.02)))["verdict"] == "made"


def test_another_z_that_is_never_drawn_does_not():
    given = make_image_groups(minima=(5, 3), losses=(1.0, 1.005))
    given["stochastic"]["polished/z_found"][5:, 0] = 40
    found = row(given)
    assert (found["verdict"], found["agreement"]["reached"]) == ("made", 8)
    assert found["agreement"]["same"] == 5


def test_a_picture_under_two_labels_is_ambiguous_and_one_start_a_label_is_enough():
    def label(losses):
        return add_labels(make_image_groups(minima=(1, 1), losses=losses), 0, 1)

    assert row(label((1.0, 1.0)))["verdict"] == "ambiguous"
    found = row(label((1.0, 9.0)))
    assert (found["verdict"], found["starts_under_label"]) == ("made", 1)


def test_what_jpeg_leaves_lets_z_differ_a_little_and_rounding_hardly():
    """Noise with this loss gives z an error of 1.2, more than the distance of these starts."""

    def scatter(loss):
        given = make_image_groups(minima=(6,), losses=(loss,), wobble=0.02)
        given["stochastic/certificate"]["singular_values"][:] = 1.0
        return row(given)

    jpeg, rounded = scatter(2.0), scatter(1e-3)
    assert jpeg["z_error"] == pytest.approx(3 * np.sqrt(2.0 / (768 - LATENT) * LATENT))
    assert (jpeg["verdict"], jpeg["agreement"]["same"]) == ("made", 6)
    assert (rounded["verdict"], rounded["agreement"]["same"]) == ("ambiguous", 1)


def test_a_component_is_beyond_a_bound_by_no_more_than_what_is_left_explains():
    def move(excess, singular_value):
        given = make_image_groups(minima=(6,), losses=(1.0,))
        given["stochastic"]["polished/z_found"][:, 0] = 1 + excess
        given["stochastic/certificate"]["singular_values"][:] = singular_value
        return row(given)["verdict"]

    assert move(0.5, 1.0) == "made"
    assert move(0.5, 10.0) == "implausible"
    assert move(50.0, 1e-9) == "implausible"  # a J of 0 explains no distance at all


def test_a_z_of_a_length_that_is_never_drawn_is_implausible():
    given = make_image_groups(minima=(6,), losses=(0.1,))
    given["stochastic"]["polished/z_found"] *= 0.1
    found = row(given)
    assert (found["verdict"], found["outside"]) == ("implausible", 0)
    assert found["z_norm"] < found["z_norm_range"][0]
    assert row(given, prior="normal:0.06")["verdict"] == "made"


def test_a_picture_that_hardly_depends_on_z_does_not_tell_it():
    """At flat pictures the generator saturates: J is small, so all starts seem to agree."""
    given = make_image_groups(minima=(6,), losses=(1.0,))
    given["stochastic/certificate"]["singular_values"][:] = 0.05
    found = row(given)
    assert (found["verdict"], found["told"]) == ("ambiguous", False)
    given["stochastic"]["polished/z_found"][:] = 0.95
    assert row(given)["verdict"] == "implausible"  # length 9.5
