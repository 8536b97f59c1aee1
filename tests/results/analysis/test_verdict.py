"""The verdict on an image: from evidence to verdict, and from recoveries to evidence."""

import numpy as np
import pytest
from reports.known_sweep import (
    LATENT,
    PIXELS,
    SIDE,
    add_labels,
    add_reenactment,
    add_verdict,
    make_image_groups,
    make_image_results,
)

from ganinv_cli.experiments.summary import summarize
from ganinv_cli.prior import Uniform
from ganinv_cli.results.analysis.evidence import Evidence, Reenactment
from ganinv_cli.results.analysis.verdict import judge

AGAIN = Reenactment(
    **{"explained": True, "chain": "", "excess": 0.286, "excess_limit": 0.305},
    **{"z_explained": np.zeros(LATENT), "z_deviation": np.full(LATENT, 0.01)},
    **{"known_directions": LATENT, "stranger_rmse": np.zeros(0), "tried": 0, "squares": 0},
    **{"keeps_loss": True, "loses": False, "is_square": False, "stages": ""},
    **{"reenacted": None, "target": None, "region": None},
)
NOT = AGAIN._replace(explained=False, excess=8.5)
STRANGE = NOT._replace(stranger_rmse=np.array([8.0, 9.4, 10.0]), tried=39)
CHANGED = STRANGE._replace(edited=True, chain="blurred")
MIXED = STRANGE._replace(mixed=True, chain="an average of two of its pictures, 90 and 10 %")
NOISY = AGAIN._replace(chain="noise of 8.5 grey levels", excess_limit=np.nan, loses=True)
SURE = Evidence(
    **{"reenactment": AGAIN, "rmse": 8.5, "within_rounding": False},
    **{"starts": 8, "reached": 8, "same": 8, "rivals": 0, "z_error": 0.1},
    **{"change_plausible": True},
    **{"vague": False, "outside": 0, "inside": True, "plausible": True, "too_few_pixels": False},
    **{"norm": 5.7, "norm_range": (4.43, 6.96), "rank": LATENT, "latent": LATENT},
)
FAR_OUT = {"outside": 9, "inside": False, "plausible": False}
LONG = {"norm": 9.5, "plausible": False}
CASES = [
    ({}, "made", "The residual is 0.286 grey levels (limit for its own pictures: 0.305)"),
    (
        {"same": 1, "reached": 1},
        "made",
        "explained by a picture of the generator. The residual is 0.286 ",
    ),
    (
        {"reenactment": AGAIN._replace(chain="made grey")},
        "made",
        "explained by a picture of the generator; made grey. The residual is 0.286 ",
    ),
    (
        {
            "reenactment": AGAIN._replace(
                chain="noise of 8.5 grey levels", excess_limit=np.nan, loses=True
            )
        },
        "made",
        "; noise of 8.5 grey levels. The residual is 0.286 grey levels. A generator",
    ),
    ({"reenactment": AGAIN._replace(known_directions=71)}, "made", "71 of the 100 directions of z"),
    (
        {"reenactment": AGAIN._replace(chain="saved as JPEG 75", loses=True)},
        "made",
        "0.305). A generator of nearly these weights, or a mixture with a little of another "
        "picture, might leave no more",
    ),
    ({"rivals": 2}, "ambiguous", "from 3 different z, and the image does not determine which"),
    ({"rivals": 1, **FAR_OUT}, "ambiguous", "from 2 different z"),
    ({"rank": 40}, "ambiguous", "only 40 of 100 directions of z change it"),
    ({"rank": 99, **LONG}, "ambiguous", "99 of 100 directions"),
    ({"vague": True}, "ambiguous", "it hardly depends on z there"),
    ({"too_few_pixels": True}, "ambiguous", "too few pixels count to tell z"),
    (FAR_OUT, "outside", "not explained by any z that may be drawn: 9 of its 100 components lie"),
    (
        {**FAR_OUT, "outside": 1},
        "outside",
        "1 of its 100 components lies outside [-1, 1]. The residual is",
    ),
    (LONG, "outside", "its length is 9.50, and z is drawn with 4.43 to 6.96"),
    (
        {"reenactment": NOT},
        "outside",
        "edit, though 8 of 8 starts agree on one z. The residual is 8.50",
    ),
    (
        {"reenactment": NOT, "same": 4},
        "outside",
        "edit: only 4 of 8 starts agree on one z. The residual is 8.50",
    ),
    (
        {"reenactment": NOT, "same": 1},
        "outside",
        "edit: no two of 8 starts agree on one z. The residual is 8.50",
    ),
    (
        {"reenactment": NOT, "starts": 1, "same": 1},
        "outside",
        "edit: it had one start. The residual",
    ),
    (
        {"reenactment": STRANGE, "rmse": 8.9},
        "outside",
        "Before any change it is 8.90. That of 3 pictures that the generator cannot make is 8.00 "
        "or more, and 1 of them are as near as this one (at most 91 % of all such pictures). "
        "Tried: 39 chains of changes and storage",
    ),
    (
        {"reenactment": STRANGE, "rmse": 11.0},
        "outside",
        "the generator comes as near to each of 3 pictures that it cannot make. Tried",
    ),
    (
        {"reenactment": STRANGE, "rmse": 7.9},
        "sibling",
        "it was edited in a way that was not tried. The residual is 8.50 ",
    ),
    ({"reenactment": STRANGE, "rmse": 7.9, "same": 1}, "outside", "--crop may help"),
    ({"reenactment": CHANGED}, "edited", "is less sure; blurred. "),
    ({"reenactment": CHANGED}, "edited", "z of this picture is known, what was done to it is less"),
    ({"reenactment": CHANGED}, "edited", "100 of the 100 directions of z are known"),
    ({"reenactment": CHANGED, "change_plausible": False}, "outside", "8 of 8 starts agree"),
    ({"reenactment": MIXED}, "sibling", "explained by an average of two of its pictures, 90 and"),
    (
        {"reenactment": STRANGE, "rmse": 7.9, **FAR_OUT},
        "outside",
        "not explained by any z that may be drawn",
    ),
    ({"reenactment": None}, "no verdict", "changes of it could not be tried"),
    (
        {"reenactment": None, "within_rounding": True},
        "made",
        "no more than rounding to 8 bits leaves",
    ),
    ({"reenactment": None, "within_rounding": True, **LONG}, "outside", "its length is 9.50"),
    ({"rmse": np.nan}, "failed", "no start ended at a picture of finite numbers"),
]


@pytest.mark.parametrize(("evidence", "verdict", "words"), CASES)
def test_the_verdict_and_its_sentence_follow_from_the_evidence(evidence, verdict, words):
    whole = SURE._replace(**evidence)
    word, sentence = judge(whole, Uniform())
    assert word == verdict
    assert words in sentence and not sentence.endswith(".")


@pytest.mark.parametrize(("given", "is_advised"), [({}, True), ({"starts": 32}, False)])
def test_more_starts_are_advised_unless_there_were_many_or_they_agree(given, is_advised):
    unexplained = SURE._replace(reenactment=NOT, **given)
    for same, advised in ((2, is_advised), (20, False)):
        _, sentence = judge(unexplained._replace(same=same), Uniform())
        assert sentence.endswith("more --starts may help") == advised
        assert "--crop may help" in sentence


@pytest.mark.parametrize(
    ("again", "is_cropped"),
    [(NOT, True), (NOT._replace(tried=39, squares=2), False)],
)
def test_a_crop_is_not_advised_where_one_was_given_or_some_were_tried(again, is_cropped):
    _, sentence = judge(SURE._replace(reenactment=again, same=1), Uniform(), is_cropped)
    assert "--crop" not in sentence and sentence.endswith("More --starts may help")


def certify(groups=None, counted=PIXELS, config=(), chain="", again=(), **given):
    """The certificate of one image that this chain explains; `again` None: not re-enacted."""
    groups = make_image_groups(**given) if groups is None else groups
    groups = groups if again is None else add_reenactment(groups, chain, **dict(again))
    results = make_image_results("invert", counted=counted, config=config, portrait=groups)
    (found,) = summarize(results, "x").rows
    return found


@pytest.mark.parametrize(
    ("counted", "rank", "verdict"),
    [(500, LATENT, "made"), (LATENT, LATENT, "ambiguous"), (500, 40, "ambiguous")],
)
def test_only_the_pixels_of_a_mask_count(counted, rank, verdict):
    groups = make_image_groups(losses=(1e-9,))
    groups["stochastic/certificates"]["singular_values"][0, rank:] = 0
    found = certify(groups, counted)
    assert (found["verdict"], found["determines_z"]) == (verdict, verdict == "made")
    assert found["psnr"] == pytest.approx(10 * np.log10(4 * counted / 1e-9))


def test_a_rival_is_another_z_at_the_least_loss_that_may_be_drawn():
    assert certify(minima=(5, 3), losses=(1.0, 1.02))["verdict"] == "made"
    groups = make_image_groups(minima=(5, 3), losses=(1.0, 1.005))
    found = certify(groups)
    agreement = found["agreement"]
    assert (found["verdict"], agreement["reached"], agreement["same"]) == ("ambiguous", 8, 5)
    again = {"keeps_loss": 1}
    assert certify(groups, chain="noise of 5.0 grey levels", again=again)["verdict"] == "ambiguous"
    for chain in ("made grey", "saved as JPEG 75"):  # the loss is of another picture
        assert certify(groups, chain=chain)["verdict"] == "made"
    groups["stochastic/starts"]["polished/z_found"][5:, 0] = 40
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
        groups["stochastic/certificates"]["singular_values"][:] = 1.0
        return certify(groups, chain="noise of 5.0 grey levels", again={"keeps_loss": 1})

    noisy, rounded = scatter(2.0), scatter(1e-3)
    assert noisy["z_error"] == pytest.approx(3 * np.sqrt(2.0 / (PIXELS - LATENT) * LATENT))
    assert (noisy["verdict"], noisy["agreement"]["same"]) == ("made", 6)
    assert (rounded["verdict"], rounded["agreement"]["same"]) == ("ambiguous", 1)


@pytest.mark.parametrize(
    ("excess", "deviation", "verdict"),
    [(0.5, 0.02, "made"), (0.5, 0.002, "outside"), (50.0, 0.57, "outside")],
)
def test_z_may_be_outside_the_bounds_by_its_standard_error(excess, deviation, verdict):
    z = np.full(LATENT, 0.5)
    z[0] = 1 + excess
    again = {"z_explained": z, "z_deviation": np.full(LATENT, deviation)}
    found = certify(chain="saved as JPEG 75", again=again)
    assert (found["verdict"], found["outside"]) == (verdict, 1)
    assert found["z_explained"] == z.tolist() != found["z_found"]


def test_the_components_outside_are_those_of_the_z_of_an_edited_image():
    z = np.full(LATENT, 0.5)
    z[0] = 1.5
    again = {"explained": 0, "edited": 1, "z_explained": z}
    found = certify(again=again)
    assert (found["verdict"], found["outside"]) == ("edited", 1)
    assert found["z_explained"] == z.tolist()


def test_a_start_without_a_finite_z_agrees_with_no_other():
    groups = make_image_groups(minima=(1, 1))
    groups["stochastic/starts"]["polished/z_found"][1] = np.nan
    groups["stochastic/starts"]["polished/image_loss"][1] = np.nan
    found = certify(groups, again={"explained": 0, "stranger_rmse": [0.1]})
    assert found["verdict"] == "outside"
    assert "no two of 2 starts agree on one z" in found["explanation"]


def test_a_z_of_a_length_that_is_never_drawn_is_outside():
    groups = make_image_groups(minima=(6,), losses=(0.1,))
    for column in ("z_found", "polished/z_found"):
        groups["stochastic/starts"][column] = groups["stochastic/starts"][column] * 0.1
    found = certify(groups)
    assert found["verdict"] == "outside"
    assert (found["outside"], found["z_norm"] < found["z_norm_range"][0]) == (0, True)
    assert certify(groups, config={"prior": "normal:0.06"})["verdict"] == "made"


def test_an_image_that_hardly_depends_on_z_does_not_determine_it():
    def know(components):
        deviation = np.where(np.arange(LATENT) < components, 0.02, 0.57)
        return certify(chain="saved as JPEG 50", again={"z_deviation": deviation})

    assert (know(60)["verdict"], know(60)["determines_z"]) == ("made", True)
    found = know(40)
    assert (found["verdict"], found["determines_z"]) == ("ambiguous", False)
    assert found["z_deviation_mean"] == pytest.approx(0.4 * 0.02 + 0.6 * 0.57)


def test_an_image_whose_starts_have_not_all_ended_has_no_verdict_yet():
    groups = add_reenactment(make_image_groups(minima=(8,)))
    assert certify(groups, again=None)["rank"] == LATENT
    more = make_image_groups(minima=(9,), losses=(1.0,))["stochastic/starts"]
    found = certify(groups | {"stochastic/starts": more}, again=None)
    assert found["rank"] is None
    assert (found["verdict"], found["chain"]) == ("not finished", None)


def test_the_verdict_of_the_run_is_read():
    stored = add_verdict(make_image_groups(), "sibling", "as the run said")
    found = certify(stored)
    assert (found["verdict"], found["explanation"]) == ("sibling", "as the run said")


def test_a_border_that_does_not_count_is_in_no_number():
    region = np.zeros((SIDE, SIDE), np.uint8)
    region[:2] = 1
    again = {"region": region}
    found = certify(counted=300, chain="saved as JPEG 75", again=again, losses=(1.0,))
    assert found["rmse"] == pytest.approx(127.5 / np.sqrt(300))
