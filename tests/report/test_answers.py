"""The sentence and the short table that a command ends with on a terminal."""

import json

import numpy as np
import pytest
from known_results import make_group, make_results
from known_sweep import (
    EXACT,
    FAR,
    invert_on,
    make_image_groups,
    make_image_results,
    make_noise_sweep,
    make_recoveries,
)

from ganinv_cli.report import render, render_brief, summarize
from ganinv_cli.report.attribution import summarize_attribution

RULES = ("none", "standard", "stochastic", "wall")


def answer(results):
    return summarize(results, "x").answer.sentence


def recover(*counts, trials=50, **config):
    """The answer for these numbers of recovered trials, one for each rule."""
    given = {
        rule: make_group(np.arange(trials), trials - count, trials - count)
        for rule, count in zip(RULES, counts, strict=False)
    }
    return answer(make_results(given, **config))


def test_recover_says_how_many_latent_vectors_were_recovered_and_at_what_cost():
    cost = ", at 100 gradients each (median)."
    every = "latent vectors were recovered under every clipping rule"
    assert recover(50, 50, 50) == f"All 50 {every}{cost}"
    assert recover(50) == f"All 50 latent vectors were recovered without clipping{cost}"
    assert recover(48, 48) == f"48 of 50 {every}{cost}"
    assert recover(0, 0) == (
        f"None of 50 latent vectors was recovered under any clipping rule{cost}"
    )
    assert recover(48, 50, 0) == (
        "Latent vectors recovered: 48 of 50 without clipping, all 50 with standard clipping, "
        f"none of 50 with stochastic clipping{cost}"
    )
    assert recover(1, trials=1) == f"1 of 1 latent vector was recovered without clipping{cost}"
    assert recover(50, success="ever").startswith(
        "All 50 latent vectors were recovered without clipping at any update, at "
    )


def test_gradients_of_rules_that_differ_are_a_range():
    given = {rule: make_group(np.arange(3), 0) for rule in ("none", "standard")}
    given["standard"]["gradients"][:] = 1234.4
    assert answer(make_results(given)).endswith(", at 100 to 1,234 gradients each (median).")


def test_noise_sweep_says_how_the_error_grows_and_whether_rules_differ():
    sweep = make_noise_sweep(figures=False)
    assert answer(sweep) == (
        "With stochastic clipping the median error of z over 40 trials grows from 2.00e-6 at noise "
        "variance 0.001 to 2.00e-4 at variance 0.1; up to variance 0.01 the slope is 1.00 (1: in "
        "proportion to the noise); clipping rules differ significantly at 3 of 3 variances."
    )
    alone = make_noise_sweep(figures=False, factors={"none": 1.0})
    assert "clipping rules" not in answer(alone)
    assert answer(alone).startswith("Without clipping the median error of z over ")
    few = make_noise_sweep(figures=False, trials=3)
    assert answer(few).endswith("; no difference between clipping rules is significant.")
    only = make_noise_sweep(figures=False)
    for name in [name for name in only.groups if "/" in name and "0.01/" not in name]:
        del only.groups[name]
    assert answer(only).startswith("At noise variance 0.01 the median error of z over ")


def test_consistency_says_whether_the_recovered_z_is_unique():
    def images(**minima):
        return answer(
            make_image_results(
                **{name: make_image_groups(minima=of) for name, of in minima.items()}
            )
        )

    one, two, few = (40,), (20, 20), (3,)
    assert images(a=one).startswith(
        "The recovered z is unique for a with stochastic clipping: all 40 recoveries are one z ("
    )
    assert images(a=two).startswith(
        "The recovered z is not unique for a with stochastic clipping: 40 recoveries, 2 different "
    )
    assert images(a=few) == (
        "Whether the recovered z is unique for a with stochastic clipping is undecided: only 3 "
        "recoveries."
    )
    assert images(a=one, b=two, c=few) == (
        "The recovered z is unique for 1 of 3 images, not unique for 1, undecided for 1, with "
        "stochastic clipping."
    )
    groups = {
        "none": make_recoveries(minima=one),
        "stochastic": make_recoveries(minima=two),
    }
    assert answer(make_image_results(a=groups)) == (
        "The recovered z is unique in 1 of 2 cases (images and clipping rules), not unique in 1."
    )


def invert(**losses):
    given = {
        name: of if isinstance(of, str) else make_image_groups(losses=(of,))
        for name, of in losses.items()
    }
    return make_image_results("invert", **given)


def test_invert_says_the_verdict_on_one_image_and_counts_those_on_several():
    assert answer(invert(a=0.0)) == (
        "The generator made a: the error is only rounding to 8 bits, and 10 of 10 starts found "
        "the same z."
    )
    assert answer(invert(a=FAR)) == (
        "No z was found that makes a: the error is larger than that of JPEG 10 on the generator's "
        "own pictures."
    )
    assert answer(invert(a=0.0, b=0.0)) == "The generator made both images."
    assert answer(invert(a=0.0, b=FAR, c=FAR)) == (
        "The generator made 1 of 3 images; 2 outside (no z was found that makes it)."
    )
    assert answer(invert(a=0.0, b="no image")).endswith("; 1 file could not be read as an image.")
    assert answer(invert(a="no image", b="no image")) == "2 files could not be read as an image."


def test_several_generators_are_named_with_what_they_made():
    def attribute(*given):
        return summarize_attribution(given, [""] * len(given)).answer.sentence

    assert attribute(invert_on("a", x=EXACT), invert_on("b", x=FAR)) == "a made x."
    assert attribute(invert_on("a", x=FAR), invert_on("b", x=20.0)) == (
        "None of the 2 generators made x; b comes nearest, with an RMSE of 20.6 of 255."
    )
    several = (invert_on("a", x=EXACT, y=EXACT, z=FAR), invert_on("b", x=FAR, y=FAR, z=FAR))
    assert attribute(*several) == "Of 3 images, a made 2, none of them made 1."


@pytest.mark.parametrize("count", [2, 7, 40, 1200])
def test_the_table_has_ten_lines_and_says_how_many_rows_are_elsewhere(count):
    names = [f"a-very-long-name-of-a-file-{number}.png" for number in range(count)]
    report = summarize(invert(**dict.fromkeys(names, FAR)), "x")
    text = render_brief(report, "invert/")
    lines = text.splitlines()
    table = lines[lines.index("") + 1 : -1]
    assert table[0] == report.answer.table.title
    assert max(map(len, lines)) <= 80
    assert len(table) == min(count + 4, 10)
    assert lines[-1] == ""
    if count > 6:
        assert table[-1] == f"and {count - 5:,} more, in invert/"
    assert "outside" in table[4]


def test_warnings_are_one_short_line_each():
    given = {"none": make_group(np.arange(12), 0)}
    results = make_results(given, complete=False, trials=1000)
    results.attributes["generator"] = {"doubt": "its batch norms do not fit " * 9}
    lines = render_brief(summarize(results, "x"), "recover/").splitlines()
    assert lines[-3:] == [
        "Run in progress: 12 of 1,000 trials are done.",
        "The generator is not confirmed: `ganinv report` says why.",
        "",
    ]


def test_the_answer_leads_every_report_that_is_read():
    report = summarize(make_results(), "x")
    for style in ("text", "markdown"):
        assert " ".join(render([report], style).split()).startswith(report.answer.sentence)
    assert json.loads(render([report], "json"))["answer"] == report.answer.sentence


def test_text_has_no_colours_where_the_environment_forces_them(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a notebook does
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    report = summarize(make_results(), "x")
    for text in (render_brief(report, "x/"), render([report], "text")):
        assert "\x1b" not in text and "\N{REPLACEMENT CHARACTER}" not in text


def test_gradients_of_measurements_are_named_if_they_are_many():
    results = make_results({"none": make_group(np.arange(3), 0)})
    results.constants["shared_gradients"] = np.array(90.0)
    assert answer(results).endswith(
        ", at 130 gradients each (median), 30 of them for measuring the generator once."
    )
