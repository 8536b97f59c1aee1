"""How reports of many images name them, and what their notes say."""

import numpy as np
import pytest
from known_sweep import POLISH, make_image_groups, make_image_results

from ganinv_cli.report import render, summarize


def test_images_of_one_name_are_told_apart_and_shortened_for_a_terminal_alone():
    results = make_image_results(**{str(number): make_image_groups() for number in range(3)})
    name = b"a very long name of a photograph, number %d.jpeg"
    for number in range(3):  # the first two are two files of one name
        results.groups[f"image={number:04d}"]["name"][0] = name % max(number, 1)
    markdown, text = (render([summarize(results, "x")], style) for style in ("markdown", "text"))
    long = "a very long name of a photograph, number"
    for said in (f"0000 {long} 1.jpeg", f"0001 {long} 1.jpeg", f"| {long} 2.jpeg"):
        assert f"{said}, stochastic" in markdown
    assert "…" not in markdown
    for said in ("0000 a ver….jpeg,", "0001 a ver….jpeg,", "a very …r 2.jpeg,"):
        assert f"\n{said} " in text


def test_a_terminal_is_given_so_many_rows_and_told_of_the_others():
    given = {f"{number}.png": make_image_groups(minima=(2,)) for number in range(63)}
    report = summarize(make_image_results(**given), "x")
    assert "62.png, stochastic" in render([report], "markdown")
    text = render([report], "text")
    assert "3 more rows are in the other formats." in text
    assert "59.png" in text and "60.png" not in text


def test_the_note_says_the_test_for_a_minimum_with_the_settings_of_the_run():
    for command in ("consistency", "invert"):
        notes = summarize(make_image_results(command, portrait=make_image_groups()), "x").notes
        (said,) = [note for note in notes if "Goldstein" in note]
        for words in ("within 0.02 of z", "at most 0.2 of the gradients' mean", "lower image loss"):
            assert words in said
        assert not any("1e-5" in note or "within .01" in note for note in notes)


def test_what_is_as_good_as_0_is_a_loss_of_polishing_and_once_was_the_tolerance():
    for settings, config, said in (
        ({"explained": 1e-6}, {"tolerance": 1e-8}, "image loss is below 1e-06, or"),
        ({}, {"tolerance": 1e-5}, "image loss is below 1e-05, or"),
        ({}, {}, "as good as 0, or"),
    ):
        results = make_image_results(portrait=make_image_groups())
        config = config | {"polish": POLISH | settings}
        results.attributes["config"] |= config
        assert said in " ".join(summarize(results, "x").notes)


def test_settings_of_polishing_that_are_not_known_are_not_made_up():
    results = make_image_results(portrait=make_image_groups())
    del results.attributes["config"]["polish"]
    notes = " ".join(summarize(results, "x").notes)
    assert "with settings that are not in the file" in notes
    assert "Nothing was refined" not in notes


def test_a_run_in_progress_counts_what_is_not_begun():
    given = {
        "a": make_image_groups(minima=(6,)),
        "bad": "no image",
        "b": make_image_groups(minima=(6,)),
        "c": {},
    }
    results = make_image_results(complete=False, **given)
    results.attributes["config"]["trials"] = 8
    report = summarize(results, "x")
    assert report.run["trials"] == {
        f"image=000{number}/{rule}": 6 * (rule == "stochastic" and number != 3)
        for number in (0, 2, 3)
        for rule in ("none", "stochastic")
    }
    assert "Run in progress: fewest 0, most 6 of 8 trials so far." in report.notes


def test_the_text_fits_a_terminal():
    name = "a very long name of a photograph in a folder of photographs.jpeg"
    given = make_image_groups(minima=(5, 1)) | make_image_groups(technique="none", unconverged=2)
    text = render([summarize(make_image_results(**{name: given}), "x")], "text")
    assert max(map(len, text.splitlines())) <= 80


def test_an_image_that_is_far_from_the_generators_own_is_said():
    given = make_image_results(
        noise=make_image_groups(losses=(3000.0,)), portrait=make_image_groups(losses=(1.0,))
    )
    report = summarize(given, "x")
    (said,) = [note for note in report.notes if "did not make" in note]
    assert said.startswith("noise: ") and "portrait" not in said
    assert [row["nearest_copy"] for row in report.tables["table2"]] == ["none", "JPEG 95"]
    assert report.tables["table2"][1]["psnr"] == pytest.approx(10 * np.log10(4 * 16 * 16 * 3))


def test_a_file_that_was_not_read_is_listed():
    report = summarize(
        make_image_results(bad="a text file; give an image", portrait=make_image_groups()), "x"
    )
    assert report.tables["unread"] == [
        {"image": "bad", "number": 0, "error": "a text file; give an image"}
    ]
    assert report.sections[-1].rows == [("bad:\na text file; give an image",)]
    assert len(report.tables["table2"]) == 1
