"""The content of a certificate, and its figure."""

import csv
import io
import json

import numpy as np
import pytest
from known_sweep import (
    LATENT,
    add_earlier_certificate,
    make_image_groups,
    make_image_results,
    make_recoveries,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.report import invert, render, summarize
from ganinv_cli.report.report import find_report_module
from ganinv_cli.settings.names import STYLES

PIXELS = 16 * 16 * 3


def summary(**given):
    return summarize(make_image_results("invert", **given), "x")


def row(**given):
    """The certificate of a single image."""
    (found,) = summary(portrait=make_image_groups(**given)).tables["invert"]
    return found


@pytest.mark.parametrize(
    ("grey_levels", "copy", "verdict"),
    [
        (0.28, "8 bits", "made"),
        (4.9, "JPEG 95", "made"),
        (9.9, "JPEG 75", "made"),
        (10.1, "JPEG 50", "near"),
        (24.9, "JPEG 10", "near"),
        (25.1, "none", "outside"),
    ],
)
def test_nearness_is_said_in_grey_levels_decibels_and_copies(grey_levels, copy, verdict):
    loss = PIXELS * (grey_levels / 127.5) ** 2
    found = row(losses=(loss,))
    assert found["rmse"] == pytest.approx(grey_levels)
    assert found["psnr"] == pytest.approx(20 * np.log10(255 / grey_levels))
    assert (found["nearest_copy"], found["verdict"]) == (copy, verdict)
    assert found["copy_rmse"]["JPEG 75"] == pytest.approx(10)


def test_without_a_measurement_of_copies_only_rounding_matches_and_a_note_says_so():
    given = make_image_results("invert", a=make_image_groups(losses=(1.0,)))
    for column in ("copy_quality", "copy_loss"):
        del given.groups["image=0000"][column]
    report = summarize(given, "x")
    (found,) = report.tables["invert"]
    assert (found["verdict"], found["nearest_copy"]) == ("outside", None)
    assert any("does not say how much copies" in note for note in report.notes)


def test_pixels_that_a_mask_leaves_out_do_not_count():
    given = make_image_results(
        "invert", constants={"pixels_counted": np.array(100)}, portrait=make_image_groups()
    )
    (found,) = summarize(given, "x").tables["invert"]
    assert found["psnr"] == pytest.approx(10 * np.log10(4 * 100 / 50))


def masked(counted, rank=LATENT, loss=1e-9):
    given = make_image_groups(losses=(loss,))
    given["stochastic/certificate"]["singular_values"][0, rank:] = 0
    constants = {"pixels_counted": np.array(counted)}
    return summarize(make_image_results("invert", constants=constants, portrait=given), "x")


def test_with_a_mask_it_is_pixels_that_are_made():
    report = masked(500)
    (found,) = report.tables["invert"]
    assert (found["verdict"], found["told"]) == ("made", True)
    assert found["explanation"].startswith("the generator made these pixels")


@pytest.mark.parametrize(
    ("counted", "rank", "why"),
    [
        (LATENT, LATENT, "too few pixels count to tell z"),
        (500, 40, "it does not determine z: only 40 of 100 directions of z change it"),
    ],
)
def test_too_few_pixels_to_tell_z_are_said(counted, rank, why):
    report = masked(counted, rank)
    (found,) = report.tables["invert"]
    assert (found["verdict"], found["told"]) == ("ambiguous", False)
    assert found["explanation"].endswith(why)
    assert report.sections[0].rows[0][1] == "ambiguous"
    assert masked(counted, rank, 3000.0).tables["invert"][0]["verdict"] == "outside"


def test_what_rounding_leaves_is_said_as_a_loss_in_all_rows():
    broken = make_image_groups()
    broken["stochastic"]["polished/image_loss"][:] = np.nan
    found = summary(a=make_image_groups(losses=(0.0,)), b=make_image_groups(), c=broken).tables[
        "invert"
    ]
    assert [row["rounding_loss"] for row in found] == pytest.approx([4.57e-3] * 3, rel=1e-3)
    assert [row["rounding_rmse"] for row in found] == pytest.approx([0.311] * 3, rel=1e-3)


def test_a_loss_of_0_is_made_and_has_no_decibels():
    found = row(losses=(0.0,))
    assert (found["rmse"], found["psnr"], found["verdict"]) == (0, None, "made")


def test_an_image_without_numbers_has_failed():
    given = make_image_groups()
    given["stochastic"]["polished/image_loss"][:] = np.nan
    (found,) = summary(portrait=given).tables["invert"]
    assert (found["verdict"], found["nearest_copy"]) == ("failed", None)
    assert found["explanation"] == "no start ended at a picture of finite numbers"


def test_agreement_counts_starts_at_the_least_loss_and_those_that_are_one_z():
    found = row(minima=(4, 2, 2), losses=(50.0, 50.1, 80.0))["agreement"]
    assert (found["reached"], found["same"]) == (6, 4)


def test_conditioning_is_that_of_the_jacobian():
    found = row()
    assert found["condition"] == pytest.approx(100)
    assert found["rank"] == LATENT


def test_the_last_certificate_of_an_extended_run_counts():
    given = add_earlier_certificate(make_image_groups(minima=(8,)))
    (found,) = summary(portrait=given).tables["invert"]
    assert found["condition"] == pytest.approx(100)


def test_a_certificate_of_another_z_than_the_best_says_nothing_of_it():
    given = make_image_groups(minima=(8,))
    given["stochastic"]["polished/image_loss"][3] = 1.0  # found since
    (found,) = summary(portrait=given).tables["invert"]
    assert (found["best_trial"], found["condition"], found["rank"]) == (3, None, None)
    assert not invert.REPORT.draw(make_image_results("invert", portrait=given))


def test_components_at_or_beyond_a_bound_are_counted_at_the_best_z():
    given = make_image_groups(minima=(1, 1), losses=(1.0, 2.0))
    given["stochastic"]["polished/z_found"][0, :3] = (1.0, -1.2, 0.99)
    given["stochastic"]["polished/z_found"][1] = 5
    (found,) = summary(portrait=given).tables["invert"]
    assert (found["best_trial"], found["at_bound"], found["outside"]) == (0, 2, 1)


def test_whether_the_best_converged_is_said():
    assert row(minima=(3,))["converged"] is True
    given = make_image_groups(minima=(3,))
    given["stochastic"]["polished/outcome"][:] = Outcome.stalled
    (found,) = summary(portrait=given).tables["invert"]
    assert found["converged"] is False


def test_files_that_were_not_read_have_their_own_table():
    report = summary(portrait=make_image_groups(), bad="bad is a text file")
    assert [each["image"] for each in report.tables["invert"]] == ["portrait"]
    assert report.tables["unread"] == [{"image": "bad", "number": 1, "error": "bad is a text file"}]
    assert report.sections[-1].rows == [("bad:\nbad is a text file",)]
    alone = summary(bad="no image")
    assert alone.tables["invert"] == []
    for style in STYLES:
        assert render([alone], style)


def test_notes_say_what_was_done_and_what_copies_lose():
    notes = summary(a=make_image_groups(), b=make_image_groups(losses=(3000.0,))).notes
    assert "a, b: cropped to a square." in notes
    assert any("8 bits 0.311, JPEG 95 5.00" in note for note in notes)


def test_each_verdict_is_a_sentence_under_the_name_of_its_image():
    given = {f"{number}.png": make_image_groups(losses=(3.0,)) for number in range(11)}
    report = summary(**given)
    (table,) = [section for section in report.sections if section.title == "What the verdict says"]
    assert len(table.rows) == 11
    said = "The generator made this picture: the error is no larger than that of JPEG 75"
    assert f"\n10.png: made.\n{said}" in render([report], "text")
    assert f"10.png: made. {said}" in render([report], "markdown")


@pytest.mark.parametrize("style", STYLES)
def test_a_run_in_progress_is_reported(style):
    given = {"none": make_recoveries(minima=(2,), polished=False)}  # no certificate yet
    report = summary(complete=False, portrait=given, later={})
    text = render([report], style)
    assert "portrait" in text
    if style == "json":
        (found,) = json.loads(text, parse_constant=pytest.fail)["tables"]["invert"]
        assert (found["condition"], found["rank"], found["z"]) == (None, None, "as found")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("constants", [{}, {"shared_gradients": np.array(np.nan)}])
def test_numbers_that_only_an_edited_file_has_are_reported(style, constants):
    given = make_image_groups()
    given["stochastic"]["polished/image_loss"][:] = -1.0
    results = make_image_results("invert", constants=constants, portrait=given)
    text = render([summarize(results, "x")], style)
    if style == "json":
        (found,) = json.loads(text, parse_constant=pytest.fail)["tables"]["invert"]
        assert (found["image_loss"], found["rmse"], found["psnr"]) == (-1, None, None)


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e300, -1.0])
def test_any_number_in_a_column_is_reported_and_drawn_without_a_warning(value):
    columns = [(group, name) for group, of in make_image_groups().items() for name in of]
    for group, name in columns:
        given = make_image_groups()
        if given[group][name].dtype.kind == "f":
            given[group][name] = np.full(given[group][name].shape, value)
            results = make_image_results("invert", portrait=given)
            assert "portrait" in render([summarize(results, "x")], "text")
            assert find_report_module(results, "x").draw(results)


def test_nothing_yet_is_said():
    with pytest.raises(ResultsError, match=r"new\.h5: no recovery"):
        summarize(make_image_results("invert", portrait={}), "new.h5")


def test_the_text_fits_a_terminal():
    name = "a very long name of a photograph in a folder of photographs.jpeg"
    text = render(
        [summary(**{name: make_image_groups(minima=(9,)) | make_image_groups(technique="none")})],
        "text",
    )
    assert max(map(len, text.splitlines())) <= 80


def test_latex_takes_no_sign_of_a_name_for_a_command():
    text = render([summary(**{"[50%]_&.png": make_image_groups()})], "latex")
    assert "{}[50\\%]\\_\\&.png" in text  # a bracket would be the option of the row before it


def test_csv_has_one_line_an_image():
    text = render([summary(a=make_image_groups(), b=make_image_groups())], "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [each["image"] for each in rows] == ["a", "b"]
    assert rows[0]["agreement.reached"] == "10"


def test_the_difference_is_signed_around_grey_and_its_amplification_said():
    drawn = invert.REPORT.draw(make_image_results("invert", portrait=make_image_groups()))[
        "reconstructions"
    ]
    shown = [np.asarray(axes.images[0].get_array()) for axes in drawn.figure.axes]
    assert len(shown) == 3
    # The reconstruction is brighter by 8, 4 and -4 grey levels; 8 · 8 is the most within 127.
    assert np.median(shown[2], axis=(0, 1)) == pytest.approx([128 + 64, 128 + 32, 128 - 32])
    assert "amplified 8 times" in drawn.caption
    assert "portrait" in drawn.alt and "dB" in drawn.alt


def test_a_big_folder_has_a_figure_a_dozen():
    given = {f"{number}.png": make_image_groups(minima=(2,)) for number in range(14)}
    figures = invert.REPORT.draw(
        make_image_results("invert", **given, late={"none": make_recoveries()}, bad="no image")
    )
    assert {name: len(drawn.figure.axes) for name, drawn in figures.items()} == {
        "reconstructions": 36,
        "reconstructions-2": 6,
    }
