"""Which generator made an image, from results of `invert` on each of several generators."""

import csv
import io
import json

import numpy as np
import pytest
from known_sweep import EXACT, FAR, invert_on, make_image_groups, make_image_results

from ganinv_cli.report import render
from ganinv_cli.report.attribution import compares_generators, summarize_attribution
from ganinv_cli.settings.names import STYLES, name_generators


def summary(*results):
    return summarize_attribution(results, [f"{i}.h5" for i in range(len(results))])


def answers(*results):
    return {row["image"]: row["answer"] for row in summary(*results).tables["attribution"]}


def test_the_answer_names_the_generators_that_made_the_image_or_none():
    first = invert_on("a", alone=EXACT, other=FAR, both=EXACT, neither=FAR)
    second = invert_on("b", alone=FAR, other=EXACT, both=EXACT, neither=20.0)
    assert answers(first, second) == {
        "alone": "a",
        "other": "b",
        "both": "a or b",
        "neither": "none of them",
    }


def test_a_generator_that_matches_by_several_z_may_have_made_the_image():
    several = make_image_groups(minima=(5, 5), losses=(EXACT,))
    assert answers(invert_on("a", x=several), invert_on("b", x=FAR)) == {"x": "perhaps a"}
    assert answers(invert_on("a", x=several), invert_on("b", x=EXACT)) == {"x": "b"}


def test_what_is_matched_to_rounding_is_no_copy_of_another_generator_s_picture():
    def on(checkpoint, loss):  # JPEG files of its pictures lose up to 100
        results = invert_on(checkpoint, x=loss)
        results.groups["image=0000"] |= {
            "copy_quality": np.array([[0, 75]]),
            "copy_loss": np.array([[0.01, 100.0]]),
        }
        return results

    assert answers(on("a", EXACT), on("b", FAR)) == {"x": "a"}
    assert answers(on("a", 20.0), on("b", 25.0)) == {"x": "a or b"}


def test_the_nearest_generator_is_evidence_and_no_answer():
    (row,) = summary(invert_on("a", x=FAR), invert_on("b", x=20.0)).tables["attribution"]
    assert (row["answer"], row["made_by"], row["nearest"]) == ("none of them", [], "b")


def test_images_are_matched_by_their_hash_whatever_their_order():
    first = invert_on("a", one=EXACT, two=FAR, alone=EXACT)
    second = invert_on("b", two=EXACT, one=FAR)
    assert answers(first, second) == {"one": "a", "two": "b"}


def test_an_image_that_a_generator_has_not_seen_yet_has_no_answer():
    assert answers(invert_on("a", one=EXACT, two=FAR), invert_on("b", one=FAR, two={})) == {
        "one": "a"
    }


def test_every_generator_has_the_same_evidence():
    (row,) = summary(invert_on("a", x=EXACT), invert_on("b", x=FAR)).tables["attribution"]
    assert [each["checkpoint"] for each in row["generators"]] == ["a", "b"]
    first, second = row["generators"]
    assert first.keys() == second.keys()
    assert first["verdict"] == "made" != second["verdict"]
    assert first["rmse"] < second["rmse"]
    assert (first["agree"], first["starts"]) == (10, 10)


def test_the_rule_that_made_the_image_speaks_for_its_generator():
    groups = make_image_groups(technique="none", losses=(FAR,)) | make_image_groups(losses=(EXACT,))
    (row,) = summary(invert_on("a", x=groups), invert_on("b", x=FAR)).tables["attribution"]
    assert row["generators"][0]["technique"] == "stochastic"
    assert row["answer"] == "a"


def test_every_style_says_who_made_it():
    report = summary(invert_on("a", portrait=FAR), invert_on("b", portrait=EXACT))
    for style in STYLES:
        text = render([report], style)
        assert "portrait" in text and "b" in text, style
    rows = list(csv.DictReader(io.StringIO(render([report], "csv"))))
    assert [(row["image"], row["checkpoint"], row["answer"]) for row in rows] == [
        ("portrait", "a", "b"),
        ("portrait", "b", "b"),
    ]
    assert json.loads(render([report], "json"))["tables"]["attribution"][0]["answer"] == "b"


def test_a_file_that_could_not_be_read_is_listed_once():
    given = [invert_on(name, x=EXACT, text="text is no image") for name in "ab"]
    report = summary(*given)
    assert [row["image"] for row in report.tables["unread"]] == ["text"]
    assert render([report], "text").count("text is no image") == 1


def test_a_run_that_goes_on_is_told():
    report = summary(invert_on("a", x=EXACT), invert_on("b", complete=False, x=FAR))
    assert any(note.startswith("b: its run is not complete") for note in report.notes)
    assert report.run["complete"] is False


def test_only_results_of_invert_for_one_image_on_several_generators_are_compared():
    a, b = invert_on("a", x=EXACT), invert_on("b", x=FAR)
    assert compares_generators([a, b])
    assert not compares_generators([a])
    assert not compares_generators([a, a])  # one generator
    assert not compares_generators([a, invert_on("b", y=FAR)])  # no image in common
    assert not compares_generators([a, make_image_results("consistency", x=make_image_groups())])


@pytest.mark.parametrize(
    ("checkpoints", "names"),
    [
        (["portraits64", "faces/weights.tar"], ["portraits64", "weights"]),
        (["cats/weights.pt", "dogs/weights.pt"], ["cats-weights", "dogs-weights"]),
        (["a/x/w.pt", "b/x/w.pt", "v.pt"], ["a-x-w", "b-x-w", "v"]),
        (["Model.pt", "model.pt"], ["1-Model", "2-model"]),  # one file where case is ignored
        (["w.pt", "w.onnx"], ["1-w", "2-w"]),
        (["DCGAN.model-10", "old/DCGAN.model-9"], ["DCGAN.model-10", "DCGAN.model-9"]),
        (["../$(x)/né.h5", "."], ["n", "generator"]),
        ([], []),
    ],
)
def test_generators_have_distinct_names_that_any_system_takes_for_a_file(checkpoints, names):
    assert name_generators(checkpoints) == names
