"""Reports on the labels of a conditional generator; no labels without them."""

import json

import numpy as np
import pytest
from known_results import make_group, make_results
from known_sweep import (
    add_labels,
    make_image_groups,
    make_image_results,
    make_noise_sweep,
    make_recoveries,
)

from ganinv_cli import statistics
from ganinv_cli.report import consistency, invert, render, summarize
from ganinv_cli.report.invert import latents
from ganinv_cli.settings.names import STYLES

TITLE = "Trials that found the right label"
UNDER = "Labels under which the recoveries ended"


def titles(report):
    return [section.title for section in report.sections]


def section(report, title):
    return next(each for each in report.sections if each.title == title)


def conditional(results, right, first):
    """The same, with these numbers of right labels per rule, at the end and at first."""
    root = results.groups[""]
    count = len(root["trial"])
    root["label"] = np.arange(count, dtype=np.int32) % 3
    for name, columns in results.groups.items():
        if name:
            true = root["label"][columns["trial"]]
            columns["label"] = np.where(np.arange(count) < right, true, true + 1)
            columns["first/label"] = np.where(np.arange(count) < first, true, true + 1)
    return results


def test_recover_counts_the_trials_that_found_the_right_label():
    report = summarize(conditional(make_results(), 48, 17), "x")
    for row in report.tables["table1"]:
        assert row["labels"] == {
            "right": 48,
            "interval": list(statistics.clopper_pearson(48, 50)),
            "first_start": {"right": 17, "interval": list(statistics.clopper_pearson(17, 50))},
        }
    assert section(report, TITLE).rows[0] == (
        *("none", "50", "17 (.340)\n[.212, .488]", "48 (.960)\n[.863, .995]"),
    )
    assert any("a first start can succeed only if" in note for note in report.notes)


def test_a_label_belongs_to_its_trial_whichever_a_rule_has_run():
    given = conditional(make_results(), 50, 50)
    given.groups["none"] = {name: rows[7::4] for name, rows in given.groups["none"].items()}
    row = summarize(given, "x").tables["table1"][0]
    assert (row["trials"], row["labels"]["right"]) == (11, 11)


def test_noise_sweep_counts_them_by_variance_and_rule():
    given = conditional(make_noise_sweep(trials=12, figures=False), 9, 4)
    given.groups["variance=0.1/none"]["label"][:5] += 1
    report = summarize(given, "x")
    found = {
        (row["variance"], row["technique"]): row["labels"]["right"]
        for row in report.tables["noise_sweep"]
    }
    assert found == {
        (v, r): 4 if (v, r) == (0.1, "none") else 9
        for v in (0.001, 0.01, 0.1)
        for r in ("none", "stochastic")
    }
    assert section(report, TITLE).rows[4][:3] == ("0.1 none", "12", "4 (.333)\n[.099, .651]")
    assert any(note.startswith("Label right:") for note in report.notes)


def portrait(*labels, **given):
    return add_labels(make_image_groups(**given), *labels)


def test_a_certificate_says_the_label_and_counts_its_starts_alone():
    given = portrait(2, 2, 2, 0, 0, 1, minima=(6,))  # all of one z, by its numbers
    report = summarize(make_image_results("invert", portrait=given), "x")
    (row,) = report.tables["invert"]
    assert (row["starts"], row["label"], row["starts_under_label"]) == (6, 2, 3)
    assert (row["agreement"]["reached"], row["agreement"]["same"]) == (3, 3)
    sure = section(report, "How sure z is")
    assert sure.header[1:4] == ("label", "agree", "one z")
    assert sure.rows[0][:4] == ("portrait", "2", "3 of 3", "3")
    assert any("take the labels in turn" in note for note in report.notes)


def test_the_pictures_say_the_label():
    drawn = invert.REPORT.draw(make_image_results("invert", portrait=portrait(1, 2, minima=(2,))))[
        "reconstructions"
    ]
    assert "portrait, label 1" in [text.get_text() for text in drawn.figure.texts]
    assert "dB, label 1" in drawn.alt and "label that z was found under" in drawn.caption
    drawn = consistency.REPORT.draw(make_image_results(portrait=portrait(1, 1, 2, minima=(3,))))[
        "image=0000"
    ]
    assert any("\nlabel 1" in text.get_text() for text in drawn.figure.texts)
    assert "recoveries under the same label, by rule" in drawn.caption


def test_the_archive_of_z_has_the_labels(tmp_path, monkeypatch):
    given = make_image_results(
        "invert", a=portrait(2, 1, minima=(2,)), b=portrait(0, 1, minima=(2,))
    )
    monkeypatch.setattr(latents, "read_results", lambda path: given)
    latents.save_latents(tmp_path / "invert.h5", tmp_path / "z.npz")
    with np.load(tmp_path / "z.npz") as archive:
        assert archive["label"].tolist() == [2, 0]


def test_recoveries_are_one_z_only_under_one_label():
    columns = make_recoveries(minima=(6,), wobble=0)
    given = add_labels({"stochastic": columns}, 0, 0, 0, 0, 1, 1)
    report = summarize(make_image_results(portrait=given), "x")
    (row,) = report.tables["table2"]
    assert (row["minima"]["distinct"], row["minima"]["largest"]) == (2, 4)
    assert row["minima"]["distinct_at"] == {"0.001": 2, "0.003": 2, "0.01": 2}
    assert [(each["trial"], each["label"]) for each in report.tables["strays"]] == [(4, 1), (5, 1)]
    assert report.tables["strays"][0]["distance"] is None


def test_distances_are_of_pairs_under_one_label():
    columns = make_recoveries(minima=(4,), wobble=0)
    columns["polished/z_found"][2:, 0] += 7  # from another label's
    report = summarize(
        make_image_results(portrait=add_labels({"stochastic": columns}, 0, 0, 1, 1)), "x"
    )
    (row,) = report.tables["table2"]
    assert row["distance"]["largest"] == row["reached"]["distance"]["largest"] == 0


def test_the_recoveries_under_each_label_are_counted():
    given = portrait(*[2] * 5, *[0] * 3, 0, minima=(5, 3), losses=(4.0, 9.0), unconverged=1)
    report = summarize(make_image_results(portrait=given), "x")
    keys = ("label", "recoveries", "converged", "distinct", "image_loss", "reached")
    assert [tuple(row[key] for key in keys) for row in report.tables["labels"]] == [
        (0, 4, 3, 1, 9.0, 0),
        (2, 5, 5, 1, 4.0, 5),
    ]
    assert section(report, UNDER).rows[1][:3] == ("portrait,\nstochastic", "2", "5")
    assert report.tables["table2"][0]["label"] == 2


def verdict(*labels, **given):
    (row,) = summarize(make_image_results(portrait=portrait(*labels, **given)), "x").tables[
        "table2"
    ]
    return row["verdict"]


def test_whether_z_is_unique_is_asked_under_the_best_label():
    said = verdict(*[1] * 12, *[0] * 20, minima=(12, 15, 5), losses=(4.0, 9.0, 8.0))
    assert said.startswith("under label 1, unique: all 12 recoveries are one z")
    assert said.endswith("; 20 ended under other labels, at larger losses")
    assert verdict(*[1] * 12, minima=(12,)).endswith("95 %)")


def test_another_label_at_the_least_loss_leaves_nothing_unique():
    said = verdict(*[1] * 12, *[0] * 3, minima=(15,))
    assert said.startswith("not unique: 3 under other labels reached the least image loss too; ")


def test_without_labels_nothing_is_said_of_them():
    given = [
        make_results(),
        make_noise_sweep(trials=4, figures=False),
        make_image_results(portrait=make_image_groups(minima=(8, 1))),
        make_image_results("invert", portrait=make_image_groups()),
    ]
    for each in given:
        report = summarize(each, "x")
        texts = (render([report], style) for style in STYLES)
        assert not any("label" in text.lower().replace("\\label", "") for text in texts)


def test_a_label_that_was_named_is_said():
    assert any(", label 1, solver" in note for note in summarize(make_results(label=1), "x").notes)
    assert not any("label" in note for note in summarize(make_results(label=-1), "x").notes)


@pytest.mark.parametrize("style", STYLES)
def test_every_format_takes_labels(style):
    name = "a very long name of a photograph in a folder of photographs.jpeg"
    some = {"minima": (9, 1), "losses": (1.0, 2.0)}
    pictures = {name: portrait(*[123] * 9, 0, **some)}
    given = [
        conditional(make_results({"wall": make_group(np.arange(50), 8)}), 50, 17),
        conditional(make_noise_sweep(trials=12, figures=False), 12, 4),
        make_image_results(**pictures),
        make_image_results("invert", **pictures),
    ]
    for each in given:
        text = render([summarize(each, "x")], style)
        assert "label" in text.lower()
        if style == "text":
            assert max(map(len, text.splitlines())) <= 80
        if style == "json":
            json.loads(text, parse_constant=pytest.fail)
