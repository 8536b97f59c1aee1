"""Which generator made an image; golden/attribution* has the whole reports."""

import pytest
from reports.known_sweep import (
    EXACT,
    FAR,
    add_reenactment,
    invert_on,
    make_image_groups,
    make_image_results,
    make_recoveries,
)

from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.report import render
from ganinv_cli.results.report.attribution import (
    compares_generators,
    count_made,
    summarize_attribution,
)
from ganinv_cli.settings.names import name_generators

SEVERAL_Z = add_reenactment(make_image_groups(minima=(5, 5), losses=(EXACT,)))
FAR_OFF = make_image_groups(technique="none", losses=(FAR,))
TWO_RULES = add_reenactment(FAR_OFF, rule="none", explained=0)
TWO_RULES |= add_reenactment(make_image_groups(losses=(EXACT,)))
UNSURE = make_image_groups(technique="none", minima=(5, 5), losses=(EXACT,))
ONE_RULE_SURE = add_reenactment(UNSURE, rule="none")
ONE_RULE_SURE |= add_reenactment(make_image_groups(losses=(1.0,)))


def report(*results):
    return [summarize(each, "x") for each in results]


def compare(*results):
    return summarize_attribution(report(*results))


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        (SEVERAL_Z, EXACT, "b"),  # which is no longer uncertain
        (TWO_RULES, FAR, "a"),  # by the rule that did best
        (ONE_RULE_SURE, FAR, "a"),  # although the other is nearer
        (EXACT, 1.0, "a"),  # a copy of the picture that a made: b loses more than rounding
        (1.0, 1.5, "a or b"),
    ],
)
def test_the_answer_names_the_generators_that_may_have_made_the_image(first, second, answer):
    results = [invert_on("a", x=first), invert_on("b", x=second)]
    (row,) = compare(*results).tables["attribution"]
    assert row["answer"] == answer


def test_only_results_of_invert_for_one_image_on_several_generators_are_compared():
    a, b = invert_on("a", x=EXACT), invert_on("b", x=FAR)
    assert compares_generators(report(a, b))
    assert not compares_generators(report(a))
    assert not compares_generators(report(a, a))  # one generator
    assert not compares_generators(report(a, invert_on("b", y=FAR)))  # no image in common
    assert not compares_generators(report(a, make_image_results(x=make_image_groups())))


def test_an_image_is_not_compared_before_its_starts_have_ended():
    begun = {"stochastic/starts": make_recoveries(losses=(EXACT,))}
    results = [invert_on("a", x=FAR), invert_on("b", complete=False, x=begun)]
    assert compare(*results).answer.sentence == "No image is inverted on two generators yet."
    both = compare(*results, invert_on("c", x=FAR))
    assert both.answer.sentence.startswith("x is explained by neither of the generators; ")


def test_an_image_that_was_given_twice_is_compared_twice():
    results = [invert_on(name, x=EXACT, y=FAR) for name in "ab"]
    for each in results:
        each.groups["images"]["sha256"][1] = each.groups["images"]["sha256"][0]
    rows = compare(*results).tables["attribution"]
    assert [row["answer"] for row in rows] == ["a or b", "not explained"]


@pytest.mark.parametrize(
    ("checkpoints", "names"),
    [
        (["cats/weights.pt", "dogs/weights.pt"], ["cats-weights", "dogs-weights"]),
        (["a/x/w.pt", "b/x/w.pt", "v.pt"], ["a-x-w", "b-x-w", "v"]),
        (["Model.pt", "model.pt"], ["1-Model", "2-model"]),  # one file where case is ignored
        (["DCGAN.model-10", "old/DCGAN.model-9"], ["DCGAN.model-10", "DCGAN.model-9"]),
        (["../$(x)/né.h5", "."], ["n", "generator"]),
    ],
)
def test_generators_have_distinct_names_that_any_system_takes_for_a_file(checkpoints, names):
    assert name_generators(checkpoints) == names


def test_the_generator_of_most_images_is_named_first():
    rows = [{"answer": name} for name in "abb"]
    assert count_made(rows) == "Of 3 images, b made 2, a made 1"


def test_images_without_a_maker_are_unexplained_and_not_called_made_by_none():
    results = [invert_on(name, x=EXACT if name == "a" else FAR, y=FAR, z=FAR) for name in "abc"]
    two, three = compare(*results[:2]), compare(*results)
    assert two.answer.sentence == "Of 3 images, a made 1, 2 explained by neither of the generators."
    assert three.answer.sentence == "Of 3 images, a made 1, 2 explained by none of the generators."
    assert [each.answer.sentence for each in report(invert_on("b", x=FAR, y=FAR))] == [
        "Of 2 images, 2 outside (nothing that was tried explains it)."
    ]
    assert "none of them" not in render([three], "text")
